"""Flow matching between noise and the latent maps of an earlier stage (FM paper, section 3.3; schemes 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import equinox as eqx
import jax
from jaxtyping import Array, Float
from pydantic import Field

from zoo.catalogue import OneOf, Published, SamplingOnly, register
from zoo.data.condition import Condition
from zoo.errors import ComponentError
from zoo.schemes.flow_matching import FlowConfig, FlowMatching
from zoo.schemes.map_autoencoder import MapAutoencoder
from zoo.schemes.model import Model
from zoo.schemes.samplers.sampler import SamplerConfig
from zoo.schemes.scheme import Batch, Encoding, Outcome, Setting
from zoo.schemes.stage_reference import StageName
from zoo.typing import Key


@register("scheme", "latent_flow_matching")
class LatentFlowMatchingConfig(FlowConfig):
    """Flow matching of latent maps, which the frozen autoencoder of an earlier stage makes of responses and decodes.

    The target's transforms are the earlier stage's; those of this stage are not used.
    """

    autoencoder: StageName
    """The earlier stage whose autoencoder has the latent space."""
    sampler: Annotated[
        SamplerConfig,
        OneOf("sampler"),
        SamplingOnly(),
        Published({"name": "euler", "steps": 8}),
        Field(default={"name": "euler", "steps": 7}),
    ]
    """Solver used for generation: 7 steps in the FM paper, 8 in its code."""

    def build(self, setting: Setting, *, key: Key) -> LatentFlowMatching:
        """A velocity network for the latent maps.

        Raises:
            ComponentError: the earlier stage has no latent maps of responses, there are condition maps, or the network
                cannot be built for the latent maps.
        """
        autoencoder = setting.earlier[self.autoencoder]
        if not isinstance(autoencoder.scheme, MapAutoencoder):
            raise ComponentError(
                f"scheme 'latent_flow_matching': stage {self.autoencoder!r} has no latent maps to generate; "
                "its scheme must be an autoencoder with maps for a latent space, such as 'spatial_vae'"
            )
        if len(setting.shape) != 2:
            raise ComponentError("scheme 'latent_flow_matching' generates responses: model.target must be 'response'")
        if setting.maps:
            raise ComponentError("scheme 'latent_flow_matching' has no use for condition maps: leave out model.maps")
        rows, columns, channels = autoencoder.scheme.latent_shape
        latent = replace(setting, shape=(rows, columns), channels=channels)
        bare = eqx.tree_at(lambda model: model.scheme, autoencoder, autoencoder.scheme.bare())
        return LatentFlowMatching(self.flow(latent, key=key), bare)


class LatentFlowMatching(Encoding):
    """See `LatentFlowMatchingConfig`."""

    flow: FlowMatching
    autoencoder: Model

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """The velocity; the autoencoder is frozen."""
        return {name: tuple(f"flow.{path}" for path in paths) for name, paths in self.flow.players().items()}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """The loss of the flow towards the encoded batch."""
        target_key, flow_key = jax.random.split(key)
        latent = self.encode(batch, target_key) if batch.code is None else batch.code
        return self.flow.loss(player, replace(batch, x=latent), flow_key)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """Integrate from noise to latent maps and decode them."""
        return self.autoencoder.target.inverse(self._space.decode(self.flow.draw(condition, key)))

    def encode(self, batch: Batch, key: Key) -> Float[Array, "B h w c"]:
        """The latent maps of a batch; `key` is the randomness of the earlier stage's transforms."""
        return jax.lax.stop_gradient(self._space.encode(self.autoencoder.target.forward(batch.physical, key)))

    @property
    def fixed(self) -> bool:
        """Unless the earlier stage's transforms add noise."""
        return not self.autoencoder.target.random

    @property
    def _space(self) -> MapAutoencoder:
        scheme = self.autoencoder.scheme
        assert isinstance(scheme, MapAutoencoder), "checked when it was built"
        return scheme
