"""Diversity as GEANT has it: SDI-GAN (Bedkowski et al., arXiv:2207.01561; schemes 4, data 1.6)."""

from __future__ import annotations

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from zoo.catalogue import Published, register
from zoo.data.constants import Constants
from zoo.errors import DataError
from zoo.evaluation.groups import frequent
from zoo.evaluation.metrics.diversity import PixelSpread
from zoo.schemes.scheme import Fitting, Setting
from zoo.schemes.terms.particle_table import ParticleTable
from zoo.schemes.terms.term import Made, Term, TermConfig
from zoo.typing import Scalar

SAME = 1e-6
"""Added to the distance of two embeddings, so that equal ones do not divide by zero."""


@register("term", "diversity")
class DiversityConfig(TermConfig):
    """f(c) |z1 - z2| / |e1 - e2| of two responses to a particle, e the discriminator's embedding: vary as GEANT does.

    f(c) is the standard deviation of ln(1 + photons) over the training responses to the particle, summed over the
    pixels and scaled to [0, 1] over the training events.
    """

    weight: Annotated[float, Field(gt=0)] = 1.0
    """What the term is multiplied by before it is added to the loss."""
    permuted: Annotated[bool, Published(False)] = True
    """Weigh responses by the diversity of their own particle; false (published code) by that of another one, which
    stood in their row before the conditions were permuted."""

    def unfitted(self, setting: Setting) -> Constants:
        """One particle of no diversity."""
        return {"particles": np.zeros((1, _columns(setting))), "diversity": np.zeros(1)}

    def fit(self, fitting: Fitting) -> Constants:
        """f(c) of every training particle.

        Raises:
            DataError: no particle has responses that differ.
        """
        counts = fitting.train.counts
        particles = fitting.train.particles[:, : _columns(fitting.setting)].astype(np.float32)
        unique, first, groups = np.unique(particles, axis=0, return_index=True, return_inverse=True)
        repeated = frequent(groups.reshape(-1), 2)
        spread = PixelSpread(int(repeated.max()) + 1, counts.shape[1:])
        spread.update(counts, repeated)
        diversity = np.append(spread.compute(), 0.0)[repeated[first]]
        low, high = diversity.min(), diversity.max()
        if low == high:
            raise DataError("term 'diversity': all training particles have equally diverse responses, or one each")
        return {"particles": unique.astype(np.float64), "diversity": (diversity - low) / (high - low)}

    def build(self, setting: Setting) -> Diversity:
        """The term with f(c)."""
        particles, diversity = (
            jnp.asarray(setting.constants[name], jnp.float32) for name in ("particles", "diversity")
        )
        return Diversity(ParticleTable(particles, diversity), self.permuted)


def _columns(setting: Setting) -> int:
    """Columns that make a particle; a PDG id that follows is not counted."""
    return len(setting.readout.detector.columns)


class Diversity(Term):
    """See `DiversityConfig`."""

    table: ParticleTable
    permuted: bool = eqx.field(static=True)

    def __call__(self, made: Made) -> Scalar:
        """Mean over the batch; distances are means over noise and embedding."""
        judged = made.judged
        assert judged is not None, "a scheme without a discriminator takes no such term"
        noise, embedding = judged.again()
        apart = jnp.mean(jnp.abs(judged.embedding - embedding), axis=-1)
        drawn = jnp.mean(jnp.abs(judged.noise - noise), axis=-1)
        condition = made.condition if self.permuted else judged.batch.condition
        return jnp.mean(self.table(condition.particles) * drawn / (apart + SAME))
