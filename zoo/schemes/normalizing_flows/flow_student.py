"""A flow that generates in one pass, distilled from one that does not (CaloFlow II, arXiv 2110.11377)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field

from zoo.architectures.autoregressive_flow import AutoregressiveFlow, AutoregressiveFlowConfig
from zoo.catalogue import OneOf, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.errors import ComponentError
from zoo.schemes.normalizing_flows.normalizing_flow import NormalizingFlow
from zoo.schemes.scheme import Batch, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.stage_reference import StageName
from zoo.typing import Key


@register("scheme", "flow_student")
class FlowStudentConfig(SchemeConfig):
    """Inverse autoregressive flow from normal numbers to responses, which learns to undo the flow of an earlier stage.

    The papers' future work. Two squared errors, each from one pass of teacher and student: responses that the teacher
    turned into normal numbers come back, and so do normal numbers that the student turned into responses.
    """

    teacher: StageName
    """The earlier stage whose normalizing flow is distilled."""
    network: Annotated[AutoregressiveFlowConfig, OneOf("architecture"), Field(default="autoregressive_flow")]
    """The flow from normal numbers to responses."""
    response_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the error of the responses' logits."""
    noise_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the error of the normal numbers."""
    temperature: Annotated[float, Field(gt=0), SamplingOnly()] = 1.0
    """Standard deviation of the normal numbers that responses are generated from."""

    def build(self, setting: Setting, *, key: Key) -> FlowStudent:
        """A student of the teacher's size and condition.

        Raises:
            ComponentError: the earlier stage is no normalizing flow, or this stage sees other features.
        """
        teacher = setting.earlier[self.teacher].scheme
        if not isinstance(teacher, NormalizingFlow):
            raise ComponentError(
                f"scheme 'flow_student': stage {self.teacher!r} is no normalizing flow; its scheme must be "
                "'normalizing_flow'"
            )
        size, features = teacher.fractions.size, teacher.network.features
        if setting.features + 1 != features:
            raise ComponentError("scheme 'flow_student': student and teacher must have the same model.condition")
        return FlowStudent(self.network.flow(size, features, key=key), teacher, self)


class FlowStudent(Scheme):
    """See `FlowStudentConfig`."""

    network: AutoregressiveFlow
    teacher: NormalizingFlow
    config: FlowStudentConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The student; the teacher is frozen."""
        return {"student": ("network",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Both squared errors per pixel."""
        del player
        count_key, noise_key, *dropout_keys = jax.random.split(key, 4)
        x, context = self.teacher.seen(batch, count_key)
        z, _ = self.teacher.network(x, context)
        back, _ = self.network(jax.lax.stop_gradient(z), context, dropout_keys[0])
        response = jnp.mean(jnp.square(back - x))
        drawn = jax.random.normal(noise_key, x.shape)
        made, _ = self.network(drawn, context, dropout_keys[1])
        again, _ = self.teacher.network(made, context)
        noise = jnp.mean(jnp.square(again - drawn))
        loss = self.config.response_weight * response + self.config.noise_weight * noise
        return Outcome(loss, {"loss": loss, "response": response, "noise": noise})

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Draw the photon sum, then their shares in one pass; whole photons."""
        sum_key, noise_key = jax.random.split(key)
        total = self.teacher.photons.draw(condition, sum_key)
        z = self.config.temperature * jax.random.normal(noise_key, (len(total), self.teacher.fractions.size))
        x, _ = self.network(z, self.teacher.photons.context(condition, total))
        return self.teacher.fractions.inverse(x, total)
