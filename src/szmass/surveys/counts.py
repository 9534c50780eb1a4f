"""The catalogue that an analysis of cluster counts takes: masses with a survey's completeness."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.files import replacing_file
from szmass.predict.survey_files import SurveyError, SurveyFiles
from szmass.units import MASS_UNIT_MSUN

NEEDED = ("name", "redshift", "ra_deg", "dec_deg", "m500_msun", "signal_to_noise")
ERRORS = ("m500_msun_p16", "m500_msun_p84")
COMPLETENESS = ("redshift_low", "redshift_high", "log10_m500c_low", "log10_m500c_high")


def write_counts(files: SurveyFiles, masses: Path, out: Path, *, cut: float) -> str:
    """Writes the clusters above a cut, with the column names of nemo and of ACT's catalogues.

    name, RADeg, decDeg, redshift, redshiftErr (0); SNR, fixed_SNR and q, all the largest amplitude
    over its noise, and sigma_q (1); M500c, M500c_errPlus and M500c_errMinus in 1e14 Msun; and
    completeness, the share of clusters of its mass and redshift that the survey finds.

    Args:
        files: of the survey, with the table of `szmass survey completeness`.
        masses: the table that `szmass predict --catalogue --out` wrote.
        out: FITS.
        cut: lowest signal-to-noise ratio.

    Returns:
        What was made, in words.

    Raises:
        SurveyError: a table cannot be read, or a column is missing.
    """
    from astropy.table import Table

    if out.suffix.lower() != ".fits":
        raise SurveyError(f"--out {out}: expected a name that ends in .fits")
    table = _read(masses, (*NEEDED, *ERRORS), "szmass predict --catalogue C.fits --out M.fits")
    shares = _read(
        files.completeness,
        (*COMPLETENESS, "completeness"),
        f"szmass survey completeness {files.name} --map MAP.fits",
    )
    ratio = np.asarray(table["signal_to_noise"], float)
    kept = ratio >= cut
    mass, low, high = (
        np.asarray(table[name], float)[kept] / MASS_UNIT_MSUN for name in ("m500_msun", *ERRORS)
    )
    redshift, ratio = np.asarray(table["redshift"], float)[kept], ratio[kept]
    columns = {
        "name": np.asarray(table["name"]).astype(str)[kept],
        "RADeg": np.asarray(table["ra_deg"], float)[kept],
        "decDeg": np.asarray(table["dec_deg"], float)[kept],
        "redshift": redshift,
        "redshiftErr": np.zeros(len(redshift)),
        "SNR": ratio,
        "fixed_SNR": ratio,
        "q": ratio,
        "sigma_q": np.ones(len(redshift)),
        "M500c": mass,
        "M500c_errPlus": high - mass,
        "M500c_errMinus": mass - low,
        "completeness": _share_at(shares, redshift, np.log10(mass * MASS_UNIT_MSUN)),
    }
    units = {"RADeg": "deg", "decDeg": "deg"}
    units |= {name: "1e14 solMass" for name in columns if name.startswith("M500c")}
    with replacing_file(out) as unfinished:
        Table(columns, units=units, meta={"SURVEY": files.name, "SNRCUT": cut}).write(
            unfinished, format="fits", overwrite=True
        )
    return f"{int(kept.sum())} of {len(kept)} clusters are above {cut:g}\nwrote {out}"


def _read(path: Path, needed: tuple[str, ...], command: str) -> dict[str, np.ndarray]:
    """Columns of a table.

    Raises:
        SurveyError: it cannot be read, or lacks one.
    """
    from astropy.table import Table

    if not path.is_file():
        raise SurveyError(f"{path}: not found; {command} makes it")
    try:
        table = Table.read(path)
    except Exception as error:  # astropy raises whatever a format's reader does
        raise SurveyError(f"{path}: cannot be read as a table: {error}") from error
    missing = [name for name in needed if name not in table.colnames]
    if missing:
        raise SurveyError(f"{path}: no column {', '.join(missing)}; {command} makes it")
    return {name: np.asarray(table[name]) for name in needed}


def _share_at(
    table: dict[str, np.ndarray], redshift: np.ndarray, log10_mass: np.ndarray
) -> np.ndarray:
    """Completeness at masses and redshifts: linear in log10 M within the redshift's bin."""
    shares = np.empty(len(redshift))
    middles = (table["redshift_low"] + table["redshift_high"]) / 2.0
    bins = np.unique(middles)
    nearest = bins[np.abs(redshift[:, None] - bins).argmin(axis=1)]
    for middle in bins:
        rows = middles == middle
        centre = (table["log10_m500c_low"] + table["log10_m500c_high"])[rows] / 2.0
        order = np.argsort(centre)
        here = nearest == middle
        shares[here] = np.interp(
            log10_mass[here], centre[order], table["completeness"][rows][order]
        )
    return shares
