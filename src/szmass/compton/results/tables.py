"""The tables of de Andres et al. 2022 (dA22) with ours beside the paper's, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from szmass.compton.network.selection import ENSEMBLE, SELECTED
from szmass.compton.results.metrics import LEVELS, POSTERIOR, PREDICTORS, REDSHIFT_ENDS
from szmass.evaluation.agreement import SIGMAS, errors_apart, mark
from szmass.evaluation.tables import Metrics, markdown_table
from szmass.params import Compton
from szmass.storage.store import MapStore

ESTIMATORS: Mapping[str, tuple[str, str]] = {
    POSTERIOR: ("KDE posterior of the selected CNN", "redshift bin"),
    ENSEMBLE: ("CNN ensemble", "redshift bin"),
    SELECTED: ("selected CNN", "redshift bin"),
    "relation": ("Y-M relation", "z, gas relation, R500, Y without noise"),
    "matched_filter": ("matched filter", "z, gas relation, noise power"),
    "prior": ("median training mass", "redshift bin, not the map"),
}
"""Title of each estimator of a mass, and what it is told besides the map."""
MASSES: Mapping[str, str] = {
    "": "all masses",
    "_above_5e14": "M_CNN > 5e14 Msun",
    "_below_3e14": "M_CNN < 3e14 Msun",
}
"""Titles of `CUTS`."""
MOMENTS = ("bias_dex", "scatter_dex", "skewness", "kurtosis")
"""Of log10(M_CNN / M_true), in the order of Supp. Table 1."""
ABSENT = "-"

ByBin = Mapping[str, Metrics]
"""Metrics by redshift bin, the last of them all bins together."""


@dataclass(frozen=True)
class StoreRow:
    """What a set of maps holds: a row of dA22 Table 1."""

    name: str
    origin: str
    """Where the maps are from: mock, real, or the stand-in of the real sky."""
    beam: str
    noise: bool
    contaminants: bool
    maps: int


def store_rows(
    stores: Mapping[str, MapStore], originals: MapStore, psz2: MapStore, compton: Compton
) -> list[StoreRow]:
    """dA22 Table 1 with our numbers of maps.

    Args:
        stores: `clean` and `planck`.
        originals: maps at full resolution.
        psz2: the observed clusters.
        compton: where clusters are from, and the beam of all but the originals.
    """
    golden, axis_arcmin = psz2.read("golden"), originals.read("x")
    maps = {name: len(store.read("cluster")) for name, store in stores.items()}
    maps |= {"original": len(originals.read("cluster")), "psz2": len(golden)}
    maps["golden sample"] = int(golden.sum())
    sky, beam_fwhm_arcmin = str(psz2.attributes["sky"]), compton.beam_fwhm_arcmin
    pixel_arcsec = 60.0 * (axis_arcmin[1] - axis_arcmin[0])
    beam, sharp = f"{beam_fwhm_arcmin:g}'", f'no ({pixel_arcsec:.2g}")'
    rows = (
        ("original", compton.source, sharp, False, False),
        ("clean", compton.source, beam, False, False),
        ("planck", compton.source, beam, True, False),
        ("psz2", sky, beam, True, True),
        ("golden sample", sky, beam, True, False),
    )
    return [StoreRow(*row, maps[row[0]]) for row in rows]


def stores_table(rows: Sequence[StoreRow]) -> str:
    """dA22 Table 1: which set of maps has which beam, noise and contaminants."""
    header = ("set of maps", "origin", "beam", "noise", "point sources", "maps")
    says = {True: "yes", False: "no"}
    return markdown_table(
        header,
        [
            (row.name, row.origin, row.beam, says[row.noise], says[row.contaminants], f"{row.maps}")
            for row in rows
        ],
    )


def bias_table(data_sets: Mapping[str, ByBin], labels: Mapping[str, str]) -> str:
    """dA22 Supp. Table 2: the median of b and its percentiles by redshift and mass.

    Args:
        data_sets: metrics by data set and redshift bin.
        labels: of the redshift bins.
    """
    columns = (*PREDICTORS, "paper")
    header = ["redshift", *(f"{name}, {column}" for name in data_sets for column in columns)]
    rows = []
    for suffix, masses in MASSES.items():
        part = []
        for name, label in labels.items():
            cells = []
            for by_bin in data_sets.values():
                cells += [_arms(by_bin[name], f"{one}{suffix}") for one in PREDICTORS]
                cells.append(_of_paper(by_bin[name], f"{SELECTED}{suffix}"))
            if set(cells) != {ABSENT}:
                part.append([label, *cells])
        if part:
            rows += [[f"**{masses}**", *[""] * (len(header) - 1)], *part]
    return markdown_table(header, rows)


def _arms(metrics: Metrics, name: str, prefix: str = "") -> str:
    """Median, distances to the percentiles, and standard errors, as dA22 prints them."""
    if f"{prefix}relerr_median_{name}" not in metrics:
        return ABSENT
    middle, low, high, error = (
        metrics[f"{prefix}relerr_{key}_{name}"] for key in ("median", "p16", "p84", "stderr")
    )
    if prefix == "paper_":
        return f"{middle:+.2f} +{high - middle:.2f} -{middle - low:.2f} ({error:.3f})"
    bootstrap = metrics[f"{prefix}relerr_stderr_bootstrap_{name}"]
    arms = f"{middle:+.3f} +{high - middle:.3f} -{middle - low:.3f}"
    return f"{arms} ({error:.3f}; {bootstrap:.3f})"


def _of_paper(metrics: Metrics, name: str) -> str:
    """The paper's, and whether our median agrees with it."""
    cell = _arms(metrics, name, prefix="paper_")
    if cell == ABSENT:
        return cell
    apart = errors_apart(metrics, f"relerr_median_{name}", f"relerr_stderr_{name}")
    return f"{cell}, {mark(apart)}"


