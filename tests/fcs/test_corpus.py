"""The corpus of made files: read right and named, or refused with a true reason; its counts end the report.

Many more seeds: ``python benchmarks/fcs_readers.py --ours --seeds 20``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from immunoprofile.core._codes_fcs import FCS_CODES

from .corpus import corpus, draw_columns, goals, judge, judge_modes, plan_of, tally
from .corpus._case import case_of

SEEDS = {1: True, 2: False}
"""Seeds that run with every change; with the first, files of several megabytes too."""
OUTSIDE = {
    "deidentify-target", "identifying-text", "metadata-only", "write-exists", "write-names", "write-values",
}  # fmt: skip
"""Codes of the room that no reading of events raises."""


@pytest.mark.parametrize("seed", SEEDS)
def test_every_file_is_right_or_refused_as_the_tables_say(seed, tmp_path, record_property):
    verdicts, faults = [], []
    for case in corpus(seed, large=SEEDS[seed]):
        path = case.write(tmp_path)
        verdict = judge(case, path)
        modes = judge_modes(case, path)
        verdicts.append(verdict)
        if modes or verdict.wrong or not verdict.coded:
            faults.append((verdict, modes))
        if path.is_file():
            path.unlink()
    found = tally(verdicts)
    record_property("counts", "\n".join([f"FCS corpus, seed {seed}: {found.total} files", *found.lines()]))
    assert found.total > 700
    assert goals(found) == []
    assert not faults


def test_every_code_of_the_reader_has_a_file():
    made = {code for case in corpus(1) for group in (*case.codes, case.infos) for code in group}
    assert {code.code for code in FCS_CODES} - made == OUTSIDE


def test_a_seed_gives_the_same_bytes_again():
    names = [case.name for case in corpus(3)]
    first = {case.name: case.content() for case in corpus(3) if case.size < 10**7}
    again = {case.name: case.content() for case in corpus(3) if case.size < 10**7}
    assert first == again
    assert len(names) == len(set(names))


PLANTED = {
    "linear": lambda truth: {"linear": truth.linear * (1 + 1e-9)},
    "stored": lambda truth: {"stored": truth.stored + 1},
    "kept": lambda truth: {"kept": truth.kept + 1},
    "detectors": lambda truth: {"detectors": (*truth.detectors[:-1], "another")},
    "labels": lambda truth: {"labels": (*truth.labels[:-1], "another")},
    "keywords": lambda truth: {"keywords": {**truth.keywords, "$OP": "another"}},
    "spillover": lambda truth: {"spillover": (truth.detectors[:1], np.eye(1))},
    "legacy": lambda truth: {"legacy": {(0, 1): 5.0}},
    "analysis": lambda truth: {"analysis": {"A": "b"}},
    "time": lambda truth: {"time_seconds": truth.linear[:, 0]},
}


@pytest.mark.parametrize("what", PLANTED)
def test_the_judge_sees_a_planted_fault(what, tmp_path, request):
    rng = np.random.default_rng(list(request.node.name.encode()))
    case = replace(case_of("legal", plan_of("3.1", draw_columns(rng, "F"))), name="sound")
    path = case.write(tmp_path)
    assert judge(case, path).wrong == ()
    (truth,) = case.truths
    planted = replace(case, truths=(replace(truth, **PLANTED[what](truth)),))
    assert any(what in wrong for wrong in judge(planted, path).wrong)


def test_the_judge_sees_a_false_alarm_and_a_missing_warning(tmp_path):
    rng = np.random.default_rng(5)
    sound = replace(case_of("legal", plan_of("3.1", draw_columns(rng, "F"))), name="sound")
    odd = replace(
        case_of("warn", plan_of("3.1", draw_columns(rng, "F"), crc="wrong"), "crc-mismatch"), name="odd"
    )
    verdicts = [
        judge(replace(sound, kind="warn", codes=odd.codes), sound.write(tmp_path)),
        judge(replace(odd, kind="legal", codes=()), odd.write(tmp_path)),
    ]
    found = tally(verdicts)
    assert (found.warned, found.false_alarms, found.coded) == (0, 1, 0)
    assert len(goals(found)) == 3
