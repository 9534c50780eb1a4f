"""How good the masses of other surveys are, where the truth or the exact posterior is known.

    PYTHONPATH=src python benchmarks/survey_masses.py

Trains seven surveys as `szmass survey train` does, half an hour on two cores, and weighs simulated
clusters that no training has seen:

offsets: positions half a beam, or at Planck's beam 2', beside the centres; trained with them or not
contaminants: point sources, dust and other clusters in the maps; trained with them or not
selection: clusters of the mass function cut at a signal-to-noise ratio of 5
own simulation: 400 clusters with another profile and relation than any of szmass'
redshifts: one network for all, beside the exact posterior of round clusters
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.io import fits
from measured import keep, row
from ruamel.yaml import YAML

from szmass.evaluation.posteriors import MassPosteriors
from szmass.microwave.masses.likelihood import MassLikelihood
from szmass.predict.survey_files import SurveyFiles
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.surveys.judging import MORE_SOURCES
from szmass.surveys.shipped import default_params
from szmass.surveys.training import SurveyTraining
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.judgement.against_exact import AgainstExact
from szmass.weighing.judgement.gate import coverage
from szmass.weighing.judgement.judged import calibrate
from szmass.weighing.mixture import Inputs
from szmass.weighing.record import Record
from szmass.weighing.training.network import TrainingClusters, noise_root
from szmass.weighing.weigher import FLAT, Weigher

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from szmass.cli import main; main()"]
POPULATION, CUT = 200_000, 5.0
SIMULATED, THEIR_GAS = 400, Gas(np.array(1.8), np.array(-0.35), np.array(0.1))
THEIR_PRESSURE = replace(UNIVERSAL_PRESSURE, c500=1.6, gamma=0.4, beta=5.0, alpha_p=0.0)
REDSHIFTS, MAPS = (0.3, 0.7, 1.2), 3000
TABULATED_MSUN = np.geomspace(0.2e14, 60e14, 240)
EIGENVALUE_CUT, BOOTSTRAPS = 1e-12, 200


@dataclass(frozen=True)
class Trained:
    """A survey after its training."""

    training: SurveyTraining
    record: Record

    @property
    def test_clusters(self) -> TrainingClusters:
        """Those of the gate, simulated anew."""
        with TemporaryDirectory() as name:
            store = self.training.simulate(Path(name) / "clusters.zarr")
            return self.training.clusters(store, "test")

    def held(self, clusters: TrainingClusters) -> dict[str, float]:
        """The share of true masses in 68 and 95 % intervals, with the clusters' own flat prior."""
        ranks = calibrate(Weigher(self.record), clusters, np.random.default_rng(91)).rank
        return {"68": coverage(ranks, 0.68), "95": coverage(ranks, 0.95)}


def trained(name: str, example: str, weighing: dict[str, Any], **changed: Any) -> Trained:
    """Trains one of the examples with some other settings, by the command."""
    yaml = YAML()
    content = yaml.load(ROOT / "surveys" / f"{example}.yaml")
    content.update(changed)
    content.pop("sha256", None)  # of a table by a path from elsewhere
    content["weighing"] = dict(content["weighing"]) | weighing
    for band in content["bands"].values():
        if spectrum := band["noise"].get("spectrum"):
            band["noise"]["spectrum"] = str(ROOT / "surveys" / spectrum)
    Path("surveys").mkdir(exist_ok=True)
    yaml.dump(content, Path("surveys") / f"{name}.yaml")
    # a gate that fails is a result as well
    done = subprocess.run(
        [*COMMAND, "survey", "train", name], check=False, capture_output=True, text=True
    )
    print(done.stdout.strip().splitlines()[0] if done.stdout else done.stderr[-2000:], flush=True)
    return ready(name)


def ready(name: str) -> Trained:
    """A survey of this folder that has been trained."""
    from szmass.surveys.command import training_of

    files = SurveyFiles(name)
    # a gate that fails has left its record beside
    made = files.failed if files.failed.record.exists() else files
    return Trained(training_of(files), Record.read(made.record))


def offsets(plain: Trained) -> dict[str, Any]:
    """Coverage where positions are beside the centres."""
    half_beam = trained("half_beam", "act_like", {"centre_offset_arcmin": 0.8}, contaminants=None)
    planck = trained(
        "planck_offset",
        "planck",
        {"centre_offset_arcmin": 2.0, "training_clusters": 14_000, "validation_clusters": 2000,
         "test_clusters": 4000},
    )  # fmt: skip
    beside = half_beam.test_clusters
    return {
        "half_beam": half_beam.held(beside),
        "half_beam_untrained": plain.held(beside),
        "planck_2_arcmin": planck.held(planck.test_clusters),
    }


