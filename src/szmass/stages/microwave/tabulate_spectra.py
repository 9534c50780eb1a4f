"""Tabulates the power spectra of the 150 GHz sky."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from szmass.microwave.maps.spectra_table import read_george2015, write_spectra
from szmass.params import Spectra
from szmass.sky.spectra import CmbCosmology, foregrounds_dl_uk2, lensed_cmb_dl_uk2


def tabulate_spectra(spectra: Spectra, *, george2015: Path, spectra_table: Path) -> None:
    """Writes D_l of the lensed CMB (CAMB) and of each foreground component (George+2015)."""
    settings = asdict(spectra)
    lmax, camb_lmax = settings.pop("lmax"), settings.pop("camb_lmax")
    table_ell, table = read_george2015(george2015)
    cmb = lensed_cmb_dl_uk2(CmbCosmology(**settings), lmax=lmax, camb_lmax=camb_lmax)
    foregrounds = foregrounds_dl_uk2(table_ell, table, lmax=lmax)
    write_spectra(spectra_table, {"cmb": cmb} | foregrounds)
