"""How several losses of the same responses are put together: by their values, or by the forces they exert."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from zoo.layers.gradient_balance import with_gradient_norm
from zoo.typing import Scalar

Balance = Literal["values", "gradients"]
"""What the weight of a loss means: a factor of its value, or the norm of its gradient with respect to the responses."""

Images = Float[Array, "B H W"]
WeightedLoss = tuple[float, Callable[[Images], Scalar]]
"""(weight, loss as a function of the responses in model space)."""


def balanced(x: Images, losses: Mapping[str, WeightedLoss], balance: Balance) -> tuple[Scalar, dict[str, Scalar]]:
    """(what to minimise, every loss before it is weighted).

    Under "gradients" every loss looks at the responses through a path of its own, on which its gradient is given the
    length of its weight (FM paper, equation 7; schemes 6); the first number is then the plain sum, and only its
    gradient is balanced. A loss of weight 0 exerts no force either way.
    """
    if balance == "values":
        values = {name: loss(x) for name, (_, loss) in losses.items()}
        return sum((weight * values[name] for name, (weight, _) in losses.items()), jnp.zeros(())), values
    values = {name: loss(with_gradient_norm(x, weight)) for name, (weight, loss) in losses.items()}
    return sum(values.values(), jnp.zeros(())), values
