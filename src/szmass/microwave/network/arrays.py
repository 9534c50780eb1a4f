"""Maps and labels as the mResUNet sees them, and its outputs in physical units."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from szmass.microwave.maps.samples import set_rows
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.params import MicrowaveSets, Mresunet
from szmass.sky.clusters.spherical import ClusterImages
from szmass.sky.grid import centre_mean
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN


@dataclass(frozen=True)
class Maps:
    """Observed maps with the truth behind them."""

    temperature_uk: np.ndarray
    """`(n, pixels, pixels)` float32."""
    sz_uk: np.ndarray
    """`(n, pixels, pixels)` float32."""
    m200c_msun: np.ndarray
    """`(n,)`."""


@dataclass(frozen=True)
class Normalisation:
    """The constants between physical units and the network's: one of each for all maps."""

    temperature_uk: float
    """Largest absolute temperature of the training maps."""
    sz_uk: float
    """Root mean square, or largest absolute value, of the training labels."""
    mass_msun: float
    """Mean mass of the training prior."""
    mass_image: str
    """`flat`: M / mean(M) in every pixel, read as the image's mean; `nfw`: an NFW profile times
    that, read at the centre."""

    def inputs(self, temperature_uk: np.ndarray) -> np.ndarray:
        """Network inputs `(n, pixels, pixels, 1)` float32, within about [-1, 1]."""
        return np.asarray(temperature_uk / np.float32(self.temperature_uk), np.float32)[..., None]

    def labels(
        self, m200c_msun: np.ndarray, sz_uk: np.ndarray, nfw: ClusterImages | None
    ) -> np.ndarray:
        """Label images `(n, pixels, pixels, 2)` float32, channels mass and SZ profile."""
        labels = np.empty((*sz_uk.shape, 2), dtype=np.float32)
        relative = (m200c_msun / self.mass_msun)[:, None, None]
        labels[..., 0] = relative if nfw is None else relative * nfw(m200c_msun)
        labels[..., 1] = sz_uk / np.float32(self.sz_uk)
        return labels

    def masses_msun(self, outputs: np.ndarray) -> np.ndarray:
        """Masses from output images, `(n,)`; not bounded, so a poor network's may be negative."""
        images = outputs[..., 0].astype(np.float64)
        if self.mass_image == "nfw":
            return centre_mean(images) * self.mass_msun
        return images.mean(axis=(1, 2)) * self.mass_msun

    def profiles_uk(self, outputs: np.ndarray) -> np.ndarray:
        """SZ images in uK from output images, `(n, pixels, pixels)`."""
        return outputs[..., 1] * np.float32(self.sz_uk)

    def write(self, path: Path) -> None:
        """Writes the constants as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")

    @classmethod
    def read(cls, path: Path) -> Normalisation:
        """Reads what `write` wrote."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True)
class MassPrior:
    """The masses that a network is trained on.

    Either a few masses, each as likely, or a density that is flat over a range.
    """

    masses_msun: tuple[float, ...]
    """The discrete masses; empty for a flat density."""
    range_msun: tuple[float, float]
    """The lowest and the highest mass."""

    @classmethod
    def discrete(cls, masses_1e14: list[float]) -> MassPrior:
        """Each of these masses as likely."""
        masses = tuple(mass * MASS_UNIT_MSUN for mass in masses_1e14)
        return cls(masses, (min(masses), max(masses)))

    @classmethod
    def flat(cls, range_1e14: list[float]) -> MassPrior:
        """A density flat between two masses."""
        low, high = (mass * MASS_UNIT_MSUN for mass in range_1e14)
        return cls((), (low, high))

    @classmethod
    def of_training(cls, mresunet: Mresunet, sets: MicrowaveSets) -> MassPrior:
        """The masses that a mResUNet is trained on; recipe `paper` has no choice."""
        if "paper" in (mresunet.recipe, mresunet.training_prior):
            return cls.discrete(sets.training_masses_1e14)
        return cls.flat(mresunet.prior_range_1e14)

    @property
    def mean_msun(self) -> float:
        """Mean mass."""
        return float(np.mean(self.masses_msun or self.range_msun))

    def kind(self, mass_msun: float) -> str:
        """What a mass is to networks trained on this prior.

        `trained` where they have seen it, `interpolated` between the masses that they have seen,
        `extrapolated` outside.
        """
        low, high = self.range_msun
        if not low <= mass_msun <= high:
            return "extrapolated"
        return (
            "interpolated" if self.masses_msun and mass_msun not in self.masses_msun else "trained"
        )

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Masses in Msun, `(count,)`."""
        if self.masses_msun:
            return rng.choice(np.array(self.masses_msun), count)
        return rng.uniform(*self.range_msun, count)


def draw_maps(sky: MicrowaveSky, prior: MassPrior, rng: np.random.Generator, count: int) -> Maps:
    """Draws new clusters, each under a new sky with new noise, on one thread."""
    with threadpool_limits(1):  # a training beside it has the machine, and maps the same bits
        masses = prior.draw(rng, count)
        sz_uk = sky.sz_uk(masses, sky.ln_scatter * rng.standard_normal(count))
        return Maps(sky.observe(sz_uk, [rng]), sz_uk, masses)


def read_maps(store: MapStore, name: str) -> Maps:
    """Reads one of the sets of a microwave store (`samples.SETS`)."""
    rows = set_rows(store, name)
    return Maps(*(store.read(array, rows) for array in ("temperature_uk", "sz_uk", "m200c_msun")))
