"""Gaussian sky patches: the exact sampler against a 4-times padded FFT, on two processes.

    PYTHONPATH=src python benchmarks/sampler.py

Both draw patches of 40 x 40 pixels of the sky of params.yaml, each process on one thread, in
turns. The peer draws a periodic sky four times as wide and high and keeps one patch of it, as is
needed for power from beyond the patch to be there at all. The floor is the time of the sampler's
one matrix product at the rate of a large one, and of its random numbers.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from measured import keep, row
from scipy.fft import irfft2
from threadpoolctl import threadpool_limits

from szmass.microwave.maps.sky import MicrowaveSky, _observed_cl
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.params import load
from szmass.sky.fields import BLOCK_ROWS, GaussianPatch
from szmass.units import ARCMIN_RAD

ROOT = Path(__file__).parents[1]
PROCESSES, ROUNDS, SECONDS, PADDING = 2, 7, 1.0, 4


@dataclasses.dataclass(frozen=True)
class PaddedFft:
    """The peer: a periodic sky of `side` pixels a side, of which one corner is kept."""

    amplitude: np.ndarray
    """Square root of the power of each mode of rfft2, `(side, side // 2 + 1)` float32."""
    pixels: int

    @classmethod
    def from_cl(cls, cl_uk2: np.ndarray, pixels: int, pixel_arcmin: float) -> PaddedFft:
        """Takes C_l at each mode's |l|; a mode's variance is C_l times pixels per solid angle."""
        side, step = PADDING * pixels, pixel_arcmin * ARCMIN_RAD
        frequency = (
            2 * np.pi * np.hypot(np.fft.fftfreq(side, step)[:, None], np.fft.rfftfreq(side, step))
        )
        power = np.interp(frequency, np.arange(len(cl_uk2)), cl_uk2, right=0.0)
        # half of it in the real and half in the imaginary part
        return cls((np.sqrt(power / 2) * side / step).astype(np.float32), pixels)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Patches `(count, pixels, pixels)`; the few self-conjugate modes are of no matter here."""
        noise = rng.standard_normal((count, *self.amplitude.shape, 2), dtype=np.float32)
        modes = noise.view(np.complex64)[..., 0] * self.amplitude
        return irfft2(modes, workers=1)[:, : self.pixels, : self.pixels]


def rate(what: str, patch: GaussianPatch, padded: PaddedFft, seed: int) -> float:
    """Patches a second, or floating-point operations a second of a large product."""
    rng = np.random.default_rng(seed)
    kept = len(patch.modes)
    large = rng.standard_normal((1024, 1024), dtype=np.float32)
    done, started = 0.0, perf_counter()
    with threadpool_limits(1):
        while perf_counter() - started < SECONDS:
            if what == "exact":
                count = 8 * BLOCK_ROWS
                patch.synthesise(rng.standard_normal((count, kept), dtype=np.float32))
                done += count
            elif what == "padded":
                padded.draw(rng, 32)
                done += 32
            elif what == "numbers":
                rng.standard_normal((1024, kept), dtype=np.float32)
                done += 1024
            else:
                large @ large
                done += 2 * 1024**3
        return done / (perf_counter() - started)


def main() -> None:
    """Takes turns, and keeps the medians of the rounds."""
    params = load(ROOT / "params.yaml")
    spectra = read_spectra(ROOT / params.paths["spectra_table"])
    sky = MicrowaveSky(params.microwave, spectra)
    cl = _observed_cl(params.microwave, spectra)
    padded = PaddedFft.from_cl(cl, sky.grid.pixels, sky.grid.pixel_arcmin)
    names = ("exact", "padded", "numbers", "product")
    rates: dict[str, list[float]] = {name: [] for name in names}
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for number in range(ROUNDS + 1):
            for name in names:
                runs = [pool.submit(rate, name, sky.patch, padded, p) for p in range(PROCESSES)]
                total = sum(run.result() for run in runs)
                if number > 0:  # the first round starts the processes
                    rates[name].append(total)
    middle = {name: median(values) for name, values in rates.items()}
    ratio = median(a / b for a, b in zip(rates["exact"], rates["padded"], strict=True))
    kept, pixels = sky.patch.modes.shape
    operations, written = 2 * kept * pixels, 4 * pixels
    floor = 1 / (operations / middle["product"] + 1 / middle["numbers"])
    # the peer draws the same sky: its pixel variance is that of the periodic box
    variance = padded.draw(np.random.default_rng(1), 2000).var(axis=0).mean()
    results = {
        "processes": PROCESSES,
        "kept_modes": kept,
        "exact_maps_per_second": middle["exact"],
        "padded_fft_maps_per_second": middle["padded"],
        "exact_over_padded": ratio,
        "product_flops_per_second": middle["product"],
        "operations_per_map": operations,
        "bytes_written_per_map": written,
        "floor_maps_per_second": floor,
        "exact_rms_uk": float(np.sqrt(np.mean(np.sum(sky.patch.modes**2, axis=0)))),
        "padded_rms_uk": float(np.sqrt(variance)),
        "rounds": rates,
    }
    keep("sampler", results, [
        row("Gaussian sky patches, 40 x 40, two processes", f"{middle['exact']:,.0f} maps/s",
            f"floor (product and random numbers) {floor:,.0f} maps/s", "20 000 maps/s"),
        row("the same against a 4-times padded FFT", f"{ratio:.0f} times",
            f"{middle['padded']:,.0f} maps/s", "20 times"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
