"""Help that fits a terminal, nearest commands, one JSON value where asked, exit codes that programs read."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys

import click
import pytest

from immunoprofile import cli as _door
from immunoprofile.cli import main
from immunoprofile.cli._main import GROUPS, cli
from immunoprofile.core import ImmunoprofileError


def call(*words):
    out, err = io.StringIO(), io.StringIO()
    argv, handlers = sys.argv, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    sys.argv = ["immunoprofile", *map(str, words)]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as end,
        ):
            main()
    finally:
        sys.argv = argv
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return end.value.code or 0, out.getvalue(), err.getvalue()


def names():
    yield ()
    for _, commands in GROUPS:
        for name, _ in commands:
            yield (name,)
            found = cli.get_command(click.Context(cli), name)
            if isinstance(found, click.Group):
                yield from ((name, below) for below in found.commands)


@pytest.mark.parametrize("words", list(names()), ids=" ".join)
def test_help_fits_a_terminal(words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(*words, "--help")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "\\b" not in out
    if len(words) == 1:
        assert "Exit status:" in out


def test_the_map_of_commands_is_in_the_help():
    _, out, _ = call("-h")
    for _, commands in GROUPS:
        for name, text in commands:
            assert name in out
            assert text in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("rnu", "study.toml"), "Nearest: run."),
        (("strategy", "lst"), "list"),
        (("run", "--wrkers", "2", "pyproject.toml"), "--workers"),
        (("run", "no_such_study.toml"), "does not exist"),
        (("check", "no_such_file.fcs"), "does not exist"),
        (("strategy", "show", "treg_surfase_v1"), "nearest: 'treg_surface_v1'"),
        (("explain", "MISING_MARKER"), "MISSING_MARKER"),
        (("run", "--workers", "0", "pyproject.toml"), "x>=1"),
    ],
)
def test_a_slip_is_answered_with_what_is_near(words, told):
    code, out, err = call(*words)
    assert code == 2
    assert told in err
    assert out == ""
    assert "Traceback" not in err


def test_version_is_told():
    code, out, _ = call("--version")
    assert code == 0
    assert out.startswith("immunoprofile, version ")


def test_strategies_are_listed_as_one_json_value():
    code, out, err = call("strategy", "list", "--json")
    assert (code, err) == (0, "")
    assert "treg_surface_v1" in {row["id"] for row in json.loads(out)}


def test_a_strategy_is_shown_in_words_and_as_json():
    code, out, _ = call("strategy", "show", "treg_surface_v1")
    assert code == 0
    assert "treg" in out
    shown = json.loads(call("strategy", "show", "treg_surface_v1", "--json")[1])
    assert shown["id"] == "treg_surface_v1"


def test_check_gives_one_json_value_for_good_and_bad_files(tmp_path):
    import immunoprofile as ip

    good, bad = tmp_path / "good.fcs", tmp_path / "bad.fcs"
    ip.simulate.sample(good, events=50, seed=1)
    bad.write_bytes(good.read_bytes()[:-4000])
    code, out, err = call("check", tmp_path, "--json")
    assert code == 1
    assert err.splitlines() == [f"skipped, no FCS file: {tmp_path / 'good.labels.npy'}"]
    assert set(json.loads(out)) == {"files", "worst"}
    assert call("check", good)[0] == 0
    assert call("check", good, "--strict", "--workers", "2")[0] == 0


def test_a_code_is_explained():
    code, out, _ = call("explain", "data-surplus")
    assert code == 0
    assert "the standard says: $TOT" in out
    code, out, _ = call("explain", "worker_died")
    assert (code, "standard" in out) == (0, False)
    assert "died twice" in out


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (
            KeyboardInterrupt("5 of 9 done (gating)"),
            3,
            "interrupted; 5 of 9 done (gating); run the same command",
        ),
        (KeyboardInterrupt(), 3, "interrupted; run the same command to resume"),
        (OSError(28, "No space left on device"), 3, "disk_full: No space left on device"),
        (OSError(5, "Input/output error"), 3, "io: Input/output error"),
        (BrokenPipeError(), 0, ""),
        (ImmunoprofileError("results_locked", "another run"), 3, "results_locked"),
        (ImmunoprofileError("no_samples", "none"), 2, "explain no_samples"),
    ],
)
def test_every_end_has_its_code(error, code, told, monkeypatch):
    def ends(*_):
        raise error

    monkeypatch.setattr(cli, "resolve_command", ends)
    stdout = sys.stdout
    found, _, err = call("run")
    sys.stdout = stdout
    assert found == code
    assert told in err
    assert "Traceback" not in err


def test_the_door_is_the_command():
    assert _door.__all__ == ["main"]


def test_a_fault_of_ours_ends_in_one_line_and_never_in_exit_1(monkeypatch, capsys):
    from immunoprofile.cli import _main

    def broken(*args, **settings):
        raise ZeroDivisionError("secret value")

    monkeypatch.setattr(_main.cli, "main", broken)
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr().err
    assert stop.value.code == 3
    assert "unexpected_error: ZeroDivisionError" in told
    assert "secret" not in told
