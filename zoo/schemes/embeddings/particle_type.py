"""A trained vector for every species of particles (thesis, section 4.4)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import register
from zoo.data.constants import Constants
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.buffer import Buffer
from zoo.layers.initial import normal
from zoo.schemes.embeddings.embedding import Embedding, EmbeddingConfig
from zoo.schemes.scheme import Fitting, Setting
from zoo.typing import Key


@register("embedding", "particle_type")
class ParticleTypeConfig(EmbeddingConfig):
    """One vector for every PDG id of the training events; an id that was not among them gets the mean of all vectors.

    Mass and charge in the features still tell an unknown species apart.
    """

    classes: Annotated[int, Field(ge=1)] = 21
    """Most species there may be; the ALICE data of the thesis have 21. Vectors that are left over stay unused."""

    def unfitted(self, setting: Setting) -> Constants:
        """No species at all."""
        del setting
        return {"pdg": np.full(self.classes, np.nan)}

    def fit(self, fitting: Fitting) -> Constants:
        """The PDG ids of the training events, rising; NaN stands for vectors without a species.

        Ids are compared as float32, in which those of neighbouring nuclei coincide.

        Raises:
            ComponentError: there are more species than classes.
            DataError: the file has no PDG ids.
        """
        found = np.unique(fitting.setting.readout.detector.pdg(fitting.train.particles).astype(np.float32))
        if len(found) > self.classes:
            raise ComponentError(
                f"embedding 'particle_type': the training events hold {len(found)} species; classes = {self.classes} "
                "must be at least as many"
            )
        return {"pdg": np.concatenate([found, np.full(self.classes - len(found), np.nan)])}

    def build(self, setting: Setting, constants: Constants, *, key: Key) -> ParticleType:
        """Vectors drawn with standard deviation 1/sqrt(size), as in the published models."""
        return ParticleType(
            table=normal(self.size**-0.5)(key, (self.classes, self.size)),
            pdg=Buffer(jnp.asarray(constants["pdg"], jnp.float32)),
            detector=setting.readout.detector,
        )


class ParticleType(Embedding):
    """See `ParticleTypeConfig`."""

    table: Float[Array, "K size"]
    pdg: Buffer
    detector: Detector = eqx.field(static=True)

    def __call__(self, particles: Float[Array, "B P"]) -> Float[Array, "B size"]:
        """The vector of each particle's species; the mean of the known ones for an unknown species."""
        known = self.pdg.value
        own = (self.detector.pdg(particles)[:, None] == known).astype(jnp.float32)
        everyone = jnp.isfinite(known).astype(jnp.float32)
        mean = everyone / jnp.maximum(jnp.sum(everyone), 1.0)
        weights = jnp.where(jnp.any(own > 0, axis=1, keepdims=True), own, mean)
        return (weights.astype(self.table.dtype) @ self.table).astype(jnp.float32)
