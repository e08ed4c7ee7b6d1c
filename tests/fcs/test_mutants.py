"""The gate of mutants: thousands of changed files, none of them unclear, endless or silently wrong."""

from __future__ import annotations

import random
import tracemalloc
import warnings
from collections import Counter

import numpy as np
import pytest

from immunoprofile.core import FcsError
from immunoprofile.fcs import read_fcs

from .mutants import TRUTHS, golden_files, judge, mutant, written_files
from .mutants._judge import any_reader

resource = pytest.importorskip("resource", reason="the growth of memory is told by Unix systems only")
MUTANTS = 5000
EACH = 120
GROWTH = 400 * 2**20
SLACK = 2**17
"""What a reading may take beside the bytes of the file: tables of names, the card, buffers."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return golden_files() + written_files(tmp_path_factory.mktemp("seeds"))


def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_every_mutant_gets_a_sample_or_a_clear_refusal(seeds, tmp_path, record_property):
    rng = random.Random(0)
    path = tmp_path / "mutant.fcs"
    before, counts, faults = peak(), Counter(), []
    for number in range(MUTANTS):
        path.write_bytes(mutant(rng.choice(seeds), rng, others=seeds))
        reader = any_reader(rng)
        answer = judge(path, reader)
        counts[answer.kind] += 1
        if answer.kind not in {"read", "refused"}:
            faults.append((number, reader, answer))
    grown = peak() - before
    told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))
    record_property("counts", f"FCS mutants, {MUTANTS:,}: {told}; memory +{grown / 2**20:.0f} MB")
    assert not faults
    assert grown <= GROWTH
    assert counts["read"] >= MUTANTS / 5
    assert counts["refused"] >= MUTANTS / 5


def test_a_reading_takes_no_more_memory_than_the_file_is_worth(seeds, tmp_path):
    rng = random.Random(77)
    path = tmp_path / "mutant.fcs"
    judge(path)  # what is imported or compiled at the first reading does not count
    for _ in range(150):
        content = mutant(rng.choice(seeds), rng, others=seeds)
        path.write_bytes(content)
        tracemalloc.start()
        judge(path)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert top <= 8 * len(content) + SLACK, f"{top} bytes for a file of {len(content)}"


def stored(path, mode="default"):
    """Stored values, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read_fcs(path, mode=mode, scale="stored").events.astype(np.float64)
        except FcsError as error:
            return error


@pytest.mark.parametrize("kind", TRUTHS)
def test_no_mutant_of_known_truth_is_read_wrong(kind, tmp_path, record_property):
    path = tmp_path / "mutant.fcs"
    for number in range(EACH):
        trial = TRUTHS[kind](np.random.default_rng([number, *kind.encode()]))
        path.write_bytes(trial.content)
        answer = stored(path)
        where = f"{kind} {number}"
        if trial.values is None:
            assert isinstance(answer, FcsError), where
            np.testing.assert_array_equal(stored(path, mode="force"), trial.forced, err_msg=where)
        elif not (trial.may_refuse and isinstance(answer, FcsError)):
            assert not isinstance(answer, FcsError), f"{where}: {answer}"
            np.testing.assert_array_equal(answer, trial.values, err_msg=where)
    record_property("counts", f"FCS mutants of known truth, {kind}: {EACH}, wrong 0")
