"""The picture of a cluster that was weighed: map, model, residual, profile and posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from szmass.evaluation.charts import SKY_COLOURS
from szmass.evaluation.pictures import require_format, save
from szmass.evaluation.posteriors import MassPosteriors
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.units import MASS_UNIT_MSUN

DPI = 160
MICRO = 1e6
"""Maps are drawn in 1e-6 of y."""
RINGS = 12
"""Rings of the radial profile; the outermost ends half-way from the centre to the map's side."""
STYLES = (("C0", "-"), ("C1", "-"), ("0.4", "--"))
"""Colours and lines of the densities."""
MASS_UNIT = r"$10^{14}\,M_\odot$"
LEGEND = 1.3
"""Height of the panel with the densities, over theirs: the legend stands above them."""
SHOWN = 1e-2
"""Least density over the highest, where a posterior is still drawn."""


@dataclass(frozen=True)
class Subject:
    """A weighed cluster, and what its picture shows."""

    name: str
    redshift: float
    m500_msun: float
    cutout: np.ndarray
    """Compton y, `(pixels, pixels)`."""
    level: float
    """Noise level of the map, Compton y."""
    densities: Mapping[str, MassPosteriors]
    """Densities of the mass, by name in the legend; the first is the posterior of `m500_msun`."""


@dataclass(frozen=True)
class Model:
    """Images of round clusters of given mass, after the beam, without scatter of Y."""

    grid: PixelGrid
    beam_fwhm_arcmin: float
    cosmology: Cosmology
    relation: ScalingRelation

    def theta500_arcmin(self, m500_msun: float, redshift: float) -> float:
        """The angle of R500."""
        mass, z = np.array([m500_msun]), np.array([redshift])
        return float(self.cosmology.theta500_arcmin(mass, z)[0])

    def image(self, m500_msun: float, redshift: float) -> np.ndarray:
        """Compton y, `(pixels, pixels)`: the universal pressure profile (arXiv 0910.1234)."""
        mass, z = np.array([m500_msun]), np.array([redshift])
        y_mpc2 = y_cyl_mpc2(mass, z, self.relation, self.cosmology)
        y_arcmin2 = y_mpc2 / mpc2_per_arcmin2(z, self.cosmology)
        radii_arcmin, index = self.grid.unique_radii
        theta500 = self.cosmology.theta500_arcmin(mass, z)
        profile = beamed_profiles(theta500, radii_arcmin, beam_fwhm_arcmin=self.beam_fwhm_arcmin)
        return y_arcmin2 * profile[0][index].reshape(self.grid.pixels, self.grid.pixels)


def write_picture(path: Path, subject: Subject, model: Model) -> None:
    """Draws a cluster and writes the picture, as PNG or PDF by the file's name.

    Raises:
        SzmassError: the name ends in neither.
    """
    require_format(path)
    save(draw(subject, model), path, dpi=DPI)


def draw(subject: Subject, model: Model) -> Figure:
    """The picture: three maps on one scale above, the profile and the densities below."""
    figure = plt.figure(figsize=(9.6, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1.0), squeeze=False)[:, 0]
    maps = np.ravel(above.subplots(1, 3, sharex=True, sharey=True))
    centred = subject.cutout - np.median(subject.cutout[model.grid.radius_arcmin > _far(model)])
    expected = model.image(subject.m500_msun, subject.redshift)
    images = {
        "map": centred,
        "cluster of the median mass": expected,
        "map less this cluster": centred - expected,
    }
    _draw_maps(maps, images, subject, model)
    profile, densities = np.ravel(below.subplots(1, 2))
    _draw_profile(profile, centred, expected, subject, model)
    _draw_densities(densities, subject)
    figure.suptitle(f"{subject.name}, z = {subject.redshift:.4g}: {_in_words(subject)}")
    return figure


def _in_words(subject: Subject) -> str:
    """The median mass and the ends of its 68 % interval."""
    own = next(iter(subject.densities.values()))
    low, high = 10.0 ** own.quantiles([0.16, 0.84])[0] / MASS_UNIT_MSUN
    middle = subject.m500_msun / MASS_UNIT_MSUN
    ends = f"_{{-{middle - low:.2f}}}^{{+{high - middle:.2f}}}"
    return rf"$M_{{500\mathrm{{c}}}} = {middle:.2f}{ends}$ {MASS_UNIT}"


