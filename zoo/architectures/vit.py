"""Vision transformer: the encoder and decoder of most published models (journal paper, Fig. 11; components 2)."""

from __future__ import annotations

from typing import Annotated

import jax
from pydantic import Field

from zoo.architectures.token_backbone import TokenBackboneConfig, Trunk
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.transformer_block import TransformerBlock
from zoo.typing import Key


@register("architecture", "vit")
class ViTConfig(TokenBackboneConfig):
    """Vision transformer on patches, conditioned by a prepended token; encoder and decoder 0.46M parameters each."""

    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; must divide `width`."""
    blocks: Annotated[int, Field(ge=1)] = 4
    """Transformer blocks of the encoder, and of the decoder."""
    expansion: Annotated[int, Field(ge=1)] = 4
    """Hidden units of the feed-forward layers, in units of `width`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the feed-forward layers' numbers dropped in training."""

    def _trunk(self, tokens: int, features: int, key: Key) -> Trunk:
        """Transformer blocks with learned positions.

        Raises:
            ComponentError: `heads` does not divide `width`.
        """
        if self.width % self.heads:
            raise ComponentError(f"architecture 'vit': heads = {self.heads} must divide width = {self.width}")
        own, *keys = jax.random.split(key, 1 + self.blocks)
        hidden = self.expansion * self.width
        blocks = tuple(TransformerBlock(self.width, self.heads, hidden, self.dropout, key=one) for one in keys)
        return Trunk(blocks, self.width, features, tokens, key=own)
