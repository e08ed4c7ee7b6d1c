"""A panel and a strategy to time: 4 scatter, 15 fluorochromes and Time; 20 populations, nine gates deep.

    python benchmarks/_gating_workload.py OUT.fcs [--events N] [--seed K]

writes the file. It is a program of its own so that what it needs of memory is gone when the timing starts.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

SCATTER = ("FSC-A", "FSC-H", "SSC-A", "SSC-H")
DYES = (
    "BUV395-A", "BUV496-A", "BUV737-A", "BV421-A", "BV510-A", "BV605-A", "BV650-A", "BV711-A", "BV786-A",
    "FITC-A", "PerCP-Cy5.5-A", "PE-A", "PE-Cy7-A", "APC-A", "APC-Cy7-A",
)  # fmt: skip
DETECTORS = (*SCATTER, *DYES, "Time")
RA, CD8, CD4, CD25, DUMP, CXCR3, CXCR5, CD127, CCR7, DR, CD38, CD39, CD3, KI67, DEAD = DYES
TOP = 262144.0
CELLS = {
    # share, FSC-A, SSC-A, the dyes that are bright and their medians
    "debris": (0.10, 20_000, 12_000, {}),
    "dead": (0.06, 60_000, 50_000, {DEAD: 40_000, CD4: 900, DUMP: 2_000}),
    "myeloid": (0.14, 120_000, 105_000, {DUMP: 25_000, DR: 11_000, CD4: 2_000, CD38: 5_000, CD39: 8_000}),
    "b_and_nk": (0.17, 84_000, 33_000, {DUMP: 18_000, RA: 11_000, CCR7: 2_500, CXCR3: 1_200}),
    "cd4_naive": (0.18, 82_000, 30_000, {CD3: 25_000, CD4: 22_000, RA: 16_000, CCR7: 9_000, CD127: 8_500}),
    "cd4_memory": (
        0.15, 86_000, 32_000,
        {CD3: 24_000, CD4: 21_000, CD127: 7_000, CD25: 1_000, CCR7: 2_200, CXCR3: 2_400, CXCR5: 700},
    ),
    "treg": (
        0.02, 85_000, 31_000,
        {CD3: 22_000, CD4: 19_500, CD25: 8_000, CD127: 800, CD39: 6_000, DR: 2_500, RA: 900, KI67: 900},
    ),
    "treg_naive": (0.006, 82_000, 30_000, {CD3: 24_000, CD4: 20_000, CD25: 5_000, RA: 15_000, CCR7: 8_000}),
    "cd8_naive": (0.09, 81_000, 30_000, {CD3: 25_000, CD8: 30_000, RA: 18_000, CCR7: 8_000, CD127: 6_000}),
    "cd8_memory": (0.09, 86_000, 34_000, {CD3: 22_000, CD8: 28_000, CD38: 1_800, DR: 2_000, CXCR3: 4_000}),
}  # fmt: skip
DIM = 180.0


def spillover():
    """Give a 15 x 15 matrix: neighbours spill 3-15 %, the others up to 1.5 %."""
    place = np.arange(len(DYES))
    apart = np.abs(place[:, None] - place[None, :])
    step = (5 * place[:, None] + 3 * place[None, :]) % 13
    spill = np.where(apart == 1, 0.03 + 0.01 * step, 0.001 * (1 + step))
    np.fill_diagonal(spill, 1.0)
    return spill


def write(path, events, seed=0):
    """Write the file in one go."""
    from immunoprofile.fcs import Spillover, write_fcs

    rng = np.random.default_rng(seed)
    shares = np.array([cell[0] for cell in CELLS.values()])
    kind = rng.choice(len(CELLS), size=events, p=shares / shares.sum())
    medians = np.array([[cell[3].get(dye, DIM) for dye in DYES] for cell in CELLS.values()])
    out = np.empty((events, len(DETECTORS)), dtype=np.float32)
    for at, spread in ((1, 0.11), (2, 0.17)):
        size = np.array([cell[at] for cell in CELLS.values()])[kind] * np.exp(
            spread * rng.normal(size=events)
        )
        out[:, 2 * at - 1] = size * rng.normal(0.85, 0.02, size=events)
        out[:, 2 * at - 2] = np.where(rng.random(events) < 0.06, 1.75, 1.0) * size
    out[:, 4:19] = medians[kind] * np.exp(0.4 * rng.normal(size=(events, len(DYES)))) @ spillover()
    out[:, 4:19] += rng.normal(0.0, 75.0, size=(events, len(DYES)))
    np.minimum(out, TOP - 1, out=out)
    out[:, 19] = np.floor(np.arange(events) * (600.0 / events))
    write_fcs(path, out, DETECTORS, spillover=Spillover(detectors=DYES, matrix=spillover()), overwrite=True)
    return path


def populations():
    """Give the strategy."""
    from immunoprofile.gating import _shapes as s
    from immunoprofile.transform import Arcsinh, Logicle

    logicle, arcsinh = Logicle(T=TOP, W=0.5, M=4.5, A=0.0), Arcsinh(cofactor=150.0)

    def dims(*names, transform=logicle):
        return tuple(s.Dimension(detector=name, transform=transform) for name in names)

    def raw(*names):
        return tuple(s.Dimension(detector=name, compensated=False) for name in names)

    def at(*values, transform=logicle):
        return [float(transform.apply(value)) for value in values]

    def above(name, parent, *, dye, cut, transform=logicle):
        (dimension,) = dims(dye, transform=transform)
        (place,) = at(cut, transform=transform)
        return s.Population(name=name, parent=parent, shape=s.Threshold(dimension=dimension, cut=place))

    def below(name, parent, *, dye, cut):
        shape = s.Threshold(dimension=dims(dye)[0], cut=at(cut)[0], side="below")
        return s.Population(name=name, parent=parent, shape=shape)

    def box(name, parent, dyes, low, high):
        shape = s.Rectangle(dimensions=dims(*dyes), lower=low, upper=high)
        return s.Population(name=name, parent=parent, shape=shape)

    def polygon(name, parent, dimensions, vertices):
        return s.Population(
            name=name, parent=parent, shape=s.Polygon(dimensions=dimensions, vertices=vertices)
        )

    free = math.inf
    clean = s.Intervals(dimension=raw("Time")[0], lower=(6.0,), upper=(594.0,))
    lymphocytes = [
        (50e3, 10e3),
        (100e3, 13e3),
        (180e3, 30e3),
        (195e3, 52e3),
        (170e3, 66e3),
        (100e3, 62e3),
        (55e3, 40e3),
    ]
    singlets = [(30e3, 21e3), (200e3, 155e3), (230e3, 215e3), (60e3, 60e3), (25e3, 26e3)]
    treg = [
        at(1_900, -900),
        at(2_300, 900),
        at(4_000, 1_700),
        at(9_000, 2_500),
        at(200e3, 2_600),
        at(200e3, -900),
    ]
    naive8 = [at(4_000, 2_000), at(200e3, 1_500), at(200e3, 100e3), at(5_000, 100e3), at(3_500, 9_000)]
    quadrants = {"cd4_naive": "++", "cd4_central": "-+", "cd4_effector": "--", "cd4_temra": "+-"}
    return [
        s.Population(name="time", parent="root", shape=clean),
        polygon("lymphocytes", "time", raw("FSC-A", "SSC-A"), lymphocytes),
        polygon("singlets", "lymphocytes", raw("FSC-A", "FSC-H"), singlets),
        below("viable", "singlets", dye=DEAD, cut=2_500),
        box("t", "viable", (CD3, DUMP), (at(4_000)[0], -free), (free, at(2_300)[0])),
        box("cd4", "t", (CD4, CD8), (at(4_500)[0], -free), (free, at(3_000)[0])),
        box("cd8", "t", (CD4, CD8), (-free, at(3_000)[0]), (at(4_500)[0], free)),
        polygon("treg", "cd4", dims(CD25, CD127), treg),
        s.Population(name="tconv", parent="cd4", shape=s.Boolean(operator="not", operands=("treg",))),
        above("treg_naive", "treg", dye=RA, cut=3_300),
        below("treg_memory", "treg", dye=RA, cut=3_300),
        s.Population(name="treg_active", parent="treg_memory", shape=s.Ellipse(
            dimensions=dims(DR, CD39), mean=at(2_600, 6_000), covariance=[[0.005, 0.001], [0.001, 0.004]],
            distance_square=3.0,
        )),
        *(s.Population(name=name, parent="tconv", shape=s.Quadrant(
            dimensions=dims(RA, CCR7), cuts=at(3_000, 2_800), quadrant=sign,
        )) for name, sign in quadrants.items()),
        polygon("cd8_naive", "cd8", dims(RA, CCR7), naive8),
        above("cd8_active", "cd8", dye=CD38, cut=1_500, transform=arcsinh),
        above("th1", "tconv", dye=CXCR3, cut=1_600),
        box("tfh", "tconv", (CXCR5, RA), (at(1_200)[0], -free), (free, at(3_300)[0])),
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.out, given.events, given.seed)
