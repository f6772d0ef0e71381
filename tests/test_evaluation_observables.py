"""What is measured of a response, against loops over its pixels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from zoo.errors import DataError
from zoo.evaluation import observables
from zoo.evaluation.observables import SCALARS, observe


def halves(height: int, width: int) -> np.ndarray:
    """Three channels: left and right of the even diagonal pixels, and all odd ones."""
    row, column = np.indices((height, width))
    even, left = (row + column) % 2 == 0, column < width // 2
    return np.stack([even & left, even & ~left, ~even])


def responses(events: int = 7, height: int = 6, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(0.8, (events, height, width))


def by_hand(image: np.ndarray, masks: np.ndarray) -> dict[str, object]:
    total = row = column = lit = 0.0
    sums = [0.0] * len(masks)
    for (i, j), count in np.ndenumerate(image):
        total += count
        row += i * count
        column += j * count
        lit += count >= 0.5
        for channel, mask in enumerate(masks):
            sums[channel] += count if mask[i, j] else 0
    return {
        "channels": sums,
        "photon_sum": total,
        "lit_pixels": lit,
        "brightest_pixel": max(count for row in image for count in row),
        "centroid_row": row / total,
        "centroid_column": column / total,
    }


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float16", "float32", "float64"])
def test_observables_agree_with_loops_in_every_dtype(dtype: str) -> None:
    images, masks = responses().astype(dtype), halves(6, 4)
    if dtype.startswith("float"):
        images += 0.25
    observed = observe(images, masks)
    for event, image in enumerate(images.astype(float)):
        for name, value in by_hand(image, masks).items():
            np.testing.assert_allclose(observed[name][event], value, rtol=1e-12, err_msg=name)
    assert {value.dtype for value in observed.values()} == {np.dtype("float64")}


def test_counts_beyond_their_dtype_are_summed_without_overflow() -> None:
    image = np.full((1, 6, 4), 65535, np.uint16)
    assert observe(image, halves(6, 4))["photon_sum"] == 24 * 65535


def test_channels_sum_to_the_photon_sum() -> None:
    observed = observe(responses(), halves(6, 4))
    np.testing.assert_array_equal(observed["channels"].sum(axis=1), observed["photon_sum"])


def test_a_dark_response_has_its_centroid_in_the_middle() -> None:
    observed = observe(np.zeros((2, 6, 4)), halves(6, 4))
    assert observed["centroid_row"].tolist() == [2.5, 2.5]
    assert observed["centroid_column"].tolist() == [1.5, 1.5]
    assert all(np.isfinite(value).all() for value in observed.values())


def test_a_pixel_is_lit_from_half_a_photon_on() -> None:
    assert observe(np.array([[[0.0, 0.49, 0.5, 1.2]]]), None)["lit_pixels"] == 2


def test_channel_sums_alone_show_only_themselves_and_their_sum() -> None:
    sums = np.array([[1, 2, 3], [4, 5, 6]])
    observed = observe(sums, halves(6, 4))
    assert observed.keys() == {"channels", "photon_sum"}
    assert observed["photon_sum"].tolist() == [6, 15]


def test_a_detector_without_channels_has_the_scalars() -> None:
    assert observe(responses(), None).keys() == set(SCALARS)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    images, masks = responses(), halves(6, 4)
    whole = observe(images, masks)
    monkeypatch.setattr(observables, "BLOCK_VALUES", 50)
    for name, value in observe(images, masks).items():
        np.testing.assert_array_equal(value, whole[name])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.array([[["a"]]]), "dtype <U1"),
        (np.zeros((0, 6, 4)), "shape 0 x 6 x 4"),
        (np.array(3.0), "at least one event"),
        (np.zeros((2, 6, 5)), "6 x 4 pixels or 3 channel sums"),
        (np.zeros((2, 4)), "6 x 4 pixels or 3 channel sums"),
        (np.where(np.arange(48).reshape(2, 6, 4) == 30, np.nan, 1.0), "event 1 holds nan"),
        (np.where(np.arange(48).reshape(2, 6, 4) == 3, np.inf, 1.0), "event 0 holds inf"),
        (np.where(np.arange(48).reshape(2, 6, 4) == 47, -2, 1), "event 1 holds -2"),
    ],
)
def test_what_is_no_response_is_refused_in_one_line(wrong: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        observe(wrong, halves(6, 4))
    assert "\n" not in str(refused.value)


def test_the_room_needs_no_accelerator_library() -> None:
    code = "import sys, zoo.evaluation.protocol, zoo.evaluation.timing; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
