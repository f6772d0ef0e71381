"""Shape aliases used in every signature.

The letters in comments and docstrings: `B` batch, `H` rows, `W` columns, `C` image channels,
`F` condition features, `M` condition maps, `R` readout channels, `P` particle columns.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

Key = PRNGKeyArray
"""A typed JAX random key."""

Scalar = Float[Array, ""]

Counts = Int[np.ndarray, "N H W"]
"""Photon counts on the host, in the integer dtype of their file."""

Particles = Float[np.ndarray, "N P"]
"""Particle columns in physical units on the host, float64, in the detector's column order."""

Response = Float[Array, "B H W"]
"""Responses in photons, float32."""
