"""From expected photons to whole ones, without losing or inventing any."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from zoo.data.readout import Readout
from zoo.typing import Key


def whole_photons(response: Float[Array, "B H W"], readout: Readout, key: Key) -> Float[Array, "B H W"]:
    """Round at random to the neighbouring whole numbers so that the mean and every channel's sum are kept.

    Systematic sampling: the pixels of a channel are laid end to end in random order, each as long as its photons, and
    every whole number (shifted by one random offset per response) that falls on a pixel is a photon of it. A pixel of
    0.3 photons is lit with probability 0.3; a sum that is a whole number is kept exactly.
    """
    order_key, offset_key = jax.random.split(key)
    batch = response.shape[0]
    channel = jnp.asarray(np.argmax(readout.detector.readout, axis=0).reshape(-1))
    order = jnp.argsort(channel + jax.random.uniform(order_key, channel.shape))
    edges = jnp.cumsum(readout(response), axis=-1)
    # The running sum of float32 numbers drifts; a channel ends exactly where the sum of its predecessors says.
    drifted = jnp.cumsum(response.reshape(batch, -1)[:, order], axis=-1)
    owner = channel[order]
    last = jnp.append(owner[1:] != owner[:-1], True)
    running = jnp.where(last, edges[:, owner], jnp.minimum(drifted, edges[:, owner]))
    reached = jnp.floor(running + jax.random.uniform(offset_key, (batch, 1)))
    photons = jnp.maximum(jnp.diff(reached, axis=-1, prepend=0.0), 0.0)
    return jnp.zeros_like(photons).at[:, order].set(photons).reshape(response.shape)
