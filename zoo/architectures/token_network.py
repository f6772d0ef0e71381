"""The role of a network that predicts the tokens of a sequence from those before them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import equinox as eqx
from jaxtyping import Array, Float, Int

from zoo.catalogue import Config
from zoo.typing import Key

Ids: TypeAlias = Int[Array, "B T"]

Choose: TypeAlias = Callable[[Float[Array, "B K"], Key], Int[Array, " B"]]
"""(logits, key) -> one token each."""


@dataclass(frozen=True)
class Vocabulary:
    """Tokens that are given first, and tokens that follow."""

    given: int
    """Number of the given tokens, G."""
    given_codes: int
    """Different codes a given token may have, L."""
    tokens: int
    """Number of the tokens that follow, T."""
    codes: int
    """Different codes one of these may have, K."""


class TokenNetwork(eqx.Module):
    """An autoregressive model of token sequences that begin with given ones."""

    @abstractmethod
    def __call__(
        self, given: Int[Array, "B G"], ids: Ids, *, key: Key | None
    ) -> tuple[Float[Array, "B G-1 L"], Float[Array, "B T K"]]:
        """Logits, float32, of every given token but the first, and of every token that follows, from those before it.

        Args:
            given: the first tokens.
            ids: all that follow; the last one is predicted, but nothing from it.
            key: randomness of training; None for evaluation.
        """

    @abstractmethod
    def draw(self, given: Int[Array, "B G"], choose: Choose, key: Key) -> Ids:
        """The tokens that follow, chosen one after the other in one loop, which computes every token once."""


class TokenNetworkConfig(Config):
    """Config of a network that predicts tokens."""

    @abstractmethod
    def build(self, vocabulary: Vocabulary, *, key: Key) -> TokenNetwork:
        """A network for these tokens.

        Raises:
            ComponentError: the numbers do not fit together.
        """
