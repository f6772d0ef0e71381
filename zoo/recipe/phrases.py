"""What a key accepts, in plain words, read from its annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types

from zoo.recipe.places import Component, Many, Place, Value, place_of
from zoo.schemes.stage_reference import StageReference

_PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path (text)"}


def phrase(place: Place | None) -> str:
    """What may stand at a place, to follow "must be"."""
    if isinstance(place, Component):
        return f"{article(place.slot.kind)}: {alternatives(list(place.slot.fitting(place.role)))}"
    if isinstance(place, Many):
        holder = "a table of named items" if place.keyed else "a list"
        return f"{holder}{_lengths(place.metadata)}, each {phrase(place.item)}"
    if isinstance(place, Value):
        return _value(place)
    return "a table"


def alternatives(names: Sequence[str]) -> str:
    """`a`, `a or b`, `a, b or c`; none at all said in words."""
    if len(names) < 2:
        return "".join(names) or "none exists"
    return f"{', '.join(names[:-1])} or {names[-1]}"


def article(kind: str) -> str:
    """A kind with its indefinite article; kinds in the plural go without."""
    if kind in ("features", "maps"):
        return kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _value(place: Value) -> str:
    annotation, origin = place.annotation, get_origin(place.annotation)
    if any(isinstance(item, StageReference) for item in place.metadata):
        return "the name of an earlier stage"
    if origin is Literal:
        return alternatives([str(choice) for choice in get_args(annotation)])
    if origin in (Union, UnionType):
        return alternatives([phrase(place_of(part)) for part in get_args(annotation) if part is not NoneType])
    if origin is tuple:
        items = [phrase(place_of(part)) for part in get_args(annotation)]
        return f"a list of {len(items)} items: {', '.join(items)}"
    plain = _PLAIN.get(annotation) or getattr(annotation, "__name__", str(annotation))
    return plain + (_lengths(place.metadata) if annotation is str else _range(place.metadata))


def _range(metadata: Sequence[Any]) -> str:
    limits = {type(item): item for item in metadata}
    least, most = limits.get(annotated_types.Ge), limits.get(annotated_types.Le)
    above, under = limits.get(annotated_types.Gt), limits.get(annotated_types.Lt)
    step = limits.get(annotated_types.MultipleOf)
    if least and most:
        words = [f"from {least.ge:.10g} to {most.le:.10g}"]
    else:
        words = [
            *([f"at least {least.ge:.10g}"] if least else []),
            *([f"greater than {above.gt:.10g}"] if above else []),
            *([f"at most {most.le:.10g}"] if most else []),
            *([f"less than {under.lt:.10g}"] if under else []),
        ]
    if step:
        words.append(f"a multiple of {step.multiple_of:.10g}")
    return (" " if words else "") + " and ".join(words)


def _lengths(metadata: Sequence[Any]) -> str:
    least = next((item.min_length for item in metadata if isinstance(item, annotated_types.MinLen)), 0)
    most = next((item.max_length for item in metadata if isinstance(item, annotated_types.MaxLen)), None)
    if most is not None:
        return f" (length {least} to {most})"
    return " (not empty)" if least == 1 else f" (at least {least})" if least else ""
