"""A few responses that a model gave when it was published, to see whether it still gives them.

The weights are pinned by their digests; what may change is everything around them: libraries, compilers, processors,
their settings. Two machines agree in all but the last bits of single sums, and most samplers carry such differences on
unamplified. But a model that draws whole photons, or one token or pixel after the other, takes decisions on the way:
a last bit may tip one of them, and that one response then goes another way, as good as the stored one. So every
response counts for itself, by the share of its light that lies elsewhere, and a few of them may differ.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import zoo
from zoo.errors import ShelfError
from zoo.evaluation.timing import device_description
from zoo.schemes.generation import Generator
from zoo.schemes.model import Model
from zoo.shelf.settings import PRNG, own_settings, sampling_key
from zoo.typing import Particles

FILE = "reference.npz"

SEED = 0

TOLERANCE = 0.01
"""Share of a response's light that may lie elsewhere: three orders above what float32 sums differ by, two below what
another random number or a wrong constant makes of a response."""

MAY_DIFFER = 4
"""One response in so many may differ by more."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Particles, and what a model made of them."""

    particles: Particles
    """Condition columns (R, P), float64."""
    responses: Float[np.ndarray, "R *shape"]
    """Photons, float32."""

    def save(self, folder: Path) -> None:
        """Write it beside the model's other files."""
        np.savez_compressed(folder / FILE, particles=self.particles, responses=self.responses)

    @classmethod
    def read(cls, folder: Path) -> Reference:
        """The reference of a model's folder.

        Raises:
            ShelfError: there is none, or it is not readable.
        """
        try:
            with np.load(folder / FILE, allow_pickle=False) as archive:
                return cls(archive["particles"], archive["responses"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ShelfError(f"{folder / FILE}: not readable as a reference sample ({error})") from error

    def about(self) -> dict[str, Any]:
        """What the card says of it: how it was made, and what still counts as the same."""
        return {
            "file": FILE,
            "responses": len(self.responses),
            "seed": SEED,
            "prng": PRNG,
            "tolerance": TOLERANCE,
            "agreeing": len(self.responses) - len(self.responses) // MAY_DIFFER,
            "made_with": {"calozoo": zoo.__version__, "jax": jax.__version__, "device": device_description()},
        }


def recorded(model: Model, particles: Particles) -> Reference:
    """What a model makes of particles today."""
    return Reference(particles, generated(model, particles, SEED))


def generated(model: Model, particles: Particles, seed: int) -> Float[np.ndarray, "R *shape"]:
    """One response to every particle in one batch, computed in float32 on any device.

    Settings of JAX that change random numbers or products (`JAX_DEFAULT_PRNG_IMPL`, `JAX_ENABLE_X64`,
    `JAX_THREEFRY_PARTITIONABLE`, `JAX_DEFAULT_MATMUL_PRECISION`) have no say.
    """
    with own_settings(), jax.default_matmul_precision("float32"):
        generator = Generator(model, jnp.dtype("float32"), chunk=len(particles))
        return np.asarray(generator(particles, sampling_key(seed)))


def apart(one: Float[np.ndarray, "R *shape"], reference: Float[np.ndarray, "R *shape"]) -> Float[np.ndarray, " R"]:
    """Share of the light of every reference response that the other one has elsewhere; infinite where it is none."""
    one, reference = (values.reshape(len(values), -1).astype(np.float64) for values in (one, reference))
    share = np.abs(one - reference).sum(axis=1) / np.maximum(reference.sum(axis=1), 1.0)
    return np.where(np.isfinite(share), share, np.inf)
