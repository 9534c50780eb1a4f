"""The figures of Gupta & Reichardt 2020 (arXiv 2003.06135); the paper has no table."""

from __future__ import annotations

from szmass.report.exhibits import Exhibit, Numbers, Part, Row, Table

FIGURES = "figures/microwave/"
HYDRO = "figures/hydro/"
PROFILES = ((2, "m2p0e14"), (4, "m4p0e14"), (6, "m6p0e14"))
"""Masses of Figure 3 in 1e14 Msun, and as the metrics name them."""

MICROWAVE = Part(
    key="gr2020",
    title="Gupta & Reichardt 2020: the microwave line",
    link="https://arxiv.org/abs/2003.06135",
    introduction=(
        "Masses of clusters at z = 0.7 from cutouts of 10 x 10 arcmin at 150 GHz, by a mResUNet. "
        "Beside the network stand the exact posterior of the mass, which no estimator can beat "
        "under the same prior, and the matched filter. The paper has six figures and no table."
    ),
    exhibits=(
        Exhibit(
            names=("Figure 1",),
            title="The network",
            theirs=(
                "A diagram of the mResUNet (Sec. 2.1): encoder, bridge and decoder of blocks with "
                "four dilation rates, strides of 2 on the way down, two skip connections a block "
                "on the way up; about 16 million parameters (Sec. 3)."
            ),
            ours="Drawn from the network that was trained; `mresunet.width` sets its filters.",
            figures={f"{FIGURES}figure1_network.png": "Blocks of the trained network"},
        ),
        Exhibit(
            names=("Figure 2",),
            title="A map, and what is learnt from it",
            theirs=(
                "A simulated map with a cluster of 5e14 Msun in CMB, foregrounds and noise, and "
                "the SZ profile without them; from the first, the network infers the second and "
                "the mass (Sec. 2.2)."
            ),
            figures={f"{FIGURES}figure2_map.png": "A map of the test set and its label"},
        ),
        Exhibit(
            names=("Figure 3",),
            title="SZ profiles",
            theirs=(
                "An example map, the mean true and the mean predicted profile of 200 test maps, "
                "and their difference, at 2, 4 and 6e14 Msun. The difference is said to be two "
                "orders of magnitude below the signal (Sec. 4.1)."
            ),
            ours=(
                "The residual is the largest difference of the mean profiles over the largest "
                "true signal."
            ),
            figures={f"{FIGURES}figure3_profiles.png": "Mean profiles, true and predicted"},
            numbers=(
                Numbers(
                    {"mResUNet": "microwave.mresunet"},
                    [
                        Row(f"residual at {mass}e14 Msun", f"profile_residual_{label}")
                        for mass, label in PROFILES
                    ],
                ),
            ),
        ),
        Exhibit(
            names=("Figure 4",),
            title="Estimated against true mass",
            theirs=(
                "Medians and 1-sigma widths of 200 test maps at each of 19 masses, and below them "
                "the offset from the truth in those widths: within 1 sigma inside the trained "
                "range, flat beyond its ends (Secs. 4.1 and 4.2). Widths are at most 0.2 of the "
                "mass at trained masses and 0.21 between them, but 0.3 at 1.5e14 Msun."
            ),
            ours=(
                "Every estimator with this prior has offsets at the ends, so the network is "
                "compared with the exact posterior."
            ),
            figures={f"{FIGURES}figure4_masses.png": "Masses of the test maps"},
            tables=(Table("microwave_table.md", "offset: of the network's median"),),
        ),
        Exhibit(
            names=("Figure 5",),
            title="Scatter of the mass, with and without scatter of the signal",
            theirs=(
                "Histograms of ln(M_est / M_true) for 1000 clusters between 2 and 7e14 Msun, with "
                "20 % log-normal scatter of the SZ signal and without, each with a fitted Gaussian "
                "(Sec. 4.3)."
            ),
            figures={f"{FIGURES}figure5_scatter.png": "Scatter of both sets"},
            numbers=(
                Numbers(
                    {"mResUNet": "microwave.mresunet"},
                    [
                        Row("Gaussian width", "scatter_ln_mass_gauss"),
                        Row("without scatter", "scatter_ln_mass_gauss_no_scatter"),
                    ],
                ),
            ),
            tables=(Table("microwave_table.md", "Standard deviation and fitted Gaussian width"),),
        ),
        Exhibit(
            names=("Figure 6",),
            title="Clusters of a hydrodynamical simulation",
            theirs=(
                "Masses of 95 Magneticum clusters, each under 100 skies, after the factor r for "
                "the other scaling relation; below, the histogram of ln(r M_est / M_true) with "
                "its Gaussian (Sec. 4.4). The conclusions give its width as 0.237, the figure "
                "as 0.232."
            ),
            ours=(
                "Clusters like Magneticum's, with unrelated haloes along the line of sight; the "
                "simulation's own maps are available from its authors on request only. Their "
                "relation of Y and M was chosen such that r comes out near the paper's, so r is "
                "no result; it is fitted on other clusters than those that are weighed. The "
                "posterior beside the network is exact for what the network was trained on, lone "
                "spheres at one redshift, and not for these clusters: it is no bound here."
            ),
            figures={
                f"{HYDRO}figure6_mresunet_masses.png": "By the mResUNet",
                f"{HYDRO}figure6_training_posterior_masses.png": "By the training's posterior",
            },
            numbers=(
                Numbers(
                    {"mResUNet": "hydro.mresunet"},
                    [
                        Row("mean ln(r M_est / M_true)", "mean_ln_ratio"),
                        Row("Gaussian width", "scatter_ln_mass_gauss"),
                    ],
                ),
                Numbers(
                    {"the clusters": "hydro.clusters"},
                    [
                        Row(
                            "mean r (an input)",
                            "mass_factor_mean",
                            unlike="the relation of Y and M was chosen such that r is the paper's",
                        )
                    ],
                ),
            ),
        ),
    ),
)
