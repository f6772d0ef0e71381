"""The order of events: every event once per epoch, and a function of the step alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.data.batches import BatchOrder

sizes = {"events": st.integers(1, 50), "batch_size": st.integers(1, 120), "seed": st.integers(0, 2**40)}


@given(**sizes)
def test_every_event_comes_once_per_epoch_and_every_batch_is_full(events: int, batch_size: int, seed: int):
    order = BatchOrder(events, batch_size, seed)
    steps = -(-3 * events // batch_size)
    batches = [order.rows(step) for step in range(steps)]
    assert {len(batch) for batch in batches} == {batch_size}
    epochs = np.concatenate(batches)[: 3 * events].reshape(3, events)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(events), (3, 1)))


@given(steps=st.lists(st.integers(0, 1000), min_size=1, max_size=10), **sizes)
def test_a_batch_is_a_function_of_seed_and_step(steps: list[int], events: int, batch_size: int, seed: int):
    one, other = BatchOrder(events, batch_size, seed), BatchOrder(events, batch_size, seed)
    for step in range(3):
        one.rows(step)
    for step in steps:
        np.testing.assert_array_equal(one.rows(step), other.rows(step))


def first_epoch(seed: int = 0, stage: int = 0) -> list[int]:
    return BatchOrder(100, 100, seed, stage).rows(0).tolist()


def test_epochs_seeds_and_stages_have_different_orders():
    order = BatchOrder(100, 100, 0)
    orders = [order.rows(epoch).tolist() for epoch in range(5)]
    orders += [first_epoch(seed=1), first_epoch(stage=1), first_epoch(seed=1, stage=1), first_epoch(stage=2**31)]
    assert len({tuple(rows) for rows in orders}) == len(orders)


def test_the_batch_size_does_not_change_the_order_of_events():
    small, large = BatchOrder(30, 4, 7), BatchOrder(30, 12, 7)
    np.testing.assert_array_equal(
        np.concatenate([small.rows(step) for step in range(9)]), np.concatenate([large.rows(step) for step in range(3)])
    )


@pytest.mark.parametrize(
    ("events", "batch_size", "epochs", "steps"),
    [(214_746, 256, 50, 41_943), (90_772, 256, 50, 17_729), (100, 10, 0.5, 5), (10, 100, 1, 1), (1000, 1, 1e-4, 1)],
)
def test_steps_of_so_many_epochs(events: int, batch_size: int, epochs: float, steps: int):
    assert BatchOrder(events, batch_size, 0).steps(epochs) == steps
