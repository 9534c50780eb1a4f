"""Gnomonic cutouts of a full-sky map: all at once against `healpy.gnomview`, pixel by pixel.

    PYTHONPATH=src python benchmarks/gnomonic_cutouts.py

Both cut 96 x 96 pixels of 1.7' out of a map of Nside 2048 at the positions of the PSZ2 clusters,
in turns. The peer within healpy that draws nothing, `GnomonicProj.projmap`, is timed too.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from statistics import median
from time import perf_counter

import healpy
import matplotlib as mpl
import numpy as np
from healpy.projector import GnomonicProj
from measured import keep, row

from szmass.params import load
from szmass.planck.catalogue import read_psz2
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels, pixel_count

ROOT = Path(__file__).parents[1]
ROUNDS, VIEWS, NSIDE = 5, 20, 2048


def viewed(sky: np.ndarray, glon: float, glat: float, grid: PixelGrid) -> np.ndarray:
    """A cutout by healpy.gnomview."""
    with warnings.catch_warnings(action="ignore"):
        return np.asarray(
            healpy.gnomview(
                sky,
                rot=(glon, glat),
                xsize=grid.pixels,
                reso=grid.pixel_arcmin,
                return_projected_map=True,
                no_plot=True,
            )
        )


def projected(sky: np.ndarray, glon: float, glat: float, grid: PixelGrid) -> np.ndarray:
    """A cutout by the projection within gnomview, without its plotting."""
    projection = GnomonicProj(rot=(glon, glat), xsize=grid.pixels, reso=grid.pixel_arcmin)
    projection.set_flip("astro")
    return np.asarray(projection.projmap(sky, lambda x, y, z: healpy.vec2pix(NSIDE, x, y, z)))


def main() -> None:
    """Takes turns, compares every pixel, and keeps the medians of the rounds."""
    mpl.use("Agg")
    params = load(ROOT / "params.yaml")
    grid = PixelGrid.of(params.compton)
    catalogue = read_psz2(ROOT / params.paths["psz2_catalogue"])
    sky = np.random.default_rng(1).standard_normal(pixel_count(NSIDE), dtype=np.float32)
    rates: dict[str, list[float]] = {"szmass": [], "gnomview": [], "projmap": []}
    different = compared = 0
    for number in range(ROUNDS):
        started = perf_counter()
        ours = sky[gnomonic_pixels(NSIDE, catalogue.glon_deg, catalogue.glat_deg, grid)]
        rates["szmass"].append(len(catalogue) / (perf_counter() - started))
        chosen = np.arange(number, len(catalogue), len(catalogue) // VIEWS)[:VIEWS]
        centres = list(zip(catalogue.glon_deg[chosen], catalogue.glat_deg[chosen], strict=True))
        for name, cut in (("gnomview", viewed), ("projmap", projected)):
            started = perf_counter()
            theirs = [cut(sky, *centre, grid) for centre in centres]
            rates[name].append(len(centres) / (perf_counter() - started))
            different += int(np.sum(np.array(theirs) != ours[chosen]))
            compared += ours[chosen].size
    middle = {name: median(values) for name, values in rates.items()}
    ratios = {
        name: median(a / b for a, b in zip(rates["szmass"], rates[name], strict=True))
        for name in ("gnomview", "projmap")
    }
    results = {
        "cutouts_per_second": middle,
        "over_gnomview": ratios["gnomview"],
        "over_projmap": ratios["projmap"],
        "pixels_compared": compared,
        "pixels_different": different,
        "rounds": rates,
    }
    keep("gnomonic_cutouts", results, [
        row("gnomonic cutouts, 96 x 96 of Nside 2048, against healpy.gnomview",
            f"{ratios['gnomview']:.0f} times: {middle['szmass']:,.0f} cutouts/s",
            f"gnomview {middle['gnomview']:,.0f}, its bare projection {middle['projmap']:,.0f}/s",
            "100 times"),
        row("the same, pixels that differ", f"{different}", f"of {compared:,}", "none"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
