"""The one catalogue of components: what a recipe may name, and the config behind every name.

A component is a frozen config class, and directly below it in the same file the module it builds:

    @register("architecture", "mlp")
    class MLPConfig(ArchitectureConfig):
        '''Residual multi-layer perceptron for vectors.'''

        width: Annotated[int, Field(ge=1)] = 256
        '''Units of every hidden layer.'''

        def build(self, *, shape, ..., key) -> MLP: ...

A default is given by name, `Field(default="euler")`, so that importing a module needs no other.
A field that holds another component says so with `OneOf`, the kind to choose from; its annotated class is the role
it asks for, and a list of components is an annotated tuple of such fields. The schema of a recipe, its error messages,
`zoo components` and `zoo describe` are all read from what is registered here.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from zoo.errors import ComponentError

ENTRY_POINT_GROUP = "calozoo.components"
ROOMS = ("zoo.detectors", "zoo.data", "zoo.optim", "zoo.architectures", "zoo.evaluation", "zoo.schemes")

DISCRIMINATOR = {"source": "source"}
"""The key that names the component in its table, where it is not `name`: `[data]` says `source`."""


class Config(BaseModel):
    """Base of every component's config: frozen, strict, and intolerant of unknown keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        defer_build=True,
    )

    kind: ClassVar[str]
    component: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, table: Any) -> Any:
        """Accept `"euler"` for `{name = "euler"}` and drop the discriminating key."""
        name = getattr(cls, "component", None)
        if name is None:
            return table
        if table == name:
            return {}
        if isinstance(table, dict) and table.get(discriminator(cls.kind)) == name:
            return {key: value for key, value in table.items() if key != discriminator(cls.kind)}
        return table

    @model_serializer(mode="wrap")
    def _wrap(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        table = serialise(self)
        if getattr(type(self), "component", None) is None:
            return table
        return {discriminator(self.kind): self.component, **table}


C = TypeVar("C", bound=type[Config])

_REGISTERED: dict[str, dict[str, type[Config]]] = {}


def discriminator(kind: str) -> str:
    """The key that names a component of this kind inside its table."""
    return DISCRIMINATOR.get(kind, "name")


def register(kind: str, name: str) -> Any:
    """Class decorator: put a config into the catalogue under a kind and a name.

    Raises:
        ComponentError: the name is taken, or a field would shadow the discriminating key.
    """

    def decorate(config: C) -> C:
        taken = _REGISTERED.get(kind, {}).get(name)
        if taken is not None and taken is not config:
            raise ComponentError(f"{kind} {name!r} is registered twice: {taken.__module__} and {config.__module__}")
        if discriminator(kind) in config.model_fields:
            raise ComponentError(f"{kind} {name!r}: a field may not be called {discriminator(kind)!r}")
        config.kind, config.component = kind, name
        _REGISTERED.setdefault(kind, {})[name] = config
        return config

    return decorate


@cache
def load() -> None:
    """Import every built-in component and those of installed packages (entry points `calozoo.components`)."""
    for room in ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, prefix=f"{room}."):
            importlib.import_module(module.name)
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        try:
            entry.load()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ComponentError(f"components of {entry.name!r} ({entry.value}) cannot be loaded: {reason}") from error


def kinds() -> tuple[str, ...]:
    """Every kind that has a component, in alphabetical order."""
    load()
    return tuple(sorted(_REGISTERED))


def components(kind: str) -> Mapping[str, type[Config]]:
    """Name to config class of every component of one kind, in alphabetical order."""
    load()
    return dict(sorted(_REGISTERED.get(kind, {}).items()))


@dataclass(frozen=True)
class OneOf:
    """Annotation of a field that holds one component of a kind: `Annotated[SamplerConfig, OneOf("sampler")]`."""

    kind: str
    implied: tuple[tuple[str, str], ...] = ()
    """(key, name) pairs: a table without a name but with `key` means component `name`."""
    default: str | None = None
    """The component meant by a table that names none."""

    def choose(self, table: Any) -> str | None:
        """The name of the component that a table (or bare string, or config) asks for; None if it asks for none."""
        if isinstance(table, Config):
            return table.component
        if isinstance(table, str):
            return table
        if isinstance(table, dict):
            name = table.get(discriminator(self.kind))
            if name is not None:
                return name if isinstance(name, str) else repr(name)
            return next((implied for key, implied in self.implied if key in table), self.default)
        return None

    def fitting(self, role: Any) -> Mapping[str, type[Config]]:
        """The components of this kind that fill a role: subclasses of the annotated config class."""
        role = role if isinstance(role, type) else Config
        return {name: config for name, config in components(self.kind).items() if issubclass(config, role)}

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        arms = {name: handler.generate_schema(config) for name, config in self.fitting(source).items()}
        return core_schema.tagged_union_schema(arms, discriminator=self.choose)


@dataclass(frozen=True)
class Published:
    """Annotation of a field whose published code behaves otherwise than the default, which is the clean behaviour.

    `drop_token: Annotated[Literal["last", "first"], Published("first")] = "last"`: under `compat = "published"` every
    such field that the recipe does not set takes the published value.
    """

    value: Any
    """The published code's value, as a recipe would write it."""


@dataclass(frozen=True)
class SamplingOnly:
    """Annotation of a field that has no say in training: it decides how the trained model generates.

    `sampler: Annotated[SamplerConfig, OneOf("sampler"), SamplingOnly()]`: a stage that differs from a trained one only
    in such fields takes over its weights.
    """


M = TypeVar("M", Published, SamplingOnly)


def published(field: FieldInfo) -> Published | None:
    """The published code's value of a field, where it differs from the default."""
    return _marker(Published, field.annotation, field.metadata)


def sampling_only(field: FieldInfo) -> bool:
    """Whether a field decides only how the trained model generates."""
    return _marker(SamplingOnly, field.annotation, field.metadata) is not None


def _marker(kind: type[M], annotation: Any, metadata: Any) -> M | None:
    for item in metadata:
        if isinstance(item, kind):
            return item
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _marker(kind, arguments[0], arguments[1:])
    if origin in (Union, UnionType):
        return next((found for part in arguments if (found := _marker(kind, part, ()))), None)
    return None


def slot(field: FieldInfo) -> OneOf | None:
    """The kind of component a field holds, or None for a plain value."""
    return _slot_of(field.annotation, field.metadata)


def _slot_of(annotation: Any, metadata: Any) -> OneOf | None:
    for item in metadata:
        if isinstance(item, OneOf):
            return item
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *rest = get_args(annotation)
        return _slot_of(base, rest)
    if origin in (tuple, dict, Union, UnionType):
        return next((found for arg in get_args(annotation) if (found := _slot_of(arg, ()))), None)
    return None
