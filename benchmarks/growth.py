"""How time, memory and bytes grow with the number of maps and of networks, and the exponents.

    PYTHONPATH=src python benchmarks/growth.py

Needs data/spectra.csv (`dvc repro tabulate_spectra`), 5 GB of disk and a quarter of an hour on two
cores. Runs simulate_microwave and simulate_clusters as DVC does, from the start of Python to its
exit; weighs maps, and trains CNN ensembles, each in a process of its own. An exponent is the slope
of ln(cost) against ln(number): at the small end the start of Python and of dask counts, so it is
fitted from `FROM` on. The figure is results/growth.png.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import resource
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from measured import FOLDER, keep, row
from simulate_microwave import ROOT, run_stage

from szmass.params import load
from szmass.params.scales import apply_scale

GIB = 2.0**30
MICROWAVE_SCALE = """
microwave_sets:
  train_maps: {of_each}
  validation_maps: 1
  test_maps: 1
  spare_maps: 0
  scatter_maps: 1
"""
TRAINING_MASSES = 8
CLUSTERS_SCALE = """
compton:
  development_clusters: {maps}
  development_projections: 1
  test_clusters: 1
  other_model_clusters: 0
  originals: 1
"""
MICROWAVE_MAPS = (1_000, 10_000, 30_000, 100_000, 200_000)
CLUSTER_MAPS = (1_000, 10_000, 20_000, 50_000)
WEIGHED_MAPS = (1_000, 10_000, 50_000, 200_000)
AT_ONCE = 2_000
NETWORKS = (2, 4, 8, 16)
FROM = {"simulate_microwave": 10_000, "simulate_clusters": 10_000, "weighing": 10_000, "CNNs": 2}
"""Least number that an exponent is fitted from."""
ASKED = {"seconds": 1.02, "memory_gib": 0.05}
COSTS = {"seconds": "time [s]", "memory_gib": "memory of all processes [GiB]", "bytes": "bytes"}

Cost = dict[str, float]


def stage_cost(name: str, store: str, scale: str, inputs: Sequence[str]) -> Callable[[int], Cost]:
    """What a stage costs at a number of maps."""

    def cost(maps: int) -> Cost:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "src").symlink_to(ROOT / "src")
            shutil.copy(ROOT / "params.yaml", folder)
            (folder / "scale.yaml").write_text(
                scale.format(maps=maps, of_each=maps // TRAINING_MASSES)
            )
            apply_scale(folder / "params.yaml", folder / "scale.yaml")
            paths = load(folder / "params.yaml").paths
            for key in inputs:
                (folder / paths[key]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / paths[key], folder / paths[key])
            seconds, parent_gib, workers_gib = run_stage(folder, name)
            files = [file for file in (folder / paths[store]).rglob("*") if file.is_file()]
            size = float(sum(file.stat().st_size for file in files))
        return {"seconds": seconds, "memory_gib": parent_gib + sum(workers_gib), "bytes": size}

    return cost


def in_a_process(measure: Callable[[int], float]) -> Callable[[int], Cost]:
    """What a function costs in a fresh process: the seconds that it returns, and the memory."""

    def cost(count: int) -> Cost:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as process:
            seconds = process.submit(measure, count).result()
            used = process.submit(resource.getrusage, resource.RUSAGE_SELF).result()
        return {"seconds": seconds, "memory_gib": used.ru_maxrss * 1024 / GIB}

    return cost


def weigh(count: int) -> float:
    """Seconds to weigh so many maps, as many at a time as a large catalogue is read in."""
    from szmass.predict.released import released_record
    from szmass.weighing.record import Record
    from szmass.weighing.weigher import Weigher

    weigher = Weigher(Record.read(released_record().path))
    facts, grid = weigher.record.facts, weigher.record.facts.grid
    rng = np.random.default_rng(1)
    spot = 2e-5 * np.exp(-0.5 * (grid.radius_arcmin / 6.0) ** 2)
    many = min(AT_ONCE, count)
    maps = (rng.normal(0.0, 1.2e-6, (many, *spot.shape)) + spot).astype(np.float32)
    redshift = rng.uniform(0.05, 0.6, many)
    started = perf_counter()
    for _ in range(count // many):
        inputs = weigher.inputs(maps, redshift)
        weigher(inputs, prior=facts.survey_prior, gas=facts.reference_gas, total=False)
    return perf_counter() - started


def train(networks: int) -> float:
    """Seconds to train so many CNNs for an epoch, a few side by side."""
    from cnn_training import IDENTITY, SilentRun, development, trainers, write_noise

    from szmass.compton.network.files import EnsembleFiles
    from szmass.compton.network.members import plan_members
    from szmass.compton.network.training import EnsemblePlan, train_ensembles
    from szmass.networks.backend import prepare_backend, side_by_side

    params = load(ROOT / "params.yaml")
    settings = dataclasses.replace(params.cnn, epochs=1)
    beside = side_by_side(settings.threads)
    prepare_backend(seed=IDENTITY[0], threads=settings.threads, networks=beside)
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "maps.zarr"
        write_noise(store, 1728, params.compton.pixels)
        maps = development(store, kept=True)
        known = trainers(maps.pixels, settings)
        fraction = settings.validation_fraction

        def ensemble(count: int, folder: str) -> EnsemblePlan:
            members = plan_members(IDENTITY, maps.cluster, count=count, fraction=fraction)
            parts = Path(name) / folder / "output", Path(name) / folder / "facts"
            files = EnsembleFiles(*parts, known[0].network)
            return EnsemblePlan("clean", "m500c", maps, members, files)

        # the first ones build the graphs
        train_ensembles([ensemble(beside, "a")], known, run=SilentRun(), progress=lambda _: None)
        started = perf_counter()
        plan = ensemble(networks, "b")
        train_ensembles([plan], known, run=SilentRun(), progress=lambda _: None)
        return perf_counter() - started


def exponent(costs: Mapping[int, Cost], name: str, least: int) -> float:
    """The slope of ln(cost) against ln(number), from a number on."""
    counts = [count for count in costs if count >= least]
    values = [costs[count][name] for count in counts]
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def draw(measured: Mapping[str, Mapping[int, Cost]], path: Path) -> None:
    """A panel a cost, a line a kind of work, each beside the line of exponent 1."""
    import matplotlib.pyplot as plt

    from szmass.evaluation.charts import save

    figure, panels = plt.subplots(1, len(COSTS), figsize=(12.0, 3.8), layout="constrained")
    for axes, (name, label) in zip(panels, COSTS.items(), strict=True):
        for kind, costs in measured.items():
            counts = [count for count, cost in costs.items() if name in cost]
            if not counts:
                continue
            values = [costs[count][name] for count in counts]
            slope = exponent(costs, name, FROM[kind])
            (line,) = axes.plot(counts, values, "o-", label=f"{kind}: {slope:.2f}")
            if name != "memory_gib":
                linear = [values[-1] * count / counts[-1] for count in counts]
                axes.plot(counts, linear, ":", color=line.get_color(), linewidth=1.0)
        axes.set(xscale="log", yscale="log", xlabel="maps, or networks", ylabel=label)
        if name == "memory_gib":
            axes.set(yscale="linear", ylim=(0.0, 1.7 * axes.get_ylim()[1]))
        else:
            axes.set_ylim(top=20.0 * axes.get_ylim()[1])
        axes.legend(title="exponent", fontsize="small", loc="upper left")
    save(figure, path)


def main() -> None:
    """Measures all, fits, draws."""
    works: dict[str, tuple[Callable[[int], Cost], tuple[int, ...]]] = {
        "simulate_microwave": (
            stage_cost("simulate_microwave", "microwave_store", MICROWAVE_SCALE, ["spectra_table"]),
            MICROWAVE_MAPS,
        ),
        "simulate_clusters": (
            stage_cost("simulate_clusters", "clean_store", CLUSTERS_SCALE, ["psz2_catalogue"]),
            CLUSTER_MAPS,
        ),
        "weighing": (in_a_process(weigh), WEIGHED_MAPS),
        "CNNs": (in_a_process(train), NETWORKS),
    }
    measured: dict[str, dict[int, Cost]] = {}
    for kind, (cost, counts) in works.items():
        measured[kind] = {}
        for count in counts:
            measured[kind][count] = cost(count)
            print(kind, count, measured[kind][count], flush=True)
    draw(measured, FOLDER / "results" / "growth.png")
    rows, exponents = [], {}
    for kind, costs in measured.items():
        last = max(costs)
        exponents[kind] = {
            name: exponent(costs, name, FROM[kind]) for name in COSTS if name in costs[last]
        }
        slopes = exponents[kind]
        rows.append(
            row(
                f"`{kind}`, exponents of time and memory from {FROM[kind]:,} to {last:,}",
                f"{slopes['seconds']:.2f} and {slopes['memory_gib']:.2f}",
                f"{costs[last]['seconds']:.0f} s, {costs[last]['memory_gib']:.2f} GiB at the end",
                f"{ASKED['seconds']} and {ASKED['memory_gib']}",
            )
        )
    keep("growth", {"measured": measured, "exponents": exponents}, rows)


if __name__ == "__main__":
    main()
