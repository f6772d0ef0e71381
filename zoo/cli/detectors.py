"""The detector that an option names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.detectors.detector import Detector


def named_detector(name: str) -> Detector:
    """The detector of `--detector`.

    Raises:
        ComponentError: there is none of that name, with the nearest one.
    """
    from zoo.catalogue import components
    from zoo.detectors.detector import DetectorConfig
    from zoo.errors import ComponentError
    from zoo.recipe.suggestions import nearest

    known = components("detector")
    if name not in known:
        meant = nearest(name, known, 1)
        advice = f"; did you mean {meant[0]}?" if meant else ""
        raise ComponentError(f"--detector {name}: no such detector; there are {', '.join(known)}{advice}")
    config = known[name]()
    assert isinstance(config, DetectorConfig)
    return config.build()
