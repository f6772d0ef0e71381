"""The catalogue: what may be registered, what every component promises, and how a table chooses one."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from zoo import catalogue
from zoo.catalogue import Config, OneOf, components, discriminator, kinds, register, slot
from zoo.errors import ComponentError
from zoo.schemes.flow_matching import FlowMatchingConfig
from zoo.schemes.samplers.sampler import SamplerConfig

EVERYTHING = [(kind, name) for kind in kinds() for name in components(kind)]


def required(config: type[Config]) -> dict[str, Any]:
    """The least that a component's table must say: of every field without a default the simplest value that fits."""
    return {name: simplest(info) for name, info in config.model_fields.items() if info.is_required()}


def simplest(field: FieldInfo) -> Any:
    choice = slot(field)
    if choice is None:
        return {str: "first", float: 0.5, int: 1}[field.annotation]
    name, config = next(iter(choice.fitting(field.annotation).items()))
    return {discriminator(choice.kind): name, **required(config)}


REQUIRED = [(kind, name) for kind, name in EVERYTHING if required(components(kind)[name])]


def table(kind: str, name: str) -> dict[str, Any]:
    return {discriminator(kind): name, **required(components(kind)[name])}


def holder(kind: str, **options: Any) -> type[Config]:
    """A config with one field for a component of this kind."""
    return create_model("Holder", __base__=Config, part=(Annotated[Config, OneOf(kind, **options)], ...))


@pytest.fixture
def registered() -> Iterator[None]:
    """Forget afterwards what a test registers."""
    before = {kind: dict(names) for kind, names in catalogue._REGISTERED.items()}
    yield
    catalogue._REGISTERED.clear()
    catalogue._REGISTERED.update(before)


def test_the_kinds_of_the_design_are_there():
    assert {"detector", "source", "transform", "architecture", "scheme", "sampler", "optimizer", "schedule"} <= set(
        kinds()
    )
    assert set(components("detector")) >= {"zn", "zp"}
    assert set(components("source")) >= {"sample", "npz"}
    assert components("no such kind") == {}


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_every_config_is_frozen_strict_and_forbids_what_it_does_not_know(kind: str, name: str):
    config = components(kind)[name]
    for setting in ("frozen", "strict", "validate_default"):
        assert config.model_config.get(setting) is True
    assert config.model_config.get("extra") == "forbid"
    assert config.model_config.get("allow_inf_nan") is False
    assert (config.kind, config.component) == (kind, name)
    built = config.model_validate(table(kind, name))
    with pytest.raises(ValidationError, match="frozen"):
        built.kind_of_magic = 1
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        config.model_validate(table(kind, name) | {"kind_of_magic": 1})


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_every_config_and_every_field_is_documented(kind: str, name: str):
    config = components(kind)[name]
    assert (config.__doc__ or "").strip()
    assert config.__doc__ != Config.__doc__
    assert not [field for field, info in config.model_fields.items() if not (info.description or "").strip()]


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_every_config_stands_above_what_it_builds(kind: str, name: str):
    """Contract 1: the config and the module it builds are in the same file."""
    config = components(kind)[name]
    assert not inspect.isabstract(config)
    assert config.__name__.endswith("Config")


@pytest.mark.parametrize(("kind", "name"), EVERYTHING)
def test_a_component_survives_being_written_and_read(kind: str, name: str):
    Holder = holder(kind)
    chosen = Holder.model_validate({"part": table(kind, name)})
    written = chosen.model_dump(mode="json")
    assert written["part"][discriminator(kind)] == name
    assert Holder.model_validate(written) == chosen
    assert Holder.model_validate(chosen.model_dump()) == chosen


@pytest.mark.parametrize(("kind", "name"), [pair for pair in EVERYTHING if pair not in REQUIRED])
def test_a_bare_name_means_a_table_of_nothing_else(kind: str, name: str):
    Holder = holder(kind)
    bare = Holder.model_validate({"part": name})
    assert bare == Holder.model_validate({"part": {discriminator(kind): name}})
    assert type(bare.part) is components(kind)[name]
    assert bare == Holder(part=components(kind)[name]())


@pytest.mark.parametrize(("kind", "name"), [pair for pair in EVERYTHING if pair in REQUIRED])
def test_a_bare_name_is_not_enough_where_something_is_required(kind: str, name: str):
    with pytest.raises(ValidationError, match="Field required"):
        holder(kind).model_validate({"part": name})


@pytest.mark.parametrize(
    "part", ["no_such_sampler", {"name": "no_such_sampler"}, {"name": 3}, {"steps": 3}, 7, None, ["euler"]]
)
def test_what_names_no_component_is_refused(part: Any):
    with pytest.raises(ValidationError):
        holder("sampler").model_validate({"part": part})


