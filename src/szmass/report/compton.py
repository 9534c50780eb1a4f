"""The figures and tables of de Andres et al. 2022 (arXiv 2209.10333) and its supplement."""

from __future__ import annotations

from szmass.report.exhibits import Arms, Exhibit, Numbers, Part, Row, Table

FIGURES = "figures/compton/"
PSZ2_FIGURES = "figures/psz2/"
CLEAN, PLANCK, PSZ2 = "cnn.clean.all", "cnn.planck.all", "psz2.all"
STAND_IN = "our clusters lie on the stand-in sky, which takes Planck's masses as exact"
OF_STAND_IN = "relerr_median_true"
"""A metric that is known on the stand-in sky alone."""

COMPTON = Part(
    key="da2022",
    title="de Andres et al. 2022: the Compton line",
    link="https://arxiv.org/abs/2209.10333",
    introduction=(
        "Masses of clusters from Compton-y cutouts as Planck sees them, by ensembles of CNNs in "
        "redshift bins, and of the 1094 clusters of PSZ2 with known redshift. b is the relative "
        "error (M_CNN - M) / M_CNN; each median stands with the distances to the 84th and 16th "
        "percentile."
    ),
    exhibits=(
        Exhibit(
            names=("Table 1",),
            title="Sets of maps",
            theirs=(
                "Five sets: original mocks of 5 arcsec; clean mocks with the beam of 10 arcmin; "
                "Planck mocks with noise as well (182 655 maps each, of 6765 clusters); 1094 real "
                "cutouts, with point sources too; and the golden sample, 395 of them without."
            ),
            tables=(Table("compton_table.md", "(Table 1)"),),
        ),
        Exhibit(
            names=("Figure 1",),
            title="Relative error on mock clusters",
            theirs=(
                "b against M_CNN on clean mocks (above) and Planck mocks (below): medians and "
                "16-84 % bands in bins of equal number, near zero, with a scatter within 20 %."
            ),
            ours=(
                "First by the network that validation selects, as in the paper, then by the "
                "ensemble's median. The paper selects on its test clusters in one place and on "
                "validation clusters in another; here test clusters select nothing."
            ),
            figures={
                f"{FIGURES}figure1.png": "By the selected networks",
                f"{FIGURES}figure1_ensemble.png": "By the ensembles",
            },
            numbers=(
                Numbers({"selected": CLEAN}, [Arms("b, clean mocks", "selected")]),
                Numbers({"selected": PLANCK}, [Arms("b, Planck mocks", "selected")]),
            ),
        ),
        Exhibit(
            names=("Figure 2",),
            title="CNN masses of PSZ2 against Planck's",
            theirs=(
                "The same with Planck's own mass in the place of the truth, for all 1094 clusters "
                "(above) and the golden sample (below): no bias at low mass, -0.03 with +0.24 and "
                "-0.27, and a positive one above 4e14 Msun."
            ),
            figures={f"{PSZ2_FIGURES}figure2_planck_bias.png": "PSZ2 and its golden sample"},
            numbers=(
                Numbers(
                    {"posterior's median": PSZ2},
                    [
                        Arms("b, all clusters", "msz", STAND_IN, OF_STAND_IN),
                        Arms("b, golden sample", "msz_golden", STAND_IN, OF_STAND_IN),
                        Arms(
                            "b, golden, M > 5e14 Msun",
                            "msz_golden_above_5e14",
                            STAND_IN,
                            OF_STAND_IN,
                        ),
                    ],
                ),
            ),
        ),
        Exhibit(
            names=("Figure 3",),
            title="What causes the bias",
            theirs=(
                "Masses from the integrated signal of mock clusters by two Y-M relations against "
                "CNN masses: with the simulation's slope of 1.63 the offset is about 0.04 at all "
                "masses; Planck's slope of 1.79 follows the observed bias."
            ),
            figures={f"{PSZ2_FIGURES}figure3_bias_causes.png": "Two slopes and PSZ2"},
            numbers=(
                Numbers(
                    {"ours": PSZ2},
                    [
                        Row("median, slope 1.63", "relerr_median_mock_alpha_1p63"),
                        Row("median, slope 1.79", "relerr_median_mock_alpha_1p79"),
                    ],
                ),
            ),
        ),
        Exhibit(
            names=("Supp. Figure 1",),
            title="Mass and redshift of mock and real clusters",
            theirs=(
                "M500 against redshift of the mock clusters (true mass) and of PSZ2 (Planck's "
                "mass over 0.8), with both distributions at the sides: the mocks cover PSZ2."
            ),
            figures={f"{FIGURES}supp1_mass_redshift.png": "Mocks and PSZ2"},
        ),
        Exhibit(
            names=("Supp. Figure 2",),
            title="Example maps",
            theirs=(
                "Clean, Planck-like and real maps of clusters alike in mass and redshift: two near "
                "ones, and one of 1e15 Msun at z = 0.5."
            ),
            figures={f"{FIGURES}supp2_maps.png": "Maps alike in mass and redshift"},
        ),
        Exhibit(
            names=("Supp. Figure 3",),
            title="The network",
            theirs=(
                "A diagram of the CNN: three convolutions of 3 x 3 with 16, 32 and 64 filters, "
                "each with max pooling; global average pooling; dense layers of 200, 100 and 20 "
                "neurons, and the output."
            ),
            figures={f"{FIGURES}supp3_network.png": "Layers of the trained network"},
        ),
        Exhibit(
            names=("Supp. Figure 4",),
            title="Networks that pass the threshold",
            theirs=(
                "How many of 100 networks a bin have a mean b below a threshold in every mass bin: "
                "over 40 at the threshold of 0.05 that is used."
            ),
            figures={f"{FIGURES}supp4_members_passing.png": "Members below a threshold"},
        ),
        Exhibit(
            names=("Supp. Figure 5",),
            title="Architectures",
            theirs=(
                "Validation loss of a grid of architectures (layers, kernels, filters, dropout) "
                "beside 100 trainings of the one that is used, and the distributions of b: most "
                "are alike, few fail. Learning rates from 1e-2 to 1e-5 were tried."
            ),
            study="architectures",
        ),
        Exhibit(
            names=("Supp. Figure 6",),
            title="Distribution of the relative error",
            theirs=(
                "Densities of b by redshift bin on clean mocks, Planck mocks, real clusters and "
                "the golden sample, for all masses and above 5e14 Msun."
            ),
            figures={
                f"{FIGURES}supp6_densities.png": "Densities of b on mocks",
                f"{PSZ2_FIGURES}supp6_densities.png": "On PSZ2, against Planck's masses",
            },
        ),
        Exhibit(
            names=("Supp. Figure 7",),
            title="Density of true against predicted mass",
            theirs=(
                "A Gaussian kernel density (bandwidth factor 0.2) over predicted and true mass of "
                "test clusters; a slice at an observed prediction is the posterior (Supp. E)."
            ),
            ours=(
                "Fitted on development clusters, each by a network not trained on it, so that test "
                "clusters can measure the coverage."
            ),
            figures={f"{FIGURES}supp7_kernel_density.png": "Kernel density of each bin"},
        ),
        Exhibit(
            names=("Supp. Figure 8", "Supp. Table 1"),
            title="Residuals for 1, 2, 4 and 8 redshift intervals",
            theirs=(
                "Distribution of log10(M_CNN / M_true) on Planck mocks, and its first four "
                "moments: the standard deviation falls from 0.1078 (1 interval) over 0.0879 (2) "
                "and 0.0710 (4) to 0.0693 (8)."
            ),
            ours=(
                "The pipeline trains the bins of `params.yaml`; the study trains the others. The "
                "paper prints (0.5, 0.7] where (0.5, 0.6] is meant."
            ),
            figures={f"{FIGURES}supp8_residuals.png": "With the bins of the pipeline"},
            tables=(Table("compton_table.md", "(Supp. Table 1)"),),
            study="redshift_bins",
        ),
        Exhibit(
            names=("Supp. Table 2",),
            title="Medians of the relative error",
            theirs=(
                "b by redshift and mass for clean mocks, Planck mocks, PSZ2 and its golden "
                "sample, with standard errors; its numbers stand in the columns `paper`."
            ),
            tables=(Table("compton_table.md", "(Supp. Table 2)"), Table("psz2_table.md")),
        ),
        Exhibit(
            names=("Supp. Figure 9", "Supp. Figure 10"),
            title="Where the network looks",
            theirs=(
                "Eight maps with their saliency, the gradient of the mass with respect to each "
                "pixel, for good and bad predictions and a merger; and the stacked radial profile "
                "of the saliency: most comes from 0.4-1.2 R500."
            ),
            study="saliency",
        ),
        Exhibit(
            names=("Supp. Figure 11", "Supp. Table 3"),
            title="Other models of baryons",
            theirs=(
                "b by mass for a network trained on Gadget-X at 5 arcsec without beam, asked for "
                "clusters of other simulations; means of -0.068 (Gadget-MUSIC), -0.025 "
                "(Gizmo-Simba) and -0.031 (Gadget-X)."
            ),
            ours=(
                "The relations of Gadget-MUSIC and SIMBA in params.yaml were set from these "
                "offsets, so they come back by construction. Magneticum's are assumed."
            ),
            study="baryon_models",
        ),
    ),
)
