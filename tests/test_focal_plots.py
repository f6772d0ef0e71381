"""Pictures of a detector whose channels tell no more than the total: profiles and clouds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zoo.detectors.detector import Detector
from zoo.detectors.focal_h import FoCalHConfig
from zoo.evaluation.aligned import AlignedProfiles
from zoo.report.plots import draw_run

EVENTS = 12


@pytest.fixture(scope="module")
def focal() -> Detector:
    return FoCalHConfig().build()


def shot(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and particles of which the last one never meets the face."""
    draw = np.random.default_rng(seed)
    energies = draw.lognormal(4, 1, EVENTS)
    particles = np.stack([energies, draw.uniform(3.6, 5.2, EVENTS), draw.uniform(-3, 3, EVENTS)], axis=1)
    responses = draw.poisson(energies[:, None, None] / 1e4, (EVENTS, 105, 105))
    particles[-1, 1] = 0.0
    return responses, particles


def test_aligned_profiles_are_means_over_the_events_that_reach_so_far(focal: Detector):
    responses, particles = shot()
    streamed = AlignedProfiles(focal)
    streamed.update(responses[:5], particles[:5])
    streamed.update(responses[5:], particles[5:])
    found = streamed.compute()
    hits = focal.impact(particles[:-1])
    for axis in (0, 1):
        for distance in (-70, -3, 0, 1, 40):
            sums = []
            for response, hit in zip(responses, hits[:, axis], strict=False):
                place = [index for index in range(105) if round(index - hit) == distance]
                sums += [response.sum(axis=1 - axis)[index] for index in place]
            expected = np.mean(sums) if sums else 0.0
            assert found[axis, streamed.reach + distance] == pytest.approx(expected), (axis, distance)


def arrays(dark: str = "") -> dict[str, np.ndarray]:
    responses, particles = shot()
    generated = shot(1)[0]
    responses, generated = responses * (dark != "truth"), generated * (dark != "generated")
    sums = [images.sum(axis=(1, 2), dtype=float)[:, None] for images in (responses, generated)]
    profiles = [AlignedProfiles(FoCalHConfig().build()) for _ in range(2)]
    for one, images in zip(profiles, (responses, generated), strict=True):
        one.update(images, particles)
    return {
        "true_channels": sums[0],
        "channels": sums[1][None],
        "true_examples": responses[:3].astype(np.float32),
        "examples": generated[None, :3].astype(np.float32),
        "example_particles": particles[:3],
        "true_profiles": profiles[0].compute(),
        "profiles": profiles[1].compute()[None],
        "energies": particles[:, 0],
    }


@pytest.mark.parametrize("dark", ["", "generated", "truth"])
def test_pictures_are_drawn_of_dark_responses_too(focal: Detector, tmp_path: Path, dark: str):
    written = draw_run(tmp_path, focal, {"recipe": "toy", "unit": "count"}, [], arrays(dark))
    assert {file.name for file in written} == {"examples.png", "channels.png", "profiles.png", "clouds.png"}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in written)
