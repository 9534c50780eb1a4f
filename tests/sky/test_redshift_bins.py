"""Redshift bins on the real PSZ2."""

from __future__ import annotations

import numpy as np

from helpers import ROOT
from szmass.planck.catalogue import read_psz2
from szmass.sky.redshift_bins import redshift_bin


def test_psz2_has_the_papers_counts(params):
    """De Andres et al. 2022, Supp. Table 2."""
    catalogue = read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()
    index = redshift_bin(catalogue.redshift, params.bins)
    assert np.bincount(index).tolist() == [228, 245, 443, 178]


def test_a_float32_counts_with_its_own_value(params):
    """0.2 is above the edge in float32, and below where it was written in double precision."""
    assert redshift_bin(np.array([0.2], dtype=np.float32), params.bins) == [2]
    assert redshift_bin(np.array([0.2]), params.bins) == [1]


def test_edges_belong_to_the_lower_bin_and_the_rest_to_none(params):
    redshift = np.array([-1.0, 0.0, 0.1, 0.4, 1.0, 1.01, np.nan])
    assert redshift_bin(redshift, params.bins).tolist() == [-1, -1, 0, 2, 3, -1, -1]
