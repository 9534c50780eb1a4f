"""What the report shows of weighing, szmass' own estimator."""

from __future__ import annotations

from szmass.report.exhibits import Exhibit, Headline, Part, Row, Table

FIGURES = "figures/weighing/"

WEIGHING = Part(
    key="weighing",
    title="Weighing: the masses that szmass recommends",
    introduction=(
        "M500c from a bank of matched filters, exact for the noise of the pixels, and small "
        "networks that are told the redshift and the relation between mass and Y. b is "
        "(M - M_true) / M. The catalogue of PSZ2, data/psz2_masses.csv, has these masses, with the "
        "CNN's beside them."
    ),
    exhibits=(
        Exhibit(
            names=(),
            title="Beside the other estimators",
            ours=(
                "All on the same simulated Planck maps. Weighing and the matched filter are told "
                "the redshift and the relation that the clusters were made with; the CNNs are "
                "trained on clusters of that relation and know the redshift bin."
            ),
            figures={f"{FIGURES}masses.png": "Estimated against true masses"},
            tables=(Table("weighing_table.md", "Half-width of b"),),
        ),
        Exhibit(
            names=(),
            title="Coverage of the intervals",
            ours=(
                "On the stand-in sky clusters have no scatter of Y, so the intervals contain more "
                "than the stated share. The rows below add such a scatter, and twice the point "
                "sources. The grey band is twice the error of the smallest sample. Of clusters "
                "with a high true mass the intervals contain fewer, as the posteriors predict."
            ),
            figures={f"{FIGURES}coverage.png": "Coverage minus the stated probability"},
            tables=(
                Table("weighing_table.md", "Weighing by data set"),
                Table("weighing_table.md", "Simulated Planck maps by redshift"),
                Table("weighing_table.md", "Heavy clusters of the simulated Planck maps"),
            ),
        ),
        Exhibit(
            names=(),
            title="Beside the exact posterior",
            ours=(
                "The clusters of Gupta & Reichardt 2020's Figure 5, at 150 GHz, whose posterior is "
                "known exactly. The same filters and networks as for Planck are told nothing but "
                "the covariance of these maps and the images of their clusters."
            ),
            tables=(Table("weighing_microwave_table.md"),),
        ),
    ),
)

WEIGHING_HEADLINES = (
    Headline(
        Row("Weighing, simulated Planck maps: half-width of b", "relerr_half_width"),
        "weighing.planck.all",
        "weighing-beside-the-other-estimators",
    ),
    Headline(
        Row("Matched filter, the same maps: half-width of b", "matched_filter_relerr_half_width"),
        "weighing.planck.all",
        "weighing-beside-the-other-estimators",
    ),
    Headline(
        Row("Weighing: share of true masses in the 68 % intervals", "coverage_68"),
        "weighing.planck.all",
        "weighing-coverage-of-the-intervals",
    ),
    Headline(
        Row(
            "Weighing at 150 GHz: its scatter, divided by the exact posterior's",
            "scatter_ln_mass_over_exact",
        ),
        "weighing_microwave.scatter_test",
        "weighing-beside-the-exact-posterior",
    ),
)
