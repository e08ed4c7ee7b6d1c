"""The events follow the table of the specification."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.simulate._densities import reference

# mean of z and its sd, as the specification prints them: marker -> type -> (mean, sd)
TABLE = {
    "CD25": {"naive_tconv": (1.4, 0.5), "treg_naive": (3.75, 0.38), "treg_memory": (4.4, 0.42)},
    "CD127": {"naive_tconv": (3.9, 0.35), "memory_tconv": (3.7, 0.45), "cd8_memory": (2.6, 0.8)},
    "CD4": {"naive_tconv": (5.4, 0.2), "mono": (2.8, 0.35)},
    "CD8": {"cd8_naive": (6.1, 0.2), "nk": (2.2, 1.2), "b": (0.3, 0.5)},
    "CD3": {"dn_t": (5.5, 0.25), "mono": (0.6, 0.5)},
    "FoxP3": {"treg_memory": (3.4, 0.5), "memory_tconv": (0.7, 0.5)},
    "CD45RA": {"b": (5.2, 0.3), "treg_memory": (1.5, 0.6)},
    "CD45": {"nk": (5.6, 0.18), "mono": (5.5, 0.2)},
    "Viability": {"mono": (1.2, 0.5), "nk": (0.9, 0.5)},
}


@pytest.fixture(scope="module")
def drawn(tube, scoring):
    sample, truth = ip.read_fcs(tube), scoring.sample_truth(tube)
    return sample, truth, scoring.true_z(sample, truth)


def test_the_densities_are_those_that_were_frozen():
    content = files("immunoprofile.simulate").joinpath("data", "treg_reference.toml").read_bytes()
    expected = "72313dea9436fc35b4495d09c88a161ebd3f8b04ad6389336cd2c46ca2aad47d"
    assert hashlib.sha256(content).hexdigest() == expected


def test_the_shares_of_the_types_sum_to_one():
    assert reference().share.sum() == pytest.approx(1, abs=1e-12)
    assert reference().treg_share == pytest.approx(0.06, abs=1e-12)


@pytest.mark.parametrize("marker", TABLE)
def test_a_marker_is_gaussian_with_the_mean_and_sd_of_the_table(drawn, marker):
    _, truth, z = drawn
    for name, (mean, sd) in TABLE[marker].items():
        values = z[marker][truth.of(name)]
        error = sd / np.sqrt(values.size)
        assert values.mean() == pytest.approx(mean, abs=5 * error)
        assert values.std() == pytest.approx(sd, abs=5 * error)
        assert ((values - mean) ** 3).mean() / sd**3 == pytest.approx(0, abs=5 * np.sqrt(6 / values.size))


def test_markers_are_independent_given_the_type(drawn):
    _, truth, z = drawn
    inside = truth.of("naive_tconv")
    correlation = np.corrcoef(np.stack([values[inside] for values in z.values()]))
    assert np.abs(correlation - np.eye(len(z))).max() < 5 / np.sqrt(inside.sum())


def test_the_shares_of_types_and_artefacts_are_those_of_the_table(drawn):
    _, truth, _ = drawn
    n = truth.labels.size
    expected = {
        "doublet": 0.03,
        "debris": 0.06,
        "dead": 0.04,
        "naive_tconv": 0.87 * 0.39 * 0.44,
        "nk": 0.87 * 0.11,
    }
    for name, share in expected.items():
        assert truth.of(name).sum() == pytest.approx(n * share, abs=5 * np.sqrt(n * share))


def test_scatter_follows_its_formula(drawn):
    sample, truth, _ = drawn
    area, height, side = (np.log(sample.column(name)) for name in ("FSC-A", "FSC-H", "SSC-A"))
    inside = truth.of("naive_tconv")
    assert np.exp(area[inside].mean()) == pytest.approx(62_000, rel=0.005)
    assert area[inside].std() == pytest.approx(0.12, rel=0.02)
    ratio = (height - area)[inside]
    assert np.exp(ratio.mean()) == pytest.approx(0.92, rel=0.001)
    assert ratio.std() == pytest.approx(0.025, rel=0.02)
    assert np.exp(side[truth.of("mono")].mean()) == pytest.approx(62_000, rel=0.01)
    assert side[inside].std() == pytest.approx(0.18 * np.hypot(0.5, 0.87), rel=0.02)
    assert np.corrcoef(area[inside], side[inside])[0, 1] == pytest.approx(0.498, abs=0.02)


def test_doublets_add_their_areas_and_not_their_heights(drawn):
    sample, truth, z = drawn
    pair = truth.of("doublet")
    ratio = (sample.column("FSC-H") / sample.column("FSC-A"))[pair]
    assert np.median(ratio) < 0.6
    assert np.sinh(z["CD45"][pair]).mean() == pytest.approx(
        2 * np.sinh(z["CD45"][truth.single]).mean(), rel=0.02
    )


def test_dead_cells_take_up_the_dye_and_are_smaller(drawn):
    sample, truth, z = drawn
    dead = truth.of("dead")
    assert z["Viability"][dead].mean() == pytest.approx(4.8, abs=0.03)
    assert z["CD45"][dead].mean() - z["CD45"][truth.single].mean() == pytest.approx(0.5, abs=0.04)
    live = sample.column("FSC-A")[truth.single].mean()
    assert sample.column("FSC-A")[dead].mean() / live == pytest.approx(0.7, abs=0.01)


def test_debris_is_small_and_dim(drawn):
    sample, truth, z = drawn
    debris = truth.of("debris")
    assert np.median(sample.column("FSC-A")[debris]) == pytest.approx(11_000, rel=0.01)
    for values in z.values():
        assert values[debris].mean() == pytest.approx(0.4, abs=0.03)
        assert values[debris].std() == pytest.approx(0.5, abs=0.03)


def test_time_ascends_evenly_over_two_minutes(drawn):
    sample, _, _ = drawn
    seconds = sample.time_seconds
    assert (np.diff(seconds) >= 0).all()
    assert seconds[-1] == pytest.approx(120, abs=0.1)
    counts, _ = np.histogram(seconds, bins=20, range=(0, 120))
    assert np.abs(counts / counts.mean() - 1).max() < 0.06


@pytest.mark.parametrize(
    ("further", "expected"),
    [((), 0.961), (("CD45RA",), 0.986), (("CD45RA", "FoxP3"), 1.0)],
    ids=["surface", "with CD45RA", "with FoxP3"],
)
def test_the_best_possible_f1_is_that_of_the_specification(drawn, scoring, further, expected):
    sample, truth, _ = drawn
    assert scoring.optimum_f1([(sample, truth)], (*scoring.SURFACE, *further)) == pytest.approx(
        expected, abs=0.005
    )


def test_a_clog_is_one_stretch_of_few_and_dimmer_events(tmp_path, scoring):
    path = ip.simulate.sample(tmp_path / "clogged.fcs", events=100_000, seed=3, clog=True)
    sample, truth = ip.read_fcs(path), scoring.sample_truth(path)
    counts, edges = np.histogram(sample.time_seconds, bins=120, range=(0, 120))
    few = counts < counts.max() / 2
    assert 9 <= few.sum() <= 11
    assert np.flatnonzero(few)[-1] - np.flatnonzero(few)[0] == few.sum() - 1
    middle = edges[np.flatnonzero(few)].mean()
    inside = np.abs(sample.time_seconds - middle) < 4
    bright = scoring.true_z(sample, truth)["CD45"]
    assert np.median(bright[inside]) - np.median(bright[~inside]) == pytest.approx(-0.3, abs=0.05)


def test_a_misjudged_matrix_is_off_by_no_more_than_asked(tmp_path):
    right = ip.read_fcs(ip.simulate.sample(tmp_path / "a.fcs", events=100, seed=4)).spillover.matrix
    wrong = ip.read_fcs(
        ip.simulate.sample(tmp_path / "b.fcs", events=100, seed=4, matrix_error=0.1)
    ).spillover.matrix
    off = (right > 0) & (right < 1)
    assert not np.array_equal(right, wrong)
    assert np.abs(wrong[off] / right[off] - 1).max() < 0.101
    assert np.array_equal(right[~off], wrong[~off])
