"""How near the Treg gate comes to the best that CD25 and CD127 allow: drawn CD4 T cells, exact posterior.

    python benchmarks/treg_placement.py [--repeats 40]

Densities: those of the simulator, each mean moved by N(0, .1) in every repeat; no artefacts; the ratio of
Treg varies between subjects (SD .25 of its logarithm). F1 is relative to the best threshold of the exact
posterior on the same cells; share is cells inside / true cells - 1.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from pathlib import Path

import numpy as np

from immunoprofile.gating._histograms import Grid, histogram, pool
from immunoprofile.gating.placement import METHODS, bootstrap_regions

ROOT = Path(__file__).resolve().parents[1]
SOURCES = (
    ROOT / "immunoprofile" / "simulate" / "data" / "treg_reference.toml",
    ROOT.parent / "shared" / "golden" / "gating" / "treg_reference.toml",
)
LOW, HIGH = np.arcsinh(np.array([-26214.4, 262144.0]) / 150)
PLANE = (Grid(low=float(LOW), high=float(HIGH), bins=256),) * 2
SETTINGS = ((1, 250_000), (20, 6_000), (8, 6_000), (5, 7_000), (4, 7_000), (3, 7_000))
"""Units in the batch, CD4 T cells in each."""


class Cells:
    """CD4 T cells in CD25 x CD127 with means of their own."""

    def __init__(self, rng):
        content = tomllib.loads(next(path for path in SOURCES if path.is_file()).read_text(encoding="utf-8"))
        types = [entry for entry in content["types"] if "share_of_cd4" in entry]
        axes = [content["markers"].index(marker) for marker in ("CD25", "CD127")]
        self.share = np.array([entry["share_of_cd4"] for entry in types])
        mean, self.sd = (np.array([[e[key][a] for a in axes] for e in types]) for key in ("mean", "sd"))
        self.treg = np.array([entry["treg"] for entry in types])
        self.mean = mean + rng.normal(0, 0.1, mean.shape)

    def draw(self, rng, n):
        share = self.share * np.where(self.treg, np.exp(rng.normal(0, 0.25)), 1.0)
        kind = rng.choice(share.size, n, p=share / share.sum())
        return rng.normal(self.mean[kind], self.sd[kind]), self.treg[kind]

    def posterior(self, points):
        level = np.stack(
            [
                s * np.exp(-0.5 * (((points - m) / d) ** 2).sum(axis=1)) / d.prod()
                for s, m, d in zip(self.share, self.mean, self.sd, strict=True)
            ],
            axis=1,
        )
        return level[:, self.treg].sum(axis=1) / level.sum(axis=1)


def best_f1(truth, score):
    hits = np.cumsum(truth[np.argsort(-score, kind="stable")])
    return (2 * hits / (np.arange(1, truth.size + 1) + truth.sum())).max()


def repeat(seed, units, n):
    """Draw, place, score: F1 / optimum, share error, seconds, flagged, se of the share, its seconds."""
    from matplotlib.path import Path as Outline

    rng = np.random.default_rng([seed, units])
    cells = Cells(rng)
    drawn = [cells.draw(rng, n) for _ in range(units)]
    points, truth = (np.concatenate(part) for part in zip(*drawn, strict=True))
    pooled = pool([histogram(one, PLANE) for one, _ in drawn])
    begin = time.process_time()
    region = METHODS["diagonal"](pooled, {}, None)
    seconds = time.process_time() - begin
    begin = time.process_time()
    shares = (
        bootstrap_regions(pooled, region, rng=np.random.default_rng(seed))[1]
        if seed < 3
        else np.array([np.nan])
    )
    doubt = time.process_time() - begin
    inside = Outline(region.vertices).contains_points(points) if region.found else np.zeros(truth.size, bool)
    score = (
        2 * (truth & inside).sum() / (truth.sum() + inside.sum()) / best_f1(truth, cells.posterior(points))
    )
    low, high = np.quantile(shares, [0.25, 0.75])
    return score, inside.sum() / truth.sum() - 1, seconds, bool(region.flags), (high - low) / 1.349, doubt


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    print(f"{'setting':22} {'F1 min':>7} {'mean':>7} {'share min':>10} {'max':>7} {'mean':>7} {'flagged':>8}"
          f" {'CPU s':>6} {'se share':>9} {'its CPU s':>9}")  # fmt: skip
    for units, n in SETTINGS:
        count = max(repeats // 3, 3) if n * units > 100_000 else repeats
        rows = np.array([repeat(seed, units, n) for seed in range(count)], float)
        score, share, seconds, flagged, error, doubt = rows.T
        name = f"{units} units of {n:,}"
        print(f"{name:22} {score.min():7.4f} {score.mean():7.4f} {share.min():10.1%} {share.max():7.1%}"
              f" {share.mean():7.1%} {int(flagged.sum()):4d}/{count:<3d} {seconds.mean():6.2f}"
              f" {np.nanmean(error[:3]):9.5f} {doubt[:3].mean():9.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
