"""The compiled training step, generic over players."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped

from zoo.optim.averaging import moved_average
from zoo.runner.state import TrainState, owned_by, running_state
from zoo.schemes.model import computing, network_paths
from zoo.schemes.scheme import Outcome
from zoo.typing import Key, Scalar


class Progress(NamedTuple):
    """What a dispatch reports beside the new state."""

    metrics: Mapping[str, Float[Array, ""]]
    """Sums over the steps of the dispatch."""
    healthy: Bool[Array, ""]
    """False once a loss or gradient was not finite; the state is then that of the last healthy step."""
    steps: Int[Array, ""]
    """Healthy steps taken."""


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
    ) -> None:
        self._optimizers, self._decay, self._dtype, self._loss_key = optimizers, decay, dtype, loss_key
        self._steps = steps
        self._compiled = eqx.filter_jit(self._dispatch, donate="all")

    def __call__(
        self,
        state: TrainState,
        counts: Shaped[Array, "K B H W"],
        particles: Float[Array, "K B P"],
        steps: Int[Array, ""],
    ) -> tuple[TrainState, Progress]:
        """Take `steps` <= K steps; the given state is consumed."""
        return self._compiled(state, counts, particles, steps)

    def _dispatch(
        self,
        state: TrainState,
        counts: Shaped[Array, "K B H W"],
        particles: Float[Array, "K B P"],
        steps: Int[Array, ""],
    ) -> tuple[TrainState, Progress]:
        alive = jnp.asarray(True)
        if len(counts) == 1:
            state, metrics, healthy = self._step(state, counts[0], particles[0], alive)
            return state, Progress(metrics, healthy, healthy.astype(jnp.int32))
        arrays, static = eqx.partition(state, eqx.is_array)

        def one(number: Int[Array, ""], carry: PyTree) -> PyTree:
            arrays, sums, alive, taken = carry
            moved, metrics, alive = self._step(eqx.combine(arrays, static), counts[number], particles[number], alive)
            sums = jax.tree.map(lambda total, value: total + jnp.where(alive, value, 0.0), sums, metrics)
            return eqx.filter(moved, eqx.is_array), sums, alive, taken + alive.astype(jnp.int32)

        _, metrics, _ = eqx.filter_eval_shape(self._step, state, counts[0], particles[0], alive)
        nothing = {name: jnp.zeros(()) for name in metrics}
        start = (arrays, nothing, alive, jnp.zeros((), jnp.int32))
        arrays, sums, alive, taken = jax.lax.fori_loop(0, steps, one, start)
        return eqx.combine(arrays, static), Progress(sums, alive, taken)

    def _step(
        self,
        state: TrainState,
        counts: Shaped[Array, "B H W"],
        particles: Float[Array, "B P"],
        alive: Bool[Array, ""],
    ) -> tuple[TrainState, dict[str, Scalar], Bool[Array, ""]]:
        """One step; the state is left as it is unless `alive` and everything stayed finite."""
        noise_key, loss_key = jax.random.split(jax.random.fold_in(self._loss_key, state.step))
        batch = state.model.batch(counts, particles, noise_key, state.step / self._steps)
        players = state.model.scheme.players()
        model, optimizers, metrics = state.model, {}, {}
        for player, paths in players.items():
            owned, rest = eqx.partition(state.model, owned_by(state.model, paths))

            def loss(owned: PyTree, rest: PyTree = rest, player: str = player) -> tuple[Scalar, Outcome]:
                outcome = computing(eqx.combine(owned, rest), self._dtype).scheme.loss(player, batch, loss_key)
                return outcome.value.astype(jnp.float32), outcome

            (value, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(owned)
            norm = optax.tree.norm(gradient)
            alive = alive & jnp.isfinite(value) & jnp.isfinite(norm)
            update, optimizers[player] = self._optimizers[player].update(gradient, state.optimizers[player], owned)
            model = eqx.combine(eqx.apply_updates(owned, update), model)
            if outcome.scheme is not None:
                model = eqx.combine(running_state(outcome.scheme, model, paths), model)
            prefix = f"{player}/" if len(players) > 1 else ""
            metrics |= {f"{prefix}{name}": jnp.asarray(number, jnp.float32) for name, number in outcome.metrics.items()}
            metrics[f"{prefix}gradient_norm"] = norm
        average = state.average
        if self._decay is not None:
            weights = eqx.filter(model, owned_by(model, network_paths(model.scheme)))
            average = moved_average(average, weights, self._decay, state.step)
        moved = TrainState(model, average, optimizers, state.step + 1)
        return _chosen(alive, moved, state), metrics, alive


def _chosen(first: Bool[Array, ""], one: TrainState, other: TrainState) -> TrainState:
    """`one` where `first`, else `other`, array by array."""
    return jax.tree.map(lambda a, b: jnp.where(first, a, b) if eqx.is_array(a) else a, one, other)
