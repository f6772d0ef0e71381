"""MLP-Mixer: dense layers over tokens and over channels in turn (journal paper, Fig. 12; components 3)."""

from __future__ import annotations

from typing import Annotated

import jax
from pydantic import Field

from zoo.architectures.token_backbone import TokenBackboneConfig, Trunk
from zoo.catalogue import register
from zoo.layers.mixer_block import MixerBlock
from zoo.typing import Key


@register("architecture", "mlp_mixer")
class MLPMixerConfig(TokenBackboneConfig):
    """MLP-Mixer on patches, conditioned by a prepended token; encoder and decoder 0.43M parameters each."""

    blocks: Annotated[int, Field(ge=1)] = 5
    """Mixer blocks of the encoder, and of the decoder."""
    token_hidden: Annotated[int, Field(ge=1)] = 128
    """Hidden units of the layers that mix tokens."""
    channel_hidden: Annotated[int, Field(ge=1)] = 384
    """Hidden units of the layers that mix channels."""

    def _trunk(self, tokens: int, features: int, key: Key) -> Trunk:
        """Mixer blocks; a layer over tokens tells them apart by itself, so there are no positions."""
        own, *keys = jax.random.split(key, 1 + self.blocks)
        mixed = tokens + (features > 0)
        blocks = tuple(MixerBlock(mixed, self.width, self.token_hidden, self.channel_hidden, key=one) for one in keys)
        return Trunk(blocks, self.width, features, None, key=own)
