"""The stages simulate_clusters and add_planck_noise: maps a second, and memory of each process.

    PYTHONPATH=src python benchmarks/simulate_clusters.py

Runs both stages as DVC does, on as many clusters with 27 lines of sight each as the paper has, from
the start of Python to its exit: 13 GB of disk, some ten minutes on two cores. The noise is white,
in a store of the real one's size. The peers are one process that simulates the same clusters
without a store, and one that projects them on a grid of a third of the pixel and smooths that; the
floor is this disk's time for as many bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np
from measured import keep, row
from scipy.ndimage import gaussian_filter
from simulate_microwave import ROOT, run_stage, write_bytes

from szmass.compton.maps.clusters import ComptonSamples, SourceClusters, list_samples
from szmass.compton.maps.images import ClusterSimulator
from szmass.params import Params, load
from szmass.params.scales import apply_scale
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import PARTITIONS, noise_spec
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.clusters.projection import projected_y
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.storage.store import replacing, write_rows
from szmass.units import FWHM_PER_SIGMA

SCALE = """
compton:
  development_clusters: 6764
  development_projections: 27
  test_clusters: 7
  other_model_clusters: 0
  originals: 1
"""
NOISE_CUTOUTS = 3 * 1094
PEER_MAPS = 540
FINER = 3


def write_noise(path: Path, grid: PixelGrid) -> None:
    """White noise of Planck's level, for development and test maps."""
    shape = NOISE_CUTOUTS, grid.pixels, grid.pixels
    noise_y = 1.2e-6 * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    partition = np.resize(np.array([0, 0, 1], dtype=np.int8), NOISE_CUTOUTS)
    assert PARTITIONS[:2] == ("development", "test")
    with replacing(path, noise_spec(NOISE_CUTOUTS, grid), provenance={}) as unfinished:
        write_rows(unfinished, slice(None), {"noise_y": noise_y, "partition": partition})
        zeros = np.zeros(NOISE_CUTOUTS)
        others = ("realisation", "glon_deg", "glat_deg", "catalogue_row")
        write_rows(unfinished, slice(None), dict.fromkeys(others, zeros))


def samples_of(params: Params, catalogue: Path) -> tuple[ComptonSamples, ClusterSimulator]:
    """What the stage simulates."""
    psz2 = read_psz2(catalogue).weighed()
    compton = params.compton
    samples = list_samples(
        params.seed,
        params.bins,
        compton,
        params.baryon_models,
        SourceClusters(psz2.redshift, psz2.msz_1e14_msun),
        Cosmology.of(compton),
    )
    return samples, ClusterSimulator(
        MockClusters(**asdict(params.morphology)),
        tuple(model.cool_core_mean for model in params.baryon_models.values()),
        PixelGrid.of(compton),
        compton.beam_fwhm_arcmin,
    )


def project_and_smooth(samples: ComptonSamples, simulator: ClusterSimulator) -> None:
    """The same images in real space."""
    grid, tables = simulator.grid, simulator.model.tables()
    step = grid.pixel_arcmin / FINER
    fine = PixelGrid(2 * grid.pixels * FINER, step)  # the gas beside the map is smoothed into it
    x, y = np.meshgrid(fine.axis_arcmin, fine.axis_arcmin)
    sigma = simulator.beam_fwhm_arcmin / FWHM_PER_SIGMA / step
    for cluster in simulator.on_the_sky(samples):
        gaussian_filter(projected_y(tables, cluster, x, y), sigma)


def rate(task: object, samples: ComptonSamples) -> float:
    """Maps a second of a task that takes samples."""
    started = perf_counter()
    task(samples)  # type: ignore[operator]
    return len(samples) / (perf_counter() - started)


def main() -> None:
    """Runs the stages, then the peers."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "src").symlink_to(ROOT / "src")
        shutil.copy(ROOT / "params.yaml", folder)
        scale = folder / "scale.yaml"
        scale.write_text(SCALE)
        apply_scale(folder / "params.yaml", scale)
        params = load(folder / "params.yaml")
        paths = {key: folder / path for key, path in params.paths.items()}
        paths["psz2_catalogue"].parent.mkdir(parents=True)
        shutil.copy(ROOT / params.paths["psz2_catalogue"], paths["psz2_catalogue"])
        samples, simulator = samples_of(params, paths["psz2_catalogue"])
        write_noise(paths["noise_store"], simulator.grid)
        simulator.beamed(samples.at(slice(0, 2)))  # builds the tables
        spread = samples.at(slice(None, None, len(samples) // PEER_MAPS))
        measured = {
            name: run_stage(folder, name) for name in ("simulate_clusters", "add_planck_noise")
        }
        stores = [paths[key] for key in ("clean_store", "planck_store")]
        size = sum(f.stat().st_size for s in stores for f in s.rglob("*") if f.is_file())
        one_process = rate(simulator.beamed, samples.at(slice(0, PEER_MAPS)))
        real_space = rate(
            lambda part: project_and_smooth(part, simulator), spread.at(slice(0, None, 12))
        )
        disk_seconds = write_bytes(folder / "disk", size)
    seconds = {name: values[0] for name, values in measured.items()}
    total = sum(seconds.values())
    parent = max(values[1] for values in measured.values())
    workers = max(max(values[2]) for values in measured.values())
    results = {
        "maps": len(samples),
        "store_bytes": size,
        "workers": params.resources.workers,
        "seconds": seconds,
        "peak_parent_gib": parent,
        "peak_workers_gib": workers,
        "one_process_maps_per_s": one_process,
        "real_space_maps_per_s": real_space,
        "disk_seconds": disk_seconds,
    }
    keep("simulate_clusters", results, [
        row(f"`simulate_clusters` and `add_planck_noise`, {len(samples):,} maps, "
            f"{params.resources.workers} workers",
            f"{total / 60:.1f} min ({seconds['simulate_clusters'] / 60:.1f} and "
            f"{seconds['add_planck_noise'] / 60:.1f}), {len(samples) / total:.0f} maps/s",
            f"one process without a store {one_process:.0f} maps/s, in real space "
            f"{real_space:.0f}; {size / 1e9:.1f} GB to disk {disk_seconds:.1f} s", "8 min"),
        row("their peak memory, of a worker and of the parent",
            f"{workers:.2f} and {parent:.2f} GiB", "", "2 GiB a worker"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