def test_a_table_without_a_name_may_mean_a_component():
    Holder = holder("source", implied=(("path", "npz"),), default="sample")
    for part, name in (({"path": "a"}, "npz"), ({"limit": 3}, "sample"), ({}, "sample"), ({"source": "npz"}, "npz")):
        assert Holder.model_validate({"part": part}).part.component == name


def test_values_are_never_bent_to_fit():
    for part in ({"name": "euler", "steps": "11"}, {"name": "euler", "steps": 11.0}, {"name": "euler", "steps": True}):
        with pytest.raises(ValidationError):
            holder("sampler").model_validate({"part": part})
    with pytest.raises(ValidationError):
        holder("transform").model_validate({"part": {"name": "scale", "factor": float("nan")}})


def test_a_second_component_of_the_same_name_is_refused(registered: None):
    with pytest.raises(
        ComponentError, match=r"^sampler 'euler' is registered twice: zoo\.schemes\.samplers\.euler and "
    ):

        @register("sampler", "euler")
        class Other(Config):
            """Not Euler's."""

    assert components("sampler")["euler"].__module__ == "zoo.schemes.samplers.euler"


def test_registering_the_same_class_again_changes_nothing(registered: None):
    before = components("sampler")["euler"]
    assert register("sampler", "euler")(before) is before
    assert components("sampler")["euler"] is before


@pytest.mark.parametrize(("kind", "field"), [("sampler", "name"), ("source", "source")])
def test_a_field_may_not_hide_the_name_of_the_component(registered: None, kind: str, field: str):
    config = create_model("Hiding", __base__=Config, **{field: (str, "x")})
    with pytest.raises(ComponentError, match=f"^{kind} 'hiding': a field may not be called '{field}'$"):
        register(kind, "hiding")(config)
    assert "hiding" not in components(kind)


def test_a_refused_registration_leaves_no_empty_kind_behind(registered: None):
    config = create_model("Hiding", __base__=Config, name=(str, "x"))
    with pytest.raises(ComponentError):
        register("sort", "hiding")(config)
    assert "sort" not in kinds()


def test_a_registered_toy_can_be_chosen_where_its_role_is_asked_for(registered: None):
    @register("sampler", "toy")
    class ToyConfig(SamplerConfig):
        """Stays where it is."""

        patience: Annotated[int, Field(ge=1)] = 3
        """How long."""

        def integrate(self, velocity: Any, noise: Any) -> Any:
            """Nothing moves."""
            return noise

    @register("sampler", "stranger")
    class StrangerConfig(Config):
        """Registered under the kind, but of another role."""

    Holder = create_model("Holder", __base__=Config, part=(Annotated[SamplerConfig, OneOf("sampler")], ...))
    assert isinstance(Holder.model_validate({"part": {"name": "toy", "patience": 4}}).part, ToyConfig)
    assert list(components("sampler")) == sorted(components("sampler"))
    assert "toy" in OneOf("sampler").fitting(SamplerConfig)
    assert "stranger" not in OneOf("sampler").fitting(SamplerConfig)
    with pytest.raises(ValidationError, match="toy"):
        Holder.model_validate({"part": "stranger"})


def test_the_slot_of_a_field_is_found_through_its_annotation():
    fields = FlowMatchingConfig.model_fields
    assert {name: found.kind for name, info in fields.items() if (found := slot(info))} == {
        "network": "architecture",
        "time": "time",
        "sampler": "sampler",
    }
    target = components("target")["response"].model_fields["transforms"]
    assert slot(target) == OneOf("transform")


def entry_point(name: str, load: Any) -> Any:
    return SimpleNamespace(name=name, value=f"{name}:plugin", load=load)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, registered: None) -> Iterator[list[Any]]:
    """A list of entry points that count as installed."""
    found: list[Any] = []

    def entry_points(*, group: str) -> list[Any]:
        return found if group == "calozoo.components" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    catalogue.load.cache_clear()
    yield found
    catalogue.load.cache_clear()


def test_installed_packages_bring_their_components(installed: list[Any]):
    def load() -> None:
        register("sampler", "foreign")(create_model("ForeignConfig", __base__=SamplerConfig))

    installed.append(entry_point("foreign", load))
    assert "foreign" in components("sampler")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ImportError("no module named gone"), "ImportError: no module named gone"), (ValueError(), "ValueError: ")],
)
def test_an_installed_package_that_cannot_be_loaded_is_named_in_one_line(
    installed: list[Any], error: Exception, reason: str
):
    def load() -> None:
        raise error

    installed.append(entry_point("broken", load))
    with pytest.raises(ComponentError) as raised:
        components("sampler")
    assert str(raised.value) == f"components of 'broken' (broken:plugin) cannot be loaded: {reason}"
