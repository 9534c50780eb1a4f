"""Settings of a survey: what its maps are like, in a file of its own, `surveys/NAME.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from szmass.params.checks import (
    Flag,
    List,
    Names,
    NotNegativeFloat,
    Number,
    PositiveFloat,
    Section,
    Text,
    Whole,
    rule,
    section,
)
from szmass.params.contaminants import ContaminantSettings
from szmass.params.problems import ParamsError, wrong
from szmass.params.weighing import Weighing

LEAST_PIXELS_A_BEAM = 2.0
"""With fewer pixels a beam, what interpolation does to a map would have to be known."""


@section
class NoiseSettings(Section):
    """Noise of one band: a table of its spectrum, or white noise with a rise at large scales."""

    spectrum: Path | None = None
    """CSV table with the columns `ell` and `cl`, the power in the maps' unit squared times sr, from
    the folder of the survey's file."""
    last_ell: Annotated[Whole, Field(gt=0)] | None = None
    """Multipole beyond which there is no noise; without, the noise goes on to the pixels' end."""
    rms: PositiveFloat | None = None
    """Usual standard deviation of a pixel; without, it is that of the spectrum."""
    white_arcmin: NotNegativeFloat | None = None
    """White noise w, in the maps' unit times arcmin: C_l = w^2 (1 + (l / knee_ell)^knee_slope)."""
    knee_ell: PositiveFloat | None = None
    """Multipole at which the rise equals the white noise; without, there is none."""
    knee_slope: Annotated[Number, Field(lt=0)] | None = None
    """Slope of the rise."""

    def problems(self) -> Iterator[str]:
        """A spectrum or white noise, and a knee with its slope."""
        if (self.spectrum is None) == (self.white_arcmin is None):
            expected = "either spectrum, a table, or white_arcmin"
            yield wrong("white_arcmin", self.white_arcmin, expected)
        if (self.knee_ell is None) != (self.knee_slope is None):
            yield wrong("knee_slope", self.knee_slope, "knee_ell and knee_slope, or neither")
        if self.spectrum is not None and self.knee_ell is not None:
            yield wrong("knee_ell", self.knee_ell, "none beside a spectrum, which has it in it")
        if self.white_arcmin == 0.0:
            yield wrong("white_arcmin", self.white_arcmin, "white noise above 0")


@section
class BandSettings(Section):
    """One image of each cluster."""

    beam_fwhm_arcmin: PositiveFloat
    """Full width at half maximum of its Gaussian beam."""
    noise: NoiseSettings
    """Instrument's noise; in maps of y also the residual CMB and foregrounds."""
    frequency_ghz: PositiveFloat | None = None
    """Effective frequency of the tSZ effect in it; of maps of temperature alone."""


@section
class SurveySettings(Section):
    """Signal, pixels, bands and noise of a survey's maps, and its own settings of weighing."""

    signal: Literal["compton_y", "temperature_uk"]
    """Compton y, or the CMB's temperature in uK; as `sky.signals` names them."""
    pixels: Annotated[Whole, Field(ge=16, le=256, multiple_of=2)]
    """On a side of a cutout, an even number."""
    pixel_arcmin: PositiveFloat
    """Side of a pixel."""
    pixel_window: Flag
    """Whether the value of a pixel is the mean over the pixel."""
    bands: Annotated[Names[BandSettings], rule("at least one band", bool)]
    """By name; one alone for maps of y."""
    sky: List[Literal["cmb", "ksz", "tsz", "radio", "dsfg_poisson", "dsfg_clustered", "tsz_cib"]]
    """What is in maps of temperature besides clusters and the instrument's noise, scaled from
    150 GHz to each band; empty for maps of y, whose noise has all of it."""
    gas_kev: NotNegativeFloat | None
    """Temperature of the clusters' gas in maps of temperature, for the relativistic correction of
    the SZ effect; 0 for none. None for maps of y."""
    clusters: Path | None
    """Store that `szmass import-maps` wrote, from the folder of the survey's file, whose clusters
    are trained with; without, the mock clusters of params.yaml: morphology."""
    contaminants: ContaminantSettings | None
    """What is drawn around each simulated cluster besides noise; None for nothing."""
    weighing: Mapping[str, Any]
    """Settings that stand here in the place of those in params.yaml: weighing."""
    sha256: Names[Text] = Field(default_factory=dict)
    """Digests of `named_files`, by name. The stage `train_survey` needs all of them, since DVC
    watches this file alone."""

    @property
    def named_files(self) -> list[str]:
        """Files and stores that are named here, from the folder of the survey's file."""
        paths = [self.clusters, *(band.noise.spectrum for band in self.bands.values())]
        return [str(path) for path in paths if path is not None]

    def problems(self) -> Iterator[str]:
        """Bands fit the signal, and pixels the beams."""
        of_temperature = self.signal == "temperature_uk"
        if not of_temperature and len(self.bands) != 1:
            yield wrong("bands", list(self.bands), "one band, for maps of y")
        if not of_temperature and self.sky:
            yield wrong("sky", self.sky, "nothing for maps of y, whose noise has all of it")
        if (self.gas_kev is None) == of_temperature:
            expected = "a temperature for maps of temperature, and none for maps of y"
            yield wrong("gas_kev", self.gas_kev, expected)
        yield from self._doubly_counted(of_temperature=of_temperature)
        for name in self.sha256:
            if name not in self.named_files:
                expected = f"a file that is named here: {', '.join(self.named_files) or 'none is'}"
                yield wrong("sha256", name, expected)
        for name, band in self.bands.items():
            if self.pixel_arcmin * LEAST_PIXELS_A_BEAM > band.beam_fwhm_arcmin:
                expected = f"at least {LEAST_PIXELS_A_BEAM:g} pixels of {self.pixel_arcmin}'"
                yield wrong(f"bands.{name}.beam_fwhm_arcmin", band.beam_fwhm_arcmin, expected)
            if (band.frequency_ghz is None) == of_temperature:
                expected = "a frequency for maps of temperature, and none for maps of y"
                yield wrong(f"bands.{name}.frequency_ghz", band.frequency_ghz, expected)

    def _doubly_counted(self, *, of_temperature: bool) -> Iterator[str]:
        """Contaminants have the maps' unit, and are not in the noise as well."""
        drawn = self.contaminants
        if drawn is None:
            return
        if (drawn.y_arcmin2_per_mjy is None) != of_temperature:
            expected = "a number for maps of y, and none for maps of temperature"
            yield wrong("contaminants.y_arcmin2_per_mjy", drawn.y_arcmin2_per_mjy, expected)
        if drawn.field is not None and "radio" in self.sky:
            yield wrong("sky", self.sky, "no radio beside contaminants.field, which is the same")

    def applied(self, weighing: Weighing) -> Weighing:
        """Weighing's settings with those of the survey in their place.

        Raises:
            ParamsError: one is unknown or makes no sense.
        """
        unknown = sorted(set(self.weighing) - set(Weighing.__dataclass_fields__))
        if unknown:
            lines = [f"weighing.{key}: unknown key" for key in unknown]
            raise ParamsError("\n".join(lines))
        try:
            return replace(weighing, **self.weighing)
        except ParamsError as error:
            lines = [f"weighing.{line}" for line in str(error).splitlines()]
            raise ParamsError("\n".join(lines)) from None
