"""How deep tables and lists may lie within each other."""

from __future__ import annotations

from typing import Any

DEEPEST = 24
"""Levels a recipe may have; no component of the zoo needs half of them."""


def too_deep(table: Any) -> bool:
    """Whether plain values are nested beyond `DEEPEST` levels; found without recursion."""
    level = [table]
    for _ in range(DEEPEST):
        inner = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [value for values in inner for value in values]
        if not level:
            return False
    return True
