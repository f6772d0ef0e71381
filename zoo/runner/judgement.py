"""What is told of every stage on the test split, beside what the last one generates."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.recipe.schema import EvaluateConfig
from zoo.runner.assess import NotFinite, compare, examine
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.schemes.examination import Examiner, Reconstructor
from zoo.schemes.model import Model
from zoo.schemes.scheme import Examined, Reconstructing
from zoo.typing import Key


def judged(
    model: Model,
    dtype: jnp.dtype,
    detector: Detector,
    test: Events,
    config: EvaluateConfig,
    key: Key,
    observer: Observer,
    stop: StopRequest,
) -> dict[str, Any]:
    """`errors` of a stage that can be asked about given events, and `reconstruction` of one that encodes them.

    Reconstructions are compared with the events they are of, by the protocol for generated responses; the result has
    its `metrics`, or None where they are not finite.

    Raises:
        Interrupted: a signal asked to stop.
    """
    test = test if config.events is None else test[: config.events]
    found: dict[str, Any] = {}
    if isinstance(model.scheme, Examined):
        found["errors"] = examine(Examiner(model, dtype), test, config, key, observer, stop)["errors"]
    if isinstance(model.scheme, Reconstructing):
        reconstructor, once = Reconstructor(model, dtype), config.model_copy(update={"repeats": 1})
        try:
            evaluation, _ = compare(lambda _: reconstructor.chunks(test, key), detector, test, once, observer, stop)
            found["reconstruction"] = {"metrics": evaluation["metrics"]}
        except NotFinite:
            found["reconstruction"] = {"metrics": None}
    return found
