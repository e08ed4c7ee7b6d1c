"""What the tests of the engine share: samples in many layouts, random trees, and the plain numpy truth."""

from __future__ import annotations

import numpy as np

from immunoprofile.fcs import read_fcs
from immunoprofile.gating._engine import gather
from immunoprofile.gating._shapes import (
    Boolean,
    Dimension,
    Ellipse,
    Intervals,
    Polygon,
    Population,
    Quadrant,
    Rectangle,
    Threshold,
)
from immunoprofile.transform import Arcsinh, Linear, Log, Logicle

DETECTORS = ("A", "B", "C", "D", "Time")
TRANSFORMS = (
    Linear(),
    Arcsinh(cofactor=150.0),
    Logicle(T=262144.0, W=0.5, M=4.5, A=0.0),
    Logicle(T=262144.0, W=1.0, M=4.5, A=0.5),
    Log(T=262144.0, M=4.5),
)
LAYOUTS = ("<f4", "unaligned <f4", ">f4", "<f8", ">f8", "<u2", ">u4")
SPILL = np.array([[1.0, 0.1, 0.02], [0.05, 1.0, 0.2], [0.01, 0.03, 1.0]])


def write_file(path, events, layout="<f4", *, spill=SPILL):
    """Write an FCS 3.1 file of the detectors, the first three of them with a spillover matrix."""
    dtype = np.dtype(layout.rsplit(" ", maxsplit=1)[-1])
    order = range(1, dtype.itemsize + 1)
    keywords = {
        "$BYTEORD": ",".join(map(str, order if dtype.byteorder in "<=|" else reversed(order))),
        "$DATATYPE": {"u": "I", "f": "F" if dtype.itemsize == 4 else "D"}[dtype.kind],
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(len(DETECTORS)),
        "$TOT": str(len(events)),
        "$TIMESTEP": "0.01",
    }
    if spill is not None:
        names = DETECTORS[: len(spill)]
        keywords["$SPILLOVER"] = ",".join([str(len(names)), *names, *(f"{v:g}" for v in np.ravel(spill))])
    top = 2 ** (8 * min(dtype.itemsize, 3)) if dtype.kind == "u" else 262144
    for i, name in enumerate(DETECTORS, start=1):
        keywords |= {
            f"$P{i}N": name,
            f"$P{i}B": str(8 * dtype.itemsize),
            f"$P{i}E": "0,0",
            f"$P{i}R": str(top),
        }
    begin = 2048 + (1 if layout.startswith("unaligned") else 0)
    data = np.asarray(events).astype(dtype).tobytes()
    keywords |= {"$BEGINDATA": str(begin), "$ENDDATA": str(begin + len(data) - 1)}
    text = "|" + "|".join(f"{key}|{value}" for key, value in keywords.items()) + "|"
    places = (58, 57 + len(text), begin, begin + len(data) - 1, 0, 0)
    head = "FCS3.1    " + "".join(f"{place:>8d}" for place in places) + text
    assert len(head) < begin
    path.write_bytes(head.encode().ljust(begin) + data)
    return path


