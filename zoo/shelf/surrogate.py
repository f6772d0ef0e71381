"""A trained model ready to be used in place of the simulation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from zoo.data.events import check_particles
from zoo.detectors.detector import Detector
from zoo.errors import DataError
from zoo.optim.precision import compute_dtype
from zoo.recipe.schema import Recipe, Stage
from zoo.schemes.generation import CHUNK, Generator
from zoo.schemes.model import Model
from zoo.shelf.settings import own_settings, sampling_key
from zoo.typing import Particles

T = TypeVar("T")

SLACK = 1e-4
"""Share of the range of the training by which a column may leave it without being outside."""


class OutsideTraining(UserWarning):
    """A model is asked about particles unlike those it was trained with."""


class Surrogate:
    """Particles in physical units in, responses in counts out; every scaling is inside.

    Attributes:
        name: the model's name, or that of the recipe for a run that is not published.
        recipe: the resolved recipe it was trained by.
        detector: the calorimeter it stands for, with the particle columns it expects.
        model: the final stage's model with its weights.
        about: what its card, or the run's result, says about it.
    """

    def __init__(self, name: str, recipe: Recipe, model: Model, about: Mapping[str, Any]) -> None:
        self.name, self.recipe, self.model, self.about = name, recipe, model, about
        self.detector: Detector = recipe.detector.build()
        self._generators: dict[int, Generator] = {}

    @property
    def stage(self) -> Stage:
        """The final stage."""
        return self.recipe.stages[list(self.recipe.stages)[-1]]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one generated response: (rows, columns), or (channels,) for a model of channel sums."""
        return self.stage.model.target.shape(self.detector)

    @property
    def dtype(self) -> jnp.dtype:
        """The dtype the networks compute in on this machine."""
        return compute_dtype(self.stage.precision)

    def sample(
        self, particles: Particles | ArrayLike, *, seed: int = 0, batch: int = CHUNK
    ) -> Float[np.ndarray, "N *shape"]:
        """One generated response to every particle.

        Args:
            particles: (N, 9) in the order and units of `detector.columns` (for the ZDC energy, vertex, momentum, mass
                and charge in GeV, cm and e), or (N, 10) with the PDG id last, which is not used.
            seed: the same seed and batch give the same responses.
            batch: particles that are generated for at a time. The last batch is filled up, so that the responses to
                the first particles do not depend on how many follow.

        Returns:
            Counts per pixel, (N, rows, columns), or per channel, (N, channels), float32, not negative, in the
            detector's `unit` (photons in the ZDC). They need not be whole.

        Raises:
            DataError: not the particles of this detector, or one without a finite response.

        Warns:
            OutsideTraining: for every column in which particles leave the range the model was trained in.
        """
        checked = self.checked(np.asarray(particles, dtype=np.float64))
        for said in self.outside(checked):
            warnings.warn(f"{self.name} was not trained there: {said}", OutsideTraining, stacklevel=2)
        out = np.empty((len(checked), *self.shape), np.float32)
        for rows, generated in self.chunks(checked, seed=seed, batch=batch):
            out[rows] = generated
        return out

    def chunks(
        self, particles: Particles, *, seed: int = 0, repeat: int = 0, batch: int = CHUNK
    ) -> Iterator[tuple[slice, Float[np.ndarray, "n *shape"]]]:
        """(rows, generated counts) batch by batch, for more particles than fit into memory.

        Args:
            particles: as `checked` returns them.
            seed: see `sample`, which gives repeat 0.
            repeat: independent further responses to the same particles.
            batch: see `sample`.

        Raises:
            DataError: a particle has no finite response.
        """
        with own_settings():
            key = jax.random.fold_in(sampling_key(seed), repeat)
            chunks = self.generator(batch).chunks(particles, key)
        for rows, generated in _one_by_one(chunks):
            finite = np.isfinite(generated.reshape(len(generated), -1)).all(axis=1)
            if not finite.all():
                event = rows.start + int(np.argmin(finite))
                columns = ", ".join(
                    f"{column.name} {value:g}"
                    for column, value in zip(self.detector.columns, particles[event], strict=False)
                )
                raise DataError(f"particle {event}: {self.name} gives no finite response to it ({columns})")
            yield rows, generated

    def checked(self, particles: np.ndarray, origin: str = "particles") -> Particles:
        """The condition columns of particles, without the PDG id.

        Raises:
            DataError: not the particles of this detector.
        """
        check_particles(particles, self.detector, origin)
        if len(particles) == 0:
            raise DataError(f"{origin}: no particles")
        return particles[:, : len(self.detector.columns)]

    def outside(self, particles: Particles) -> list[str]:
        """Which columns of particles leave the range the model was trained in, each in a few words.

        Only a published model knows its range.
        """
        ranges = (self.about.get("data") or {}).get("ranges") or {}
        said = []
        for column, values in zip(self.detector.columns, particles.T, strict=False):
            if column.name in ranges:
                low, high = ranges[column.name]
                # The last digits of a mass differ from table to table.
                slack = SLACK * (high - low)
                beyond = np.count_nonzero((values < low - slack) | (values > high + slack))
                if beyond:
                    furthest = values.max() if values.max() - high > low - values.min() else values.min()
                    within = f"{low:.4g} to {high:.4g} {column.unit}"
                    said.append(f"{column.name} of {beyond:,} outside {within}, as far as {furthest:.4g}")
        return said

    def generator(self, batch: int = CHUNK) -> Generator:
        """The compiled sampler; the same one every time."""
        if batch < 1:
            raise DataError(f"batch = {batch}: at least 1 is needed")
        if batch not in self._generators:
            self._generators[batch] = Generator(self.model, self.dtype, chunk=batch)
        return self._generators[batch]


def _one_by_one(chunks: Iterator[T]) -> Iterator[T]:
    """The chunks, made under settings that do not reach whoever takes them."""
    while True:
        with own_settings():
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk
