"""The Treg gate: F1 against the exact posterior, invariances, flags, fallbacks, doubt."""

from __future__ import annotations

import numpy as np
import pytest

from immunoprofile.gating._histograms import Grid, Histogram, histogram, pool
from immunoprofile.gating.placement import METHODS, bootstrap_regions, per_sample_treg
from immunoprofile.gating.placement._outline import polygon_bins, simplified

from .placement_cases import PLANE, best_f1, cd4_cells, cd4_types, f1, in_polygon, posterior

diagonal = METHODS["diagonal"]


def batch(seed, units, n, spread=0.1):
    rng = np.random.default_rng(seed)
    means = cd4_types()[1] + rng.normal(0, spread, (5, 2))
    drawn = [cd4_cells(rng, n, means) for _ in range(units)]
    points, treg = (np.concatenate(part) for part in zip(*drawn, strict=True))
    return pool([histogram(one, PLANE) for one, _ in drawn]), points, treg, means


def scored(seed, units, n):
    pooled, points, treg, means = batch(seed, units, n)
    region = diagonal(pooled, {}, None)
    inside = in_polygon(points, region.vertices)
    best = best_f1(treg, posterior(points, means))
    return f1(treg, inside) / best, inside.sum() / treg.sum() - 1, region


@pytest.mark.parametrize("seed", range(4))
def test_one_large_sample_reaches_the_optimum(seed):
    ratio, share, region = scored(seed, 1, 150_000)
    assert ratio >= 0.985
    assert -0.035 <= share <= 0.05  # the exact posterior, cut at a half: -.023 to -.001
    assert region.flags == ()
    assert len(region.vertices) <= 64


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_of_ten_small_samples_reaches_the_optimum(seed):
    ratio, share, _ = scored([10, seed], 10, 6_000)
    assert ratio >= 0.96
    assert abs(share) < 0.10


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_of_four_small_samples_comes_near_the_optimum(seed):
    ratio, share, _ = scored([4, seed], 4, 7_000)
    assert ratio >= 0.93
    assert abs(share) < 0.10


def test_a_seed_between_naive_and_memory_treg_does_not_halve_them():
    """In these draws the deepest slanted valley parts the two kinds of Treg."""
    means = np.array([[1.39, 3.73], [2.3, 3.8], [1.86, 2.22], [3.56, 2.36], [4.52, 1.96]])
    rng = np.random.default_rng(59)
    drawn = [cd4_cells(rng, 7_000, means) for _ in range(5)]
    points, treg = (np.concatenate(part) for part in zip(*drawn, strict=True))
    inside = in_polygon(points, diagonal(pool([histogram(p, PLANE) for p, _ in drawn]), {}, None).vertices)
    assert abs(inside.sum() / treg.sum() - 1) < 0.1


def test_the_region_does_not_depend_on_the_order_of_units():
    units = [histogram(cd4_cells(np.random.default_rng(i), 4_000)[0], PLANE) for i in range(5)]
    assert diagonal(pool(units), {}, None) == diagonal(pool(units[::-1]), {}, None)


def test_an_affine_image_of_the_axes_gives_the_affine_image_of_the_region():
    source = batch(3, 1, 40_000)[0]
    grids = (Grid(low=-59.0 + 7, high=81.0 + 7, bins=256), Grid(low=-2.95, high=4.05, bins=256))
    image = pool([Histogram(grids=grids, counts=source.units[0].counts, n=source.units[0].n)])
    one, other = diagonal(source, {}, None), diagonal(image, {}, None)
    assert np.allclose(one.vertices * [10, 0.5] + [7, 0], other.vertices, atol=1e-6)
    assert one.share == other.share


def test_a_plane_without_treg_yields_no_region_or_says_that_it_is_only_a_seed():
    rng = np.random.default_rng(1)
    points = rng.normal([2.0, 3.8], [0.6, 0.4], (20_000, 2))
    region = diagonal(pool([histogram(points, PLANE)]), {}, None)
    assert not region.found or "DIAGONAL_SEED" in region.flags


def test_a_constant_axis_yields_no_region():
    points = np.column_stack([np.full(5_000, 1.0), np.random.default_rng(1).normal(0, 1, 5_000)])
    region = diagonal(pool([histogram(points, PLANE)]), {}, None)
    assert not region.found
    assert "NO_VALLEY" in region.flags


def test_a_narrower_posterior_makes_a_smaller_region():
    pooled = batch(5, 1, 60_000)[0]
    shares = [diagonal(pooled, {"posterior": p}, None).share for p in (0.3, 0.5, 0.8)]
    assert shares[0] > shares[1] > shares[2]


def test_replicate_regions_are_packed_masks_whose_shares_scatter_as_fresh_batches_do():
    fresh = []
    for seed in range(12):
        pooled = batch([77, seed], 4, 7_000, spread=0)[0]
        fresh.append(diagonal(pooled, {}, None).share)
    region = diagonal(pooled, {}, None)
    masks, shares = bootstrap_regions(pooled, region, rng=np.random.default_rng(1), replicates=60)
    assert masks.shape == (60, 256 * 256 // 8)
    first = np.unpackbits(masks[0]).reshape(256, 256).astype(bool)
    assert shares[0] == pytest.approx(pooled.density[first].sum())
    assert np.abs(np.median(shares) - region.share) < 0.06 * region.share
    assert 0.1 * np.std(fresh) < np.std(shares) < 3 * np.std(fresh)


def test_replicate_regions_are_repeated_to_the_bit():
    pooled = batch(6, 3, 7_000)[0]
    region = diagonal(pooled, {}, None)
    one, other = (
        bootstrap_regions(pooled, region, rng=np.random.default_rng(2), replicates=5) for _ in range(2)
    )
    assert one[0].tobytes() == other[0].tobytes()


def test_a_region_without_components_has_no_replicates():
    pooled = batch(6, 1, 7_000)[0]
    region = METHODS["rectangle_valley"](pooled, {}, None)
    assert np.isnan(bootstrap_regions(pooled, region, rng=np.random.default_rng(2), replicates=5)[1]).all()


def test_the_rule_per_sample_cuts_a_corner_of_one_sample():
    points, treg = cd4_cells(np.random.default_rng(3), 7_000)
    region = per_sample_treg(histogram(points, PLANE))
    inside = in_polygon(points, region.vertices)
    assert region.method == "per_sample"
    assert f1(treg, inside) > 0.75
    assert region.share == pytest.approx(inside.mean(), rel=0.05)


def test_the_rule_per_sample_is_missing_below_200_cd127lo_cells():
    points, _ = cd4_cells(np.random.default_rng(3), 700)
    region = per_sample_treg(histogram(points, PLANE))
    assert not region.found
    assert "FEW_EVENTS" in region.flags


def test_a_polygon_holds_the_bins_whose_middle_lies_inside():
    square = np.array([[1.5, 1.5], [4.5, 1.5], [4.5, 3.5], [1.5, 3.5]])
    held = polygon_bins(square, (8, 6))
    assert held.sum() == 6
    assert held[2:5, 2:4].all()


def test_simplifying_keeps_corners_and_drops_what_lies_on_a_line():
    side = np.linspace(0, 1, 50)[:-1]
    ring = np.concatenate(
        [
            np.column_stack([side, 0 * side]),
            np.column_stack([0 * side + 1, side]),
            np.column_stack([1 - side, 0 * side + 1]),
            np.column_stack([0 * side, 1 - side]),
        ]
    )
    assert simplified(ring, 0.01).tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
