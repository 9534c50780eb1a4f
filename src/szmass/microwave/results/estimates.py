"""Masses of the test sets by the mResUNet, the exact posteriors and the matched filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from szmass.evaluation.charts import save
from szmass.evaluation.papers import beside_paper
from szmass.microwave.masses.debias import Response
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import Maps, MassPrior, read_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import describe_blocks
from szmass.microwave.results import figures
from szmass.microwave.results.metrics import (
    mass_label,
    mass_metrics,
    profile_residual,
    scatter_metrics,
)
from szmass.params import Evaluation, MicrowaveSets, Mresunet
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

SETS = ("test", "scatter_test", "no_scatter_test")
TITLES = {"scatter_test": "with SZ scatter", "no_scatter_test": "without SZ scatter"}
NETWORK, DEBIASED, BOUND = "mresunet", "mresunet_debiased", "bound_train"
WORDS = {NETWORK: "mResUNet", BOUND: "exact posterior", DEBIASED: "mResUNet, bias removed"}
"""Names of the estimators in legends."""
EXAMPLE_MASS_MSUN = 5.0 * MASS_UNIT_MSUN
PROFILE_MASSES_MSUN = (2.0 * MASS_UNIT_MSUN, 4.0 * MASS_UNIT_MSUN, 6.0 * MASS_UNIT_MSUN)


def judged_priors(
    mresunet: Mresunet, sets: MicrowaveSets, evaluation: Evaluation
) -> dict[str, MassPrior]:
    """The priors of the exact posteriors: the network's own, the paper's masses, and a flat one."""
    return {
        BOUND: MassPrior.of_training(mresunet, sets),
        "bound_paper": MassPrior.discrete(sets.training_masses_1e14),
        "bound_uniform": MassPrior.flat(evaluation.bound_range_1e14),
    }


@dataclass(frozen=True)
class Estimates:
    """The maps of `SETS`, and what each estimator finds in them."""

    maps: Mapping[str, Maps]
    masses_msun: Mapping[str, Mapping[str, np.ndarray]]
    """By set and estimator, `(n,)`."""
    profiles_uk: np.ndarray
    """The network's SZ profiles of the set `test`, `(n, pixels, pixels)`."""

    @classmethod
    def estimate(cls, store: MapStore, network: MresunetEstimator, exact: ExactEstimators) -> Self:
        """Applies every estimator; the network is de-biased by its response to validation maps."""
        maps = {name: read_maps(store, name) for name in SETS}
        validation = read_maps(store, "validation")
        response = Response.measure(network(validation.temperature_uk)[0], validation.m200c_msun)
        masses, profiles_uk = {}, {}
        for name, truth in maps.items():
            found, profiles_uk[name] = network(truth.temperature_uk)
            masses[name] = {NETWORK: found, DEBIASED: response.invert(found)}
            masses[name] |= exact(truth.temperature_uk)
        return cls(maps, masses, profiles_uk["test"])

    @property
    def test_masses_msun(self) -> list[float]:
        """The distinct true masses of the set `test`, ascending."""
        return sorted(set(self.maps["test"].m200c_msun))

    def predictions(self) -> pd.DataFrame:
        """A row a map: set, true mass, and the mass by each estimator, in Msun."""
        return pd.concat(
            [
                pd.DataFrame(
                    {"set": name, "m200c_msun": self.maps[name].m200c_msun}
                    | {f"{estimator}_msun": values for estimator, values in by_estimator.items()}
                )
                for name, by_estimator in self.masses_msun.items()
            ]
        )

    def metrics(
        self, stated: Mapping[str, float], *, draws: int, seed: int
    ) -> dict[str, dict[str, float]]:
        """Metrics by estimator, with the paper's beside them.

        Args:
            stated: what the paper states, by metric name.
            draws: of the bootstrap.
            seed: of the bootstrap.
        """
        judged = {
            estimator: self._of_estimator(estimator, draws=draws, seed=seed)
            for estimator in self.masses_msun["test"]
        }
        judged[NETWORK] |= self._profile_residuals()
        return {estimator: beside_paper(values, stated) for estimator, values in judged.items()}

    def _of_estimator(self, estimator: str, *, draws: int, seed: int) -> dict[str, float]:
        """The masses by one estimator, and how they compare with the exact posterior's."""
        rng = np.random.default_rng(seed)
        test = self.masses_msun["test"]
        metrics = mass_metrics(test[estimator], self.maps["test"].m200c_msun, test[BOUND])
        for name, suffix in (("scatter_test", ""), ("no_scatter_test", "_no_scatter")):
            masses, truth = self.masses_msun[name], self.maps[name].m200c_msun
            metrics |= scatter_metrics(
                masses[estimator], truth, suffix=suffix, draws=draws, rng=rng
            )
            bound = np.std(np.log(masses[BOUND] / truth))
            scatter = f"scatter_ln_mass{suffix}"
            metrics[f"{scatter}_over_bound"] = metrics[scatter] / float(bound)
        return metrics

    def _profile_residuals(self) -> dict[str, float]:
        """How far the mean predicted profile is from the true one, at the masses of Figure 3."""
        test, residuals = self.maps["test"], {}
        for mass in PROFILE_MASSES_MSUN:
            here = test.m200c_msun == mass
            if here.any():
                residual = profile_residual(self.profiles_uk[here], test.sz_uk[here])
                residuals[f"profile_residual_{mass_label(mass)}"] = residual
        return residuals

    def draw(
        self,
        folder: Path,
        network: MresunetEstimator,
        prior: MassPrior,
        history: pd.DataFrame,
        grid: PixelGrid,
        stated: Mapping[str, float],
    ) -> None:
        """Draws the paper's Figures 1 to 5, and the training curve.

        Args:
            folder: of the figures.
            network: the trained one.
            prior: that it was trained on.
            history: of its training.
            grid: of the maps.
            stated: what the paper states, by metric name.
        """
        blocks = [figures.NetworkBlock(*block) for block in describe_blocks(network.model)]
        test = self.maps["test"]
        example = int(np.abs(test.m200c_msun - EXAMPLE_MASS_MSUN).argmin())
        kinds = {mass: prior.kind(mass) for mass in np.unique(test.m200c_msun)}
        shown = {WORDS[name]: self.masses_msun["test"][name] for name in WORDS}
        panels = [
            figures.ScatterPanel(
                title,
                self.maps[name].m200c_msun,
                {WORDS[of]: self.masses_msun[name][of] for of in (NETWORK, BOUND)},
                stated[f"scatter_ln_mass_gauss{suffix}"],
            )
            for (name, title), suffix in zip(TITLES.items(), ("", "_no_scatter"), strict=True)
        ]
        columns = (history[key].to_numpy() for key in ("maps_seen", "loss", "validation_loss"))
        drawn = {
            "figure1_network": figures.network(blocks, network.model.count_params()),
            "figure2_map": figures.map_and_profile(
                test.temperature_uk[example], test.sz_uk[example], grid, test.m200c_msun[example]
            ),
            "figure3_profiles": figures.profiles(self._profile_rows(), grid),
            "figure4_masses": figures.masses(test.m200c_msun, shown, kinds),
            "figure5_scatter": figures.scatter(panels),
            "training_curve": figures.training_curve(*columns),
        }
        for name, figure in drawn.items():
            save(figure, folder / f"{name}.png")

    def _profile_rows(self) -> list[figures.ProfileRow]:
        """The rows of Figure 3."""
        test, rows = self.maps["test"], []
        for mass in PROFILE_MASSES_MSUN:
            here = np.flatnonzero(test.m200c_msun == mass)
            if len(here):
                true_uk, predicted_uk = test.sz_uk[here].mean(0), self.profiles_uk[here].mean(0)
                example_uk = test.temperature_uk[here[0]]
                rows.append(figures.ProfileRow(mass, example_uk, true_uk, predicted_uk))
        return rows
