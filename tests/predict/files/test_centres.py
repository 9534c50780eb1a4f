"""Where a cluster is said to be, as pixels, on the sky, and as the header's reference pixel."""

from __future__ import annotations

import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from szmass.errors import SzmassError
from szmass.predict.files.centres import Centre

TAN = fits.Header(
    {
        "NAXIS": 2,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRPIX1": 50.0,
        "CRPIX2": 60.0,
        "CRVAL1": 194.95,
        "CRVAL2": 27.98,
        "CDELT1": -1.7 / 60.0,
        "CDELT2": 1.7 / 60.0,
    }
)


@pytest.mark.parametrize(
    ("given", "pixel"),
    [
        ("120,88.5", (120.0, 88.5)),
        ((120, 88.5), (120.0, 88.5)),
        ("crpix", (49.0, 59.0)),
        ("CRPIX", (49.0, 59.0)),
        ("194.95d,27.98d", (49.0, 59.0)),
        ("194.95d, 28.98d", (49.0, 59.0 + 60.0 / 1.7)),
    ],
)
def test_a_place_is_a_pixel(given: str | tuple[float, float], pixel: tuple[float, float]) -> None:
    assert Centre.of(given).pixel(TAN) == pytest.approx(pixel, abs=0.01)


def test_a_pixel_needs_no_header() -> None:
    assert Centre.of("3,4").pixel(None) == (3.0, 4.0)


def test_degrees_are_those_of_the_headers_frame() -> None:
    """The same place in a galactic map; astropy's own conversion between the frames."""
    place = SkyCoord(194.95, 28.3, unit="deg", frame="icrs").galactic
    galactic = TAN.copy()
    galactic.update(
        {
            "CTYPE1": "GLON-TAN",
            "CTYPE2": "GLAT-TAN",
            "CRVAL1": place.l.deg,
            "CRVAL2": place.b.deg - 0.5,
        }
    )
    found = Centre.of(f"{place.l.deg}d,{place.b.deg}d").pixel(galactic)
    expected = [float(one) for one in place.to_pixel(WCS(galactic), origin=0)]
    assert found == pytest.approx(expected, abs=1e-6)
    assert found == pytest.approx((49.0, 59.0 + 30.0 / 1.7), abs=0.01)


@pytest.mark.parametrize("given", ["120", "a,b", "1,2,3", "1d,2", "nan,3", "", "12:30:00,3"])
def test_what_is_no_place_is_refused(given: str) -> None:
    with pytest.raises(SzmassError, match="centre = .*: expected X,Y in pixels from 0"):
        Centre.of(given)


def test_a_place_that_the_map_cannot_have_is_refused() -> None:
    with pytest.raises(SzmassError, match="no pixel of the map's projection is there"):
        Centre.of("14.95d,-27.98d").pixel(TAN)
    with pytest.raises(SzmassError, match="the header has no WCS of the sky"):
        Centre.of("14.95d,-27.98d").pixel(fits.Header({"CDELT1": 0.1, "CDELT2": 0.1}))
    with pytest.raises(SzmassError, match="CRPIX1 = None: expected a number"):
        Centre.of("crpix").pixel(fits.Header())
    with pytest.raises(SzmassError, match="the map has no WCS"):
        Centre.of("crpix").pixel(None)