def moments_table(data_sets: Mapping[str, Metrics]) -> str:
    """dA22 Supp. Table 1, the row of 4 intervals: moments of log10(M_CNN / M_true).

    Args:
        data_sets: metrics of all bins together by data set.
    """
    rows = []
    for title, metrics in data_sets.items():
        rows += [
            [f"{title}, {name}", *(_number(metrics, f"{key}_{name}", ".4f") for key in MOMENTS)]
            for name in PREDICTORS
        ]
        paper = [_number(metrics, f"paper_{key}_{SELECTED}", ".4f") for key in MOMENTS]
        rows.append([f"{title}, paper", *paper])
    return markdown_table(("", "mean", "std", "skewness (0)", "kurtosis (3)"), rows)


def baselines_table(data_sets: Mapping[str, ByBin], labels: Mapping[str, str]) -> str:
    """Half of the 16-84 % range of b, and dex scatter, by estimator, and what each is told."""
    rows = []
    for data_set, by_bin in data_sets.items():
        for name, (title, told) in ESTIMATORS.items():
            cells = [_width(by_bin[key], name) for key in labels]
            if set(cells) != {ABSENT}:
                rows.append([data_set, title, told, *cells])
    return markdown_table(("", "estimator", "told besides the map", *labels.values()), rows)


def _width(metrics: Metrics, name: str) -> str:
    key = f"relerr_half_width_{name}"
    if key not in metrics:
        return ABSENT
    return f"{metrics[key]:.3f} ({metrics[f'scatter_dex_{name}']:.3f} dex)"


def m200_table(data_sets: Mapping[str, ByBin], labels: Mapping[str, str]) -> str:
    """The same network trained for M200c beside M500c: median of b and percentiles."""
    rows = []
    for data_set, by_bin in data_sets.items():
        for key, label in labels.items():
            m500, m200 = (_arms(by_bin[key], ENSEMBLE, prefix) for prefix in ("", "m200_"))
            if m200 != ABSENT:
                rows.append([data_set, label, m500, m200])
    return markdown_table(("", "redshift", "M500c", "M200c"), rows)


def other_gas_table(by_bin: ByBin, labels: Mapping[str, str]) -> str:
    """Median b of the ensemble on clusters of each baryon model that it was not trained on."""
    beginning = f"relerr_median_{ENSEMBLE}_"
    models = sorted(
        {
            key.removeprefix(beginning)
            for metrics in by_bin.values()
            for key in metrics
            if key.startswith(beginning) and f"_{key.removeprefix(beginning)}" not in MASSES
        }
    )
    rows = [
        [model, *(_number(by_bin[key], f"{beginning}{model}", "+.3f") for key in labels)]
        for model in models
    ]
    own = [_number(by_bin[key], f"relerr_median_{ENSEMBLE}", "+.3f") for key in labels]
    return markdown_table(("gas of the clusters", *labels.values()), [["as trained", *own], *rows])


