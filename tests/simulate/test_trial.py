"""A trial: its folder, its files, its truth."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from datetime import date

import numpy as np
import pytest

import immunoprofile as ip
from immunoprofile.core import StudyError
from immunoprofile.simulate._cohort import plan
from immunoprofile.simulate._densities import reference

MARKERS = {"CD45", "CD3", "CD4", "CD8", "CD25", "CD127", "CD45RA", "FoxP3", "Viability"}


def sheet(study, name):
    with (study.parent / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def truth(study, scoring):
    return scoring.read_truth(study.parent)


def test_the_folder_has_all_that_a_study_needs(study):
    names = {path.name for path in study.parent.iterdir()}
    assert names == {
        "study.toml", "panel.toml", "samples.csv", "subjects.csv", "clinical.csv", "doses.csv", "arm_key.csv",
        "truth.json", "labels", "fcs",
    }  # fmt: skip
    listed = {row["file"] for row in sheet(study, "samples.csv")}
    assert listed == {f"fcs/{path.name}" for path in (study.parent / "fcs").iterdir()}
    assert {path.stem for path in (study.parent / "labels").iterdir()} == {name[4:-4] for name in listed}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    sizes = {"subjects": 4, "visits": 2, "sites": 2, "events": 300, "progress": False}
    first = ip.simulate.trial(tmp_path / "a", seed=9, **sizes).parent
    second = ip.simulate.trial(tmp_path / "b", seed=9, **sizes).parent
    other = ip.simulate.trial(tmp_path / "c", seed=10, **sizes).parent
    assert hashes(first) == hashes(second)
    assert not set(hashes(first / "fcs").values()) & set(hashes(other / "fcs").values())


def test_a_tube_does_not_depend_on_how_many_others_there_are(tmp_path):
    small = ip.simulate.trial(tmp_path / "a", subjects=4, visits=2, events=300, seed=1, progress=False).parent
    large = ip.simulate.trial(
        tmp_path / "b", subjects=30, visits=2, events=300, seed=1, progress=False
    ).parent
    key = {row["subject"]: row["arm"] for row in sheet(small / "study.toml", "arm_key.csv")}
    wide = {row["subject"]: row["arm"] for row in sheet(large / "study.toml", "arm_key.csv")}
    ours, theirs = hashes(small / "fcs"), hashes(large / "fcs")
    # an arm may differ (allocation is by site size), but a baseline tube knows no arm
    shared = [
        name
        for name in ours
        if name in theirs and (name.endswith("W0.fcs") or key[name[:4]] == wide[name[:4]])
    ]
    assert len(shared) >= 3
    assert all(ours[name] == theirs[name] for name in shared)


def test_a_second_trial_takes_the_place_of_the_first(tmp_path):
    ip.simulate.trial(tmp_path, subjects=6, visits=2, events=200, progress=False)
    study = ip.simulate.trial(tmp_path, subjects=2, visits=1, events=200, progress=False)
    assert {path.name for path in (tmp_path / "fcs").iterdir()} == {"P101_W0.fcs", "P201_W0.fcs"}
    assert len(sheet(study, "samples.csv")) == 2


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match="folder_not_empty"):
        ip.simulate.trial(tmp_path, subjects=2, visits=1, events=10)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjects": 1},
        {"visits": 5},
        {"visits": 0},
        {"sites": 21},
        {"events": 0},
        {"seed": -1},
        {"effect": 9.0},
    ],
    ids=str,
)
def test_a_size_out_of_range_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(StudyError, match="out_of_range"):
        ip.simulate.trial(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_every_site_names_its_channels_in_its_own_way(study, truth):
    first = {}
    for specimen in truth["specimens"].values():
        first.setdefault(specimen["site"], ip.read_fcs(study.parent / specimen["file"]))
    one, two, three, four = (first[site] for site in ("S1", "S2", "S3", "S4"))
    assert {"V450-A", "PerCP-Cy5-5-A", "APC-H7-A", "PE-A", "APC-A", "FITC-A"} <= set(one.detectors)
    assert {"Pacific Blue-A", "PerCP-Cy5.5-A", "APC-Cy7-A", "Alexa Fluor 647-A"} <= set(two.detectors)
    assert "FSC-H" in one.detectors
    assert not any("-H" in name or "PEAK" in name for name in two.detectors)
    assert "FL1 INT" in three.detectors
    assert "CD25-PC7" in three.labels
    assert "R1-A" in four.detectors
    assert "IL2RA (CD25)" in four.labels
    assert not any(label and "CD45" in label and "RA" not in label for label in four.labels)
    orders = [[label[:4] for label in sample.labels if label] for sample in (one, two, three, four)]
    assert len({tuple(order) for order in orders}) == 4


def test_spillover_inverts_to_the_true_signal(study, truth, scoring):
    for file in scoring.file_truths(study.parent)[::7]:
        sample = ip.read_fcs(file.path)
        held = truth["spillover"][file.site]
        assert np.array_equal(sample.spillover.matrix, np.array(held["matrix"]))
        assert sample.spillover.detectors == tuple(held["detectors"])
        matrix = np.array(held["matrix"])
        entries = matrix[~np.eye(len(matrix), dtype=bool)]
        assert (entries > 0).sum() == round(0.35 * entries.size)
        assert ((entries == 0) | ((entries >= 0.002) & (entries <= 0.09))).all()
        z = scoring.true_z(sample, file)["CD45RA"][file.of("b")]
        assert z.mean() == pytest.approx(5.2 + truth["shifts"]["site"][file.site]["CD45RA"], abs=0.2)


def test_the_panel_resolves_every_site_by_rule(study, truth):
    panel = ip.read_panel(study.parent / "panel.toml")
    for site in ("S1", "S2", "S3", "S4"):
        specimen = next(s for s in truth["specimens"].values() if s["site"] == site)
        sample = ip.read_fcs(study.parent / specimen["file"])
        channels = panel.resolve(sample, site=site).channels
        expected = dict(
            zip(truth["spillover"][site]["markers"], truth["spillover"][site]["detectors"], strict=True)
        )
        assert {marker: sample.detectors[channels[marker]] for marker in expected} == expected
        assert MARKERS - set(channels) == ({"CD45"} if site == "S4" else set())
        assert ("FSC-H" in channels) == (site != "S2")
        assert {"FSC-A", "SSC-A", "Time"} <= set(channels)


def test_arms_are_balanced_within_sites(study, truth):
    site = {row["subject"]: row["site"] for row in sheet(study, "subjects.csv")}
    key = {row["subject"]: row["arm"] for row in sheet(study, "arm_key.csv")}
    assert key == truth["arms"]
    for name in set(site.values()):
        counts = Counter(arm for subject, arm in key.items() if site[subject] == name)
        assert abs(counts["IL2"] - counts["PBO"]) <= 1
    assert abs(Counter(key.values())["IL2"] - Counter(key.values())["PBO"]) <= 1


def test_names_and_sheets_carry_no_arm(study, truth):
    arms = [truth["arms"][row["subject"]] for row in sheet(study, "subjects.csv")]
    assert arms != sorted(arms)
    for name in ("samples.csv", "subjects.csv", "clinical.csv", "doses.csv"):
        cells = {cell for row in sheet(study, name) for cell in row.values()}
        assert not cells & {"IL2", "PBO", "low-dose IL-2", "placebo"}
    for specimen in truth["specimens"].values():
        sample = ip.read_fcs(study.parent / specimen["file"], metadata_only=True)
        assert not any("PBO" in text or text == "IL2" for text in sample.keywords.values())


def test_missing_and_near_empty_tubes_are_as_many_as_said():
    cohort = plan(reference(), subjects=50, visits=4, sites=5, events=5_000, seed=2, effect=None)
    lost = sum(specimen.missing for specimen in cohort.specimens)
    assert 0.05 <= lost / 200 <= 0.10
    empty = [s for s in cohort.specimens if s.n_events == 200]
    assert len(empty) == round(0.02 * (200 - lost))
    assert not any(specimen.missing for specimen in empty)


@pytest.mark.parametrize("seed", range(6))
def test_a_site_keeps_three_full_baseline_tubes(seed):
    cohort = plan(reference(), subjects=14, visits=3, sites=4, events=5_000, seed=seed, effect=None)
    for site in range(4):
        members = [subject for subject in cohort.subjects if subject.site == site]
        full = [
            s for s in members if not cohort.of(s.number, 0).missing and cohort.of(s.number, 0).n_events > 200
        ]
        assert len(full) >= 3


def test_tubes_are_drawn_within_the_windows_of_their_visits(study):
    doses = {row["subject"]: date.fromisoformat(row["first_dose"]) for row in sheet(study, "subjects.csv")}
    days = {"W0": (-28, 0), "W4": (22, 36), "W12": (78, 92), "W24": (155, 183)}
    for row in sheet(study, "samples.csv"):
        after = (date.fromisoformat(row["collected"]) - doses[row["subject"]]).days + 1
        low, high = days[row["visit"]]
        assert low <= after <= high


def test_truth_counts_the_events_of_every_label(study, truth, scoring):
    for file in scoring.file_truths(study.parent):
        counts = truth["specimens"][file.stem]["counts"]
        assert counts == {name: int(file.of(name).sum()) for name in file.names}
        assert file.labels.dtype == np.uint8
        assert ip.read_fcs(file.path).n_events == file.labels.size


def test_truth_is_plain_and_names_no_folder(study):
    text = (study.parent / "truth.json").read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n" == text
    assert str(study.parent) not in text


def test_the_drug_moves_the_markers_as_the_specification_says(study, truth):
    moved = truth["shifts"]["active"]
    tconv = {"CD25": 0.25, "CD127": -0.20}
    assert moved == {
        "naive_tconv": tconv, "memory_tconv": tconv, "cd127lo_eff": tconv,
        "treg_naive": {"CD25": 0.35}, "treg_memory": {"CD25": 0.35},
    }  # fmt: skip


def test_the_shifts_in_truth_are_those_of_the_events(study, truth, scoring):
    residuals = {}
    for file in scoring.file_truths(study.parent):
        z = scoring.true_z(ip.read_fcs(file.path), file)
        specimen = truth["specimens"][file.stem]
        treated = specimen["visit"] != "W0" and truth["arms"][specimen["subject"]] == "IL2"
        for marker, values in z.items():
            for group, inside in (("cd4", file.cd4), ("treg", file.treg), ("rest", file.single & ~file.cd4)):
                code = file.labels[inside]
                part = (values[inside] - file.mean[marker][code]) / file.sd[marker][code]
                residuals.setdefault((marker, group, treated), []).append(part)
    for parts in residuals.values():
        scores = [part.mean() * np.sqrt(part.size) for part in parts if part.size > 5]
        assert np.concatenate(parts).mean() == pytest.approx(0, abs=5 / np.sqrt(sum(map(len, parts))))
        assert np.square(scores).mean() < 1 + 5 * np.sqrt(2 / len(scores))  # a chi-square over its freedom


@pytest.mark.parametrize("log_ratio", [-0.5, 0.0, 0.69, 1.5])
def test_more_treg_means_fewer_other_cd4_cells_and_nothing_else(log_ratio):
    densities = reference()
    share = densities.composition(log_ratio)
    cd4, treg = densities.is_cd4, densities.is_treg
    assert share.sum() == pytest.approx(1, abs=1e-12)
    assert share[treg].sum() / share[cd4].sum() == pytest.approx(0.06 * np.exp(log_ratio), abs=1e-12)
    assert share[~cd4] == pytest.approx(densities.share[~cd4], abs=1e-15)
    others = share[cd4 & ~treg] / densities.share[cd4 & ~treg]
    assert others == pytest.approx(others[0], abs=1e-12)


def test_the_effect_is_what_was_asked_for_at_week_12(tmp_path, scoring):
    study = ip.simulate.trial(tmp_path, subjects=4, visits=3, events=100, effect=1.5, progress=False)
    truth = scoring.read_truth(study.parent)
    assert truth["treg_effect_ratio"]["W12"] == pytest.approx(1.5, abs=1e-12)
    assert truth["treg_effect_ratio"]["W4"] == pytest.approx(1.5 ** (0.45 / 0.69), abs=1e-12)


def test_the_effect_is_at_the_last_visit_where_there_is_no_week_12(tmp_path, scoring):
    study = ip.simulate.trial(tmp_path, subjects=4, visits=2, events=100, effect=0.5, progress=False)
    assert scoring.read_truth(study.parent)["treg_effect_ratio"] == {"W4": pytest.approx(0.5)}


def test_a_large_trial_realises_the_effect_and_the_spread_of_the_model():
    cohort = plan(reference(), subjects=4_000, visits=4, sites=4, events=1_000, seed=8, effect=None)
    logs = np.array([s.log_ratio for s in cohort.specimens]).reshape(4_000, 4)
    active = np.array([subject.arm == "IL2" for subject in cohort.subjects])
    assert active.mean() == 0.5
    change = logs[:, 1:] - logs[:, :1]
    effect = change[active].mean(axis=0) - change[~active].mean(axis=0)
    assert effect == pytest.approx([0.45, 0.69, 0.60], abs=0.015)
    assert logs[:, 0].std() == pytest.approx(np.hypot(0.25, 0.08), abs=0.01)
    assert change[~active].std(axis=0) == pytest.approx(0.08 * np.sqrt(2), abs=0.005)


def test_the_realised_shares_in_the_files_follow_the_drawn_ratios(tmp_path, scoring):
    study = ip.simulate.trial(tmp_path, subjects=4, visits=2, events=40_000, seed=6, progress=False)
    truth = scoring.read_truth(study.parent)
    for file in scoring.file_truths(study.parent):
        specimen = truth["specimens"][file.stem]
        if not specimen["near_empty"]:
            n = int(file.cd4.sum())
            share = 0.06 * np.exp(specimen["ln_treg_ratio"])
            assert file.treg.sum() / n == pytest.approx(share, abs=4.5 * np.sqrt(share * (1 - share) / n))
            assert n / file.single.sum() == pytest.approx(0.39, abs=0.015)


def test_one_visit_gives_a_study_without_a_comparison(tmp_path, scoring):
    study = ip.simulate.trial(tmp_path, subjects=3, visits=1, sites=1, events=100, progress=False)
    assert "[[endpoints]]" not in study.read_text(encoding="utf-8")
    assert scoring.read_truth(study.parent)["treg_effect_ratio"] == {}


def test_the_trial_room_accepts_the_study(study):
    read = ip.read_study(study)
    assert read.blinded
    assert not (read.problems["level"] == "error").any()
    assert len(read.samples) == len(sheet(study, "samples.csv"))
