from __future__ import annotations

import pandas as pd
import pytest

from immunoprofile.core import BlindedError, ModelError, UnknownNameError, read_table, write_table
from immunoprofile.quantify import POPULATION_COLUMNS, ImmuneProfile

from .conftest import SENTINELS, TREG, profile_of, study_rows


def real_arms(**attrs) -> pd.Series:
    arms = pd.Series({"A": "IL2", "B": "PBO", "C": "IL2", "D": "PBO"}, name="arm")
    arms.attrs.update(attrs)
    return arms


def test_a_blinded_table_has_no_sentinels_and_no_design():
    table = profile_of(TREG, blinded=True, sentinels=SENTINELS).table
    assert list(table.columns) == [column.name for column in POPULATION_COLUMNS]
    assert not (SENTINELS & (set(table["population"]) | set(table["denominator"])))
    assert "CD25" not in set(table["marker"])  # its intensity on any cell follows the treatment
    assert "cd4_t" in set(table["population"])
    assert table["specimen"].is_monotonic_increasing


def test_no_sentinels_hide_nothing():
    blinded = profile_of(TREG, blinded=True)
    assert len(blinded.table) == len(profile_of(TREG).table)


def test_an_open_table_carries_subject_visit_and_site_in_the_order_of_visits():
    table = profile_of(TREG).table
    assert list(table.columns[:4]) == ["specimen", "subject", "visit", "site"]
    assert list(dict.fromkeys(table["visit"])) == ["W0", "W4", "W12"]


def test_samples_without_a_study_have_a_profile_too():
    rows, specimens = study_rows(TREG)
    profile = ImmuneProfile(table=rows, specimens=specimens[["specimen"]])
    assert "subject" not in profile.table.columns
    with pytest.raises(ModelError, match="no_subjects"):
        profile.change()


def test_reveal_needs_real_arms():
    profile = profile_of(TREG, blinded=True, sentinels=SENTINELS)
    with pytest.raises(BlindedError) as shut:
        profile.reveal()
    assert shut.value.code == "blinded"
    with pytest.raises(BlindedError) as dummy:
        profile.reveal(real_arms(dummy=True))
    assert dummy.value.code == "dummy_arms"
    assert "treg" in set(profile.reveal(real_arms())["population"])


def test_arms_of_another_study_open_nothing():
    profile = profile_of(TREG, blinded=True)
    with pytest.raises(ModelError, match="arms_unmatched"):
        profile.reveal(pd.Series({"Z": "IL2"}))
    with pytest.raises(ModelError, match="arms_duplicate"):
        profile.reveal(pd.Series(["IL2", "PBO"], index=["A", "A"]))


def test_wide_has_a_row_a_specimen_and_a_column_a_feature():
    wide = profile_of(TREG).wide()
    assert len(wide) == len(TREG)
    row = wide[(wide["subject"] == "A") & (wide["visit"] == "W4")].iloc[0]
    assert row["treg_percent_cd4_t"] == pytest.approx(7.5)
    blinded = profile_of(TREG, blinded=True, sentinels=SENTINELS).wide()
    assert "specimen" in blinded.columns
    assert not [name for name in blinded.columns if "treg" in name or name == "subject"]


def test_cards_of_a_blinded_profile_tell_nothing_of_subjects():
    profile = profile_of(TREG, blinded=True, sentinels=SENTINELS)
    for text in (repr(profile), profile._repr_html_()):
        assert "blinded" in text
        assert "W12" not in text
        assert "treg_percent" not in text
    with pytest.raises(BlindedError):
        _ = profile.specimens


def test_the_table_survives_csv(tmp_path):
    table = profile_of(TREG, blinded=True).table
    write_table(table, tmp_path / "populations", parquet=False)
    back = read_table(tmp_path / "populations.csv", POPULATION_COLUMNS)
    text = [column.name for column in POPULATION_COLUMNS if column.dtype == "string"]
    pd.testing.assert_frame_equal(back.fillna(dict.fromkeys(text, "")), table)


def test_an_unknown_baseline_names_the_nearest_visit():
    with pytest.raises(UnknownNameError, match="W0"):
        profile_of(TREG).change("W00")
