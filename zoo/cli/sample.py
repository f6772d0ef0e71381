"""`zoo sample`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.options import add_registry, add_verb, at_least

if TYPE_CHECKING:
    import numpy as np

    from zoo.runner.observer import Observer
    from zoo.shelf.surrogate import Surrogate

DESCRIPTION = """\
Generate responses to particles with a trained model.

The particles are the array arr_0 of an npz file, one row each, in the columns
of the model's detector (for the ZDC energy, vx, vy, vz, px, py, pz, mass,
charge in GeV, cm and e; a tenth column, the PDG id, may follow). The responses
become the array arr_0 of OUT: photons of shape (N, rows, columns), or (K, N,
rows, columns) for K repeats; row i answers particle i. A model of channel sums
gives (N, channels). They are float32, as the evaluation sees them; --round
makes them whole numbers. Responses are written batch by batch, so that only the
disk limits their number.
"""

EPILOG = """\
examples:
  zoo sample zp_fm --particles particles.npz --out responses.npz
  zoo sample zp_fm --particles particles.npz --out five_each.npz --repeats 5 --seed 1 --round
  zoo sample runs/zp_fm/001 --particles particles.npz --out responses.npz
"""

INTEGERS = ("uint16", "uint32")


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "sample", "generate responses to particles", DESCRIPTION, EPILOG, run)
    parser.add_argument("name", metavar="NAME", help="a model on the shelf, or the directory of a finished run")
    parser.add_argument("--particles", type=Path, required=True, metavar="FILE.npz", help="particles to respond to")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="where the responses go")
    parser.add_argument(
        "--repeats", type=at_least(1), default=1, metavar="K", help="responses per particle (default: 1)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="of the random numbers (default: 0)")
    parser.add_argument(
        "--batch", type=at_least(1), default=256, metavar="B", help="responses generated at a time (default: 256)"
    )
    parser.add_argument(
        "--round", action="store_true", help="whole photons, in the smallest unsigned integer that fits"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    add_registry(parser)


def run(options: argparse.Namespace) -> int:
    """Generate."""
    from zoo.cli.display import display
    from zoo.data.sources.npz import read_particles
    from zoo.errors import ZooError
    from zoo.runner.environment import enable_compilation_cache
    from zoo.shelf.load import load

    _check_target(options.out, options.force)
    if options.seed >= 2**32:
        raise ZooError(f"--seed {options.seed}: must be below 2^32")
    surrogate = load(options.name, options.registry)
    particles = read_particles(options.particles, surrogate.detector)
    particles = surrogate.checked(particles, str(options.particles))
    enable_compilation_cache()
    with display() as shown:
        for dtype in INTEGERS if options.round else ("float32",):
            if _generate(surrogate, particles, dtype, options, shown):
                break
        else:
            raise ZooError(f"{options.name}: generated a pixel of more than {2**32 - 1} photons; leave out --round")
    repeated = f", {options.repeats} responses to each" if options.repeats > 1 else ""
    print(f"{options.out}: {len(particles)} particles{repeated}")
    return 0


def _generate(
    surrogate: Surrogate, particles: np.ndarray, dtype: str, options: argparse.Namespace, shown: Observer
) -> bool:
    """Write the file; False, and no file, if the photons of a pixel do not fit the dtype."""
    import numpy as np

    from zoo.cli.npz import ArrayFile

    largest = np.iinfo(dtype).max if options.round else np.inf
    repeats, number = options.repeats, len(particles)
    shape = (number, *surrogate.shape) if repeats == 1 else (repeats, number, *surrogate.shape)
    shown.begin(f"sample {surrogate.name}", repeats * number)
    with ArrayFile(options.out, shape, np.dtype(dtype), compress=options.round) as file:
        for repeat in range(repeats):
            chunks = surrogate.chunks(particles, seed=options.seed, repeat=repeat, batch=options.batch)
            for rows, generated in chunks:
                photons = np.rint(generated) if options.round else generated
                if photons.max() > largest:
                    shown.end()
                    return False
                file.write(photons)
                shown.advance(repeat * number + rows.stop, {})
    shown.end()
    return True


def _check_target(path: Path, force: bool) -> None:
    from zoo.errors import ZooError

    if path.suffix != ".npz":
        raise ZooError(f"--out {path}: must end in .npz")
    if path.is_dir() or not path.parent.is_dir():
        raise ZooError(f"--out {path}: {'is a directory' if path.is_dir() else f'there is no folder {path.parent}'}")
    if path.exists() and not force:
        raise ZooError(f"--out {path}: exists already; overwrite it with --force")
