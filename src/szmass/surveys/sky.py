"""What a survey's maps of temperature show besides clusters: the CMB and its foregrounds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from szmass.microwave.maps.spectra_table import read_george2015
from szmass.params import Spectra
from szmass.params.survey import SurveySettings
from szmass.sky.frequencies import between_bands_cl_uk2
from szmass.sky.spectra import CmbCosmology, foregrounds_dl_uk2, lensed_cmb_dl_uk2


def sky_cl_uk2(settings: SurveySettings, spectra: Spectra, george2015: Path) -> np.ndarray | None:
    """Auto and cross spectra of the sky in a survey's bands, before their beams.

    CAMB's CMB, and the foregrounds of George et al. 2015 (arXiv 1408.3161) scaled from 150 GHz.

    Args:
        settings: bands, and which components.
        spectra: the cosmology, and the last multipole.
        george2015: the table of foregrounds.

    Returns:
        C_l in uK^2 sr, `(bands, bands, lmax + 1)`; None where the survey names no component.
    """
    if not settings.sky:
        return None
    cosmology = asdict(spectra)
    lmax, camb_lmax = cosmology.pop("lmax"), cosmology.pop("camb_lmax")
    dl_uk2 = foregrounds_dl_uk2(*read_george2015(george2015), lmax=lmax)
    if "cmb" in settings.sky:
        found = lensed_cmb_dl_uk2(CmbCosmology(**cosmology), lmax=lmax, camb_lmax=camb_lmax)
        dl_uk2["cmb"] = found
    frequencies = [float(band.frequency_ghz or 0.0) for band in settings.bands.values()]
    return between_bands_cl_uk2({name: dl_uk2[name] for name in settings.sky}, frequencies)
