"""Files broken in every way among sound ones: each costs itself, the sound ones are as if it were absent."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

import immunoprofile as ip

from .study_cases import bytes_of, files_of, run_cli, sample_ids, sheet, table, write_sheet

CASES = Path(__file__).resolve().parents[1] / "golden" / "fcs" / "cases.jsonl"
OURS = {
    "empty": lambda content: b"",
    "text": lambda content: b"no FCS file at all\n" * 50,
    "half": lambda content: content[: len(content) // 2],
    "no magic": lambda content: b"XXX" + content[3:],
    "zeros": lambda content: bytes(len(content)),
    "head only": lambda content: content[:58],
}


def refused_cases():
    """Give name and bytes of files that must be refused, one a code."""
    found = {}
    with CASES.open(encoding="utf-8") as stream:
        for line in stream:
            case = json.loads(line)
            if case["kind"] == "error" and not case["codes"][0].startswith("channel-"):
                found.setdefault(case["codes"][0], base64.b64decode(case["file_base64"]))
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of 60 files, 12 and more of which are broken, and the ids of those."""
    root = tmp_path_factory.mktemp("broken") / "trial"
    ip.simulate.trial(root, subjects=30, visits=2, sites=1, events=400, seed=5, progress=False)
    ip.read_study(root / "study.toml").persist_ids()
    files = files_of(root)
    broken = files[::4]
    kinds = [*refused_cases().values(), *OURS.values()]
    for number, path in enumerate(broken):
        kind = kinds[number % len(kinds)]
        path.write_bytes(kind if isinstance(kind, bytes) else kind(path.read_bytes()))
    return root, {path.relative_to(root).as_posix() for path in broken}


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_files_cost_themselves_alone(study, workers, monkeypatch):
    from immunoprofile.pipeline import _runners

    root, broken = study
    monkeypatch.setattr(_runners, "PROCESS_START_SECONDS", 0.0)
    whole = sheet(root)
    outcome = run_cli("run", root, "--workers", workers, "--quiet")
    assert outcome.code == 1
    lost = table(root, "exclusions")
    ids = sample_ids(root)
    assert len(broken) >= 12
    assert set(lost["sample"]) == {ids[name] for name in broken}
    assert len(lost) == len(broken)
    assert lost[["code", "problem"]].notna().all(axis=None)
    assert not lost["code"].isin(["unexpected_error", "worker_died", "timeout"]).any()
    before = bytes_of(root)["populations.csv"]
    write_sheet(root, [row for row in whole if row[0] not in broken])
    assert run_cli("run", root, "--workers", workers, "--quiet").code == 0
    assert bytes_of(root)["populations.csv"] == before
    write_sheet(root, whole)
