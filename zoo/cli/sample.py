"""`zoo sample`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.options import add_registry, add_verb, at_least

if TYPE_CHECKING:
    import numpy as np

    from zoo.cli.array_file import ArrayFile
    from zoo.runner.observer import Observer
    from zoo.shelf.surrogate import Surrogate

DESCRIPTION = """\
Generate responses to particles with a trained model.

The particles come from a file, or are all of one kind. In an npz file they are
the array arr_0, one row each, in the columns of the model's detector (for the
ZDC energy, vx, vy, vz, px, py, pz, mass, charge in GeV, cm and e; a tenth
column, the PDG id, may follow). In a CSV file they are lines, and the columns
are found by the names in the first one, or stand in that order without names.

The responses become the array arr_0 of OUT.npz, or the dataset responses of
OUT.h5: counts of shape (N, rows, columns), or (K, N, rows, columns) for K
repeats, in photons or what else the detector counts; row i answers particle i.
A model of channel sums gives (N, channels).
They are float32, as the evaluation sees them; --round makes them whole numbers.
Responses are written batch by batch, so that only the disk limits their number.
Columns that leave the range of the training are named in a warning.
"""

EPILOG = """\
examples:
  zoo sample zp_fm --particles particles.npz --out responses.npz
  zoo sample zp_fm --pdg neutron --energy 1380 -n 1000 -o out.npz
  zoo sample zn_fm --pdg 3122 --energy 800 --px 0.1 -n 100 -o out.h5 --round
  zoo sample runs/zp_fm/001 --particles particles.csv -o five_each.npz --repeats 5
"""

INTEGERS = ("uint16", "uint32")

SUFFIXES = (".npz", ".h5", ".hdf5")

COLUMNS: Mapping[str, str] = {
    "vx": "horizontal vertex, cm (default: 0)",
    "vy": "vertical vertex, cm (default: 0)",
    "vz": "vertex along the beam, cm (default: 0)",
    "px": "horizontal momentum, GeV (default: 0)",
    "py": "vertical momentum, GeV (default: 0)",
    "eta": "pseudorapidity (default: 4.4)",
    "phi": "azimuth, rad (default: 0)",
}
"""Columns of one kind of particle that have an option; the defaults are the detectors'."""


