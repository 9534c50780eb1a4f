"""The pipeline's stores of maps, as a study asks for them."""

from __future__ import annotations

from pathlib import Path

from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.storage.store import MapStore


def open_store(data_set: str, *, clean: Path, planck: Path) -> MapStore:
    """Opens the maps of a data set, `clean` or `planck`."""
    return open_clean_store(clean) if data_set == "clean" else open_planck_store(planck)
