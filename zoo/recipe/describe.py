"""What `zoo components` and `zoo describe` say, read from the catalogue and the schema."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from zoo.catalogue import Config, components, kinds, published
from zoo.errors import ComponentError
from zoo.recipe.phrases import phrase
from zoo.recipe.places import place_of
from zoo.recipe.problem import shown
from zoo.recipe.schema import (
    EvaluateConfig,
    MemberConfig,
    ModelConfig,
    PlayerConfig,
    PublishedConfig,
    RecipeFile,
    SweepConfig,
    TrainConfig,
)
from zoo.recipe.suggestions import nearest
from zoo.schemes.autoencoders.adversary import AdversaryConfig

TABLES: Mapping[str, type[Config]] = {
    "recipe": RecipeFile,
    "model": ModelConfig,
    "train": TrainConfig,
    "players": PlayerConfig,
    "adversary": AdversaryConfig,
    "evaluate": EvaluateConfig,
    "published": PublishedConfig,
    "sweep": SweepConfig,
    "members": MemberConfig,
}
"""The tables of a recipe around the components, which `zoo describe` explains as well."""


@dataclass(frozen=True)
class ComponentRow:
    """One line of `zoo components`."""

    kind: str
    name: str
    summary: str


@dataclass(frozen=True)
class KeyRow:
    """One key of a component or table."""

    key: str
    accepts: str
    """Type and range in plain words, or the components to choose from."""
    default: str
    """As TOML; `required` or `absent` where there is none."""
    meaning: str
    published: str | None
    """The published code's value as TOML, where it is another than the default."""


@dataclass(frozen=True)
class Description:
    """One component, or one table of a recipe."""

    kind: str
    """The component's kind; `table` for a table."""
    name: str
    text: str
    keys: tuple[KeyRow, ...]


def component_rows(kind: str | None = None) -> list[ComponentRow]:
    """Every component of one kind, or of all.

    Raises:
        ComponentError: there is no such kind.
    """
    if kind is not None and kind not in kinds():
        raise ComponentError(
            f"{kind}: no such kind of component; there are {', '.join(kinds())}{_advice(kind, kinds())}"
        )
    chosen = kinds() if kind is None else (kind,)
    return [
        ComponentRow(each, name, _text(config).split("\n")[0])
        for each in chosen
        for name, config in components(each).items()
    ]


def describe(name: str) -> list[Description]:
    """Everything of a name: components of any kind, and the recipe's tables.

    Raises:
        ComponentError: there is nothing of that name.
    """
    found = [_description(kind, name, components(kind)[name]) for kind in kinds() if name in components(kind)]
    if name in TABLES:
        found.insert(0, _description("table", name, TABLES[name]))
    if not found and name in kinds():
        raise ComponentError(f"{name}: a kind of component; `zoo components {name}` lists them")
    if not found:
        names = [*TABLES, *(component for kind in kinds() for component in components(kind))]
        raise ComponentError(f"{name}: no such component or table; `zoo components` lists them{_advice(name, names)}")
    return found


def _advice(word: str, names: Any) -> str:
    found = nearest(word, names, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _text(config: type[Config]) -> str:
    return inspect.cleandoc(config.__doc__ or "")


def _description(kind: str, name: str, config: type[Config]) -> Description:
    keys = tuple(_row(key, field) for key, field in config.model_fields.items())
    return Description(kind, name, _text(config), keys)


def _row(key: str, field: FieldInfo) -> KeyRow:
    accepts = phrase(place_of(field.annotation, tuple(field.metadata)))
    meaning = " ".join((field.description or "").split())
    marker = published(field)
    other = None if marker is None else shown(marker.value)
    return KeyRow(key, accepts.removeprefix("a ").removeprefix("an "), _default(field), meaning, other)


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    return "absent" if default is None else shown(_brief(default))


def _brief(value: Any) -> Any:
    """A default as a recipe would write it."""
    if isinstance(value, Config):
        table = value.model_dump(mode="json", exclude_defaults=True)
        return next(iter(table.values())) if len(table) == 1 else table
    return [_brief(item) for item in value] if isinstance(value, tuple) else value
