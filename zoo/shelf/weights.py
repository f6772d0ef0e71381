"""The arrays of a published model on disk: an Orbax checkpoint of host arrays by their dotted names.

Host arrays, because a checkpoint of device arrays remembers its devices and wants them back. Kept is what sampling
reads: nothing that only training needs, and zeros, which compress to nothing, for weights behind a mask. Numbers are
kept to the bit, but taken apart into bytes: all exponents beside each other compress, all mantissas do not.
"""

from __future__ import annotations

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jaxtyping import Shaped

from zoo.errors import ShelfError
from zoo.layers.masked_linear import without_unseen
from zoo.layers.training_only import without_training_only
from zoo.schemes.model import Model

WORD = 4
"""Bytes of the numbers that are taken apart."""


def save_weights(folder: Path, model: Model) -> None:
    """Write the arrays with which a model samples into a new folder."""
    kept = without_unseen(without_training_only(model))
    arrays = {name: taken_apart(np.asarray(leaf)) for name, leaf in _named(eqx.filter(kept, eqx.is_array)).items()}
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder.absolute(), arrays)
        checkpointer.wait_until_finished()
    # Orbax notes the path it wrote to, which is nobody's business once the checkpoint is published.
    for note in folder.rglob("commit_success.txt"):
        note.unlink()


def restore_weights(folder: Path, like: Model) -> Model:
    """The abstract model `like`, without what only training needs, with the arrays of the folder.

    Raises:
        ShelfError: the folder is not readable, or holds the arrays of another model.
    """
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            stored = checkpointer.restore(folder.absolute())
    except (ValueError, KeyError, OSError) as error:
        raise ShelfError(f"{folder}: the weights cannot be read ({str(error).splitlines()[0]})") from error
    kept = without_training_only(like)
    abstract = eqx.filter(kept, _is_abstract)
    wanted = _named(abstract)
    # Models published under schema 1 have more of what only training needs.
    known = _named(eqx.filter(like, _is_abstract)).keys()
    for name in sorted((wanted.keys() - stored.keys()) | (stored.keys() - known)):
        raise ShelfError(
            f"{folder}: not the weights of this recipe: {name} is {'missing' if name in wanted else 'new'}"
        )
    found = {name: put_together(stored[name], leaf.dtype) for name, leaf in wanted.items()}
    for name, leaf in wanted.items():
        if (leaf.shape, leaf.dtype) != (found[name].shape, found[name].dtype):
            raise ShelfError(
                f"{folder}: not the weights of this recipe: {name} is {found[name].dtype}{found[name].shape}, "
                f"{leaf.dtype}{leaf.shape} is needed"
            )
    arrays = jax.tree.unflatten(jax.tree.structure(abstract), [jnp.asarray(found[name]) for name in wanted])
    return eqx.combine(arrays, eqx.filter(kept, _is_abstract, inverse=True))


def taken_apart(array: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "..."]:
    """Numbers of four bytes as (4, *shape) of uint8, the last byte first; others as they are.

    The sign moves behind the mantissa, so that one of the bytes is a whole exponent.
    """
    if array.dtype.itemsize != WORD:
        return array
    bits = np.ascontiguousarray(array).reshape(*array.shape, 1).view(np.uint32).astype("<u4")
    return np.moveaxis((bits << 1 | bits >> 31).view(np.uint8), -1, 0)


def put_together(stored: Shaped[np.ndarray, "..."], dtype: np.dtype) -> Shaped[np.ndarray, "*shape"]:
    """What `taken_apart` took apart; numbers that are whole, as schema 1 has them, stay as they are."""
    if stored.dtype != np.uint8 or dtype.itemsize != WORD or stored.shape[:1] != (WORD,):
        return stored
    bits = np.ascontiguousarray(np.moveaxis(stored, 0, -1)).view("<u4").astype(np.uint32)
    return (bits >> 1 | bits << 31).view(dtype)[..., 0]


def _named(tree: object) -> dict[str, jax.ShapeDtypeStruct]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _is_abstract(leaf: object) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)
