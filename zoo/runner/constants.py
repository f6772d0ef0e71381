"""The fitted numbers of a stage on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.schemes.model import ModelConfig

FILE = "constants.npz"


def stage_constants(folder: Path, config: ModelConfig, detector: Detector, train: Events) -> Constants:
    """The constants stored in the folder, or freshly fitted on the training events and stored."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f".{FILE}.tmp.npz"
        np.savez(aside, **config.fit(detector, train))
        aside.replace(path)
    return load_constants(path)


def load_constants(path: Path) -> Constants:
    """The constants of a file."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
