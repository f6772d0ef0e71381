"""Causal transformers over the codes of a particle and of its response (components 7)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int
from pydantic import Field

from zoo.architectures.token_network import Choose, Ids, TokenNetwork, TokenNetworkConfig, Vocabulary
from zoo.catalogue import register
from zoo.errors import ComponentError
from zoo.layers.causal_attention import Cache
from zoo.layers.causal_block import CausalBlock
from zoo.layers.initial import normal
from zoo.layers.linear import Linear
from zoo.layers.lookup import lookup
from zoo.layers.norm import LayerNorm
from zoo.typing import Key

Size = Annotated[int, Field(ge=1, le=65_536)]


class TokenTransformerConfig(TokenNetworkConfig):
    """Config of a causal transformer."""

    width: Size = 256
    """Token width D."""
    heads: Size = 4
    """Attention heads; must divide `width`."""
    blocks: Size = 5
    """Transformer blocks."""
    expansion: Size = 4
    """Hidden units of the feed-forward layers, in units of `width`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the feed-forward layers' numbers dropped in training."""

    def build(self, vocabulary: Vocabulary, *, key: Key) -> TokenTransformer:
        """Embeddings, blocks, heads.

        Raises:
            ComponentError: `heads` does not divide `width`.
        """
        if self.width % self.heads:
            raise ComponentError(
                f"architecture {self.component!r}: heads = {self.heads} must divide width = {self.width}"
            )
        return self._assemble(vocabulary, key)

    @abstractmethod
    def _assemble(self, vocabulary: Vocabulary, key: Key) -> TokenTransformer: ...

    def _table(self, rows: int, key: Key) -> Float[Array, "rows D"]:
        return normal(self.width**-0.5)(key, (rows, self.width))

    def _blocks(self, key: Key, *, use_bias: bool) -> tuple[CausalBlock, ...]:
        hidden = self.expansion * self.width
        keys = jax.random.split(key, self.blocks)
        return tuple(
            CausalBlock(self.width, self.heads, hidden, self.dropout, use_bias=use_bias, key=one) for one in keys
        )


@register("architecture", "token_transformer")
class ThesisTransformerConfig(TokenTransformerConfig):
    """The thesis' prior: biases, layer norm before and after the blocks, one output layer; 4.16M parameters."""

    def _assemble(self, vocabulary: Vocabulary, key: Key) -> TokenTransformer:
        keys = jax.random.split(key, 5)
        return TokenTransformer(
            given_table=self._table(vocabulary.given_codes, keys[0]),
            table=self._table(vocabulary.codes, keys[1]),
            positions=self._table(vocabulary.tokens - 1, keys[2]),
            enter=LayerNorm(self.width),
            blocks=self._blocks(keys[3], use_bias=True),
            given_norm=None,
            norm=LayerNorm(self.width),
            head=Linear(self.width, max(vocabulary.codes, vocabulary.given_codes), key=keys[4]),
            vocabulary=vocabulary,
        )


@register("architecture", "token_gpt")
class TokenGPTConfig(TokenTransformerConfig):
    """The FM paper's prior: no biases, every position learned, and the embeddings as output layers."""

    width: Size = 128
    """Token width D."""
    blocks: Size = 6
    """Transformer blocks."""
    expansion: Size = 2
    """Hidden units of the feed-forward layers, in units of `width`."""

    def _assemble(self, vocabulary: Vocabulary, key: Key) -> TokenTransformer:
        keys = jax.random.split(key, 4)
        return TokenTransformer(
            given_table=self._table(vocabulary.given_codes, keys[0]),
            table=self._table(vocabulary.codes, keys[1]),
            positions=self._table(vocabulary.given + vocabulary.tokens - 1, keys[2]),
            enter=None,
            blocks=self._blocks(keys[3], use_bias=False),
            given_norm=LayerNorm(self.width, use_bias=False),
            norm=LayerNorm(self.width, use_bias=False),
            head=None,
            vocabulary=vocabulary,
        )


