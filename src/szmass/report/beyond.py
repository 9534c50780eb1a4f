"""What the report shows that neither paper has."""

from __future__ import annotations

from szmass.report.exhibits import Exhibit, Headline, Part, Row, Table

BEYOND = Part(
    key="beyond",
    title="Beyond the papers",
    introduction="Checks of both lines, and studies of what their results depend on.",
    exhibits=(
        Exhibit(
            names=(),
            title="Where ours differs",
            tables=(Table("differences_table.md"),),
        ),
        Exhibit(
            names=(),
            title="Shapes of the clusters",
            ours=(
                "The roundness of our clusters is a choice, and it sets the scatter on clean maps. "
                "Here the test clusters are simulated with axes from the literature."
            ),
            study="shapes",
        ),
        Exhibit(
            names=(),
            title="Training of the mResUNet",
            figures={"figures/microwave/training_curve.png": "Loss by epoch"},
        ),
        Exhibit(
            names=(),
            title="Estimators that need no training",
            ours=(
                "The Y-M relation is told R500, the redshift and the true Y, and sees no map. The "
                "matched filter is told the redshift and the relation. The CNNs know the redshift "
                "bin alone, so compare with care."
            ),
            tables=(Table("compton_table.md", "of every estimator on the same"),),
        ),
        Exhibit(
            names=(),
            title="Coverage of the kernel density's posterior",
            ours=(
                "If posteriors are calibrated, ranks of the true masses are uniform. The paper's "
                "posterior is not told the redshift: it is calibrated in a bin as a whole, and not "
                "at its near and far ends."
            ),
            figures={
                "figures/compton/coverage.png": "Coverage of the intervals",
                "figures/compton/ranks.png": "Ranks of the true mass",
            },
            tables=(Table("compton_table.md", "Share of true masses inside"),),
        ),
        Exhibit(
            names=(),
            title="M200c in the place of M500c",
            theirs=(
                "de Andres et al. 2022 say without numbers that M200 is poor on Planck mocks and "
                "as good as M500 on clean ones."
            ),
            tables=(Table("compton_table.md", "trained for M500c and for M200c"),),
        ),
        Exhibit(
            names=(),
            title="The mock clusters' Y-M relation",
            figures={"figures/compton/scaling_relation.png": "As put in, and as the pixels sum"},
        ),
        Exhibit(names=(), title="Size of the CNN's training set", study="training_size"),
        Exhibit(
            names=(),
            title="Leakage",
            ours="The scatter if maps of one cluster are in both the training and the test set.",
            study="leakage",
        ),
        Exhibit(
            names=(),
            title="What the microwave line depends on",
            ours=(
                "Noise, beam, scatter, patch size, width of the network, training recipe and "
                "masses, each against the exact bound."
            ),
            study="microwave",
        ),
        Exhibit(
            names=(),
            title="More bands, and less noise",
            theirs="Gupta & Reichardt 2020 expect both to improve the masses.",
            ours="The exact posterior of maps of one to three bands, and weighing beside it.",
            study="bands",
        ),
        Exhibit(
            names=(),
            title="The mResUNet by the paper's own recipe",
            theirs="Gupta & Reichardt 2020 train on stored maps of eight masses.",
            ours="Scale `paper` in all but width and epochs, beside the pipeline's own recipe.",
            study="paper_recipe",
        ),
    ),
)

HEADLINES = (
    Headline(
        Row("mResUNet: scatter of ln M, width of the Gaussian fit", "scatter_ln_mass_gauss"),
        "microwave.mresunet",
        "gr2020-figure-5",
    ),
    Headline(
        Row(
            "mResUNet: its scatter, divided by the exact posterior's", "scatter_ln_mass_over_bound"
        ),
        "microwave.mresunet",
        "gr2020-figure-5",
    ),
    Headline(
        Row("mResUNet, hydro-like clusters: scatter of ln M", "scatter_ln_mass_gauss"),
        "hydro.mresunet",
        "gr2020-figure-6",
    ),
    Headline(
        Row("CNN, simulated Planck maps: half-width of b", "relerr_half_width_selected"),
        "cnn.planck.all",
        "da2022-figure-1",
    ),
    Headline(
        Row(
            "CNN, median of its posterior, the same maps: half-width of b",
            "relerr_half_width_posterior",
        ),
        "cnn.planck.all",
        "beyond-estimators-that-need-no-training",
    ),
    Headline(
        Row("CNN, PSZ2: median of (M - MSZ) / M", "relerr_median_msz"),
        "psz2.all",
        "da2022-figure-2",
    ),
    Headline(
        Row("CNN: share of true masses in the 68 % intervals", "coverage_68_posterior"),
        "cnn.planck.all",
        "beyond-coverage-of-the-kernel-density-s-posterior",
    ),
)