def coverage_table(data_sets: Mapping[str, ByBin], labels: Mapping[str, str]) -> str:
    """Share of test clusters inside the posteriors' intervals, by redshift and mass."""
    parts = {**MASSES, **dict(zip(REDSHIFT_ENDS, ("nearest fifth", "farthest fifth"), strict=True))}
    rows = []
    for data_set, by_bin in data_sets.items():
        for suffix, part in parts.items():
            for key, label in labels.items():
                cells = [
                    _number(by_bin[key], f"coverage_{level}_{POSTERIOR}{suffix}", ".3f")
                    for level in LEVELS
                ]
                if set(cells) != {ABSENT}:
                    rows.append([data_set, part, label, *cells])
    levels = [f"{level} %" for level in LEVELS]
    return markdown_table(("", "clusters", "redshift", *levels), rows)


def _number(metrics: Metrics, key: str, form: str) -> str:
    return format(metrics[key], form) if key in metrics else ABSENT


def tables(
    data_sets: Mapping[str, ByBin],
    labels: Mapping[str, str],
    stores: Sequence[StoreRow],
) -> str:
    """All tables of the Compton line's test clusters, as one page.

    Args:
        data_sets: metrics by data set and redshift bin; the last bin is all of them together.
        labels: of the redshift bins, in the order of the rows.
        stores: rows of Table 1.
    """
    everything = list(labels)[-1]
    together = {name: by_bin[everything] for name, by_bin in data_sets.items()}
    return "\n".join(
        [
            "The sets of maps (Table 1).",
            "",
            stores_table(stores),
            "Median of b = (M_CNN - M_true) / M_CNN with the distances to its 84th and 16th",
            "percentile on test clusters (Supp. Table 2). In brackets sigma / sqrt(N maps), as in",
            "the paper, and the median's error by bootstrap over clusters. The estimate stands",
            "below the line, so a network that is unbiased in log mass shows a mean of b of about",
            "-(sigma ln 10)^2 / 2 with sigma in dex, " + _expected_means(together) + ".",
            f"The selected CNN's median differs from the paper's if they are more than {SIGMAS:g}",
            "combined standard errors apart, and agrees if they are closer.",
            "",
            bias_table(data_sets, labels),
            "Moments of log10(M_CNN / M_true) with a network for each redshift interval, of which",
            f"there are {len(labels) - 1} (Supp. Table 1).",
            "",
            moments_table(together),
            "Half of the 16-84 % range of b, and the standard deviation of log10(M_est / M_true),",
            "of every estimator on the same clusters. Estimators are told different things (third",
            "column). The Y-M relation uses the true Y and R500 and no map, so noise does not",
            "affect it; the paper states at most 0.07 for it, on maps at full resolution.",
            "",
            baselines_table(data_sets, labels),
            "The ensemble trained for M500c and for M200c, each against its own mass.",
            "",
            m200_table(data_sets, labels),
            "Share of true masses inside the central intervals of the kernel density's posterior",
            "of the selected network. Fifths are those of a bin's clusters with the lowest and the",
            "highest redshifts. The posterior is not told the redshift, with which the networks'",
            "masses drift within a bin; the fifths show the effect.",
            "",
            coverage_table(data_sets, labels),
            "Median of b = (M_CNN - M_true) / M_CNN of the ensembles on planck maps of clusters",
            "whose gas follows another baryon model than the training's.",
            "",
            other_gas_table(data_sets["planck"], labels),
        ]
    )


def _expected_means(together: Mapping[str, Metrics]) -> str:
    """The mean b of an unbiased network with the ensemble's scatter, by data set."""
    shown = []
    for name, metrics in together.items():
        sigma_ln = 2.302585 * metrics[f"scatter_dex_{ENSEMBLE}"]
        shown.append(f"{-(sigma_ln**2) / 2.0:+.3f} on {name}")
    return " and ".join(shown)
