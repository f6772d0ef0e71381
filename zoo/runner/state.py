"""Everything that training changes."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from zoo.layers.buffer import Buffer
from zoo.schemes.model import Model, network_paths
from zoo.schemes.scheme import Scheme, network_at


class TrainState(eqx.Module):
    """Weights, running state, optimizer states, averaged weights and the step they belong to.

    The position in the data needs no field of its own: it is a function of the step.
    """

    model: Model
    average: PyTree
    """Averaged weights of all players, or None."""
    optimizers: Mapping[str, optax.OptState]
    step: Int[Array, ""]


def owned_by(model: Model, paths: tuple[str, ...]) -> PyTree:
    """A filter for the model: True at the trainable arrays of some networks, False at buffers and all else."""
    spec = jax.tree.map(lambda _: False, model)
    for path in paths:
        trainable = jax.tree.map(eqx.is_inexact_array, network_at(model.scheme, path), is_leaf=_is_buffer)
        trainable = jax.tree.map(
            lambda node, keep: jax.tree.map(lambda _, keep=keep: keep, node),
            network_at(model.scheme, path),
            trainable,
            is_leaf=_is_buffer,
        )
        spec = eqx.tree_at(lambda tree, path=path: network_at(tree.scheme, path), spec, trainable)
    return spec


def running_state(scheme: Scheme, model: Model, paths: tuple[str, ...]) -> PyTree:
    """The buffers inside some networks of a moved scheme, as a partial model to combine into `model`."""
    buffers = eqx.filter(model, jax.tree.map(lambda _: False, model))
    for path in paths:
        network = network_at(scheme, path)
        kept = jax.tree.map(lambda node: node if _is_buffer(node) else None, network, is_leaf=_is_buffer)
        buffers = eqx.tree_at(
            lambda tree, path=path: network_at(tree.scheme, path), buffers, kept, is_leaf=lambda node: node is None
        )
    return buffers


def _is_buffer(node: object) -> bool:
    return isinstance(node, Buffer)


def initial_state(model: Model, optimizers: Mapping[str, optax.GradientTransformation], averaged: bool) -> TrainState:
    """The state before step 0."""
    players = model.scheme.players()
    states = {
        player: optimizers[player].init(eqx.filter(model, owned_by(model, paths))) for player, paths in players.items()
    }
    average = eqx.filter(model, owned_by(model, network_paths(model.scheme))) if averaged else None
    state = TrainState(model, average, states, jnp.zeros((), jnp.int32))
    # A step consumes its state, so no two leaves may share a buffer.
    return jax.tree.map(lambda leaf: jnp.array(leaf, copy=True) if eqx.is_array(leaf) else leaf, state)


def inference_model(state: TrainState) -> Model:
    """The model to generate with: averaged weights where the run keeps them."""
    if state.average is None:
        return state.model
    return eqx.combine(state.average, state.model)
