"""The compiled training step, generic over players."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped

from zoo.layers.placement import Placement
from zoo.optim.averaging import moved_average
from zoo.runner.state import TrainState, owned_by, running_state
from zoo.schemes.model import Model, computing, network_paths
from zoo.schemes.scheme import Outcome, Scheme
from zoo.typing import Key, Scalar

Raw = tuple[Shaped[Array, "*K B H W"], Float[Array, "*K B P"], PyTree[Shaped[Array, "..."]] | None]
"""Counts, particles and, where they were made beforehand, codes of events."""


class Progress(NamedTuple):
    """What a dispatch reports beside the new state."""

    metrics: Mapping[str, Float[Array, ""]]
    """Sums over the steps of the dispatch."""
    healthy: Bool[Array, ""]
    """False once a loss or gradient was not finite; the state is then that of the last healthy step."""
    steps: Int[Array, ""]
    """Healthy steps taken."""


class Pull(NamedTuple):
    """What one player wants of a batch."""

    value: Scalar
    metrics: Mapping[str, Scalar]
    gradient: PyTree
    """Over the player's own arrays."""
    scheme: Scheme | None
    """Running state moved on; None where the scheme has none."""


class Stepper:
    """Compiles the training steps of one stage.

    All players of a step see the same batch, the same key and the weights from before the step; each moves
    only its own networks. Up to `len(batches)` steps run in one dispatch.
    """

    def __init__(
        self,
        optimizers: Mapping[str, optax.GradientTransformation],
        *,
        decay: float | None,
        dtype: jnp.dtype,
        loss_key: Key,
        steps: int,
        placement: Placement,
    ) -> None:
        self._optimizers, self._decay, self._dtype, self._loss_key = optimizers, decay, dtype, loss_key
        self._placement = placement
        self._steps = steps
        self._compiled = eqx.filter_jit(self._dispatch, donate="all")

    def __call__(
        self,
        state: TrainState,
        batches: Raw,
        steps: Int[Array, ""],
    ) -> tuple[TrainState, Progress]:
        """Take `steps` <= K steps, one for each of the batches (K, B, ...); the given state is consumed."""
        return self._compiled(state, batches, steps)

    def _dispatch(self, state: TrainState, batches: Raw, steps: Int[Array, ""]) -> tuple[TrainState, Progress]:
        alive = jnp.asarray(True)
        first = jax.tree.map(lambda array: array[0], batches)
        if len(batches[0]) == 1:
            state, metrics, healthy = self._step(state, first, alive)
            return state, Progress(metrics, healthy, healthy.astype(jnp.int32))
        arrays, static = eqx.partition(state, eqx.is_array)

        def one(number: Int[Array, ""], carry: PyTree) -> PyTree:
            arrays, sums, alive, taken = carry
            batch = jax.tree.map(lambda array: array[number], batches)
            moved, metrics, alive = self._step(eqx.combine(arrays, static), batch, alive)
            sums = jax.tree.map(lambda total, value: total + jnp.where(alive, value, 0.0), sums, metrics)
            return eqx.filter(moved, eqx.is_array), sums, alive, taken + alive.astype(jnp.int32)

        _, metrics, _ = eqx.filter_eval_shape(self._step, state, first, alive)
        nothing = {name: jnp.zeros(()) for name in metrics}
        start = (arrays, nothing, alive, jnp.zeros((), jnp.int32))
        arrays, sums, alive, taken = jax.lax.fori_loop(0, steps, one, start)
        return eqx.combine(arrays, static), Progress(sums, alive, taken)

    def _step(
        self,
        state: TrainState,
        events: Raw,
        alive: Bool[Array, ""],
    ) -> tuple[TrainState, dict[str, Scalar], Bool[Array, ""]]:
        """One step; the state is left as it is unless `alive` and everything stayed finite."""
        key = jax.random.fold_in(self._loss_key, state.step)
        pulls = self._placement.mean(self._pulls, (state.model, state.step / self._steps), events, key)
        players = state.model.scheme.players()
        model, optimizers, metrics = state.model, {}, {}
        for player, pull in pulls.items():
            norm = optax.tree.norm(pull.gradient)
            alive = alive & jnp.isfinite(pull.value) & jnp.isfinite(norm)
            owned = eqx.filter(state.model, owned_by(state.model, players[player]))
            update, optimizers[player] = self._optimizers[player].update(pull.gradient, state.optimizers[player], owned)
            model = eqx.combine(eqx.apply_updates(owned, update), model)
            if pull.scheme is not None:
                model = eqx.combine(running_state(pull.scheme, model, players[player]), model)
            prefix = f"{player}/" if len(players) > 1 else ""
            metrics |= {f"{prefix}{name}": number for name, number in pull.metrics.items()}
            metrics[f"{prefix}gradient_norm"] = norm
        average = state.average
        if self._decay is not None:
            weights = eqx.filter(model, owned_by(model, network_paths(model.scheme)))
            average = moved_average(average, weights, self._decay, state.step)
        moved = TrainState(model, average, optimizers, state.step + 1)
        return _chosen(alive, moved, state), metrics, alive

    def _pulls(
        self,
        shared: tuple[Model, Float[Array, ""]],
        events: Raw,
        key: Key,
    ) -> dict[str, Pull]:
        """Losses and gradients of all players on the same events."""
        model, progress = shared
        noise_key, loss_key = jax.random.split(key)
        counts, particles, code = events
        batch = replace(model.batch(counts, particles, noise_key, progress), code=code)
        pulls = {}
        for player, paths in model.scheme.players().items():
            owned, rest = eqx.partition(model, owned_by(model, paths))

            def loss(owned: PyTree, rest: PyTree = rest, player: str = player) -> tuple[Scalar, Outcome]:
                outcome = computing(eqx.combine(owned, rest), self._dtype).scheme.loss(player, batch, loss_key)
                return outcome.value.astype(jnp.float32), outcome

            (value, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(owned)
            metrics = {name: jnp.asarray(number, jnp.float32) for name, number in outcome.metrics.items()}
            pulls[player] = Pull(value, metrics, gradient, outcome.scheme)
        return pulls


def _chosen(first: Bool[Array, ""], one: TrainState, other: TrainState) -> TrainState:
    """`one` where `first`, else `other`, array by array."""
    return jax.tree.map(lambda a, b: jnp.where(first, a, b) if eqx.is_array(a) else a, one, other)
