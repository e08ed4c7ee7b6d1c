"""A blinded run gives nothing away: every byte that it writes is searched."""

from __future__ import annotations

import csv
import json
import shutil
import stat
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import immunoprofile as ip
from immunoprofile.quantify import POPULATION_COLUMNS

from .study_cases import files_of, run_cli, run_study, table, truncate

PRIVATE = ("private_ids.csv", "audit.jsonl")


@pytest.fixture(scope="module")
def blinded(finished, tmp_path_factory):
    """A blinded run, report included, in which one file could not be read."""
    root = shutil.copytree(finished, tmp_path_factory.mktemp("blinded") / "trial")
    truncate(files_of(root)[3])
    assert run_cli("run", root / "study.toml", "--workers", 1, "--quiet").code == 1
    return root


def contents(root):
    """Give the text of everything below results/, packed entries opened."""
    for path in sorted((root / "results").rglob("*")):
        if not path.is_file() or path.name in PRIVATE:
            continue
        content = path.read_bytes()
        texts = [content, str(path.relative_to(root)).encode()]
        if len(path.name) == 64:
            payload = zlib.decompress(content.partition(b"\n")[2])
            texts.append(payload)
            if payload.startswith(b"PK"):
                with np.load(BytesIO(payload), allow_pickle=False) as archive:
                    texts.append(archive["head"].tobytes())
        if path.suffix == ".parquet":
            texts.append(pd.read_parquet(path).to_csv().encode())
        yield path.name, b"\n".join(texts)


def test_no_written_file_names_a_subject_a_file_a_batch_or_a_folder(blinded):
    with (blinded / "subjects.csv").open(newline="", encoding="utf-8") as stream:
        subjects = [row["subject"] for row in csv.DictReader(stream)]
    stems = [path.stem for path in files_of(blinded)]
    tokens = [*subjects, *stems, "S1-lot1", str(blinded), "SIM0001", *(f.name for f in files_of(blinded))]
    found = [(name, token) for name, text in contents(blinded) for token in tokens if token.encode() in text]
    assert found == []


def test_a_cut_of_a_batch_stands_under_a_random_id(trial):
    """The name of a batch may tell the site."""
    shipped = Path(__file__).resolve().parents[2] / "gating" / "tcell_lineage_v1"
    shutil.copytree(shipped, trial / "mine_v1")
    text = (trial / "mine_v1" / "strategy.toml").read_text(encoding="utf-8")
    text = text.replace('"tcell_lineage_v1"', '"mine_v1"')
    text = text.replace('scope = "sample"\nwiden = ["batch"]', 'scope = "batch"', 1)
    (trial / "mine_v1" / "strategy.toml").write_text(text, encoding="utf-8")
    study = (trial / "study.toml").read_text(encoding="utf-8")
    (trial / "study.toml").write_text(study.replace("treg_surface_v1", "mine_v1"), encoding="utf-8")
    run_study(trial)
    wide = table(trial, "cuts").query("scope == 'batch' and gate == 't'")
    assert len(wide)
    assert wide["unit"].str.fullmatch(r"b[0-9a-f]{12}").all()


def test_what_it_prints_names_nobody(blinded):
    outcome = run_cli("run", blinded / "study.toml", "--workers", 1, "--quiet")
    for path in files_of(blinded):
        assert path.stem not in outcome.out + outcome.err


def test_tables_have_no_subject_visit_site_or_arm_and_no_sentinel(blinded):
    found = table(blinded, "populations")
    assert list(found.columns) == [column.name for column in POPULATION_COLUMNS]
    study = ip.read_study(blinded / "study.toml")
    assert not set(found["population"]) & set(study.sentinels)
    assert not set(found["denominator"].dropna()) & set(study.sentinels)
    cuts = table(blinded, "cuts")
    assert "treg" not in set(cuts["gate"])
    assert "file" not in table(blinded, "exclusions").columns
    assert not {"effects.csv", "link.csv", "response.csv"} & {p.name for p in (blinded / "results").iterdir()}


