"""calozoo: generative surrogates of calorimeter simulation, declared in TOML."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.shelf.surrogate import Surrogate

__version__ = "0.1.0"


def load(name: str | PathLike[str], registry: str | PathLike[str] | None = None) -> Surrogate:
    """A trained model by its name on the shelf, or by the directory of a finished run.

        import zoo
        photons = zoo.load("zp_fm").sample(particles, seed=0)    # (N, 56, 30), float32

    Args:
        name: see `zoo list`.
        registry: a folder with `registry/` and `checkpoints/` that is searched first.

    Raises:
        ZooError: there is no such model, or its files are missing or altered.
    """
    from zoo.shelf.load import load as load_surrogate

    return load_surrogate(name, registry)
