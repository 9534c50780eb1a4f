"""Validates the microwave line's maps."""

from __future__ import annotations

from pathlib import Path

from szmass.params import Microwave, MicrowaveSets
from szmass.simulation.checks import check
from szmass.simulation.map_statistics import MapStatistics
from szmass.simulation.microwave import MicrowaveSky
from szmass.simulation.microwave_checks import microwave_tables
from szmass.simulation.samples import open_microwave_store
from szmass.simulation.spectra_file import read_spectra


def validate_microwave(
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    *,
    spectra_table: Path,
    microwave_store: Path,
    microwave_verdict: Path,
    microwave_docs: Path,
) -> None:
    """Writes the verdict on the maps, and pages that show it; fails where they do.

    Raises:
        ChecksFailedError: something does not hold of the maps; the verdict and the pages are
            written all the same.
    """
    store = open_microwave_store(microwave_store)
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    statistics = MapStatistics(sky, microwave.eigenvalue_cut)
    verdict = check(microwave_tables(store, microwave_sets, statistics), microwave_docs)
    verdict.write(microwave_verdict)
    verdict.require_success(microwave_verdict, microwave_docs / "index.html")
