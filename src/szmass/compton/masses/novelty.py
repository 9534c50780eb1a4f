"""Whether a map lies within the ranges of the maps that the networks were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from szmass.sky.grid import PixelGrid, centre_mean

CORE_ARCMIN = 20.0  # two beams: what lies further out is noise and structure
REGULARISATION = 1e-6  # of the features' covariance, relative to its mean diagonal


def map_statistics(compton_y: np.ndarray, grid: PixelGrid) -> dict[str, np.ndarray]:
    """A few numbers by which an unusual map is recognised, each `(n,)`.

    `rms_outside` beyond `CORE_ARCMIN`, `centre` the mean of the four middle pixels, `maximum` and
    `minimum` over the map; all in y.
    """
    outside = grid.radius_arcmin > CORE_ARCMIN
    return {
        "rms_outside": np.std(compton_y[:, outside], axis=1, dtype=float),
        "centre": centre_mean(compton_y),
        "maximum": compton_y.max(axis=(1, 2)).astype(float),
        "minimum": compton_y.min(axis=(1, 2)).astype(float),
    }


@dataclass(frozen=True)
class SeenMaps:
    """The ranges that development maps of one redshift bin span."""

    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest value by statistic, `log10_m500` and `feature_distance` among them."""
    feature_mean: np.ndarray
    """`(k,)`."""
    feature_whitening: np.ndarray
    """A square root of the inverse covariance of the learned features, `(k, k)`."""

    @classmethod
    def measure(
        cls, statistics: Mapping[str, np.ndarray], log10_m500: np.ndarray, features: np.ndarray
    ) -> SeenMaps:
        """Measures the ranges.

        Args:
            statistics: of the maps, as of `map_statistics`.
            log10_m500: the masses that the ensemble finds in them, `(n,)`.
            features: of the maps, `(n, k)`.
        """
        covariance = np.atleast_2d(np.cov(features.astype(float), rowvar=False))
        values, vectors = np.linalg.eigh(covariance)
        floor = REGULARISATION * max(float(np.mean(values)), np.finfo(float).tiny)
        whitening = vectors / np.sqrt(np.maximum(values, floor))
        bare = cls({}, features.mean(axis=0, dtype=float), whitening)
        found = {
            **statistics,
            "log10_m500": log10_m500,
            "feature_distance": bare.feature_distance(features),
        }
        ranges = {name: (float(v.min()), float(v.max())) for name, v in found.items()}
        return cls(ranges, bare.feature_mean, whitening)

    def feature_distance(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distance of learned features from their mean, `(n,)`."""
        return np.linalg.norm((features - self.feature_mean) @ self.feature_whitening, axis=1)

    def outside(
        self, statistics: Mapping[str, np.ndarray], log10_m500: np.ndarray, features: np.ndarray
    ) -> list[str]:
        """Names of the statistics out of range, joined by spaces, for each map; "" if none."""
        distance = self.feature_distance(features)
        found = {**statistics, "log10_m500": log10_m500, "feature_distance": distance}
        # closer to the mean than every development map: not unusual
        ranges = {**self.ranges, "feature_distance": (0.0, self.ranges["feature_distance"][1])}
        bad = {name: (v < ranges[name][0]) | (v > ranges[name][1]) for name, v in found.items()}
        return [
            " ".join(name for name, wrong in bad.items() if wrong[row])
            for row in range(len(log10_m500))
        ]

    def to_json(self) -> dict:
        """The ranges as lists and numbers, for a JSON file."""
        return {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, content: dict) -> SeenMaps:
        """Reads what `to_json` wrote."""
        return cls(
            {name: tuple(ends) for name, ends in content["ranges"].items()},
            np.array(content["feature_mean"]),
            np.array(content["feature_whitening"]),
        )
