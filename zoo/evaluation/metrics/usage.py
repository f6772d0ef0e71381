"""How evenly the entries of a codebook are used."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def usage(counts: Int[np.ndarray, " K"]) -> dict[str, float | int]:
    """What there is to say about how often each entry was chosen; `counts` holds at least one choice.

    The number of `entries`, how many of them were `used`, and their `perplexity`, exp of the entropy of their shares:
    as many entries, used evenly, would be as uncertain. From 1 to `used`.
    """
    chosen = counts[counts > 0]
    shares = chosen / chosen.sum()
    perplexity = float(np.exp(-np.sum(shares * np.log(shares))))
    return {"entries": len(counts), "used": len(chosen), "perplexity": perplexity}
