"""Planck's noise on the full sky: the time of a realisation, its memory, and what comes out.

    PYTHONPATH=src python benchmarks/planck_noise.py

A realisation is drawn in a process of its own, as params.yaml has it (Nside 2048), with its
cutouts at all PSZ2 positions. The floor is healpy's transform alone, on modes that are there.
The rms and the correlation of the cutouts are compared with the spectrum's.
"""

from __future__ import annotations

import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import healpy
import numpy as np
from measured import keep, row

from szmass.params import load
from szmass.planck.catalogue import read_psz2
from szmass.planck.files import read_noise_spectrum
from szmass.planck.noise import noise_level, noise_map, unit_variance
from szmass.sky.fields import correlation_function
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels

ROOT = Path(__file__).parents[1]
ROUNDS, LAGS = 3, 7


def realisation(number: int) -> dict[str, Any]:
    """Draws one, and measures it."""
    params = load(ROOT / "params.yaml")
    settings = params.planck_sky
    grid = PixelGrid.of(params.compton)
    catalogue = read_psz2(ROOT / params.paths["psz2_catalogue"])
    spectrum = read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"])
    cl = unit_variance(spectrum, settings.lmax)
    level = noise_level(params.seed, settings)
    pixels = gnomonic_pixels(settings.nside, catalogue.glon_deg, catalogue.glat_deg, grid)
    started = perf_counter()
    cutouts = noise_map(cl, level, np.random.default_rng(number))[pixels]
    seconds = perf_counter() - started
    power = np.mean(cutouts**2, dtype=float)
    width = grid.pixels
    lagged = [
        np.mean(cutouts[:, :, lag:] * cutouts[:, :, : width - lag], dtype=float)
        for lag in range(LAGS)
    ]
    return {
        "seconds": seconds,
        "transform_seconds": transform_seconds(settings.lmax, settings.nside),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "rms": float(np.sqrt(power)),
        "correlation": [float(value / power) for value in lagged],
        "spectrum_correlation": correlation_function(
            cl, np.arange(LAGS) * grid.pixel_arcmin
        ).tolist(),
    }


def transform_seconds(lmax: int, nside: int) -> float:
    """Time of healpy's transform of modes to a map."""
    modes = np.ones(healpy.Alm.getsize(lmax), dtype=np.complex128)
    started = perf_counter()
    healpy.alm2map(modes, nside, lmax=lmax)
    return perf_counter() - started


def main() -> None:
    """Draws some realisations one after the other, and keeps the medians."""
    rounds = []
    for number in range(ROUNDS):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rounds.append(pool.submit(realisation, number).result())
    middle = {
        key: median(one[key] for one in rounds)
        for key in ("seconds", "transform_seconds", "peak_gib", "rms")
    }
    correlation = np.mean([one["correlation"] for one in rounds], axis=0)
    expected = np.array(rounds[0]["spectrum_correlation"])
    off = float(np.abs(correlation - expected).max())
    results = {**middle, "correlation": correlation.tolist(), "rounds": rounds}
    nside = load(ROOT / "params.yaml").planck_sky.nside
    keep("planck_noise", results, [
        row(f"full-sky noise at Nside {nside} with its 1653 cutouts",
            f"{middle['seconds']:.1f} s, {middle['peak_gib']:.1f} GiB",
            f"floor (healpy's transform alone) {middle['transform_seconds']:.1f} s", "40 s"),
        row("the cutouts' rms, y", f"{middle['rms']:.3g}", "the PSZ2 positions", "1.1 to 1.3e-6"),
        row("the cutouts' correlation at 1.7 to 10.2'",
            ", ".join(f"{value:.2f}" for value in correlation[1:]),
            "the spectrum's " + ", ".join(f"{value:.2f}" for value in expected[1:]),
            f"within 0.04 (is {off:.2f})"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
