"""Memory: what is free is counted before workers start, a limit caps it, a sample too large costs itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from immunoprofile.core import StudyError
from immunoprofile.pipeline._memory import (
    FILE_FACTOR,
    WORKER_BYTES,
    fitting_workers,
    free_memory,
    memory_bytes,
)

from .study_cases import run_cli, run_study, table


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (None, None),
        (1234, 1234),
        ("4GB", 4 * 10**9),
        ("512MiB", 512 * 2**20),
        ("1.5 g", 1_500_000_000),
        ("2TB", 2 * 10**12),
        ("900k", 900_000),
        (" 77 ", 77),
    ],
)
def test_a_size_is_read_as_people_write_it(size, expected):
    assert memory_bytes(size) == expected


@pytest.mark.parametrize("size", ["", "0", "-4GB", "four", "4 XB", "4ib", "1e9", "9" * 40, 0, "4GBB"])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(StudyError, match="memory limit") as refused:
        memory_bytes(size)
    assert refused.value.code == "number_invalid"


def test_a_worker_counts_three_times_the_largest_file_and_200_mb():
    assert (FILE_FACTOR, WORKER_BYTES) == (3, 200_000_000)
    assert fitting_workers(8, largest=100_000_000, budget=1_000_000_000) == 2
    assert fitting_workers(8, largest=100_000_000, budget=999_999_999) == 1
    assert fitting_workers(8, largest=10**9, budget=1) == 1
    assert fitting_workers(3, largest=1, budget=10**12) == 3
    assert fitting_workers(3, largest=1, budget=None) == 3


def system(folder, *, available="8000000 kB", line="0::/a/b", files=()):
    proc, groups = folder / "proc", folder / "groups"
    (proc / "self").mkdir(parents=True)
    groups.mkdir()
    if available is not None:
        (proc / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:    {available}\n", encoding="utf-8")
    if line is not None:
        (proc / "self" / "cgroup").write_text(f"1:name=systemd:/x\n\nodd\n{line}\n", encoding="utf-8")
    for name, text in files:
        path = groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {"proc": proc, "groups": groups}


def test_without_a_control_group_what_is_available_counts(tmp_path):
    assert free_memory(**system(tmp_path, line=None)) == 8_000_000 * 1024


def test_the_limit_of_a_control_group_counts_less_what_is_in_use(tmp_path):
    files = [
        ("a/b/memory.max", "1000000000\n"),
        ("a/b/memory.current", "300000000\n"),
        ("a/b/memory.stat", "anon 5\ninactive_file 100000000\n"),
        ("a/memory.max", "max\n"),
    ]
    assert free_memory(**system(tmp_path, files=files)) == 800_000_000


def test_a_group_above_may_allow_less(tmp_path):
    files = [
        ("a/b/memory.max", "1000000000"),
        ("a/memory.max", "500000000"),
        ("a/memory.current", "450000000"),
    ]
    assert free_memory(**system(tmp_path, files=files)) == 50_000_000


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path):
    files = [("a/memory.max", "10"), ("a/memory.current", "500")]
    assert free_memory(**system(tmp_path, files=files)) == 0


def test_control_groups_of_version_1_are_understood(tmp_path):
    files = [
        ("memory/memory.limit_in_bytes", "2000000000"),
        ("memory/memory.usage_in_bytes", "100"),
        ("memory/a/b/memory.limit_in_bytes", "9223372036854771712"),
    ]
    assert free_memory(**system(tmp_path, line="4:cpu,memory:/a/b", files=files)) == 1_999_999_900


def test_a_system_that_tells_nothing_is_no_fault(tmp_path):
    assert free_memory(proc=tmp_path / "none", groups=tmp_path / "none") is None
    assert free_memory(**system(tmp_path, available="many", line=None)) is None


def test_the_command_takes_a_limit_and_the_numbers_stay(done):
    before = table(done, "populations")
    outcome = run_cli("run", done, "--workers", 2, "--memory", "200MB", "--quiet", "--verify")
    assert outcome.code == 0
    assert table(done, "populations").equals(before)
    refused = run_cli("run", done, "--memory", "much")
    assert refused.code == 2
    assert "give a size as 4GB" in refused.err


def test_fewer_workers_are_told_in_one_line(trial):
    from immunoprofile.core import ImmunoprofileWarning

    with pytest.warns(ImmunoprofileWarning, match="1 of 2 workers"):
        run_study(trial, workers=2, memory="300MB")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space")
def test_a_sample_that_finds_no_memory_costs_itself(tmp_path):
    """A task that asks for more than the limit of its process is told as such; the next one is done."""
    script = (
        "import resource, numpy as np\n"
        "from immunoprofile.pipeline._runners import Workers\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000,) * 2)\n"
        "with Workers(workers=1, progress=False) as team:\n"
        "    print(team.map(lambda n: len(np.ones(n)), [10, 10**9, 20], what='x',\n"
        "        failed=lambda task, error: error.code, sizes=[1] * 3, keep=lambda *_: None))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[10, 'memory', 20]\n", "")
