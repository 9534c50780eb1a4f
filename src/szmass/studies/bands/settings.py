"""Settings of the study of bands."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from szmass.params.checks import (
    List,
    MassRange,
    Names,
    NotNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Section,
    Whole,
    rule,
    section,
)
from szmass.params.problems import wrong


@section
class BandSet(Section):
    """Maps of some bands."""

    noise_uk_arcmin: Annotated[Names[PositiveFloat], rule("at least one band", bool)]
    """White noise by band, whose name is its frequency in GHz."""
    ln_scatter: NotNegativeFloat
    """Of the SZ signal at given mass."""


@section
class Bands(Section):
    """`studies/bands/params.yaml`."""

    redshift: PositiveFloat
    """Of all clusters."""
    pixels: Annotated[Whole, Field(ge=16, le=64, multiple_of=2)]
    """On a side of a map."""
    pixel_arcmin: PositiveFloat
    """Side of a pixel."""
    sky: List[Literal["cmb", "ksz", "tsz", "radio", "dsfg_poisson", "dsfg_clustered", "tsz_cib"]]
    """What is in the maps besides the cluster and white noise."""
    beams_fwhm_arcmin: Names[PositiveFloat]
    """By band."""
    test_mass_1e14: MassRange
    """Ends of the test clusters' M500c in 1e14 Msun, flat in log10 M."""
    test_clusters: PositiveInt
    """How many maps are weighed."""
    items: Names[BandSet]
    """Sets of bands by name."""

    def problems(self) -> Iterator[str]:
        """Each band has a beam, and a frequency as its name."""
        for name in self.beams_fwhm_arcmin:
            if not name.isdigit():
                yield wrong(f"beams_fwhm_arcmin.{name}", name, "a frequency in GHz as the name")
        for item, bands in self.items.items():
            for name in bands.noise_uk_arcmin:
                if name not in self.beams_fwhm_arcmin:
                    expected = f"one of beams_fwhm_arcmin, {', '.join(self.beams_fwhm_arcmin)}"
                    yield wrong(f"items.{item}.noise_uk_arcmin", name, expected)
