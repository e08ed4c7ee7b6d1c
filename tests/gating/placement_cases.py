"""Made-up pools for the tests of placement: known densities, own seeds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np

import immunoprofile
from immunoprofile.gating._histograms import Grid, histogram, pool

LINE = Grid(low=-6.0, high=9.0, bins=1024)
PLANE = (Grid(low=-5.9, high=8.1, bins=256), Grid(low=-5.9, high=8.1, bins=256))
REFERENCE = Path(immunoprofile.__file__).parent / "simulate" / "data" / "treg_reference.toml"


def line(values, grid=LINE):
    return pool([histogram(np.asarray(values, float), [grid])])


def two_modes(rng, n=4000):
    return np.concatenate([rng.normal(0.0, 0.6, int(0.6 * n)), rng.normal(4.0, 0.5, n - int(0.6 * n))])


def one_mode(rng, n=4000):
    return rng.normal(1.0, 0.5, n)


def cd4_types():
    """CD4 T cell types in CD25 x CD127: shares, means, SDs, is Treg."""
    content = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    types = [entry for entry in content["types"] if "share_of_cd4" in entry]
    axes = [content["markers"].index(marker) for marker in ("CD25", "CD127")]
    share = np.array([entry["share_of_cd4"] for entry in types])
    mean, sd = (np.array([[entry[key][axis] for axis in axes] for entry in types]) for key in ("mean", "sd"))
    return share / share.sum(), mean, sd, np.array([entry["treg"] for entry in types])


def cd4_cells(rng, n, means=None):
    """Draw CD4 T cells: points (n, 2), is Treg (n,)."""
    share, mean, sd, treg = cd4_types()
    kind = rng.choice(share.size, n, p=share)
    used = mean if means is None else means
    return rng.normal(used[kind], sd[kind]), treg[kind]


def posterior(points, means=None):
    """Exact probability that a point is a Treg."""
    share, mean, sd, treg = cd4_types()
    used = mean if means is None else means
    level = share * np.exp(-0.5 * (((points[:, None, :] - used) / sd) ** 2).sum(axis=2)) / sd.prod(axis=1)
    return level[:, treg].sum(axis=1) / level.sum(axis=1)


def best_f1(truth, score):
    """F1 of the best threshold of a score."""
    hits = np.cumsum(truth[np.argsort(-score, kind="stable")])
    return float((2 * hits / (np.arange(1, truth.size + 1) + truth.sum())).max())


def f1(truth, inside):
    return 2 * (truth & inside).sum() / (truth.sum() + inside.sum())


def in_polygon(points, vertices):
    """Odd winding, point by point."""
    inside = np.zeros(len(points), bool)
    for (ax, ay), (bx, by) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        crosses = (points[:, 0] >= min(ax, bx)) & (points[:, 0] < max(ax, bx))
        if ax != bx:
            inside ^= crosses & (points[:, 1] < ay + (points[:, 0] - ax) * (by - ay) / (bx - ax))
    return inside
