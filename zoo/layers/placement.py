"""Where the arrays of a run live, and how several devices share the events of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from zoo.typing import Key

EVENTS = "events"
"""The axis of the mesh, along which a batch is cut."""

T = TypeVar("T")


def placed(tree: Any) -> Any:
    """The tree with its arrays (NumPy or JAX) committed to the run's first device.

    XLA compiles a second program when an argument changes from uncommitted to committed, as a fresh state does after
    its first step and a restored one is from the start.
    """
    return _put(tree, jax.local_devices()[0])


@dataclass(frozen=True)
class Placement:
    """One device, or several that share every batch equally: each holds all weights and sees its part of the events.

    Sharing is for losses that are means over events (`SchemeConfig.separable`): the mean of the parts' losses and
    gradients is then that of the whole batch, and nothing else is exchanged. On a CPU it pays because the small
    operations of small networks do not fill a core each, while half a batch per core does.
    """

    devices: int = 1

    @cached_property
    def _mesh(self) -> Mesh | None:
        if self.devices == 1:
            return None
        there = jax.local_devices()[: self.devices]
        return jax.make_mesh((self.devices,), (EVENTS,), axis_types=(AxisType.Auto,), devices=there)

    def everywhere(self, tree: Any) -> Any:
        """The tree with its arrays on every device."""
        return placed(tree) if self._mesh is None else _put(tree, NamedSharding(self._mesh, PartitionSpec()))

    def parted(self, tree: Any, axis: int) -> Any:
        """The tree with its arrays cut among the devices along the axis of the events."""
        if self._mesh is None:
            return placed(tree)
        return _put(tree, NamedSharding(self._mesh, PartitionSpec(*[None] * axis, EVENTS)))

    def mean(self, function: Callable[[Any, Any, Key], T], shared: Any, events: Any, key: Key) -> T:
        """`function(shared, events, key)`, a tree of means over the events; traced inside a jitted step.

        Args:
            function: is given a part of the events on every device, and a key of its own.
            shared: the same everywhere, such as the model.
            events: a tree of arrays (B, ...).
            key: of the whole batch.
        """
        if self._mesh is None:
            return function(shared, events, key)
        arrays, static = eqx.partition(shared, eqx.is_array)

        def part(arrays: Any, events: Any, key: Key) -> T:
            own = jax.random.fold_in(key, jax.lax.axis_index(EVENTS))
            return jax.lax.pmean(function(eqx.combine(arrays, static), events, own), EVENTS)

        # Without the checks of varying axes a gradient is that of the device's own part, as the mean expects.
        everywhere, cut = PartitionSpec(), PartitionSpec(EVENTS)
        sharing = jax.shard_map(
            part, mesh=self._mesh, in_specs=(everywhere, cut, everywhere), out_specs=everywhere, check_vma=False
        )
        return sharing(arrays, events, key)

    def each(
        self, function: Callable[[Any, Any], Float[Array, "..."]], shared: Any, items: Any
    ) -> Float[Array, "D ..."]:
        """`function(shared, item)` for as many items as there are devices, one on each; traced inside a jitted call.

        Args:
            function: is given one item.
            shared: the same everywhere, such as the model.
            items: a tree of arrays (devices, ...).
        """
        arrays, static = eqx.partition(shared, eqx.is_array)

        def own(arrays: Any, items: Any) -> Float[Array, "1 ..."]:
            return function(eqx.combine(arrays, static), jax.tree.map(lambda item: item[0], items))[None]

        if self._mesh is None:
            return own(arrays, items)
        everywhere, cut = PartitionSpec(), PartitionSpec(EVENTS)
        sharing = jax.shard_map(own, mesh=self._mesh, in_specs=(everywhere, cut), out_specs=cut, check_vma=False)
        return sharing(arrays, items)


def _put(tree: Any, where: Any) -> Any:
    kinds = (jax.Array, np.ndarray, np.generic)
    return jax.tree.map(lambda leaf: jax.device_put(leaf, where) if isinstance(leaf, kinds) else leaf, tree)
