"""What the schema expects at a key path: a table, a component, a mapping, a list or a plain value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from zoo.catalogue import Config, OneOf, discriminator

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Value:
    """A plain value; `metadata` holds the annotations it came with."""

    annotation: Any
    metadata: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Table:
    """The table of one config class."""

    config: type[Config]


@dataclass(frozen=True)
class Component:
    """A component of one kind that fills a role."""

    slot: OneOf
    role: type[Config]
    default: str | None = None
    """The component meant by a table that names none."""

    def chosen(self, value: Any) -> str | None:
        """The name of the component that a value asks for, outright or by default; None where it asks for none."""
        return self.slot.choose(value) or (self.default if isinstance(value, Mapping) else None)

    def table(self, value: Any) -> Table | None:
        """The table of the component that a value asks for; None where it asks for none that fits."""
        config = self.slot.fitting(self.role).get(self.chosen(value) or "")
        return None if config is None else Table(config)

    @property
    def key(self) -> str:
        """The key that names the component."""
        return discriminator(self.slot.kind)

    def names(self, value: Any) -> str | None:
        """The component that a value names itself, outright or by an implying key, not by default."""
        without_default = OneOf(self.slot.kind, self.slot.implied)
        return without_default.choose(value)


@dataclass(frozen=True)
class Many:
    """A list or a mapping whose items are all of one place."""

    item: Place
    keyed: bool
    metadata: tuple[Any, ...] = ()


Place = Value | Table | Component | Many


def place_of(annotation: Any, metadata: Sequence[Any] = ()) -> Place:
    """The place that an annotated type describes; of a union the first part that is not a plain value."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *inner = get_args(annotation)
        return place_of(base, (*metadata, *_unpacked(inner)))
    slot = next((item for item in metadata if isinstance(item, OneOf)), None)
    if slot is not None:
        return Component(slot, annotation if isinstance(annotation, type) else Config)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, Config):
        return Table(annotation)
    if origin in (Union, UnionType):
        parts = [place_of(part) for part in get_args(annotation) if part is not NoneType]
        plain = Value(annotation, tuple(metadata))
        return next((part for part in parts if not isinstance(part, Value)), plain if len(parts) != 1 else parts[0])
    items = [argument for argument in get_args(annotation) if argument is not Ellipsis]
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(items) == 2:
        return Many(place_of(items[1]), True, tuple(metadata))
    if origin in (tuple, list, Sequence) and len(items) == 1:
        return Many(place_of(items[0]), False, tuple(metadata))
    return Value(annotation, tuple(metadata))


def _unpacked(metadata: Sequence[Any]) -> Iterator[Any]:
    """The constraints of `Field(...)` inside an annotation, one by one."""
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else (item,)


def children(table: Table) -> dict[str, Place]:
    """Key to place of every key of a table, in the order of the class."""
    return {name: _place_of_field(field) for name, field in table.config.model_fields.items()}


def _place_of_field(field: FieldInfo) -> Place:
    place = place_of(field.annotation, tuple(field.metadata))
    if isinstance(place, Component) and isinstance(field.default, str | dict):
        return replace(place, default=place.slot.choose(field.default))
    return place


def step(place: Place | None, key: str | int, value: Any) -> Place | None:
    """The place below a key, given the value found at the place itself; None where the schema has nothing there."""
    if isinstance(place, Component):
        place = place.table(value)
    if isinstance(place, Table):
        return children(place).get(str(key))
    if isinstance(place, Many):
        return place.item if isinstance(key, str) == place.keyed else None
    return None


def below(value: Any, key: str | int) -> Any:
    """The value below a key; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list | tuple) and isinstance(key, int) and key < len(value):
        return value[key]
    return None


def with_names(place: Place | None, value: Any) -> Any:
    """Plain values in which a table that means its field's default component names it."""
    if isinstance(value, list):
        return [with_names(step(place, number, value), item) for number, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    table = {key: with_names(step(place, key, value), item) for key, item in value.items()}
    if isinstance(place, Component) and place.default and place.slot.choose(value) is None:
        return {place.key: place.default, **table}
    return table


def walk(place: Place | None, value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Place | None, Any]]:
    """Every (key path, place, value) of a table of plain values, from the top down."""
    yield path, place, value
    if isinstance(value, Mapping):
        keys: Sequence[str | int] = list(value)
    elif isinstance(value, list | tuple):
        keys = range(len(value))
    else:
        return
    for key in keys:
        yield from walk(step(place, key, value), below(value, key), (*path, key))


def at(place: Place | None, value: Any, path: KeyPath) -> tuple[Place | None, Any]:
    """The place and the value at a key path."""
    for key in path:
        place, value = step(place, key, value), below(value, key)
    return place, value
