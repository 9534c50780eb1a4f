"""Settings of contaminants in a survey's maps: point sources, dust, other clusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from szmass.params.checks import (
    Mass,
    NotNegativeFloat,
    Number,
    PositiveFloat,
    PositiveRange,
    Section,
    Share,
    section,
)
from szmass.params.problems import wrong

Slope = Annotated[Number, Field(lt=0, gt=-4)]


@section
class FieldSources(Section):
    """Point sources all over the sky, with counts dN/dS ~ S^slope."""

    per_deg2: PositiveFloat
    """Brighter than `least_mjy`."""
    least_mjy: PositiveFloat
    """At 150 GHz; fainter ones are part of the noise."""
    slope: Slope


@section
class MemberSources(Section):
    """Radio sources of the cluster itself, with a luminosity function dN/dL ~ L^slope."""

    mean: NotNegativeFloat
    """Number within R500 of a cluster of M500c = 5e14 Msun; it goes as the mass."""
    central_share: Share
    """Share of clusters whose brightest galaxy is a radio source too."""
    luminosity_w_hz: PositiveRange
    """Faintest and brightest, at 150 GHz."""
    slope: Slope
    concentration: PositiveFloat
    """c500 of the NFW profile that the sources' places follow."""


@section
class ClusterDust(Section):
    """Emission of dusty galaxies in the cluster, a round Gaussian about its centre."""

    share: NotNegativeFloat
    """Dust's flux at 150 GHz over the size of the mean SZ decrement of a cluster of that mass."""
    scatter_ln: NotNegativeFloat
    """Scatter of ln(share) between clusters."""
    fwhm_r500: PositiveFloat
    """Its width before the beam."""


@section
class Neighbours(Section):
    """Other clusters at random places of the map, by the mass function."""

    least_m500_1e14: Mass
    times: PositiveFloat
    """How many, over the mean of the mass function."""


@section
class ContaminantSettings(Section):
    """Contaminants that are drawn around each simulated cluster of a survey."""

    y_arcmin2_per_mjy: Number | None
    """What 1 mJy at 150 GHz adds to a map of y; None for maps of temperature."""
    removed_mjy: PositiveFloat
    """Sources above this flux at 150 GHz are masked or taken out of the survey's maps."""
    index: Number
    """Mean index of the sources' flux against frequency."""
    index_scatter: NotNegativeFloat
    field: FieldSources | None
    members: MemberSources | None
    dust: ClusterDust | None
    neighbours: Neighbours | None

    def problems(self) -> Iterator[str]:
        """Sources are fainter than those that are taken out."""
        if self.field is not None and self.field.least_mjy >= self.removed_mjy:
            expected = f"below removed_mjy = {self.removed_mjy:g}"
            yield wrong("field.least_mjy", self.field.least_mjy, expected)
