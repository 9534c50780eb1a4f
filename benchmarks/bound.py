"""The exact posterior on the two sets of Fig. 5: its scatter, what moves it, and its speed.

    PYTHONPATH=src python benchmarks/bound.py

The scatter is the standard deviation of ln(E[M | map] / M) for masses uniform in 2-7e14 Msun, with
the 20 % scatter of the SZ amplitude and without (the posterior allows for scatter in both). A
published number comes from one set of 1000 maps; so beside the scatter over all maps stands its
standard deviation from one set of 1000 to the next.

An independent posterior checks it: masses and amplitudes drawn from the prior, each weighted by
exp(-chi^2 / 2) of all 1600 pixels. The variants change one thing at a time, in the sky and the
posterior together or in the posterior alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from measured import keep, row
from scipy.linalg import solve_triangular

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses import likelihood
from szmass.microwave.masses.likelihood import (
    MassLikelihood,
    discrete_prior,
    posterior_mean_msun,
    uniform_prior,
)
from szmass.params import Microwave, load

ROOT = Path(__file__).parents[1]
MAPS, VARIANT_MAPS, SET, BLOCK = 100_000, 20_000, 1000, 2000
CHECKED_MAPS, DRAWS = 2000, 60_000
SEED = 20_200_311
EIGHT_MSUN = np.arange(1.0, 9.0) * 1e14
UNIFORM_MSUN = (1e14, 8e14)
EXPECTED = {  # found earlier by another program, each on a single set of 1000 maps
    ("eight", "scatter"): 0.177,
    ("eight", "no_scatter"): 0.115,
    ("uniform", "scatter"): 0.165,
    ("uniform", "no_scatter"): 0.103,
}
Scatters = dict[tuple[str, str], tuple[float, float]]


def mass_axis(nodes: int) -> np.ndarray:
    """Masses evenly spaced in ln M, and the eight."""
    return np.unique(np.concatenate([np.geomspace(0.1e14, 25e14, nodes), EIGHT_MSUN]))


def draw(sky: MicrowaveSky, ln_scatter: float, maps: int, seed: int) -> tuple[np.ndarray, ...]:
    """True masses and maps of one of the sets of Fig. 5."""
    rng = np.random.default_rng((SEED, seed))
    truth = rng.uniform(2e14, 7e14, maps)
    ln_amplitude = ln_scatter * rng.standard_normal(maps)
    return truth, sky.observe(sky.sz_uk(truth, ln_amplitude), [rng])


def scatters(
    sky: MicrowaveSky,
    *,
    maps: int,
    judge: MicrowaveSky | None = None,
    nodes: int = 241,
    cut: float = 1e-9,
    ln_scatter: float = 0.2,
) -> Scatters:
    """The scatter over all maps and between sets, by prior and set.

    Args:
        sky: draws the maps.
        maps: of each set.
        judge: the sky that the posterior assumes, where it is another.
        nodes: of the mass axis.
        cut: modes of the covariance that the posterior leaves out.
        ln_scatter: that the posterior assumes.
    """
    judge = judge or sky
    axis = mass_axis(nodes)
    signals = judge.mean_uk(axis).reshape(len(axis), -1)
    likelihood = MassLikelihood(axis, signals, judge.covariance_uk2(), ln_scatter, cut)
    priors = {
        "eight": discrete_prior(axis, EIGHT_MSUN),
        "uniform": uniform_prior(axis, UNIFORM_MSUN),
    }
    result: Scatters = {}
    for name, sigma in (("scatter", 0.2), ("no_scatter", 0.0)):
        ln_ratios: dict[str, list[np.ndarray]] = {prior: [] for prior in priors}
        for seed in range(maps // BLOCK):
            truth, observed = draw(sky, sigma, BLOCK, seed)
            ln_likelihood = likelihood(observed.astype(float))
            for prior, weights in priors.items():
                estimate = posterior_mean_msun(ln_likelihood, axis, weights)
                ln_ratios[prior].append(np.log(estimate / truth))
        for prior, values in ln_ratios.items():
            ln_ratio = np.concatenate(values)
            sets = ln_ratio.reshape(-1, SET).std(axis=1)
            result[prior, name] = float(ln_ratio.std()), float(sets.std(ddof=1))
    return result


def sampled_scatter(sky: MicrowaveSky, prior: str) -> tuple[float, float, float]:
    """The scatter of an importance-sampled posterior mean, without scatter in the maps.

    Returns:
        It, that of the exact one on the same maps, and the rms of ln of their ratio.
    """
    truth, observed = draw(sky, 0.0, CHECKED_MAPS, 0)
    factor = np.linalg.cholesky(sky.covariance_uk2())

    def whiten(images: np.ndarray) -> np.ndarray:
        flat = images.reshape(len(images), -1).T.astype(float)
        return solve_triangular(factor, flat, lower=True).T.astype(np.float32)

    rng = np.random.default_rng((SEED, 99))
    masses = (
        rng.choice(EIGHT_MSUN, DRAWS) if prior == "eight" else rng.uniform(*UNIFORM_MSUN, DRAWS)
    )
    amplitudes = np.exp(0.2 * rng.standard_normal(DRAWS))
    white_maps = whiten(observed)
    chi2 = np.empty((CHECKED_MAPS, DRAWS), dtype=np.float32)
    for start in range(0, DRAWS, 5000):
        rows = slice(start, start + 5000)
        model = whiten(sky.cluster_uk(masses[rows], amplitudes[rows]))
        chi2[:, rows] = np.sum(model**2, axis=1) - 2 * white_maps @ model.T
    weights = np.exp(-(chi2 - chi2.min(axis=1, keepdims=True)) / 2)
    sampled = weights @ masses / weights.sum(axis=1)
    axis = mass_axis(241)
    signals = sky.mean_uk(axis).reshape(len(axis), -1)
    likelihood = MassLikelihood(axis, signals, sky.covariance_uk2(), 0.2, 1e-9)
    weight = (
        discrete_prior(axis, EIGHT_MSUN) if prior == "eight" else uniform_prior(axis, UNIFORM_MSUN)
    )
    exact = posterior_mean_msun(likelihood(observed.astype(float)), axis, weight)
    return (
        float(np.log(sampled / truth).std()),
        float(np.log(exact / truth).std()),
        float(np.sqrt(np.mean(np.log(sampled / exact) ** 2))),
    )


def variants(microwave: Microwave, dl_uk2: Mapping[str, np.ndarray], sky: MicrowaveSky) -> dict:
    """The scatters with one thing changed."""

    def other(**changes: object) -> MicrowaveSky:
        return MicrowaveSky(replace(microwave, **changes), dl_uk2)

    cirrus = replace(microwave.components, cirrus=True)
    heavier = other(concentration_model="diemer15")
    few = {"maps": VARIANT_MAPS}
    result = {
        "as it is": scatters(sky, **few),
        "no pixel window": scatters(other(pixel_window=False), **few),
        "diemer15": scatters(heavier, **few),
        "diemer15 in the posterior alone": scatters(sky, judge=heavier, **few),
        "with cirrus": scatters(other(components=cirrus), **few),
        "taper of 1 arcmin": scatters(other(apodisation_arcmin=1.0), cut=1e-12, **few),
        "alpha_P constant": scatters(
            other(pressure=replace(microwave.pressure, alpha_p_of_radius=False)), **few
        ),
        "61 masses on the axis": scatters(sky, nodes=61, **few),
        "961 masses on the axis": scatters(sky, nodes=961, **few),
        "modes of the covariance above 1e-6": scatters(sky, cut=1e-6, **few),
        "modes of the covariance above 1e-4, most of the noise lost": scatters(
            sky, cut=1e-4, **few
        ),
        "no scatter in the posterior": scatters(sky, ln_scatter=0.0, **few),
    }
    usual = likelihood.SCATTER_NODES
    for nodes in (25, 193):
        likelihood.SCATTER_NODES = nodes
        result[f"{nodes} nodes of ln A"] = scatters(sky, **few)
    likelihood.SCATTER_NODES = usual
    return {
        name: {"_".join(key): value for key, (value, _) in found.items()}
        for name, found in result.items()
    }


def seconds_per_1000_maps(sky: MicrowaveSky) -> float:
    """The posterior means of 1000 maps under both priors, once the likelihood is set up."""
    axis = mass_axis(241)
    signals = sky.mean_uk(axis).reshape(len(axis), -1)
    likelihood = MassLikelihood(axis, signals, sky.covariance_uk2(), 0.2, 1e-9)
    _, observed = draw(sky, 0.2, 1000, 1)
    started = perf_counter()
    ln_likelihood = likelihood(observed.astype(float))
    posterior_mean_msun(ln_likelihood, axis, discrete_prior(axis, EIGHT_MSUN))
    posterior_mean_msun(ln_likelihood, axis, uniform_prior(axis, UNIFORM_MSUN))
    return perf_counter() - started


def main() -> None:
    """Measures, checks, varies, and keeps the results."""
    params = load(ROOT / "params.yaml")
    dl_uk2 = read_spectra(ROOT / params.paths["spectra_table"])
    sky = MicrowaveSky(params.microwave, dl_uk2)
    speed = min(seconds_per_1000_maps(sky) for _ in range(5))
    found = scatters(sky, maps=MAPS)
    checks = {prior: sampled_scatter(sky, prior) for prior in ("eight", "uniform")}
    rows = [
        row(
            f"posterior mean, {prior} masses, {name.replace('_', ' ')}: scatter of ln M",
            f"{value:.4f} +- {spread * (SET / MAPS) ** 0.5:.4f}; between sets {spread:.4f}",
            f"one set of {SET}: {EXPECTED[prior, name]} "
            f"({(EXPECTED[prior, name] - value) / spread:+.1f} of that spread)",
            "to agree",
        )
        for (prior, name), (value, spread) in found.items()
    ]
    rows += [
        row(
            f"the same, {prior} masses, no scatter, {CHECKED_MAPS} maps",
            f"{exact:.4f}",
            f"importance sampling {sampled:.4f}, map by map to {difference:.2%}",
            "to agree",
        )
        for prior, (sampled, exact, difference) in checks.items()
    ]
    rows.append(row("posterior means of 1000 maps", f"{speed:.2f} s", "", "10 s"))
    results = {
        "maps_of_each_set": MAPS,
        "scatter_ln_mass": {"_".join(key): value for key, (value, _) in found.items()},
        "spread_between_sets_of_1000": {
            "_".join(key): spread for key, (_, spread) in found.items()
        },
        "importance_sampling": {
            prior: {"sampled": sampled, "exact": exact, "rms_ln_ratio": difference}
            for prior, (sampled, exact, difference) in checks.items()
        },
        "variants": variants(params.microwave, dl_uk2, sky),
        "variant_maps": VARIANT_MAPS,
        "seconds_per_1000_maps": speed,
    }
    keep("bound", results, rows)


if __name__ == "__main__":
    main()
