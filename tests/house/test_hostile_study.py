"""A hostile trial from end to end: who is who stays in the private map, and no text becomes a formula or a command."""

# ruff: noqa: E501 - attacks stand on one line

from __future__ import annotations

import csv
import re
import socket
import stat
from pathlib import Path

import pytest

import immunoprofile as ip

from .hostile_study import command, everything_in, hostile_strings, tame

ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(inf|nan)")


def test_the_trial_fails_in_every_way_and_the_rest_is_done(hostile):
    assert hostile.blinded.code == 1
    assert hostile.opened.code == 1
    with (hostile.blinded_results / "exclusions.csv").open(encoding="utf-8") as stream:
        codes = {row["code"] for row in csv.DictReader(stream)}
    assert codes >= {
        "data-truncated", "not-fcs", "same_content_two_specimens", "file_missing", "path_outside",
        "unknown_visit", "date_invalid",
    }  # fmt: skip


def test_no_token_of_a_person_is_in_what_a_blinded_run_leaves(hostile):
    assert len(hostile.plant.tokens) > 100
    found = {
        (name, token)
        for name, content in hostile.contents.items()
        for token in hostile.plant.tokens
        if token.encode() in content
    }
    assert found == set()


def test_no_date_host_or_folder_is_in_what_a_blinded_run_leaves(hostile):
    with (hostile.root / "samples.csv").open(encoding="utf-8", newline="") as stream:
        dates = {row["collected"] for row in csv.DictReader(stream) if row["collected"].startswith("20")}
    words = {*dates, "05-JUN-1987", str(hostile.root), hostile.root.parent.name}
    host = socket.gethostname()
    words |= {host} if len(host) > 6 else set()  # a short one stands in packed bytes by chance
    for name, content in hostile.contents.items():
        assert not [word for word in words if word.encode() in content], name


def test_the_search_sees_into_the_cache(hostile):
    """A search that found nothing because it cannot unpack would prove nothing."""
    known = (hostile.blinded_results / "private_ids.csv").read_text(encoding="utf-8")
    packed = [name for name in hostile.contents if name.startswith("cache")]
    assert packed
    assert any(b"cd4_t" in hostile.contents[name] for name in packed)
    tokens = [token for token in hostile.plant.tokens if token in known]
    assert len(tokens) > 20
    opened = everything_in(hostile.root / "results")
    assert any(tokens[0].encode() in content for content in opened.values())


def test_the_private_map_is_for_its_owner_alone(hostile):
    mode = (hostile.root / "results" / "private_ids.csv").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_terminal_names_nobody_and_obeys_nobody(hostile):
    for outcome in (hostile.blinded, hostile.opened):
        said = (outcome.out + outcome.err).decode("utf-8")
        assert not [token for token in hostile.plant.tokens if token in said and outcome is hostile.blinded]
        assert not ACTING.search(said.replace("\r", "").replace("\n", ""))


def test_a_name_that_holds_an_arm_is_told_without_saying_whose(hostile):
    flags = (hostile.blinded_results / "flags.csv").read_text(encoding="utf-8")
    (line,) = [line for line in flags.splitlines() if "arm_in_name" in line]
    assert line.startswith(",,")
    assert "arm_in_name" in (hostile.blinded_results / "report.html").read_text(encoding="utf-8")


def is_formula(cell: str) -> bool:
    return cell.startswith(FORMULA) and not NUMBER.fullmatch(cell)