def _far(model: Model) -> float:
    """Where the map's level is taken: the outer third of the half side."""
    return model.grid.pixels * model.grid.pixel_arcmin / 3.0


def _draw_maps(
    panels: np.ndarray, images: Mapping[str, np.ndarray], subject: Subject, model: Model
) -> None:
    half = model.grid.pixels * model.grid.pixel_arcmin / 2.0
    most = MICRO * max(np.abs(image).max() for image in images.values())
    theta500 = model.theta500_arcmin(subject.m500_msun, subject.redshift)
    for panel, (title, image) in zip(panels, images.items(), strict=True):
        drawn = panel.imshow(
            MICRO * image, origin="lower", extent=(-half, half, -half, half), cmap=SKY_COLOURS,
            vmin=-most, vmax=most,
        )  # fmt: skip
        panel.set(title=title, xlabel="x [arcmin]")
        panel.add_patch(Circle((0.0, 0.0), theta500, fill=False, lw=1.0, color="k"))
    beam = model.beam_fwhm_arcmin / 2.0
    corner = 1.6 * beam - half
    panels[0].add_patch(Circle((corner, corner), beam, color="0.35"))
    panels[0].annotate("beam", (corner + 1.3 * beam, corner), va="center", fontsize=8)
    panels[0].annotate(
        r"$R_{500}$", (0.72 * theta500, 0.72 * theta500), (3, 2), textcoords="offset points",
        fontsize=9,
    )  # fmt: skip
    panels[0].set_ylabel("y [arcmin]")
    panels[0].figure.colorbar(drawn, ax=list(panels), label=r"Compton $y$ [$10^{-6}$]", pad=0.01)


def _draw_profile(
    panel: Axes, image: np.ndarray, expected: np.ndarray, subject: Subject, model: Model
) -> None:
    """Means in rings; their errors are the noise over the root of the beams that a ring holds."""
    grid = model.grid
    edges = np.linspace(0.0, grid.pixels * grid.pixel_arcmin / 4.0, RINGS + 1)
    ring = np.digitize(grid.radius_arcmin, edges) - 1
    inside = ring < RINGS
    pixels = np.bincount(ring[inside], minlength=RINGS)
    middle, mean, of_model = (
        np.bincount(ring[inside], values[inside], RINGS) / np.maximum(pixels, 1)
        for values in (grid.radius_arcmin, image, expected)
    )
    beams = pixels * grid.pixel_arcmin**2 / (np.pi * model.beam_fwhm_arcmin**2 / (4 * np.log(2.0)))
    error = subject.level / np.sqrt(np.maximum(beams, 1.0))
    filled = pixels > 0
    panel.errorbar(
        middle[filled], MICRO * mean[filled], MICRO * error[filled], fmt="ko", ms=3.5, lw=1.0,
        label="map, mean in rings",
    )  # fmt: skip
    panel.plot(middle[filled], MICRO * of_model[filled], color="C0", label="of the median mass")
    theta500 = model.theta500_arcmin(subject.m500_msun, subject.redshift)
    panel.axvline(theta500, color="0.5", ls=":", lw=1.0)
    panel.annotate(
        r"$R_{500}$", (theta500, 0.97), (3, 0), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=9,
    )  # fmt: skip
    panel.axhline(0.0, color="k", lw=0.6)
    panel.set(xlabel="angle from the centre [arcmin]", ylabel=r"Compton $y$ [$10^{-6}$]")
    panel.set_xlim(left=0.0)
    panel.legend(frameon=False, fontsize=8)


def _draw_densities(panel: Axes, subject: Subject) -> None:
    ends = []
    for (colour, line), (name, one) in zip(STYLES, subject.densities.items(), strict=True):
        mass = 10.0**one.axis_log10_msun / MASS_UNIT_MSUN
        density = one.density[0]
        panel.plot(mass, density, label=name, lw=1.4, color=colour, ls=line)
        shown = mass[density > SHOWN * density.max()]
        ends += [shown[0], shown[-1]]
    panel.axvline(subject.m500_msun / MASS_UNIT_MSUN, color="C0", ls=":", lw=1.0)
    panel.set(xlabel=rf"$M_{{500\mathrm{{c}}}}$ [{MASS_UNIT}]", ylabel="density per dex of mass")
    panel.set(xlim=(min(ends), max(ends)), ylim=(0.0, LEGEND * panel.get_ylim()[1]))
    panel.legend(frameon=False, fontsize=8)
