"""What a model on the shelf may be called."""

from __future__ import annotations

import re

from zoo.errors import ShelfError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def is_name(text: str) -> bool:
    """Whether a text can be the name of a model; such a name is also a safe file name."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """The name itself.

    Raises:
        ShelfError: it cannot be the name of a model.
    """
    if not is_name(text):
        raise ShelfError(
            f"{text!r}: not a model name; use letters, digits, '_', '-' and '.', not starting with '-' or '.'"
        )
    return text
