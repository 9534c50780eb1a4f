"""What must hold of any cluster, mass, redshift or image: rotations, sums, scalings, inverses."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from szmass.params import Params
from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import (
    Ellipsoids,
    disc_integral,
    mean_disc_integral,
    projected_y,
    transformed_y,
)
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.clusters.spherical import compton_y_profile
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.fields import correlation_function, pixel_covariance
from szmass.sky.grid import PixelGrid, centre_mean
from szmass.sky.healpix import band_limited_variance
from szmass.sky.redshift_bins import ALL_BINS, redshift_bin, redshift_range
from szmass.sky.scaling import ScalingRelation, m500c_msun_from_y_cyl, y_cyl_mpc2
from szmass.sky.symmetries import SYMMETRIES, turned

some = settings(
    derandomize=True, database=None, deadline=None, max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
"""The same few examples on every run, however slow the machine."""

# points at which no component is centred: y has a cusp there, which rounding moves
X, Y = np.meshgrid([-1.37, -0.21, 0.09, 0.83, 2.41], [-1.93, 0.17, 0.71])
K_X, K_Y = np.meshgrid([0.0, 0.7, -1.9], [0.3, -2.2])


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


@st.composite
def ellipsoids(draw: st.DrawFn) -> Ellipsoids:
    """One to three components of two profiles, of any shape and orientation."""
    count = draw(st.integers(1, 3))

    def numbers(low: float, high: float, columns: int) -> np.ndarray:
        return draw(arrays(float, (count, columns), elements=floats(low, high)))

    turn = Rotation.from_rotvec(numbers(-3.0, 3.0, 3)).as_matrix()
    axes = turn * numbers(0.4, 1.2, 3)[:, None]
    return Ellipsoids(numbers(0.1, 1.0, 2), numbers(-1.5, 1.5, 3), axes @ axes.swapaxes(1, 2))


@pytest.fixture(scope="module")
def tables(params: Params) -> RadialTables:
    return MockClusters(**asdict(params.morphology)).tables()


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.compton)


def everything(tables: RadialTables, parts: Ellipsoids, length: float = 1.0) -> list[np.ndarray]:
    """Integrals of the pressure along lines of sight, then over volumes, and the transform.

    Places and radii are in units of `length`.
    """
    return [
        projected_y(tables, parts, X * length, Y * length),
        np.array([disc_integral(tables, parts, radius * length) for radius in (0.5, 1.0, 9.0)]),
        np.array([mean_disc_integral(tables, parts, radius * length) for radius in (0.5, 1.0)]),
        transformed_y(tables, parts, K_X / length, K_Y / length),
    ]


@some
@given(parts=ellipsoids(), factor=floats(1e-3, 1e3))
def test_y_is_linear_in_the_pressure(tables, parts, factor):
    brighter = parts.scaled(amplitude=factor)
    for value, plain in zip(everything(tables, brighter), everything(tables, parts), strict=True):
        np.testing.assert_allclose(value, factor * plain, rtol=1e-11, atol=1e-12 * factor)


@some
@given(parts=ellipsoids())
def test_y_is_the_sum_over_components_and_profiles(tables, parts):
    alone = [
        replace(
            parts,
            amplitude=parts.amplitude[i : i + 1] * np.eye(2)[s],
            position=parts.position[i : i + 1],
            shape=parts.shape[i : i + 1],
        )
        for i in range(len(parts.amplitude))
        for s in range(2)
    ]
    singles = zip(*(everything(tables, part) for part in alone), strict=True)
    for value, single in zip(everything(tables, parts), singles, strict=True):
        np.testing.assert_allclose(value, np.sum(single, axis=0), rtol=1e-11, atol=1e-12)


@some
@given(parts=ellipsoids(), length=floats(0.1, 10.0))
def test_lengths_scale_integrals_along_a_line_once_and_over_a_volume_thrice(tables, parts, length):
    larger = parts.scaled(length=length)
    line, *volumes = everything(tables, larger, length)
    plain_line, *plain_volumes = everything(tables, parts)
    np.testing.assert_allclose(line, length * plain_line, rtol=1e-10)
    for value, plain in zip(volumes, plain_volumes, strict=True):
        np.testing.assert_allclose(value, length**3 * plain, rtol=1e-10, atol=1e-12 * length**3)
    assert larger.reach(5.0) == pytest.approx(length * parts.reach(5.0))
    np.testing.assert_allclose(larger.volume_factor(), length**3 * parts.volume_factor())


@some
@given(parts=ellipsoids(), angle=floats(-4.0, 4.0))
def test_a_rotation_about_the_line_of_sight_turns_the_image_and_keeps_discs(tables, parts, angle):
    rotation = Rotation.from_rotvec([0.0, 0.0, angle]).as_matrix()
    seen = parts.rotated(rotation)
    x, y = np.tensordot(rotation[:2, :2], [X, Y], axes=1)
    np.testing.assert_allclose(
        projected_y(tables, seen, x, y), projected_y(tables, parts, X, Y), rtol=1e-9
    )
    k_x, k_y = np.tensordot(rotation[:2, :2], [K_X, K_Y], axes=1)
    np.testing.assert_allclose(
        transformed_y(tables, seen, k_x, k_y), transformed_y(tables, parts, K_X, K_Y), atol=1e-9
    )
    # the nodes on the edge of the disc lie elsewhere on the cluster
    for radius in (0.5, 1.0, 2.0):
        disc = disc_integral(tables, parts, radius)
        assert disc_integral(tables, seen, radius) == pytest.approx(disc, rel=1e-3)


@some
@given(parts=ellipsoids(), vector=arrays(float, 3, elements=floats(-3.0, 3.0)))
def test_no_rotation_changes_the_mean_over_all_directions(tables, parts, vector):
    seen = parts.rotated(Rotation.from_rotvec(vector).as_matrix())
    mean = mean_disc_integral(tables, parts, 1.0)
    # 192 directions and 32 shells of each component are good to half a percent
    assert mean_disc_integral(tables, seen, 1.0) == pytest.approx(mean, rel=0.01)
    np.testing.assert_allclose(seen.volume_factor(), parts.volume_factor())
    scaled = with_mean_y(tables, seen, 3e-6)
    assert mean_disc_integral(tables, scaled, 1.0) == pytest.approx(3e-6, rel=1e-12)


@settings(some, max_examples=5)
@given(
    theta500_arcmin=floats(2.0, 40.0), beam_fwhm_arcmin=floats(2.0, 15.0), factor=floats(0.5, 2.0)
)
def test_an_image_with_all_angles_larger_has_the_same_integral(
    theta500_arcmin, beam_fwhm_arcmin, factor
):
    radius_arcmin = np.linspace(0.0, 3.0, 7) * max(theta500_arcmin, beam_fwhm_arcmin)
    plain, larger = (
        beamed_profiles(
            np.array([theta500_arcmin * scale]),
            radius_arcmin * scale,
            beam_fwhm_arcmin=beam_fwhm_arcmin * scale,
        )
        for scale in (1.0, factor)
    )
    # but for l (l + 1) in place of l^2 in the beam
    np.testing.assert_allclose(larger * factor**2, plain, rtol=2e-3, atol=1e-4 * plain.max())


@some
@given(factor=floats(0.2, 5.0), radius=floats(0.1, 3.0))
def test_integrals_of_a_wider_profile_grow_as_the_volume(factor, radius):
    wider = replace(
        UNIVERSAL_PRESSURE,
        c500=UNIVERSAL_PRESSURE.c500 / factor,
        truncation_r500=UNIVERSAL_PRESSURE.truncation_r500 * factor,
    )
    for name in ("sphere_integral", "cylinder_integral"):
        plain = getattr(UNIVERSAL_PRESSURE, name)(radius)
        assert getattr(wider, name)(radius * factor) == pytest.approx(factor**3 * plain, rel=1e-9)


@some
@given(factor=floats(1e-3, 1e3), m200c_msun=floats(1e14, 1e15), redshift=floats(0.05, 2.0))
def test_compton_y_is_linear_in_the_pressure(cosmology, factor, m200c_msun, redshift):
    nodes, weights = np.polynomial.legendre.leggauss(30)
    plain, brighter = (
        compton_y_profile(
            np.array([m200c_msun]),
            np.array([0.0, 1.0, 4.0]),
            redshift=redshift,
            cosmology=cosmology,
            pressure=replace(UNIVERSAL_PRESSURE, p0=p0),
            ell=(nodes + 1.0) * 5_000,
            ell_weight=weights * 5_000,
            transfer=np.ones(30),
        )
        for p0 in (1.0, factor)
    )
    np.testing.assert_allclose(brighter, factor * plain, rtol=1e-12, atol=1e-15 * factor)


@settings(some, max_examples=10)
@given(ln_mass=arrays(float, 3, elements=floats(np.log(1e13), np.log(1e16))), redshift=floats(0, 2))
def test_m200c_and_m500c_are_inverses(cosmology, ln_mass, redshift):
    m500c_msun, redshifts = np.exp(ln_mass), np.full(3, redshift)
    back_msun, r500c_mpc = cosmology.m500c_and_r500c(
        cosmology.m200c_msun(m500c_msun, redshifts), redshift
    )
    np.testing.assert_allclose(back_msun, m500c_msun, rtol=1e-4)
    np.testing.assert_allclose(cosmology.r500c_mpc(back_msun, redshifts), r500c_mpc, rtol=1e-6)


@some
@given(mass_msun=floats(1e13, 1e16), factor=floats(0.1, 10.0), redshift=floats(0.01, 2.0))
def test_theta500_goes_as_the_cube_root_of_the_mass(cosmology, mass_msun, factor, redshift):
    masses, redshifts = np.array([mass_msun, factor**3 * mass_msun]), np.full(2, redshift)
    small, large = cosmology.theta500_arcmin(masses, redshifts)
    assert large == pytest.approx(factor * small, rel=1e-12)


@some
@given(
    alpha=floats(1.3, 2.1),
    log10_b=floats(-0.5, 0.5),
    cylinder_over_fitted=floats(0.5, 2.0),
    mass_msun=floats(1e13, 1e16),
    redshift=floats(0.0, 2.0),
)
def test_mass_and_y_are_inverses(
    cosmology, alpha, log10_b, cylinder_over_fitted, mass_msun, redshift
):
    relation = ScalingRelation(alpha, log10_b, cylinder_over_fitted)
    masses, redshifts = np.array([mass_msun, 2.0 * mass_msun]), np.full(2, redshift)
    y_mpc2 = y_cyl_mpc2(masses, redshifts, relation, cosmology)
    back = m500c_msun_from_y_cyl(y_mpc2, redshifts, relation, cosmology)
    np.testing.assert_allclose(back, masses, rtol=1e-12)
    assert y_mpc2[1] / y_mpc2[0] == pytest.approx(2.0**alpha)


@some
@given(data=st.data(), dtype=st.sampled_from(["f4", "f8"]))
def test_bins_part_the_redshifts(data, dtype):
    edges = np.sort(data.draw(st.lists(floats(0.0, 2.0), min_size=2, max_size=6, unique=True)))
    bins = {f"z{number}": edge for number, edge in enumerate(pairwise(edges))}
    elsewhere = floats(-0.5, 2.5)
    drawn = st.lists(st.one_of(elsewhere, st.sampled_from(edges.tolist())), min_size=1)
    redshift = np.array(data.draw(drawn)).astype(dtype)
    index = redshift_bin(redshift, bins)
    low, high = redshift_range(bins, ALL_BINS)
    assert (low, high) == (edges[0], edges[-1])
    for z, number in zip(redshift.astype(float), index, strict=True):
        holders = [place for place, (lo, hi) in enumerate(bins.values()) if lo < z <= hi]
        assert holders == ([number] if low < z <= high else [])
        assert (number == -1) == (not holders)


@some
@given(cl=arrays(float, 8, elements=floats(0.0, 1.0)))
def test_the_covariance_of_a_patch_has_the_variance_of_the_sky_and_the_squares_symmetries(cl):
    variance = band_limited_variance(cl)
    assert correlation_function(cl, np.zeros(1))[0] == pytest.approx(variance)
    covariance = pixel_covariance(cl, PixelGrid(4, 600.0))
    np.testing.assert_allclose(np.diag(covariance), variance)
    pixel = np.arange(16).reshape(1, 4, 4)
    for symmetry in range(SYMMETRIES):
        order = turned(pixel, symmetry).ravel()
        np.testing.assert_array_equal(covariance[np.ix_(order, order)], covariance)


def test_the_symmetries_are_the_group_of_the_square():
    images = np.arange(32).reshape(2, 4, 4)
    all_turned = [turned(images, symmetry) for symmetry in range(SYMMETRIES)]
    known = {image.tobytes(): symmetry for symmetry, image in enumerate(all_turned)}
    assert len(known) == 8, "no two are the same"
    np.testing.assert_array_equal(all_turned[0], images)
    products = [
        [known[turned(image, symmetry).tobytes()] for symmetry in range(SYMMETRIES)]
        for image in all_turned
    ]
    # a Latin square: whatever follows is one of the eight, and each has an inverse
    for line in (*products, *zip(*products, strict=True)):
        assert sorted(line) == list(range(SYMMETRIES))


@pytest.mark.parametrize("symmetry", range(SYMMETRIES))
def test_symmetries_keep_every_pixel_its_distance_and_the_middle(symmetry):
    images = np.random.default_rng(1).standard_normal((3, 6, 6)).astype(np.float32)
    image = turned(images, symmetry)
    assert np.shares_memory(image, images)
    np.testing.assert_array_equal(np.sort(image.reshape(3, -1)), np.sort(images.reshape(3, -1)))
    np.testing.assert_allclose(centre_mean(image), centre_mean(images), rtol=1e-12)
    radius_arcmin = PixelGrid(6, 1.7).radius_arcmin[None]
    np.testing.assert_array_equal(turned(radius_arcmin, symmetry), radius_arcmin)
