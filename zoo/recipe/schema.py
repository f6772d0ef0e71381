"""What a recipe may say: the tables around the components of the catalogue.

A recipe of one stage writes `[model]` and `[train]` at the top; it is the same as one stage called `main`. Several
stages are `[stages.NAME.model]` and `[stages.NAME.train]`, trained in the order in which they are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from zoo.catalogue import Config, OneOf, Published
from zoo.data.source import SourceConfig
from zoo.detectors.detector import DetectorConfig
from zoo.evaluation.metrics.metric import MetricConfig, metric_configs
from zoo.optim.optimizer import OptimizerConfig
from zoo.optim.precision import Precision
from zoo.optim.schedule import ScheduleConfig
from zoo.recipe.compat import as_published
from zoo.recipe.merge import Subject
from zoo.recipe.places import KeyPath, Table, with_names
from zoo.recipe.problem import Problem
from zoo.recipe.references import misplaced
from zoo.recipe.suggestions import nearest
from zoo.recipe.untrained import untrained
from zoo.schemes.model import ModelConfig

ONLY_STAGE = "main"
"""The name of the stage of a recipe that writes `[model]` and `[train]` at the top."""

STAGE_TABLES = ("model", "train")

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def _identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise PydanticCustomError("name", "a name is made of letters, digits and underscores, and starts with no digit")
    return name


Name = Annotated[str, AfterValidator(_identifier)]
"""The name of a stage or a player; it also names directories."""


def _figure(name: str) -> str:
    known = sorted({config.figure or name for name, config in metric_configs().items()})
    if name not in known:
        meant = nearest(name, known, 1)
        advice = f"did you mean {meant[0]}?" if meant else f"known: {', '.join(known)}"
        raise PydanticCustomError("figure", "no metric has a figure of this name; {advice}", {"advice": advice})
    return name


Figure = Annotated[str, AfterValidator(_figure)]
"""What papers call a metric."""


class PlayerConfig(Config):
    """A `[train.players.NAME]` table: where one player departs from the rest of `[train]`."""

    optimizer: Annotated[OptimizerConfig, OneOf("optimizer")] | None = None
    """This player's optimizer; that of `[train]` where absent."""
    schedule: Annotated[ScheduleConfig, OneOf("schedule")] | None = None
    """This player's learning rate schedule; that of `[train]` where absent."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """This player's gradient clipping; that of `[train]` where absent."""


class TrainConfig(Config):
    """The `[train]` table: how long and how a stage is trained."""

    epochs: Annotated[float, Field(gt=0, le=1e6)]
    """Passes over the training events; a fraction stops within a pass."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    """Events per step."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Largest global norm of a player's gradient; longer ones are shortened to it. Absent: no clipping."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay per step of an exponential moving average of the weights, which is then validated, evaluated and
    published in their place. Absent: no average."""
    precision: Precision = "auto"
    """Compute precision of the networks; `auto` is bfloat16 on accelerators and float32 on CPU."""
    steps_per_dispatch: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Training steps compiled into one call; more than one pays where a step is short beside its dispatch."""
    devices: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Devices of this machine that share every batch equally: GPUs, or cores of a CPU. Absent: one GPU, or as many
    cores as share a batch well, found at the start of a run; one where the loss of the scheme needs the whole batch."""
    validate_every: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Epochs between two validations."""
    validate_events: Annotated[int, Field(ge=1, le=1_000_000_000)] = 512
    """Validation events that responses are generated for at each validation."""
    checkpoint_seconds: Annotated[float, Field(gt=0, le=1e6)] = 120.0
    """Seconds between two checkpoints: the most that a kill can cost."""
    keep: Literal["best", "last"] = "best"
    """The checkpoint that is evaluated and published: the best validation, or the end of training."""
    time_share: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """This stage's share of `--time-limit`, relative to the shares of the other stages."""
    schedule_examples: Annotated[int, Field(ge=1, le=1_000_000_000), Published(214_746)] | None = None
    """Number of training events that the learning rate schedule is laid out for. Absent: those there are. The
    published code takes the papers' ZN events whatever it trains on, so that their ZP runs stop half-way down."""
    optimizer: Annotated[OptimizerConfig, OneOf("optimizer")]
    """The optimizer of every player without its own."""
    schedule: Annotated[ScheduleConfig, OneOf("schedule"), Field(default="constant")]
    """The learning rate over the steps, relative to the optimizer's."""
    players: Annotated[Mapping[Name, PlayerConfig], Field(default_factory=dict)]
    """What single players do differently, by player name."""