@pytest.mark.parametrize("state", ["blinded", "opened"])
def test_no_cell_of_a_result_is_a_formula(hostile, state):
    folder = hostile.blinded_results if state == "blinded" else hostile.root / "results"
    tables = sorted(folder.glob("*.csv"))
    assert len(tables) >= 4
    for path in tables:
        with path.open(encoding="utf-8", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert not [cell for cell in cells if is_formula(cell)], path.name


def test_a_table_behind_a_figure_has_no_formula_either():
    import pandas as pd

    from immunoprofile.report._parts import _csv_of

    frame = pd.DataFrame({"=1+1": [*hostile_strings(), "x"]})
    frame["n"] = -1.5
    frame["kind"] = frame["=1+1"].astype("category")
    for row in csv.reader(_csv_of(frame).splitlines()):
        assert not [cell for cell in row if is_formula(cell)]
        assert not ACTING.search("".join(row))


@pytest.fixture(scope="module")
def odd_names(tmp_path_factory):
    """A folder of files with hostile names, broken and whole."""
    folder = tmp_path_factory.mktemp("odd") / "\x1b[31mred \u202efolder"
    folder.mkdir()
    for number, text in enumerate(hostile_strings()):
        name = "".join(char for char in text if char not in "/\0")[:60]
        path = folder / f"{name}{number}.fcs"
        if number % 10:
            path.write_bytes(b"FCS9" if number % 2 else b"")
        else:
            ip.simulate.sample(path, events=50, seed=number)
    (folder / "line\nbreak\r.fcs").write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    "words",
    [("check",), ("check", "--json"), ("init", "--out", "out"), ("run",), ("strategy", "show"), ("explain",)],
    ids=" ".join,
)
def test_no_name_acts_on_the_terminal(odd_names, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = odd_names if words[0] in ("check", "init") else "\x1b[31m\u202eno such\nthing"
    said = [command(*words, named)]
    if words[0] == "strategy":
        said.append(command(*words, str(hostile_strategy(tmp_path))))
    for outcome in said:
        text = (outcome.out + outcome.err).decode("utf-8")
        assert text
        assert "Traceback" not in text
        assert not ACTING.search(text.replace("\n", "").replace("\r", "")), outcome


def hostile_strategy(folder: Path) -> Path:
    shipped = Path(__file__).resolve().parents[2] / "gating" / "tcell_lineage_v1"
    made = folder / "mine_v1"
    made.mkdir()
    for file in ("strategy.toml", "panel.toml"):
        text = (shipped / file).read_text(encoding="utf-8")
        line = next((line for line in text.splitlines() if line.startswith("title")), None)
        text = text.replace(line, 'title = "\\u001b[31mred\\u202e"') if line else text
        (made / file).write_text(text, encoding="utf-8")
    return made


def test_what_init_drafts_from_odd_names_can_be_read(odd_names, tmp_path):
    from immunoprofile.panel import read_panel
    from immunoprofile.pipeline import draft_study

    draft = draft_study(odd_names, out=tmp_path / "study")
    read_panel(tmp_path / "study" / "panel.toml")
    with (tmp_path / "study" / "samples.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert not [row["file"] for row in rows if is_formula(row["file"])]
    with pytest.raises(ip.StudyError) as caught:
        ip.read_study(draft.study)
    problems = caught.value.problems
    of_files = problems.loc[problems["column"] == "file", "code"]
    assert set(of_files) <= {"same_subject_visit_twice", "duplicate_row", "unknown_site"}


@pytest.mark.parametrize("text", [tame(text) for text in hostile_strings()])
def test_a_label_from_a_file_drafts_a_panel_that_can_be_read(text):
    import numpy as np

    from immunoprofile.panel import draft_panel, panel_from_text

    sample = ip.fcs.sample_from_arrays(
        np.ones((2, 2)), [text.replace(",", "_"), "FITC-A"], labels=[text, "CD19"]
    )
    panel = panel_from_text(draft_panel([sample], id="drafted"))
    assert panel.id == "drafted"
    assert "CD19" in panel.resolve(sample).channels


def test_a_fault_of_ours_leaves_a_crash_file_that_names_nobody(hostile, tmp_path, monkeypatch, capsys):
    import shutil
    import sys

    from immunoprofile.cli import main

    root = tmp_path / "trial"
    shutil.copytree(hostile.root, root, ignore=shutil.ignore_patterns("results"), symlinks=True)
    (root / "results").mkdir()

    def fault(*words, **named):
        secret = hostile.plant.tokens[5]
        raise ValueError(f"{secret} {words} {named}")

    monkeypatch.setattr(ip, "run", fault)
    monkeypatch.setattr(sys, "argv", ["immunoprofile", "run", str(root / "study.toml"), "--quiet"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    said = capsys.readouterr()
    left = everything_in(root / "results")
    assert any(name.startswith("crash-") for name in left)
    for text in (said.out.encode(), said.err.encode(), *left.values()):
        assert not [token for token in hostile.plant.tokens if token.encode() in text]
        assert str(tmp_path).encode() not in text
