"""What the SOURCE of `zoo data` means."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.data.sources.npz import NpzConfig
    from zoo.data.unchecked import Unchecked
    from zoo.detectors.detector import Detector


def check_combination(options: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        ZooError: in one line.
    """
    from zoo.errors import ZooError

    if (options.responses is None) != (options.particles is None):
        raise ZooError("data: --responses and --particles belong together")
    if options.source is not None and options.responses is not None:
        raise ZooError("data: give either SOURCE or --responses and --particles")
    if options.source is None and options.responses is None:
        given = [name for name in ("detector", "events", "out") if getattr(options, name) is not None]
        if given or options.overrides:
            raise ZooError(f"data: --{(given or ['set'])[0]} needs a SOURCE; `zoo data` alone lists what is shipped")


def opened(options: argparse.Namespace) -> tuple[Unchecked, Detector]:
    """The arrays that are meant, and their detector.

    Raises:
        ZooError: there is nothing of that name, it cannot be read, or several detectors fit.
    """
    from zoo.data.sources.npz import NpzConfig
    from zoo.errors import ZooError

    recipe = None if options.responses else _recipe(options.source)
    if options.overrides and recipe is None:
        raise ZooError("data: --set changes a recipe; name one as SOURCE")
    if recipe is not None:
        return _of_recipe(recipe, options)
    if options.responses is not None:
        source = NpzConfig(responses=options.responses.absolute(), particles=options.particles.absolute())
        return _of_files(source, options.detector)
    if options.source in _shipped():
        return _of_sample(options.source, options.detector)
    folder = Path(options.source)
    if folder.is_dir():
        return _of_files(NpzConfig(path=folder.absolute()), options.detector)
    raise ZooError(_unknown(options.source))


def _of_sample(name: str, given: str | None) -> tuple[Unchecked, Detector]:
    """A shipped sample: `zn`, or `<detector>-<dataset>` of a detector with several."""
    from zoo.cli.detectors import named_detector
    from zoo.data.sources.sample import SampleConfig
    from zoo.errors import ZooError

    of, _, dataset = name.partition("-")
    if given not in (None, of):
        raise ZooError(f"data: --detector {given}: {name} is the sample of its own detector")
    detector = named_detector(of)
    return SampleConfig.model_validate({"dataset": dataset} if dataset else {}).unchecked(detector), detector


def shipped_samples() -> list[dict[str, Any]]:
    """Name, detector, shape, events, different particles and data card of every shipped sample."""
    from zoo.cli.detectors import named_detector
    from zoo.data.archive import read_array
    from zoo.data.sources.sample import SHIPPED
    from zoo.evaluation.groups import particle_groups

    samples = []
    for name in _shipped():
        detector = named_detector(name.partition("-")[0])
        particles = read_array(SHIPPED / f"{name}.npz", "particles")
        samples.append(
            {
                "name": name,
                "detector": detector.title,
                "shape": list(detector.shape),
                "events": len(particles),
                "particles": int(particle_groups(particles).max()) + 1,
                "card": str(SHIPPED / "DATASET.md"),
            }
        )
    return samples


def _shipped() -> list[str]:
    from zoo.data.sources.sample import SHIPPED

    return sorted(file.stem for file in SHIPPED.glob("*.npz"))


def _recipe(source: str) -> Path | None:
    """The recipe that is meant, if it is one: a TOML file, a shipped recipe, or the directory of a run."""
    from zoo.recipe.shipped import shipped_recipes

    path = Path(source)
    if path.is_dir():
        return path / "recipe.toml" if (path / "recipe.toml").is_file() else None
    return path if path.suffix == ".toml" or (source in shipped_recipes() and source not in _shipped()) else None


def _of_recipe(recipe: Path, options: argparse.Namespace) -> tuple[Unchecked, Detector]:
    from zoo.errors import ZooError
    from zoo.recipe.load import load_recipe

    if options.detector is not None:
        raise ZooError(
            f"data: --detector {options.detector}: a recipe names its own; --set detector={options.detector}"
        )
    loaded = load_recipe(recipe, options.overrides).recipe
    detector = loaded.detector.build()
    return loaded.data.unchecked(detector), detector


def _of_files(source: NpzConfig, named: str | None) -> tuple[Unchecked, Detector]:
    """Files of the user's own, of the named detector or of the only one they can be of."""
    from zoo.catalogue import components
    from zoo.cli.detectors import named_detector
    from zoo.errors import DataError, ZooError

    if named is not None:
        detector = named_detector(named)
        return source.unchecked(detector), detector
    read: dict[str, tuple[Unchecked, Detector]] = {}
    pairs: dict[tuple[Path, Path], Unchecked] = {}
    failed: DataError | None = None
    for name in components("detector"):
        detector = named_detector(name)
        try:
            files = source.files(detector)
            # Most often all detectors mean the same pair, which may be large.
            pairs[files] = pairs[files] if files in pairs else source.unchecked(detector)
            read[name] = pairs[files], detector
        except DataError as error:
            failed = failed or error
    if not read:
        assert failed is not None
        raise failed
    fitting = {name: found for name, found in read.items() if _fits(*found)}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    shapes = sorted({str(data.responses.shape) for data, _ in read.values()})
    if not fitting:
        known = ", ".join(f"{name} {detector.shape}" for name, (_, detector) in read.items())
        raise ZooError(
            f"data: responses of shape {' or '.join(shapes)} fit no detector ({known}); --detector D says what is wrong"
        )
    raise ZooError(
        f"data: responses of shape {' or '.join(shapes)} fit {' and '.join(fitting)}; choose with --detector"
    )


def _fits(data: Unchecked, detector: Detector) -> bool:
    return data.responses.shape[1:] in (detector.shape, (len(detector.readout),))


def _unknown(source: str) -> str:
    from zoo.recipe.shipped import shipped_recipes
    from zoo.recipe.suggestions import nearest

    if Path(source).suffix in (".npz", ".npy"):
        return f"{source}: responses and particles are two files; name them by --responses and --particles"
    meant = nearest(source, [*_shipped(), *shipped_recipes()], 1)
    advice = f"; did you mean {meant[0]}?" if meant else ""
    return f"{source}: no such folder, recipe or shipped sample ({', '.join(_shipped())}){advice}"