def events_for(layout, count, *, seed=0):
    """Draw events of the wide range of a cytometer: negative values, zeros and ties among them."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(6.0, 2.0, size=(count, len(DETECTORS)))) - 60.0 * rng.random((count, 1))
    values[:, -1] = np.arange(count)
    whole = rng.random(values.shape) < 0.5  # round numbers: many events lie on one edge
    values = np.clip(np.where(whole, np.round(values, -1), values), -1000.0, 60000.0)
    return np.clip(np.round(values), 0, None) if "u" in layout.rsplit(" ", maxsplit=1)[-1] else values


def read_events(tmp_path, layout, count, *, seed=0):
    return read_fcs(write_file(tmp_path / "events.fcs", events_for(layout, count, seed=seed), layout))


def truth(sample, populations, compensation=None):
    """Gate with the shapes alone: every event, every gate, the exact transform."""
    members = {"root": np.ones(sample.n_events, dtype=np.bool_)}
    waiting = list(populations)
    while waiting:
        population = waiting.pop(0)
        shape = population.shape
        operands = shape.operands if isinstance(shape, Boolean) else ()
        if not {population.parent, *operands} <= members.keys():
            waiting.append(population)
            continue
        if operands:
            first, *others = (members[name] for name in operands)
            inside = ~first if shape.operator == "not" else first.copy()
            for other in others:
                inside = inside & other if shape.operator == "and" else inside | other
        else:
            values = gather(sample, shape.dimensions, compensation)
            inside = shape.contains(list(values.T))
        members[population.name] = inside & members[population.parent]
    return members


def assert_true(membership, sample, populations, compensation=None):
    """Compare a membership with the truth, event for event."""
    expected = truth(sample, populations, compensation)
    for name in membership.names:
        mask = membership.mask(name)
        wrong = np.flatnonzero(mask != expected[name])
        assert not wrong.size, f"{name}: {wrong.size} events differ, the first is {wrong[0]}"
        assert membership.counts[name] == int(mask.sum())


class Draw:
    """Random shapes whose edges run through events of a sample."""

    def __init__(self, sample, compensation, seed):
        self.sample, self.compensation = sample, compensation
        self.rng = np.random.default_rng(seed)

    def dimension(self, *, with_log=True):
        kinds = TRANSFORMS if with_log else TRANSFORMS[:-1]
        transform = kinds[self.rng.integers(len(kinds))]
        detector, over = self.rng.choice(DETECTORS, size=2, replace=False)
        as_ratio = self.rng.random() < 0.15
        return Dimension(
            detector=str(detector), transform=transform, compensated=bool(self.rng.random() < 0.7),
            over=str(over) if as_ratio else None,
        )  # fmt: skip

    def values(self, dimension):
        z = gather(self.sample, [dimension], self.compensation)[:, 0]
        z = z[np.isfinite(z)]
        return z if z.size else np.array([0.0])

    def edges(self, dimension, count):
        """Pick sorted, distinct values of events, some moved off them."""
        z = self.rng.choice(self.values(dimension), size=count)
        z = np.where(self.rng.random(count) < 0.3, z + self.rng.normal(0, 0.1 * (np.std(z) + 1), count), z)
        return sorted(z + np.arange(count) * 1e-9)

    def shape(self, names):  # noqa: PLR0911 - one return a kind
        kind = self.rng.integers(8 if names else 6)
        if kind >= 6:
            operator = ("and", "or", "not")[self.rng.integers(3)]
            chosen = self.rng.choice(names, size=1 if operator == "not" else self.rng.integers(1, 4))
            return Boolean(operator=operator, operands=tuple(map(str, chosen)))
        first, second = self.dimension(with_log=kind != 5), self.dimension(with_log=kind != 5)
        if kind == 0:
            side = ("above", "below")[self.rng.integers(2)]
            return Threshold(dimension=first, cut=self.edges(first, 1)[0], side=side)
        if kind == 1:
            (a, b), (c, d) = self.edges(first, 2), self.edges(second, 2)
            low, high = (-np.inf, a)[self.rng.integers(2)], (np.inf, d)[self.rng.integers(2)]
            return Rectangle(dimensions=(first, second), lower=(low, c), upper=(b, high))
        if kind == 2:
            edges = self.edges(first, 2 * int(self.rng.integers(1, 6)))
            return Intervals(dimension=first, lower=edges[::2], upper=edges[1::2])
        if kind == 3:
            cuts = self.edges(first, 1)[0], self.edges(second, 1)[0]
            sign = ("++", "+-", "-+", "--")[self.rng.integers(4)]
            return Quadrant(dimensions=(first, second), cuts=cuts, quadrant=sign)
        if kind == 4:
            count = int(self.rng.integers(3, 9))
            x = self.rng.permutation(self.edges(first, count))
            y = self.rng.choice(self.edges(second, count), size=count)  # level edges among them
            return Polygon(dimensions=(first, second), vertices=np.column_stack([x, y]))
        spread = [np.std(self.values(d)) * 0.7 + 1e-3 for d in (first, second)]
        covariance = np.diag(spread) @ [[1.0, 0.5], [0.5, 1.0]] @ np.diag(spread)
        mean = self.edges(first, 1) + self.edges(second, 1)
        return Ellipse(dimensions=(first, second), mean=mean, covariance=covariance, distance_square=1.5)

    def tree(self, count):
        """Draw populations, handed out in any order."""
        populations = []
        for number in range(count):
            names = [population.name for population in populations]
            parent = str(self.rng.choice(["root", *names]))
            populations.append(Population(name=f"p{number}", parent=parent, shape=self.shape(names)))
        return [populations[i] for i in self.rng.permutation(count)]
