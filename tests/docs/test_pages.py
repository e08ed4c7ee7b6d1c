"""The pages are made from the code, short, in the words of the project, and their commands run."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pages_api
import pages_codes
import pages_files
import pages_strategies
import pages_tables
import pytest

import immunoprofile as ip
from immunoprofile.core import CODES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MADE = re.compile(
    r"reference/(api|strategies)/|reference/(cli|codes|tables)\.md|files/\w+_toml\.md|quickstart"
)
WRITTEN = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not MADE.search(path.as_posix()) and not path.relative_to(DOCS).parts[0].startswith(("_", "jupyter"))
)
RUN = [
    (path, found[1])
    for path in WRITTEN
    for found in re.finditer(r"```console run\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.relative_to(DOCS).as_posix())
class TestEveryWrittenPage:
    def test_is_short(self, path):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400

    def test_keeps_to_the_words(self, path):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"\b(simply|just|please|oops)\b", text, re.IGNORECASE) == []
        assert "!" not in re.sub(r"`[^`]*`|```.*?```|!\[|#!", "", text, flags=re.DOTALL)

    def test_names_only_commands_of_ours(self, path):
        from immunoprofile.cli._main import cli

        text = "\n".join(
            re.findall(r"```(?:console|bash)\b.*?\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        )
        named = re.findall(r"^immunoprofile (\w+)", text, re.MULTILINE)
        assert set(named) <= set(cli.list_commands(None))


@pytest.mark.parametrize(("path", "block"), RUN, ids=[f"{p.stem}-{n}" for n, (p, _) in enumerate(RUN)])
def test_a_block_marked_run_runs(path, block, tmp_path):
    for line in block.strip().splitlines():
        words = shlex.split(line)
        assert words[0] == "immunoprofile", "marked blocks hold commands of ours"
        done = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True, text=True, cwd=tmp_path, check=False, env=dict(os.environ),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_some_blocks_run():
    assert 2 <= len(RUN) <= 6


def test_every_key_of_a_file_has_a_meaning_and_no_other():
    forms = {form.__name__: form for parts in pages_files.sections().values() for _, form in parts}
    for name, form in forms.items():
        assert set(pages_files.MEANINGS[name]) == {field.name for field in dataclasses.fields(form)}, name
    assert set(pages_files.MEANINGS) == {*forms, "Strategy"}


def test_every_section_of_a_study_has_its_table():
    from immunoprofile.trial import StudyDesign

    text = dict(pages_files.file_pages())["reference/files/study_toml.md"]
    for field in dataclasses.fields(StudyDesign):
        assert re.search(rf"^## \[+{field.name}", text, re.MULTILINE), field.name


def test_keys_of_a_strategy_are_those_that_it_reads(tmp_path):
    """Each key that the page names is read; the refusal of another one lists all that are known."""
    shipped = (ROOT / "gating" / "treg_surface_v1" / "strategy.toml").read_text(encoding="utf-8")
    (tmp_path / "strategy.toml").write_text(shipped.replace("[strategy]", "[strategy]\nzzzzzzzz = 1"))
    with pytest.raises(ip.StrategyError, match="zzzzzzzz") as caught:
        ip.load_strategy(tmp_path)
    known = set(re.findall(r"[a-z]+", caught.value.hint.removeprefix("known")))
    assert known - {"and"} == set(pages_files.MEANINGS["Strategy"]) - {"schema"}


def test_every_code_stands_on_the_page_of_codes_once():
    page = pages_codes.codes_page()
    for code in CODES:
        assert page.count(f"| `{code}` |") + page.count(f"### `{code}`\n") == 1, code


def test_every_column_stands_on_the_page_of_tables():
    from immunoprofile.longitudinal import EFFECT_COLUMNS
    from immunoprofile.quantify import POPULATION_COLUMNS

    page = pages_tables.tables_page()
    for column in (*POPULATION_COLUMNS, *EFFECT_COLUMNS):
        assert f"| `{column.name}` | {column.dtype} |" in page


def test_every_shipped_strategy_has_a_page():
    made = dict(pages_strategies.strategy_pages(ROOT / "gating"))
    assert {f"reference/strategies/{name}.md" for name in ip.list_strategies()["id"]} < set(made)


def test_every_room_has_a_page_with_every_public_name():
    made = dict(pages_api.api_pages())
    for room in ip._ROOMS:
        page = made[f"reference/api/{room}.md"]
        for name in importlib.import_module(f"immunoprofile.{room}").__all__:
            assert name in page, (room, name)


def test_every_page_of_a_folder_is_on_its_list():
    for index in DOCS.rglob("index.md"):
        text = index.read_text(encoding="utf-8")
        for path in sorted(index.parent.glob("*.md")):
            assert path == index or path.stem in text, path


@pytest.mark.parametrize("name", sorted(ip._DOORS))
def test_a_public_name_says_all_that_it_takes_and_gives(name):
    value = getattr(ip, name)
    text = inspect.getdoc(value) or ""
    assert text.split("\n\n")[0].rstrip().endswith(".")
    if not inspect.isfunction(value):
        return
    sections = sections_of(text)
    entries = re.findall(r"^(\S[^:\n]*?)(?: : .*)?$", sections.get("Parameters", ""), re.MULTILINE)
    told = {part.strip().lstrip("*") for entry in entries for part in entry.split(",")}
    signature = inspect.signature(value)
    assert set(signature.parameters) <= told
    gives = signature.return_annotation not in (None, "None", inspect.Signature.empty)
    assert ("Returns" in sections) == gives


def sections_of(docstring: str) -> dict[str, str]:
    """Take a numpydoc docstring apart: name of a section to its text."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("room", sorted(ip._ROOMS))
def test_every_name_of_a_door_has_a_docstring(room):
    module = importlib.import_module(f"immunoprofile.{room}")
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert (inspect.getdoc(value) or "").strip(), f"{room}.{name}"


def test_the_pages_name_no_place_of_this_machine():
    for path in [*WRITTEN, *sorted((ROOT / "notebooks").glob("*.md")), ROOT / "README.md"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])/(work|home|tmp|root|usr)/", text), path
