"""Noise in pixels without data: like the map's own, always the same, never on the cluster."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from szmass.predict.cutouts import CutoutError
from szmass.predict.filling import with_noise

PIXEL_ARCMIN = 1.7
LEVEL = 2e-6


def noise(smoothing: float) -> np.ndarray:
    """Noise of a level whose pixels are alike over a length, about y = 1e-6."""
    white = np.random.default_rng(3).standard_normal((96, 96))
    smooth = gaussian_filter(white, smoothing, mode="wrap")
    return 1e-6 + LEVEL * smooth / smooth.std()


@pytest.mark.parametrize("smoothing", [0.0, 1.0, 2.5])
def test_the_noise_is_like_the_maps_own(smoothing: float) -> None:
    whole = noise(smoothing)
    image = whole.copy()
    image[:20] = np.nan
    found, words = with_noise(image, PIXEL_ARCMIN, None)
    np.testing.assert_array_equal(found[20:], whole[20:])
    filled = found[:20]
    assert words.startswith("1920 pixels without data filled with noise of ")
    assert filled.mean() == pytest.approx(1e-6, abs=0.5 * LEVEL)
    assert filled.std() == pytest.approx(LEVEL, rel=0.25)
    alike = np.corrcoef(filled[:, 1:].ravel(), filled[:, :-1].ravel())[0, 1]
    expected = np.exp(-0.25 / smoothing**2) if smoothing else 0.0
    assert alike == pytest.approx(expected, abs=0.08)


def test_it_depends_on_the_map_alone() -> None:
    image = noise(2.0)
    image[:, :15] = np.nan
    first, second = (with_noise(image.copy(), PIXEL_ARCMIN, None)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other, _ = with_noise(2.0 * image, PIXEL_ARCMIN, None)
    assert not np.allclose(other[:, :15], 2.0 * first[:, :15])


def test_masked_pixels_are_filled_as_well() -> None:
    image = np.ma.masked_array(noise(2.0).astype("f4"), mask=False)
    image[:10] = np.ma.masked
    found, _ = with_noise(image, PIXEL_ARCMIN, None)
    assert not np.ma.isMaskedArray(found)
    assert np.isfinite(found).all()


def test_a_whole_map_is_left_as_it_is() -> None:
    image = noise(2.0)
    found, words = with_noise(image, PIXEL_ARCMIN, None)
    assert found is image
    assert words == ""


def test_no_pixel_near_the_cluster_is_filled() -> None:
    image = noise(2.0)
    image[47, 47] = np.nan
    with pytest.raises(CutoutError, match="1 pixels within 40' of the centre are masked or NaN"):
        with_noise(image, PIXEL_ARCMIN, None)
    image = noise(2.0)
    image[:10] = np.nan
    with_noise(image, PIXEL_ARCMIN, None)
    with pytest.raises(CutoutError, match="within 40' of the centre"):
        with_noise(image, PIXEL_ARCMIN, (48.0, 20.0))


def test_most_of_a_map_is_not_made_up() -> None:
    wide = np.full((200, 200), np.nan)
    wide[60:140, 60:140] = noise(2.0)[:80, :80]
    with pytest.raises(CutoutError, match="84% of the pixels are masked or NaN: expected at most"):
        with_noise(wide, PIXEL_ARCMIN, None)


def test_what_is_no_noise_is_not_continued() -> None:
    flat = np.full((96, 96), 1e-6)
    flat[:10] = np.nan
    with pytest.raises(CutoutError, match="have data, most of them 1e-06: expected 100 with noise"):
        with_noise(flat, PIXEL_ARCMIN, None)
    flat[-1, -1] = np.inf
    assert with_noise(flat, PIXEL_ARCMIN, None)[0] is flat


def test_noise_that_is_seen_nowhere_is_not_made_up() -> None:
    image = noise(2.0)
    rows, columns = np.indices(image.shape) - 47.5
    image[np.hypot(rows, columns) * PIXEL_ARCMIN > 80.0] = np.nan
    small, _ = with_noise(image, PIXEL_ARCMIN, None)
    assert np.isfinite(small).all()
    image = noise(2.0)[:56, :56]
    rows, columns = np.indices(image.shape) - 27.5
    image[np.hypot(rows, columns) * PIXEL_ARCMIN > 40.0] = np.nan
    with pytest.raises(CutoutError, match="0 pixels beyond 40' of the centre have data"):
        with_noise(image, PIXEL_ARCMIN, None)
