"""What a study gives: response, placement units, content, covariates."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from immunoprofile.core import StudyError
from immunoprofile.trial import INDEXES, Measure, Response, read_study, register, response


@dataclass(frozen=True)
class FakePanel:
    id: str = "p"
    version: str = "1"

    def resolve(self, sample, *, site=None):
        return {}


def test_the_response_has_a_row_for_each_subject_and_visit_after_baseline(folder):
    found = response(read_study(folder.write()), "tis_2016_adult")
    assert list(found.columns[:9]) == [
        "subject", "visit", "score", "level", "responder", "lower", "upper", "status", "attainable_max",
    ]  # fmt: skip
    assert len(found) == 16
    assert set(found["score"]) == {65.0}
    assert found["responder"].all()
    assert found["physician_global"].iloc[0] == 15
    assert found["enzyme_used"].iloc[0] == "ck"


def test_responders_follow_the_rule_of_the_endpoint(folder):
    folder.toml = folder.toml.replace("score >= 20", "score >= 65.5")
    assert not response(read_study(folder.write()), "tis_2016_adult")["responder"].any()
    folder.toml = folder.toml.replace("score >= 65.5", "level >= major")
    assert response(read_study(folder.write()), "tis_2016_adult")["responder"].all()
    folder.toml = folder.toml.replace("level >= major", "score over 20")
    with pytest.raises(StudyError) as caught:
        response(read_study(folder.write()), "tis_2016_adult")
    assert caught.value.code == "rule_invalid"


def test_a_missing_measure_leaves_the_score_open_and_the_responder_decided_by_bounds(folder):
    folder.clinical = [row for row in folder.clinical if row[:3] != ["S01", "W12", "haq"]]
    found = response(read_study(folder.write()), "tis_2016_adult").set_index(["subject", "visit"])
    row = found.loc[("S01", "W12")]
    assert row["status"] == "missing"
    assert (row["lower"], row["upper"]) == (57.5, 67.5)
    assert row["responder"]


def test_a_missing_baseline_is_missing_and_not_guessed(folder):
    folder.clinical = [row for row in folder.clinical if row[:2] != ["S01", "W0"]]
    found = response(read_study(folder.write()), "tis_2016_adult").set_index("subject")
    assert found.loc["S01", "score"].isna().all()
    assert found.loc["S02", "score"].notna().all()


def test_a_limit_that_changes_between_visits_is_followed(folder):
    for row in folder.clinical[1:]:
        if row[2] == "ck" and row[1] != "W0":
            row[3], row[5] = "600", "400"
    assert set(response(read_study(folder.write()), "tis_2016_adult")["score"]) == {65.0}


def test_millimetres_count_as_centimetres(folder):
    for row in folder.clinical[1:]:
        if row[2] == "physician_global":
            row[3], row[4] = str(round(float(row[3]) * 10)), "mm"
    assert set(response(read_study(folder.write()), "tis_2016_adult")["score"]) == {65.0}


def test_an_error_of_a_value_names_subject_and_visit(folder):
    folder.toml = folder.toml.replace("[measures.mmt8]\nmaximum = 150\n", "")
    with pytest.raises(StudyError) as caught:
        response(read_study(folder.write()), "tis_2016_adult")
    assert caught.value.code == "mmt_max_missing"
    assert "subject S01, visit W4" in caught.value.where


def test_an_unknown_index_is_told_with_the_nearest(folder):
    with pytest.raises(StudyError) as caught:
        response(read_study(folder.write()), "tis_2016_adults")
    assert caught.value.code == "index_unknown"
    assert "tis_2016_adult" in caught.value.hint


def test_an_index_of_ones_own_is_registered_and_used(folder):
    @dataclass(frozen=True)
    class Drop:
        id: str = "own_drop"
        version: str = "1"
        title: str = "drop"
        measures: tuple = (Measure(name="physician_global", scale="vas_cm", lower=0, upper=10),)
        levels: tuple = (("fallen", 1.0),)
        direction: str = "higher"
        confirmed: bool = False
        components: tuple = ()

        def score(self, baseline, current, context):
            value = float(baseline["physician_global"] - current["physician_global"])
            level = "fallen" if value >= 1 else "none"
            return Response(
                score=value,
                level=level,
                lower=value,
                upper=value,
                components={},
                attainable_max=10.0,
                status="observed",
            )

    index = Drop()
    try:
        assert register(index) is index
        found = response(read_study(folder.write()), "own_drop")
        assert found["score"].tolist() == [2.5] * 16
        with pytest.raises(StudyError, match="index_known"):
            register(Drop(version="2"))
        with pytest.raises(TypeError):
            register(object())
    finally:
        INDEXES.pop("own_drop", None)


def test_placement_sees_random_keys_and_no_arm_visit_or_subject(folder):
    study = read_study(folder.write())
    units = study.placement_units("treg_surface_v1", FakePanel(), tube="treg")
    assert [unit.key for unit in units] == sorted(study.samples["sample"])
    assert sum(unit.is_untreated for unit in units) == 8
    assert {unit.control for unit in units} == {"full"}
    assert len({unit.subject_key for unit in units}) == 8
    assert len({unit.specimen_key for unit in units}) == 24
    assert {study.batch_names[unit.batch_key] for unit in units} == {"b1"}
    for unit in units:
        plain = {unit.key, unit.subject_key, unit.specimen_key, unit.batch_key}
        assert not any(word in " ".join(plain) for word in ("S0", "W0", "W4", "W12", "site"))
        assert "fcs" not in repr(unit)


def test_a_baseline_drawn_after_the_first_dose_teaches_no_gate(folder):
    folder.cell("samples", 2, "collected", "2024-03-02")
    study = read_study(folder.write())
    assert sum(u.is_untreated for u in study.placement_units("treg_surface_v1", FakePanel())) == 7


def test_placement_of_a_strategy_that_no_tube_uses_is_refused(folder):
    with pytest.raises(StudyError) as caught:
        read_study(folder.write()).placement_units("other_v1", FakePanel())
    assert caught.value.code == "strategy_missing"


def test_controls_are_not_placed_as_full_samples(folder):
    folder.samples[0].append("control")
    for row in folder.samples[1:]:
        row.append("none")
    folder.cell("samples", 3, "control", "fmo:CD25")
    study = read_study(folder.write())
    assert len(study.placement_units("treg_surface_v1", FakePanel())) == 23
    assert len(study.specimens) == 23


def test_files_with_the_same_bytes_are_found(folder):
    study = read_study(folder.write())
    samples = list(study.samples["sample"])
    hashes = {sample: str(place) for place, sample in enumerate(samples)}
    assert len(study.check_content(hashes)) == 0
    hashes[samples[5]] = hashes[samples[2]]
    found = study.check_content(hashes)
    assert set(found["sample"]) == {samples[5], samples[2]}
    assert set(found["code"]) == {"same_content_two_specimens"}
    assert list(found.columns) == ["specimen", "sample", "stage", "code", "problem", "hint"]
    assert "S0" not in " ".join(found["problem"])


def test_a_batch_is_named_by_what_is_declared(folder):
    position = folder.samples[0].index("batch")
    folder.samples[0][position] = "instrument"
    folder.samples[0].append("lot")
    for row in folder.samples[1:]:
        row[position] = "aria" if row[3] == "site1" else ""
        row.append("L1")
    study = read_study(folder.write())
    assert set(study.samples["batch"]) == {"aria L1", "site2 L1"}


def test_covariates_are_numbers_where_they_are(folder):
    folder.toml += '[analysis]\ncovariates = ["age_years", "sex", "score"]\n'
    folder.subjects[0].append("score")
    for number, row in enumerate(folder.subjects[1:]):
        row.append(str(number / 2))
    study = read_study(folder.write())
    found = study.covariates_frame()
    assert list(found.columns) == ["subject", "age_years", "sex", "score"]
    assert found["score"].tolist() == [n / 2 for n in range(8)]
    assert {"age_years", "sex", "score"} <= set(study.specimens.columns)


def test_an_age_follows_from_the_year_of_birth(folder):
    folder.toml += '[analysis]\ncovariates = ["age_years"]\n'
    folder.subjects[0][3] = "birth_year"
    for row in folder.subjects[1:]:
        row[3] = "1972"
    assert set(read_study(folder.write()).covariates_frame()["age_years"]) == {52.0}


def test_specimens_know_their_baseline(folder):
    found = read_study(folder.write()).specimens
    assert list(found.columns[:5]) == ["specimen", "subject", "visit", "site", "batch"]
    assert set(found.query("is_baseline")["visit"]) == {"W0"}
    assert found.set_index("visit")["before_first_dose"].to_dict() == {"W0": True, "W4": False, "W12": False}


def test_tables_cannot_be_changed_through_the_study(folder):
    study = read_study(folder.write())
    del study.samples["sample"]
    assert "sample" in study.samples.columns
    with pytest.raises(AttributeError):
        study.root = "x"


def test_inputs_are_hashed_by_relative_name(folder):
    found = read_study(folder.write()).input_hashes()
    assert set(found) == {"study.toml", "samples.csv", "subjects.csv", "clinical.csv"}
    assert all(len(entry["sha256"]) == 64 for entry in found.values())


def test_the_card_tells_state_and_counts(folder):
    text = repr(read_study(folder.write()))
    assert "blinded" in text
    assert "24 at 3 visits" in text
    assert "S01" not in text


def test_a_subject_with_a_faulty_cell_stays_known_without_its_cells(folder):
    folder.cell("subjects", 2, "age_years", "520")
    study = read_study(folder.write(), strict=False)
    assert list(study.excluded["code"]) == ["out_of_range"]
    assert len(study.subjects) == 8
    assert study.subjects.set_index("subject").loc["S01", "first_dose":"withdrawn"].isna().all()
    assert len(study.unblind("arm_key.csv", who="x", reason="y")) == 8


def test_what_is_left_out_is_told_without_a_cell_of_the_sheet(folder):
    folder.cell("samples", 3, "subject", "XX-SECRET")
    folder.cell("samples", 4, "file", "fcs/SECRET.fcs")
    left = read_study(folder.write(), strict=False).excluded
    told = " ".join([*left["problem"], *left["hint"]])
    assert list(left["code"]) == ["unknown_subject", "file_missing"]
    assert "SECRET" not in told
    assert "S01" not in told