class TokenTransformer(TokenNetwork):
    """See `TokenTransformerConfig`."""

    given_table: Float[Array, "L D"]
    table: Float[Array, "K D"]
    positions: Float[Array, "P D"]
    """Of the last P tokens; the first ones have none where the given tokens are told apart by their order alone."""
    enter: LayerNorm | None
    blocks: tuple[CausalBlock, ...]
    given_norm: LayerNorm | None
    """The norm before the logits of given tokens; None for the same as before all others."""
    norm: LayerNorm
    head: Linear | None
    """The output layer of all tokens; None for their own embeddings."""
    vocabulary: Vocabulary = eqx.field(static=True)

    def __call__(
        self, given: Int[Array, "B G"], ids: Ids, *, key: Key | None
    ) -> tuple[Float[Array, "B G-1 L"], Float[Array, "B T K"]]:
        """All logits at once."""
        x = jnp.concatenate([lookup(self.given_table, given), lookup(self.table, ids[:, :-1])], axis=1)
        x = self._entered(x.astype(jnp.float32) + self._all_positions())
        keys = [None] * len(self.blocks) if key is None else jax.random.split(key, len(self.blocks))
        for block, block_key in zip(self.blocks, keys, strict=True):
            x = block(x, key=block_key)
        first = self.vocabulary.given - 1
        return self._given_logits(x[:, :first]), self._logits(x[:, first:])

    def draw(self, given: Int[Array, "B G"], choose: Choose, key: Key) -> Ids:
        """One loop over all places; keys and values of the tokens before are kept."""
        count, length = self.vocabulary.given, self.vocabulary.given + self.vocabulary.tokens
        start = jnp.zeros((len(given), length), given.dtype).at[:, :count].set(given)

        def one(place: Int[Array, ""], carry: tuple[Ids, tuple[Cache, ...]]) -> tuple[Ids, tuple[Cache, ...]]:
            ids, caches = carry
            logits, caches = self.step(ids[:, place], place, caches)
            chosen = choose(logits, jax.random.fold_in(key, place)).astype(ids.dtype)
            return ids.at[:, place + 1].set(jnp.where(place + 1 < count, ids[:, place + 1], chosen)), caches

        ids, _ = lax.fori_loop(0, length - 1, one, (start, self.caches(len(given))))
        return ids[:, count:]

    def caches(self, batch: int) -> tuple[Cache, ...]:
        """Room for the keys and values of all tokens that anything is predicted from."""
        length = self.vocabulary.given + self.vocabulary.tokens - 1
        return tuple(block.attention.cache(batch, length) for block in self.blocks)

    def step(
        self, ids: Int[Array, " B"], place: Int[Array, ""], caches: tuple[Cache, ...]
    ) -> tuple[Float[Array, "B K"], tuple[Cache, ...]]:
        """The logits of what follows the tokens at `place`, given or not, and the caches with these written in."""
        x = jnp.where(place < self.vocabulary.given, self.given_table[ids], self.table[ids])
        x = self._entered(x.astype(jnp.float32) + self._all_positions()[place])
        moved = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, cache = block.step(x, cache, place)
            moved.append(cache)
        return self._logits(x), tuple(moved)

    def _all_positions(self) -> Float[Array, "G+T-1 D"]:
        length = self.vocabulary.given + self.vocabulary.tokens - 1
        return jnp.pad(self.positions.astype(jnp.float32), ((length - len(self.positions), 0), (0, 0)))

    def _entered(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch D"]:
        return x if self.enter is None else self.enter(x)

    def _given_logits(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch L"]:
        norm = self.norm if self.given_norm is None else self.given_norm
        return self._read(norm(x), self.given_table)

    def _logits(self, x: Float[Array, "*batch D"]) -> Float[Array, "*batch K"]:
        return self._read(self.norm(x), self.table)

    def _read(self, x: Float[Array, "*batch D"], table: Float[Array, "codes D"]) -> Float[Array, "*batch codes"]:
        if self.head is not None:
            return self.head(x).astype(jnp.float32)[..., : len(table)]
        rows = x.astype(table.dtype).reshape(-1, x.shape[-1])
        return (rows @ table.T).astype(jnp.float32).reshape(*x.shape[:-1], len(table))
