"""y-maps of another simulation as a user has them: FITS files, and a table of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.weighing.gas import Gas, PivotY

SIMULATED, THEIR_GAS = 48, {"alpha": 1.8, "log10_b": -0.35, "sigma_lny": 0.1}
"""Clusters of another simulation, whose gas has less signal than any of ours."""
BRIGHTER = 1.02
"""Each line of sight of a cluster than the one before."""
THEIR_PRESSURE = replace(UNIVERSAL_PRESSURE, c500=1.6, gamma=0.4, beta=5.0, alpha_p=0.0)


def simulated_maps(
    folder: Path, cosmology: Cosmology, redshifts: tuple[float, float], projections: int = 1
) -> None:
    """y-maps of round clusters with another profile and another relation, and their table.

    Args:
        folder: of the files, and of the table `simulated.csv`.
        cosmology: of R500 and distances.
        redshifts: that the clusters lie between.
        projections: maps of each cluster, of different brightness.
    """
    rng = np.random.default_rng(8)
    gas = Gas(*(np.array(value) for value in THEIR_GAS.values()))
    z, log10_m = rng.uniform(*redshifts, SIMULATED), rng.uniform(14.1, 15.3, SIMULATED)
    theta500 = cosmology.theta500_arcmin(10.0**log10_m, z)
    y = PivotY.at(z, cosmology).mean_y_arcmin2(log10_m, gas)
    y *= np.exp(gas.sigma_lny * rng.standard_normal(SIMULATED))
    lines = ["file,m500c_msun,redshift,cluster"]
    for number in range(SIMULATED):
        grid = PixelGrid(220, float(theta500[number]) / 28.0)
        radii, index = grid.unique_radii
        profile = beamed_profiles(
            theta500[number : number + 1],
            radii,
            beam_fwhm_arcmin=2.0 * grid.pixel_arcmin,
            pressure=THEIR_PRESSURE,
        )[0]
        side_deg = {f"CDELT{axis}": grid.pixel_arcmin / 60.0 for axis in (1, 2)}
        for projection in range(projections):
            image = y[number] * BRIGHTER**projection * profile[index]
            part = fits.PrimaryHDU(image.reshape(grid.pixels, grid.pixels).astype(np.float32))
            part.header.update(side_deg | {f"CUNIT{axis}": "deg" for axis in (1, 2)})
            name = f"s{number}_{projection}.fits"
            part.writeto(folder / name)
            lines.append(f"{name},{10.0 ** log10_m[number]:.5e},{z[number]:.4f},{number}")
    (folder / "simulated.csv").write_text("\n".join(lines) + "\n")