def test_no_sentinel_value_stands_in_a_file_that_people_read(blinded):
    study = ip.read_study(blinded / "study.toml")
    arms = study.unblind(blinded / "arm_key.csv", who="a test", reason="to know what must not be seen")
    full = ip.profile(study, workers=1).reveal(arms)
    secret = full[full["population"].isin(study.sentinels) & (full["statistic"] != "count")]
    open_values = set(full.loc[~full["population"].isin(study.sentinels), "value"].dropna())
    values = [repr(v) for v in secret["value"].dropna() if v not in open_values]
    values = [value for value in values if len(value) > 10]
    assert len(values) > 20
    for path in (blinded / "results").iterdir():
        if path.is_file() and path.name not in PRIVATE:
            text = path.read_bytes()
            assert not [value for value in values if value.encode() in text], path.name


def test_the_cache_and_the_private_map_are_for_their_owner_alone(blinded):
    results = blinded / "results"
    assert stat.S_IMODE((results / "private_ids.csv").stat().st_mode) == 0o600
    assert stat.S_IMODE((results / "cache").stat().st_mode) == 0o700


def test_a_run_with_dummy_arms_stays_blinded(done):
    outcome = run_cli("run", done / "study.toml", "--workers", 1, "--quiet", "--dummy-arms", 1, "--json")
    assert json.loads(outcome.out)["state"] == "dummy arms"
    assert "subject" not in table(done, "populations").columns
    assert "DUMMY" in (done / "results" / "report.html").read_text(encoding="utf-8")


def test_unblinding_shows_subjects_and_visits_and_is_logged(done):
    key = done / "arm_key.csv"
    outcome = run_cli(
        "unblind", done / "study.toml", "--key", key, "--who", "A. Reader", "--reason", "lock", "--quiet"
    )
    assert outcome.code == 0
    found = table(done, "populations")
    assert {"subject", "visit", "site"} <= set(found.columns)
    assert "treg" in set(found["population"])
    assert (done / "results" / "effects.csv").is_file()
    assert ip.trial.verify_audit_log(done / "results" / "audit.jsonl") is None
    assert "unblind" in (done / "results" / "audit.jsonl").read_text(encoding="utf-8")


def test_provenance_lists_inputs_and_outputs_by_hash_and_random_id(blinded):
    from immunoprofile.core import sha256_of

    told = json.loads((blinded / "results" / "provenance.json").read_text(encoding="utf-8"))
    assert told["inputs"]["samples.csv"]["sha256"] == sha256_of(blinded / "samples.csv")
    for name, held in told["outputs"].items():
        assert held["sha256"] == sha256_of(blinded / "results" / name)
    assert "report.html" in told["outputs"]
    assert sorted(held["sha256"] for held in told["samples"].values()) == sorted(
        sha256_of(path) for path in files_of(blinded)
    )
    assert told["counts"] == {
        "listed": 8, "read": 8, "gated": 7, "excluded": 1,
        "flagged": told["counts"]["flagged"], "flags": told["counts"]["flags"],
    }  # fmt: skip
    assert told["started"] <= told["ended"]
    assert told["state"] == "blinded"


def test_a_folder_never_mixes_blinded_dummy_and_real_results(tmp_path):
    import immunoprofile as ip

    study = ip.read_study(
        ip.simulate.trial(tmp_path / "s", subjects=6, visits=2, sites=1, events=1500, seed=4)
    )
    results = study.root / "results"
    ip.run(study, workers=1)
    dry = ip.run(study, arms=study.dummy_arms(1), workers=1)
    assert dry.state == "dummy arms"
    assert not (results / "response.csv").exists()
    effects = ip.core.read_table(results / "effects.csv", {})
    assert effects["flags"].str.contains("dummy_arms").all()
    arms = study.unblind(study.root / "arm_key.csv", who="t", reason="t")
    ip.run(study, arms=arms, workers=1)
    effects = ip.core.read_table(results / "effects.csv", {})
    assert not effects["flags"].fillna("").str.contains("dummy_arms|post_hoc").any()
    assert (results / "response.csv").exists()
    ip.run(study, workers=1)
    left = {path.stem for path in results.iterdir()}
    assert not {"effects", "link", "response", "fitted_treg"} & left
