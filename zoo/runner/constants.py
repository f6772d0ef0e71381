"""The fitted numbers of a stage: from disk, or fitted now."""

from __future__ import annotations

from pathlib import Path

from zoo.data.constants import Constants
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.schemes.model import ModelConfig
from zoo.shelf.constants import FILE, load_constants, save_constants


def stage_constants(folder: Path, config: ModelConfig, detector: Detector, train: Events) -> Constants:
    """The constants stored in the folder, or freshly fitted on the training events and stored."""
    path = folder / FILE
    if not path.exists():
        save_constants(path, config.fit(detector, train))
    return load_constants(path)
