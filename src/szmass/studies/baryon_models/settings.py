"""Settings of the study of baryon models."""

from typing import Annotated

from szmass.params.checks import Pair, PositiveFloat, PositiveInt, Section, pair, section

STORE = "stores/maps.zarr"
TITLE = "simulated Compton-y maps of clusters at z = 0 over a few R500"


@section
class BaryonModels(Section):
    """`studies/baryon_models/params.yaml`."""

    redshift: PositiveFloat
    pixels: PositiveInt
    side_r500: PositiveFloat
    sampling_arcsec: PositiveFloat
    """Distance of the points that a pixel is the mean of, at most."""
    log10_mass: Annotated[
        Pair,
        pair("13.5 <= low < high <= 15.6", lambda low, high: 13.5 <= low < high <= 15.6),
    ]
    training_clusters: PositiveInt
    projections: PositiveInt
    test_clusters: PositiveInt
    """Of each baryon model, the same regions in all."""
    members: PositiveInt
    epochs: PositiveInt
