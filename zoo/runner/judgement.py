"""What is told of every stage on the test split, beside what the last one generates."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.evaluation.metrics.usage import usage
from zoo.recipe.schema import EvaluateConfig
from zoo.runner.assess import NotFinite, compare, examine
from zoo.runner.observer import Observer
from zoo.runner.signals import StopRequest
from zoo.schemes.examination import Examiner, Reconstructor, TokenReader
from zoo.schemes.model import Model
from zoo.schemes.scheme import Examined, Reconstructing, Tokenising
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
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(what is told of the stage, arrays for the plots).

    Told are the `errors` of a stage that can be asked about given events, the `reconstruction` of one that encodes
    them, and how one that makes entries of a `codebook` of them uses these (`usage`). Reconstructions are compared with
    the events they are of, by the protocol for generated responses; the result has its `metrics`, or None where they
    are not finite. The one array, `codebook` (K,), is how often each entry was chosen.

    Raises:
        Interrupted: a signal asked to stop.
    """
    test = test if config.events is None else test[: config.events]
    found: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    if isinstance(model.scheme, Examined):
        found["errors"] = examine(Examiner(model, dtype), test, config, key, observer, stop)["errors"]
    if isinstance(model.scheme, Reconstructing):
        reconstructor, once = Reconstructor(model, dtype), config.model_copy(update={"repeats": 1})
        try:
            evaluation, _ = compare(lambda _: reconstructor.chunks(test, key), detector, test, once, observer, stop)
            found["reconstruction"] = {"metrics": evaluation["metrics"]}
        except NotFinite:
            found["reconstruction"] = {"metrics": None}
    if isinstance(model.scheme, Tokenising):
        arrays["codebook"] = np.zeros(model.scheme.size, int)
        for _, entries in TokenReader(model, dtype).chunks(test, key):
            stop.check()
            arrays["codebook"] += np.bincount(entries.reshape(-1), minlength=model.scheme.size)
        found["codebook"] = usage(arrays["codebook"])
    return found, arrays