def add(verbs: argparse._SubParsersAction) -> None:
    """Declare the command."""
    parser = add_verb(verbs, "sample", "generate responses to particles", DESCRIPTION, EPILOG, run)
    parser.add_argument("name", metavar="NAME", help="a model on the shelf, or the directory of a finished run")
    parser.add_argument("--particles", type=Path, metavar="FILE", help="particles to respond to: npz, npy or csv")
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="OUT", help="where the responses go: .npz, .h5 or .hdf5"
    )
    parser.add_argument(
        "-n", "--number", type=at_least(1), metavar="N", help="the first N of the file; N of one kind (default: 1)"
    )
    parser.add_argument(
        "--repeats", type=at_least(1), default=1, metavar="K", help="responses per particle (default: 1)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="of the random numbers (default: 0)")
    parser.add_argument(
        "--batch", type=at_least(1), default=256, metavar="B", help="responses generated at a time (default: 256)"
    )
    parser.add_argument(
        "--round", action="store_true", help="whole numbers, in the smallest unsigned integer that fits"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    add_registry(parser)
    kind = parser.add_argument_group(
        "one kind of particle, instead of --particles",
        "It flies from the interaction point along the beam, the middle of the shipped\n"
        "events of the ZDCs, whose vertices and transverse momenta are symmetric about\n"
        "zero; at FoCal-H it goes to the middle of the acceptance, their median. What\n"
        "leaves the beam is said by further options. pz follows from energy and mass.",
    )
    kind.add_argument(
        "--pdg",
        metavar="P",
        help="species, for its mass and charge: a PDG id, symbol or name, e.g. 2112, n, neutron, pi+, K(S)0",
    )
    kind.add_argument("--energy", type=_finite, metavar="E", help="total energy, GeV")
    for name, meaning in COLUMNS.items():
        kind.add_argument(f"--{name}", type=_finite, metavar="X", help=meaning)


def run(options: argparse.Namespace) -> int:
    """Generate."""
    from zoo.cli.display import display
    from zoo.errors import ZooError
    from zoo.runner.environment import enable_compilation_cache
    from zoo.shelf.load import load

    _check_target(options.out, options.force)
    _check_combination(options)
    if options.seed >= 2**32:
        raise ZooError(f"--seed {options.seed}: must be below 2^32")
    surrogate = load(options.name, options.registry)
    particles = _particles(surrogate, options)
    enable_compilation_cache()
    with display() as shown:
        for said in surrogate.outside(particles):
            shown.message(f"zoo: warning: {surrogate.name} was not trained there: {said}")
        for dtype in INTEGERS if options.round else ("float32",):
            if _generate(surrogate, particles, dtype, options, shown):
                break
        else:
            raise ZooError(f"{options.name}: generated a pixel of more than {2**32 - 1}; leave out --round")
    repeated = f", {options.repeats} responses to each" if options.repeats > 1 else ""
    number = f"{len(particles):,} particle{'' if len(particles) == 1 else 's'}"
    print(f"{options.out}: {number}{repeated}")
    return 0


def _particles(surrogate: Surrogate, options: argparse.Namespace) -> np.ndarray:
    """The particles to respond to; those of one kind take no memory, however many there are."""
    import numpy as np

    from zoo.data.particle_file import read_particle_file
    from zoo.shelf.gun import shot
    from zoo.shelf.species import species

    detector = surrogate.detector
    if options.particles is not None:
        found = read_particle_file(options.particles, detector)
        return surrogate.checked(found[: options.number], str(options.particles))
    given = {name: value for name in COLUMNS if (value := getattr(options, name)) is not None}
    kind = None if options.pdg is None else species(options.pdg)
    one = surrogate.checked(shot(detector, options.energy, kind, given))
    return np.broadcast_to(one, (options.number or 1, one.shape[1]))


def _generate(
    surrogate: Surrogate, particles: np.ndarray, dtype: str, options: argparse.Namespace, shown: Observer
) -> bool:
    """Write the file; False, and no file, if the counts of a pixel do not fit the dtype."""
    import numpy as np

    largest = np.iinfo(dtype).max if options.round else np.inf
    repeats, number = options.repeats, len(particles)
    rows = (number,) if repeats == 1 else (repeats, number)
    shown.begin(f"sample {surrogate.name}", repeats * number)
    with _file(options.out)(options.out, rows, surrogate.shape, np.dtype(dtype), compress=options.round) as file:
        for repeat in range(repeats):
            chunks = surrogate.chunks(particles, seed=options.seed, repeat=repeat, batch=options.batch)
            for part, generated in chunks:
                counts = np.rint(generated) if options.round else generated
                if counts.max() > largest:
                    shown.end()
                    return False
                file.write(counts)
                shown.advance(repeat * number + part.stop, {})
    shown.end()
    return True


def _file(path: Path) -> type[ArrayFile]:
    """The kind of file that a name asks for."""
    if path.suffix == ".npz":
        from zoo.cli.npz import NpzFile

        return NpzFile
    from zoo.cli.hdf5 import Hdf5File

    return Hdf5File


def _check_target(path: Path, force: bool) -> None:
    from zoo.errors import ZooError

    if path.suffix not in SUFFIXES:
        raise ZooError(f"--out {path}: must end in {', '.join(SUFFIXES)}")
    if path.suffix != ".npz":
        from zoo.cli.hdf5 import need_h5py

        need_h5py()
    if path.is_dir() or not path.parent.is_dir():
        raise ZooError(f"--out {path}: {'is a directory' if path.is_dir() else f'there is no folder {path.parent}'}")
    if path.exists() and not force:
        raise ZooError(f"--out {path}: exists already; overwrite it with --force")


def _check_combination(options: argparse.Namespace) -> None:
    from zoo.errors import ZooError

    of_a_kind = [name for name in ("pdg", "energy", *COLUMNS) if getattr(options, name) is not None]
    if options.particles is not None and of_a_kind:
        raise ZooError(f"sample: --{of_a_kind[0]} is for one kind of particle, and does not go with --particles")
    if options.particles is None and options.energy is None:
        raise ZooError("sample: give --particles FILE, or one kind of particle with --energy (and --pdg)")


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r}: give a number")
    return number