def contaminants(plain: Trained) -> dict[str, Any]:
    """Coverage among sources, dust and other clusters."""
    contaminated = trained("contaminated", "act_like", {})
    training = contaminated.training
    clusters, drawn = contaminated.test_clusters, training.contaminants
    assert drawn is not None
    more = training.seen(drawn.times(MORE_SOURCES), "test")
    twice = replace(
        clusters,
        contaminant_amplitude=more["contaminant_amplitude"],
        contaminant_level=more["contaminant_level"],
    )
    return {
        "trained_with": contaminated.held(clusters),
        "trained_with_twice_the_sources": contaminated.held(twice),
        "untrained": plain.held(clusters),
        "untrained_twice_the_sources": plain.held(twice),
    }


def selection(plain: Trained) -> dict[str, Any]:
    """Mean ln(M_est / M_true) of the faintest third of the clusters above a cut."""
    record = plain.record
    weigher, rng = Weigher(record), np.random.default_rng(31)
    redshift = rng.uniform(0.2, 1.0, POPULATION)
    axis = np.linspace(13.6, 15.6, 201)
    log10_mass = np.empty(POPULATION)
    for start in range(0, POPULATION, 10_000):
        rows = slice(start, start + 10_000)
        density = np.exp(record.mass_function.ln_density(redshift[rows], axis))
        below = np.cumsum(density, axis=1)
        draws = rng.random(len(density)) * below[:, -1]
        log10_mass[rows] = axis[np.sum(below < draws[:, None], axis=1)]
    log10_mass += rng.uniform(-0.005, 0.005, POPULATION)
    inputs = seen_by_filters(plain, log10_mass, redshift, rng)
    selected = np.flatnonzero(inputs.signal_to_noise >= CUT)
    order = selected[np.argsort(inputs.signal_to_noise[selected])]
    faint = order[: len(order) // 3]
    gas = weigher.gas(record.facts.reference_gas)
    found: dict[str, Any] = {"clusters": len(faint)}
    for prior in ("mass-function", "flat"):
        posteriors = weigher.posteriors(
            inputs.at(faint), gas, weigher.ln_prior(prior, redshift[faint])
        )
        nodes = posteriors.axis_log10_msun
        mean = np.trapezoid(posteriors.density * nodes, nodes, axis=1)
        ratio = (mean - log10_mass[faint]) * np.log(10.0)
        found[prior] = float(ratio.mean())
        found[f"{prior}_error"] = float(ratio.std() / np.sqrt(len(ratio)))
    return found


def seen_by_filters(
    survey: Trained, log10_mass: np.ndarray, redshift: np.ndarray, rng: np.random.Generator
) -> Inputs:
    """What filters see of clusters with the reference gas, in noise of the usual level.

    Each is one of the test clusters, of nearly its angle, with its own Y and noise.
    """
    training, pool = survey.training, survey.test_clusters
    instrument, params = training.instrument.survey, training.params
    cosmology = training.cosmology
    sizes = cosmology.theta500_arcmin(10.0**pool.log10_m500c_msun, pool.redshift)
    wanted = cosmology.theta500_arcmin(10.0**log10_mass, redshift)
    order = np.argsort(sizes)
    # one of the ten nearest, so that a cluster is not seen too often
    place = np.searchsorted(sizes[order], wanted) + rng.integers(-5, 6, len(wanted))
    near = order[np.clip(place, 0, len(order) - 1)]
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    y = PivotY.at(redshift, cosmology).mean_y_arcmin2(log10_mass, gas)
    y *= np.exp(gas.sigma_lny * rng.standard_normal(len(y)))
    root = noise_root(instrument.bank.noise_covariance)
    level = np.full(len(y), instrument.noise_rms)
    amplitude = y[:, None] * pool.amplitude[near]
    amplitude += level[:, None] * (rng.standard_normal((len(y), len(root))) @ root)
    return Inputs(amplitude, level, redshift, instrument.bank.whitening)


def write_simulation(folder: Path, cosmology: Cosmology) -> None:
    """Maps of round clusters with `THEIR_PRESSURE` and `THEIR_GAS`, and their table."""
    rng = np.random.default_rng(8)
    z, log10_m = rng.uniform(0.2, 1.2, SIMULATED), rng.uniform(14.0, 15.4, SIMULATED)
    theta500 = cosmology.theta500_arcmin(10.0**log10_m, z)
    y = PivotY.at(z, cosmology).mean_y_arcmin2(log10_m, THEIR_GAS)
    y *= np.exp(THEIR_GAS.sigma_lny * rng.standard_normal(SIMULATED))
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
        image = (y[number] * profile[index]).reshape(grid.pixels, grid.pixels)
        part = fits.PrimaryHDU(image.astype(np.float32))
        for axis in (1, 2):
            part.header[f"CDELT{axis}"] = grid.pixel_arcmin / 60.0
            part.header[f"CUNIT{axis}"] = "deg"
        part.writeto(folder / f"s{number}.fits")
        lines.append(f"s{number}.fits,{10.0 ** log10_m[number]:.5e},{z[number]:.4f},{number}")
    (folder / "simulated.csv").write_text("\n".join(lines) + "\n")


def own_simulation(plain: Trained) -> dict[str, Any]:
    """Median b of new clusters of another simulation, by a training on 400 of them and by ours."""
    cosmology = plain.training.cosmology
    write_simulation(Path.cwd(), cosmology)
    command = [*COMMAND, "import-maps", "simulated.csv", "--out", "simulated.zarr"]
    made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(made, flush=True)
    theirs = trained("theirs", "act_like", {}, contaminants=None, clusters="../simulated.zarr")
    rng = np.random.default_rng(11)
    z, log10_m = rng.uniform(0.2, 1.2, MAPS), rng.uniform(14.5, 15.3, MAPS)
    y = PivotY.at(z, cosmology).mean_y_arcmin2(log10_m, THEIR_GAS)
    y *= np.exp(THEIR_GAS.sigma_lny * rng.standard_normal(MAPS))
    instrument = theirs.training.instrument
    grid = instrument.survey.grid
    radii, index = grid.unique_radii
    profiles = beamed_profiles(
        cosmology.theta500_arcmin(10.0**log10_m, z),
        radii,
        beam_fwhm_arcmin=instrument.beams_fwhm_arcmin[0],
        pressure=THEIR_PRESSURE,
    )
    maps = (y[:, None] * profiles)[:, index].reshape(MAPS, grid.pixels, grid.pixels)
    maps += instrument.survey.noise_rms * instrument.noise.maps(rng, MAPS)[:, 0]
    found: dict[str, Any] = {"clusters": SIMULATED, "relation": made.splitlines()[1]}
    for name, survey in (("by_theirs", theirs), ("by_ours", plain)):
        weigher = Weigher(survey.record)
        gas = survey.record.facts.reference_gas
        inputs = weigher.inputs(maps.astype(np.float32), z)
        masses = weigher(inputs, prior=FLAT, gas=gas, total=False)
        b = 1.0 - 10.0**log10_m / masses["m500_msun"]
        inside = (10.0**log10_m > masses["m500_msun_p16"]) & (
            10.0**log10_m < masses["m500_msun_p84"]
        )
        found[name] = {
            "median_b": float(np.median(b)),
            "median_b_error": float(1.25 * b.std() / np.sqrt(MAPS)),
            "coverage_68": float(inside.mean()),
        }
    return found


def redshifts() -> dict[str, Any]:
    """Scatter at some redshifts by one network, over that of the exact posterior."""
    survey = trained("spt_like", "spt_like", {"centre_offset_arcmin": 0.0})
    training, record = survey.training, survey.record
    instrument, cosmology = training.instrument, training.cosmology
    grid, facts = instrument.survey.grid, record.facts
    params = training.params
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    low, high = facts.log10_m500c_msun
    axis = record.axis[(record.axis >= low) & (record.axis <= high)]
    radii, index = grid.unique_radii
    found: dict[str, Any] = {}
    for z in REDSHIFTS:
        redshift = np.full(len(TABULATED_MSUN), z)
        profiles = beamed_profiles(
            cosmology.theta500_arcmin(TABULATED_MSUN, redshift),
            radii,
            beam_fwhm_arcmin=instrument.beams_fwhm_arcmin[0],
        )
        y = PivotY.at(redshift, cosmology).mean_y_arcmin2(np.log10(TABULATED_MSUN), gas)
        table = y[:, None] * profiles * instrument.per_y[0]

        def images(masses_msun: np.ndarray, table: np.ndarray = table) -> np.ndarray:
            place = np.interp(
                np.log(masses_msun), np.log(TABULATED_MSUN), np.arange(len(TABULATED_MSUN))
            )
            first = np.minimum(place.astype(int), len(TABULATED_MSUN) - 2)
            share = (place - first)[:, None]
            return ((1.0 - share) * table[first] + share * table[first + 1])[:, index]

        rng = np.random.default_rng((17, int(10 * z)))
        truth = 10.0 ** rng.uniform(14.3, 15.0, MAPS)
        amplitude = np.exp(float(gas.sigma_lny) * rng.standard_normal(MAPS))
        maps = images(truth) * amplitude[:, None]
        maps += instrument.noise.maps(rng, MAPS).reshape(MAPS, -1)
        exact = MassLikelihood(
            m200c_msun=10.0**axis,
            signals_uk=without_mean(images(10.0**axis)),
            covariance_uk2=instrument.noise.covariance_without_mean(),
            ln_scatter=float(gas.sigma_lny),
            eigenvalue_cut=EIGENVALUE_CUT,
        )
        ln_exact = exact(without_mean(maps).reshape(MAPS, grid.pixels, grid.pixels))
        weigher = Weigher(record)
        whole = weigher.posteriors(
            weigher.inputs(
                maps.reshape(MAPS, grid.pixels, grid.pixels).astype(np.float32), np.full(MAPS, z)
            ),
            weigher.gas(facts.reference_gas),
            weigher.ln_prior(FLAT, np.full(MAPS, z)),
        )
        kept = np.isin(record.axis, axis)
        judged = AgainstExact(
            truth,
            exact=MassPosteriors.of_weights(
                axis, np.exp(ln_exact - ln_exact.max(axis=1, keepdims=True))
            ),
            found=MassPosteriors.of_weights(axis, whole.density[:, kept]),
        )
        found[f"z{z}"] = judged.metrics(draws=BOOTSTRAPS, rng=np.random.default_rng(1))
    return found


def without_mean(images: np.ndarray) -> np.ndarray:
    """Images without their mean, which the filters leave free."""
    return images - images.mean(axis=1, keepdims=True)


def main() -> None:
    """Measures one after the other."""
    from szmass.networks.backend import prepare_backend

    prepare_backend(seed=default_params().seed, threads=2)
    with TemporaryDirectory() as name:
        os.chdir(name)
        plain = trained("plain", "act_like", {}, contaminants=None)
        results: dict[str, Any] = {"plain": plain.held(plain.test_clusters)}
        for kind, measure in (
            ("contaminants", lambda: contaminants(plain)),
            ("selection", lambda: selection(plain)),
            ("redshifts", redshifts),
            ("own_simulation", lambda: own_simulation(plain)),
            ("offsets", lambda: offsets(plain)),
        ):
            results[kind] = measure()
            print(kind, results[kind], flush=True)
        os.chdir(ROOT)
    keep("survey_masses", results, rows_of(results))


def rows_of(results: dict[str, Any]) -> list[dict[str, str]]:
    """The table's lines."""

    def held(values: dict[str, float]) -> str:
        return f"{values['68']:.3f} and {values['95']:.3f}"

    offset, seen = results["offsets"], results["contaminants"]
    cut, own = results["selection"], results["own_simulation"]
    ratios = [
        f"z = {z}: {results['redshifts'][f'z{z}']['scatter_ln_mass_over_exact']:.3f} +- "
        f"{results['redshifts'][f'z{z}']['scatter_ln_mass_over_exact_err']:.3f}"
        for z in REDSHIFTS
    ]
    return [
        row("true masses in 68 and 95 % intervals, offsets of half a beam of 1.6'",
            held(offset["half_beam"]),
            f"trained with a tenth: {held(offset['half_beam_untrained'])}", "0.68, 0.95"),
        row("the same, offsets of 2' at Planck's beam", held(offset["planck_2_arcmin"]), "",
            "0.68, 0.95"),
        row("the same among contaminants", held(seen["trained_with"]),
            f"trained without: {held(seen['untrained'])}", "0.68, 0.95"),
        row("the same with twice the point sources of the training",
            held(seen["trained_with_twice_the_sources"]),
            f"trained without: {held(seen['untrained_twice_the_sources'])}", "0.64, -"),
        row(f"mean ln(M / M_true) of the faintest third above a signal-to-noise of {CUT:g}",
            f"{cut['mass-function']:+.3f} +- {cut['mass-function_error']:.3f}",
            f"flat prior: {cut['flat']:+.3f}", "within 0.02"),
        row(f"median b of another simulation, trained on {SIMULATED} of its clusters",
            f"{own['by_theirs']['median_b']:+.3f} +- {own['by_theirs']['median_b_error']:.3f}",
            f"by szmass' clusters: {own['by_ours']['median_b']:+.3f}", "0"),
        row("scatter of one network over the exact posterior's, round clusters at 150 GHz",
            ", ".join(ratios), "1", "1.02"),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
