"""What a survey costs: measuring a map, training, cutouts of a large map, and masses from it.

    PYTHONPATH=src python benchmarks/surveys.py

The large map is a plate carrée of 60 x 120 degrees with pixels of 0.5', 10^8 of them, of smoothed
noise; times do not depend on what is in it. The peer of the cutouts is pixell's `thumbnails`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from astropy.io import fits
from astropy.table import Table
from measured import keep, row
from ruamel.yaml import YAML
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from szmass.cli import main; main()"]
SHAPE, PIXEL_DEG = (7200, 14400), 1.0 / 120.0
CLUSTERS, PEERS = 5000, 100
NOISE_Y, BAND = 1.6e-5, 400


def write_map(path: Path) -> None:
    """The map, a band of rows at a time."""
    header = fits.Header(
        {
            "SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": SHAPE[1], "NAXIS2": SHAPE[0],
            "CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRVAL1": 60.0, "CRVAL2": 0.0,
            "CDELT1": -PIXEL_DEG, "CDELT2": PIXEL_DEG, "CUNIT1": "deg", "CUNIT2": "deg",
            "CRPIX1": SHAPE[1] / 2.0, "CRPIX2": SHAPE[0] / 2.0,
        }
    )  # fmt: skip
    rng = np.random.default_rng(1)
    stream = fits.StreamingHDU(path, header)
    for _ in range(0, SHAPE[0], BAND):
        band = gaussian_filter(rng.standard_normal((BAND, SHAPE[1]), np.float32), 1.36)
        stream.write((NOISE_Y * band / band.std()).astype(np.float32))
    stream.close()


def seconds(*arguments: str) -> float:
    """Seconds that a command takes, from its start to its exit."""
    started = perf_counter()
    subprocess.run([*COMMAND, *arguments], check=True, capture_output=True)
    return perf_counter() - started


def cutouts(ymap: Path, ra: np.ndarray, dec: np.ndarray) -> tuple[float, float]:
    """Seconds of the cutouts, and the peak memory of the process that made them in GiB."""
    code = (
        "import resource, sys; import numpy as np; from pathlib import Path\n"
        "from time import perf_counter\n"
        "from szmass.predict.files.map_units import Y\n"
        "from szmass.predict.files.sky_maps import open_sky\n"
        "from szmass.sky.grid import PixelGrid\n"
        "ra, dec = np.load(sys.argv[2])\n"
        "started = perf_counter()\n"
        "with open_sky(Path(sys.argv[1]), Y, coarsest_arcmin=1.0) as sky:\n"
        "    for n in range(0, len(ra), 64):\n"
        "        sky.cutouts(ra[n : n + 64], dec[n : n + 64], PixelGrid(96, 0.5))\n"
        "taken = perf_counter() - started\n"
        "print(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)\n"
    )
    places = ymap.with_suffix(".npy")
    np.save(places, np.array([ra, dec]))
    done = subprocess.run(
        [sys.executable, "-c", code, str(ymap), str(places)], check=True, capture_output=True
    )
    taken, peak = map(float, done.stdout.split())
    return taken, peak


def thumbnails(ymap: Path, ra: np.ndarray, dec: np.ndarray) -> float:
    """Seconds a cutout of pixell, of a part of the map in memory."""
    from pixell import enmap, reproject, utils

    box = np.radians([[-6.0, 65.0], [6.0, 55.0]])
    part = enmap.read_map(str(ymap), box=box)
    inside = (np.abs(dec) < 5.0) & (np.abs(ra - 60.0) < 4.0)
    places = np.radians(np.stack([dec[inside], ra[inside]], axis=1))[:PEERS]
    started = perf_counter()
    reproject.thumbnails(
        part, places, r=24.0 * utils.arcmin, res=0.5 * utils.arcmin, proj="tan", apod=0
    )
    return (perf_counter() - started) / len(places)


def main() -> None:
    """Measures one after the other."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "surveys").mkdir()
        for survey in ("act_like", "so_like"):
            settings = YAML().load(ROOT / "surveys" / f"{survey}.yaml")
            settings["contaminants"] = None
            YAML().dump(settings, folder / "surveys" / f"{survey}.yaml")
        ymap = folder / "y.fits"
        write_map(ymap)
        rng = np.random.default_rng(2)
        ra, dec = rng.uniform(2.0, 118.0, CLUSTERS), rng.uniform(-28.0, 28.0, CLUSTERS)
        ra[:PEERS], dec[:PEERS] = rng.uniform(57.0, 63.0, PEERS), rng.uniform(-4.0, 4.0, PEERS)
        Table({"NAME": np.arange(CLUSTERS).astype(str), "RA": ra, "DEC": dec,
               "REDSHIFT": rng.uniform(0.1, 1.0, CLUSTERS)}).write(folder / "c.fits")  # fmt: skip
        os.chdir(folder)
        new = seconds("survey", "new", "mine", "--map", "y.fits", "--beam", "1.6")
        train = seconds("survey", "train", "act_like")
        bands = seconds("survey", "train", "so_like")
        cut, peak = cutouts(ymap, ra, dec)
        peer = thumbnails(ymap, ra, dec)
        predict = seconds("predict", "--survey", "act_like", "--map", "y.fits",
                          "--catalogue", "c.fits", "--out", "m.fits", "-q")  # fmt: skip
        os.chdir(ROOT)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    results = {
        "seconds": {
            "survey_new": new, "survey_train": train, "survey_train_three_bands": bands,
            "cutouts": cut, "predict": predict, "pixell_thumbnails": peer * CLUSTERS,
        },
        "cutouts_peak_gib": peak,
        "largest_process_gib": children,
        "clusters": CLUSTERS,
        "pixels": SHAPE[0] * SHAPE[1],
    }  # fmt: skip
    keep("surveys", results, [
        row("`survey new` and `survey train`, a y-map of one band", f"{new:.0f} and {train:.0f} s",
            "", "3 min together"),
        row("`survey train`, three bands of 40 x 40 pixels", f"{bands:.0f} s", "", "5 min"),
        row(f"{CLUSTERS:,} cutouts of a plate carrée of 10^8 pixels",
            f"{cut:.0f} s, {peak:.2f} GiB",
            f"pixell, at the speed of {PEERS}: {peer * CLUSTERS:.0f} s", "30 s, 2 GiB"),
        row(f"`szmass predict` of {CLUSTERS:,} clusters of it", f"{predict:.0f} s", "", "60 s"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