class EvaluateConfig(Config):
    """The `[evaluate]` table: the protocol on the test split."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 5
    """Responses generated per test particle."""
    events: Annotated[int, Field(ge=2, le=1_000_000_000)] | None = None
    """Use only the first events of the test split; all where absent."""
    bootstrap: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    """Resamplings behind the confidence interval of the Wasserstein distance; 0 leaves it out."""
    timing: bool = True
    """Measure the time per sample."""
    metrics: Annotated[tuple[Annotated[MetricConfig, OneOf("metric")], ...], Strict(False)] | None = None
    """Metrics beside those of the protocol; where absent those that the detector has of its own, if any."""


class PublishedConfig(Config):
    """The `[published]` table: what the paper reports for this experiment, on its own data."""

    source: Annotated[str, Field(min_length=1), Subject()]
    """Paper and table. A recipe that gives it takes no figures over from the recipe it extends."""
    wasserstein: Annotated[float, Field(ge=0)] | None = None
    """Mean Wasserstein-1 distance over the readout channels, in the unit of the detector."""
    mae: Annotated[float, Field(ge=0)] | None = None
    """Mean absolute error of the readout channels, in the unit of the detector."""
    rmse: Annotated[float, Field(ge=0)] | None = None
    """Root mean square error, in the unit of the detector."""
    metrics: Annotated[Mapping[Figure, Annotated[float, Field(ge=0)]], Field(min_length=1)] | None = None
    """Figures of metrics beside the protocol's, by metric: `wass_sum`, `perceptual`, `positional`, ..."""
    time_ms: Annotated[float, Field(gt=0)] | None = None
    """Time per sample, milliseconds, on the device of the paper."""
    seconds_10240: Annotated[float, Field(gt=0)] | None = None
    """Seconds for 10,240 responses: ten times the fastest of several batches of 1,024, on the device of the paper. A
    recipe that gives it is timed this way as well."""
    note: str = ""
    """What a reader must know to compare."""


class Stage(Config):
    """A `[stages.NAME]` table: one training inside the experiment."""

    model: ModelConfig
    """What is generated, from what, and by which scheme."""
    train: TrainConfig | None = None
    """How it is trained. Absent: the scheme has nothing to train, and is only fitted."""

    @property
    def precision(self) -> Precision:
        """Compute precision of the stage's networks."""
        return "auto" if self.train is None else self.train.precision

    @property
    def keep(self) -> Literal["best", "last"]:
        """The checkpoint that is evaluated and published."""
        return "last" if self.train is None else self.train.keep


class Recipe(Config):
    """A whole experiment."""

    detector: Annotated[DetectorConfig, OneOf("detector")]
    """The calorimeter; it owns every shape."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    """The one seed behind every random stream."""
    compat: Literal["clean", "published"] = "clean"
    """Where the published code behaves otherwise than it should: `published` gives every such key that the recipe does
    not set the published code's value; `zoo describe NAME` shows both."""
    data: Annotated[
        SourceConfig,
        OneOf("source", implied=(("path", "npz"), ("responses", "npz")), default="sample"),
        Field(default="sample"),
    ]
    """Where events come from."""
    stages: Annotated[Mapping[Name, Stage], Field(min_length=1)]
    """The trainings in order; `[model]` and `[train]` at the top stand for a single one called `main`."""
    evaluate: EvaluateConfig = EvaluateConfig()
    """The protocol on the test split."""
    published: PublishedConfig | None = None
    """What the paper reports, shown apart from what the zoo measures."""

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, table: Any) -> Any:
        return normalised(table) if isinstance(table, dict) else table

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        problems = of_stages(self.model_dump(mode="json")["stages"])
        if problems:
            raise PydanticCustomError("problems", "{first}", {"first": problems[0].text, "problems": problems})
        return self


def of_stages(stages: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a `stages` table (plain values) that no single key shows."""
    return [*untrained(Table(Stage), stages), *misplaced(Table(Stage), stages)]


def normalised(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a recipe with its stages under `stages` and every default component named that is given keys.

    With `compat = "published"` the published code's values are filled in as well. Where both ways to write stages are
    mixed, `model` and `train` stay where they are, to be refused as unknown keys.
    """
    top = {key: table[key] for key in STAGE_TABLES if key in table}
    if top and "stages" not in table:
        rest = {key: value for key, value in table.items() if key not in top}
        table = {**rest, "stages": {ONLY_STAGE: top}}
    named = with_names(Table(Recipe), table)
    return as_published(Table(Recipe), named) if named.get("compat") == "published" else named


class MemberConfig(Config):
    """A `[[sweep.members]]` table: any keys of a recipe, and what the member is called."""

    label: Annotated[str, Field(min_length=1)]
    """What tells the member apart, in tables, plots and the name of its run directory."""


class SweepConfig(Config):
    """The `[sweep]` table: the values of some keys that the recipe is run with, one run each.

    `KEY = [VALUES]` varies one key, as in `model.scheme.latent = [2, 4, 8]`; several such keys make a grid.
    """

    members: tuple[MemberConfig, ...] = ()
    """Recipes that differ in several keys at once; beside a grid, each of them meets every point of it."""


class RecipeFile(Recipe):
    """The keys of a recipe file, which may write its stages in either form."""

    model: ModelConfig
    """The model of the only stage."""
    train: TrainConfig | None = None
    """The training of the only stage; absent where its scheme has nothing to train."""
    sweep: SweepConfig | None = None
    """The recipes to run in place of a single one."""


def as_written(path: KeyPath, table: Mapping[str, Any]) -> KeyPath:
    """A key path in the form in which a recipe writes its stages, where its only stage is `main`."""
    only, stages = ("stages", ONLY_STAGE), table.get("stages")
    if "stages" not in table:
        return path[2:] if path[:2] == only and len(path) > 2 else path
    if isinstance(stages, Mapping) and list(stages) == [ONLY_STAGE] and path and path[0] in STAGE_TABLES:
        return (*only, *path)
    return path
