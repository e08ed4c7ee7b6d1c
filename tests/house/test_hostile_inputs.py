"""Sheets, workbooks, archives, XML, TOML and paths from strangers: each attack costs its own refusal."""

# ruff: noqa: E501 - attacks stand on one line

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import immunoprofile as ip
from immunoprofile.core import ImmunoprofileError, InterchangeError, archives, markup
from immunoprofile.core import settings as toml
from immunoprofile.gating import FittedStrategy, load_strategy
from immunoprofile.panel import read_panel
from immunoprofile.trial._sheet import read_sheet

from .workbooks import packed, workbook

SHIPPED = Path(__file__).resolve().parents[2] / "gating"


def told(path: Path) -> str:
    """Give the code and words of the one problem of a sheet that is refused."""
    sheet, problems = read_sheet(path, table=path.name)
    assert sheet is None
    (problem,) = problems
    assert problem.code == "table_unreadable"
    return problem.what


# --- workbooks and archives -------------------------------------------------------------------------------


def test_two_cells_far_apart_are_no_table_of_billions(tmp_path):
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="XFD999999"><v>2</v></c></row>'
    assert "2,000 columns" in told(workbook(tmp_path / "far.xlsx", cells))
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="9"><c r="BZ999999"><v>2</v></c></row>'
    assert "millions apart" in told(workbook(tmp_path / "far.xlsx", cells))


def test_a_formula_without_its_result_is_a_missing_value(tmp_path):
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>file</t></is></c><c r="B1" t="inlineStr"><is><t>x</t></is></c></row>'
        '<row r="2"><c r="A2" t="inlineStr"><is><t>a.fcs</t></is></c><c r="B2"><f>1+1</f></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><t>b.fcs</t></is></c><c r="B3"><f>1+1</f><v>2</v></c></row>'
    )
    sheet, problems = read_sheet(workbook(tmp_path / "f.xlsx", cells), table="f.xlsx")
    assert [cells for _, cells in sheet.rows] == [("a.fcs", ""), ("b.fcs", "2")]
    assert [(p.code, p.row, p.column) for p in problems] == [("value_missing", 2, "x")]


def test_a_formula_is_never_evaluated_or_followed(tmp_path):
    cells = (
        '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>'
        '<row r="2"><c r="A2" t="str"><f>WEBSERVICE("http://example.invalid")</f><v>stored</v></c></row>'
    )
    sheet, problems = read_sheet(workbook(tmp_path / "w.xlsx", cells), table="w.xlsx")
    assert (sheet.rows, problems) == (((2, ("stored",)),), [])


def test_a_doctype_in_a_workbook_is_refused(tmp_path):
    bomb = '<!DOCTYPE worksheet [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    path = workbook(tmp_path / "d.xlsx", '<row r="1"><c r="A1"><v>&b;</v></c></row>', before=bomb)
    assert "DOCTYPE" in told(path)


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".ods", ".xlsb"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600])
def test_what_is_no_workbook_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert "not a workbook" in told(path)


def zeros(size: int) -> bytes:
    return packed({"a": b"\0" * size})


def overlapping() -> bytes:
    """Two entries of the directory that name the same bytes."""
    content = bytearray(packed({"a.xml": b"x" * 1000, "b.xml": b"y" * 1000}, stored=True))
    at = content.rindex(b"PK\x01\x02")
    content[at + 42 : at + 46] = (0).to_bytes(4, "little")
    return bytes(content)


def lying(size: int) -> bytes:
    """A member that claims to be smaller than it is."""
    content = bytearray(zeros(1_000_000))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(mark)
        content[at + place : at + place + 4] = size.to_bytes(4, "little")
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(packed({"a.xml": b"secret" * 10}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


ARCHIVES = {
    "a bomb": (lambda: zeros(200_000_000), "200 times"),
    "a nest": (lambda: packed({"inner.zip": packed({"a": b"x"})}), "archive itself"),
    "members over each other": (overlapping, "over each other"),
    "a size that lies": (lambda: lying(10), "claims"),
    "a password": (encrypted, "encrypted"),
    "many members": (lambda: packed({f"{n}": b"" for n in range(10_001)}), "10,000"),
    "a torn end": (lambda: zeros(1000)[:-30], "damaged"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_costs_too_much_is_refused(name, tmp_path):
    make, words = ARCHIVES[name]
    content = make()
    with pytest.raises(ImmunoprofileError, match=words) as caught:
        archives.check_archive(io.BytesIO(content))
    assert caught.value.code == "archive_refused"
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    sheet, problems = read_sheet(path, table="a.xlsx")
    assert sheet is None
    assert problems[0].code == "table_unreadable"
    if name != "a torn end":  # which is no archive to begin with
        assert words in problems[0].what


def test_an_archive_of_zeros_within_its_limit_is_read():
    archives.check_archive(io.BytesIO(zeros(10_000_000)))


# --- arrays -----------------------------------------------------------------------------------------------


def saved(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, head=np.frombuffer(b"{}", dtype=np.uint8), **arrays)
    return buffer.getvalue()


def test_arrays_come_back_as_they_were():
    found = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "c": np.array(3),
    }
    head, arrays = archives.load_arrays(saved(**found))
    assert head == {}
    for name, array in found.items():
        assert np.array_equal(arrays[name], array)


def claimed(shape: str, dtype: str = "<f8", body: bytes = b"\0" * 64) -> bytes:
    """An .npy whose header says what it likes."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + body


@pytest.mark.parametrize(
    "member",
    [
        claimed("(1000000000000,)"),
        claimed("(9,)"),
        claimed("(-8,)"),
        claimed("(8,)", dtype="|O"),
        claimed("(1 << 40,)"),
        claimed("__import__('os').system('true')"),
        b"\x93NUMPY\x09\x00",
        b"",
        b"cos\nsystem\n(S'true'\ntR.",
    ],
)
def test_an_array_that_lies_or_holds_objects_is_refused(member, tmp_path):
    content = packed({"head.npy": claimed("(2,)", "|u1", b"{}"), "a.npy": member})
    with pytest.raises(ValueError, match=r".+"):
        archives.load_arrays(content)
    path = tmp_path / "fitted.npz"
    path.write_bytes(content)
    with pytest.raises(ip.StrategyError) as caught:
        FittedStrategy.load(path)
    assert caught.value.code == "FITTED_FORMAT"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_whatever_is_changed_in_arrays_nothing_but_a_value_error_leaves(cut, at):
    content = bytearray(saved(a=np.arange(40)))
    content[at % len(content) : at % len(content) + len(cut)] = cut
    try:
        head, arrays = archives.load_arrays(bytes(content))
    except ValueError:
        return
    assert isinstance(head, dict)
    assert all(array.dtype.kind != "O" for array in arrays.values())


HEADS = [
    b"[" * 100_000,
    b"[]",
    b'{"format": 1}',
    b'{"format": 1, "wide": 3, "panel": "", "strategy": {}, "units": {}, "own": {}}',
    b'{"format": 1, "wide": [], "panel": "x", "strategy": {}, "units": {}, "own": {}}',
]


@pytest.mark.parametrize("head", HEADS)
def test_a_fitted_strategy_with_a_foreign_head_is_refused(head, tmp_path):
    path = tmp_path / "fitted.npz"
    np.savez(path, head=np.frombuffer(head, dtype=np.uint8))
    with pytest.raises(ip.StrategyError) as caught:
        FittedStrategy.load(path)
    assert caught.value.code == "FITTED_FORMAT"


# --- XML --------------------------------------------------------------------------------------------------

LAUGHS = "".join(
    f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}{"&l" + str(n - 1) + ";" if n else ""}">'
    for n in range(40)
)
XML = {
    "billion laughs": (f"<!DOCTYPE x [{LAUGHS}]><x>&l39;</x>", "xml_doctype"),
    "quadratic": (f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]><x>{"&a;" * 50_000}</x>', "xml_doctype"),
    "a file": ('<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>', "xml_doctype"),
    "a far DTD": ('<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd"><x/>', "xml_doctype"),
    "a public DTD": ('<!DOCTYPE x PUBLIC "-//a//b" "http://example.invalid/x.dtd"><x/>', "xml_doctype"),
    "a DOCTYPE after a long comment": (
        f"<!--{'-x' * 40_000}--><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        "xml_doctype",
    ),
    "parameter entities": (
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]><x/>',
        "xml_doctype",
    ),
    "depth": ("<x>" * 100_000 + "</x>" * 100_000, "xml_invalid"),
    "a huge attribute": (f'<x a="{"a" * 20_000_000}"/>', "xml_invalid"),
    "an unknown entity": ("<x>&b;</x>", "xml_invalid"),
    "no XML": ("{}", "xml_invalid"),
    "a packed document": ("\x1f\x8b\x08\0", "xml_invalid"),
    "nothing": ("", "xml_invalid"),
}


@pytest.mark.parametrize("name", XML)
def test_xml_that_attacks_is_refused(name):
    text, code = XML[name]
    start = time.process_time()
    with pytest.raises(InterchangeError) as caught:
        markup.parse_xml(text.encode("latin-1"), where="a.wsp")
    assert caught.value.code == code
    assert time.process_time() - start < 1


def test_a_doctype_in_utf_16_is_found():
    with pytest.raises(InterchangeError, match="xml_doctype"):
        markup.parse_xml(XML["billion laughs"][0].encode("utf-16"))


def test_a_bare_doctype_is_legal():
    assert markup.parse_xml(b"<!DOCTYPE Workspace><Workspace/>").tag == "Workspace"


def test_limits_of_a_document_are_kept(tmp_path):
    with pytest.raises(InterchangeError, match="xml_too_deep"):
        markup.parse_xml(b"<x>" * 30 + b"</x>" * 30, most_depth=20)
    with pytest.raises(InterchangeError, match="xml_too_large"):
        markup.parse_xml(b"<x/>" + b" " * 100, most_bytes=50)
    for path in (tmp_path, tmp_path / "absent.xml"):
        with pytest.raises(InterchangeError, match="xml_unreadable"):
            markup.parse_xml(path)


def test_there_is_one_parser_in_the_package():
    """Whoever parses XML does it with the parser that follows nothing."""
    package = Path(ip.__file__).parent
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "xml.etree" not in text, path
        assert "minidom" not in text, path
        if path.name not in ("markup.py", "_workbook.py"):
            assert not [w for w in ("etree.parse", "fromstring(", "XMLParser(", "iterparse(") if w in text], (
                path
            )


BOMBS = """
import resource, sys, time
from pathlib import Path
from immunoprofile.core import ImmunoprofileError, archives, markup
from immunoprofile.trial._sheet import read_sheet
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for name in sys.argv[1:]:
    start = time.process_time()
    path = Path(name)
    if path.suffix == ".xml":
        try:
            markup.parse_xml(path)
            sys.exit(f"{name} was read")
        except ImmunoprofileError:
            pass
    elif read_sheet(path, table=path.name)[0] is not None:
        sys.exit(f"{name} was read")
    if time.process_time() - start > 1:
        sys.exit(f"{name} took {time.process_time() - start} s")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    if grown > 100:
        sys.exit(f"{name} took {grown} MB")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the memory of a process is not told")
def test_bombs_are_refused_within_a_second_and_a_hundred_megabytes(tmp_path):
    for name, (text, _) in XML.items():
        (tmp_path / f"{name}.xml").write_bytes(text.encode("latin-1"))
    for name in ("a bomb", "a nest", "many members"):
        (tmp_path / f"{name}.xlsx").write_bytes(ARCHIVES[name][0]())
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    workbook(tmp_path / "far.xlsx", cells)
    (tmp_path / "wide.csv").write_text("a" + "," * 3_000_000, encoding="utf-8")
    (tmp_path / "long.csv").write_text("a\n" + "x" * 10_000_000, encoding="utf-8")
    names = sorted(str(path) for path in tmp_path.iterdir())
    ended = subprocess.run([sys.executable, "-c", BOMBS, *names], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]


# --- CSV --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,\x002\n", "NUL"),
        (b"a,b\n1,\xff\n", "not UTF-8"),
        (("a" + "," * 2_100).encode() + b"b\n", "2,000 columns"),
        (b"a\n" + b'"' + b"x" * 200_000 + b'"\n', "not a CSV"),
        (b"a\n" + b"\n".join([b"1"] * 1_000_001), "million rows"),
    ],
)
def test_a_csv_beyond_its_limits_is_refused(tmp_path, content, words):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert words in told(path)


def test_a_line_of_a_hundred_megabytes_is_refused_without_being_held(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n1,2\n")
        for _ in range(100):
            stream.write(b"x" * 1_000_000)
    assert "64 million" in told(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_is_read_in_any_encoding_with_any_line_end(tmp_path, encoding, end):
    path = tmp_path / "a.csv"
    path.write_bytes(f'file;b{end}"x;""1""{end}y";\u00fc{end}'.encode(encoding))
    sheet, problems = read_sheet(path, table="a.csv")
    assert (sheet.header, sheet.separator, problems) == (("file", "b"), ";", [])
    assert sheet.rows[0][1] == (f'x;"1"{end}y', "\u00fc")


def test_a_cell_of_more_than_32_kb_is_a_problem(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n" + "x" * 40_000 + "\n", encoding="utf-8")
    assert [problem.code for problem in read_sheet(path, table="a.csv")[1]] == ["table_unreadable"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_sheet_or_a_problem(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    sheet, problems = read_sheet(path, table="any.csv")
    assert sheet is not None or problems


def test_every_problem_is_counted_and_a_thousand_are_listed(tmp_path):
    root = study_folder(tmp_path, rows=[f"no_{n}.fcs,S1,W{n},A" for n in range(1_500)])
    with pytest.raises(ip.StudyError, match="1500 problems") as caught:
        ip.read_study(root)
    table = caught.value.problems
    errors = table[table["level"] == "error"]
    assert (len(errors), table.attrs["counts"]["error"]) == (1_001, 1_500)
    assert errors["code"].value_counts().to_dict() == {"file_missing": 1_000, "problems_unlisted": 1}
    assert errors["message"].iloc[-1].endswith("500 more problems of this level are not listed")


# --- TOML -------------------------------------------------------------------------------------------------

TOMLS = {
    "large": "a = 1\n" * 200_000,
    "deep lists": f"a = {'[' * 50_000}{']' * 50_000}",
    "deeper than a table may be": f"a = {'[' * 40}{']' * 40}",
    "deep tables": f"[{'.'.join(['a'] * 50_000)}]\nb = 1",
    "a deep key": f"{'.'.join(['a'] * 50_000)} = 1",
    "a deep key in quotes": f"""{".".join(['"a"'] * 50_000)} = 1""",
    "a deep inline table": f"a = {'{b = ' * 5_000}1{'}' * 5_000}",
    "a number of many digits": f"a = {'9' * 5_000}",
    "no TOML": "a = ",
    "NUL": "a = '\0'",
}


@pytest.mark.parametrize("name", TOMLS)
def test_toml_beyond_its_limits_is_refused_everywhere(name, tmp_path):
    text = TOMLS[name]
    start = time.process_time()
    with pytest.raises(toml.TomlError):
        toml.parse_toml(text)
    for file in ("study.toml", "panel.toml", "strategy.toml"):
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(ip.StudyError, match="toml_invalid"):
        ip.read_study(tmp_path)
    with pytest.raises(ip.PanelError, match="PANEL_SCHEMA"):
        read_panel(tmp_path)
    with pytest.raises(ip.StrategyError, match="STRATEGY_SCHEMA"):
        load_strategy(tmp_path)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("content", [b"\xff\xfea\0", b"\xff"])
def test_toml_that_is_not_utf_8_is_refused(content, tmp_path):
    for file in ("study.toml", "panel.toml", "strategy.toml"):
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ip.StudyError, match="UTF-8"):
        ip.read_study(tmp_path)
    with pytest.raises(ip.PanelError, match="UTF-8"):
        read_panel(tmp_path)
    with pytest.raises(ip.StrategyError, match="UTF-8"):
        load_strategy(tmp_path)


def test_thousands_of_unknown_settings_are_told_in_time(tmp_path):
    (tmp_path / "study.toml").write_text(
        '[study]\nid = "A"\n' + "\n".join(f"x{n} = 1" for n in range(20_000)), encoding="utf-8"
    )
    start = time.process_time()
    with pytest.raises(ip.StudyError) as caught:
        ip.read_study(tmp_path)
    assert caught.value.problems.attrs["counts"]["error"] == 20_000
    assert time.process_time() - start < 20


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_of_a_study_is_finite(value, tmp_path):
    text = f'[study]\nid = "A"\n[analysis]\nalpha = {value}\n'
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ip.StudyError, match="setting_invalid"):
        ip.read_study(tmp_path)


# --- code in data -----------------------------------------------------------------------------------------


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """Give a copy of a shipped strategy with one text of it replaced."""
    folder = tmp_path / "mine_v1"
    folder.mkdir()
    for file in ("strategy.toml", "panel.toml"):
        text = (SHIPPED / "tcell_lineage_v1" / file).read_text(encoding="utf-8")
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "method", ["os.system", "__import__('os')", "builtins:eval", "placement.valley", "valley.__class__"]
)
def test_a_strategy_names_methods_and_never_a_python_object(method, tmp_path):
    text = (SHIPPED / "tcell_lineage_v1" / "strategy.toml").read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if line.startswith("method"))
    with pytest.raises(ip.StrategyError):
        load_strategy(changed(tmp_path, first, f'method = "{method}"'))


@pytest.mark.parametrize("included", ["../../etc", "/etc", "..", "a/b_v1", "C:\\x_v1", "x_v1\0"])
def test_a_strategy_includes_ids_and_never_paths(included, tmp_path):
    text = (SHIPPED / "tcell_lineage_v1" / "strategy.toml").read_text(encoding="utf-8")
    old = next(line for line in text.splitlines() if line.startswith("includes"))
    folder = changed(tmp_path, old, f"includes = [{json.dumps(included)}]")
    with pytest.raises(ip.StrategyError, match="no id of a strategy"):
        load_strategy(folder)


def test_strategies_that_include_each_other_many_times_are_refused(tmp_path):
    for level in range(12):
        folder = tmp_path / f"m{level}_v1"
        folder.mkdir()
        deeper = [f"m{level + 1}_v1"] * 3 if level < 11 else []
        head = f'schema = 1\n[strategy]\nid = "m{level}_v1"\nincludes = {json.dumps(deeper)}\n'
        (folder / "strategy.toml").write_text(head, encoding="utf-8")
    with pytest.raises(ip.StrategyError, match="more than 100"):
        load_strategy(tmp_path / "m0_v1")


@pytest.mark.parametrize(
    "rule", ["__import__('os').system('true')", "score >= 20 or 1", "`score`", "I(score) > 1"]
)
def test_a_rule_of_an_endpoint_is_its_own_grammar(rule):
    from immunoprofile.trial._response import RULE

    found = RULE.fullmatch(rule)
    assert found is None


NOT_CODE = "__import__('pathlib').Path('proof').touch()"


@pytest.mark.parametrize("name", [NOT_CODE, "site.__class__", "I(x)", "age-years", "a + b", "class"])
def test_a_covariate_is_the_name_of_a_column_and_never_code(name, tmp_path, monkeypatch):
    from immunoprofile.longitudinal._design import parse, variables_of

    monkeypatch.chdir(tmp_path)
    parsed = parse(f"change ~ baseline + `{name}`").without("visit")
    assert f"`{name}`" in parsed.right
    assert variables_of(parsed) == tuple(sorted(("baseline", name)))
    import pandas as pd

    frame = pd.DataFrame({"baseline": [1.0, 2.0, 3.0], name: [0.5, 0.1, 0.7]})
    from formulaic import Formula

    matrix = Formula(parsed.right).get_model_matrix(frame)
    assert list(matrix.iloc[:, -1]) == [0.5, 0.1, 0.7]
    assert not (tmp_path / "proof").exists()


def test_what_a_caller_writes_as_an_expression_stays_one():
    from immunoprofile.longitudinal._design import parse

    assert "np.log(baseline)" in parse("change ~ np.log(baseline) + arm").right


@pytest.mark.parametrize("name", ["a` + " + NOT_CODE + " + `b", "a\nb", " "])
def test_a_covariate_that_breaks_out_of_its_quotes_is_refused(name, tmp_path):
    path = study_folder(tmp_path / "study", rows=["a.fcs,S1,W0,A"])
    text = path.read_text(encoding="utf-8") + f"[analysis]\ncovariates = [{json.dumps(name)}]\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ip.StudyError) as caught:
        ip.read_study(path, strict=False)
    assert "setting_invalid" in set(caught.value.problems["code"])


# --- paths ------------------------------------------------------------------------------------------------


def study_folder(root: Path, *, rows: list[str], more: str = "") -> Path:
    root.mkdir(exist_ok=True, parents=True)
    text = f'[study]\nid = "A"\nblinded = false\n{more}[[tubes]]\nid = "t"\nstrategy = "tcell_lineage_v1"\n'
    (root / "study.toml").write_text(text, encoding="utf-8")
    sheet = "\n".join(["file,subject,visit,site", *rows]) + "\n"
    (root / "samples.csv").write_text(sheet, encoding="utf-8")
    return root / "study.toml"


OUTSIDE = [
    "../secret.fcs", "fcs/../../secret.fcs", "/etc/passwd", "C:\\Windows\\win.ini", "c:x.fcs", "\\\\server\\share\\x",
    "//server/share/x", "file:///etc/passwd", "http://example.invalid/x.fcs", "~/x.fcs", "link_out.fcs", "folder_out/secret.fcs",
]  # fmt: skip
ABSENT = [
    "CON",
    "NUL.fcs",
    "loop.fcs",
    "x" * 5_000,
    "a\nb.fcs",
    "fcs",
    ".",
    "%2e%2e/secret.fcs",
    "..\\secret.fcs",
]


@pytest.mark.parametrize(
    ("name", "code"), [*((n, "path_outside") for n in OUTSIDE), *((n, "file_missing") for n in ABSENT)]
)
def test_a_file_of_the_sheet_lies_in_the_study_or_is_not_opened(name, code, tmp_path):
    (tmp_path / "secret.fcs").write_bytes(b"FCS3.1")
    root = tmp_path / "study"
    (root / "fcs").mkdir(parents=True)
    (root / "link_out.fcs").symlink_to(tmp_path / "secret.fcs")
    (root / "folder_out").symlink_to(tmp_path)
    (root / "loop.fcs").symlink_to(root / "loop.fcs")
    quoted = '"' + name.replace('"', '""') + '"'
    study = ip.read_study(study_folder(root, rows=[f"{quoted},S1,W0,A"]), strict=False)
    assert list(study.excluded["code"]) == [code]
    assert not len(study.samples)


def test_a_declared_root_opens_that_folder_alone(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.fcs").write_bytes(b"FCS3.1")
    (tmp_path / "b.fcs").write_bytes(b"FCS3.1")
    rows = [f"{other}/a.fcs,S1,W0,A", f"{tmp_path}/b.fcs,S2,W0,A"]
    study = ip.read_study(
        study_folder(tmp_path / "study", rows=rows, more='roots = ["../other"]\n'), strict=False
    )
    assert list(study.samples["subject"]) == ["S1"]
    assert list(study.excluded["code"]) == ["path_outside"]


@pytest.mark.parametrize("name", ["../x.csv", "/etc/passwd", "file:///etc/passwd", "\\\\\\\\server\\\\x"])
@pytest.mark.parametrize(
    "form",
    [
        '[tables]\nclinical = "{}"\n',
        '[open_arms]\nfile = "{}"\n',
        '[[tubes]]\nid = "u"\nstrategy = "{}"\n',
        '[[tubes]]\nid = "u"\nstrategy = "tcell_lineage_v1"\npanel = "{}"\n',
    ],
)
def test_a_file_of_study_toml_lies_in_the_study(form, name, tmp_path):
    path = study_folder(tmp_path / "study", rows=["a.fcs,S1,W0,A"])
    path.write_text(path.read_text(encoding="utf-8") + form.format(name), encoding="utf-8")
    with pytest.raises(ip.StudyError) as caught:
        ip.read_study(path, strict=False)
    assert "path_outside" in set(caught.value.problems["code"])


@pytest.mark.parametrize("name", ["../../x", "a/b", "a b", "CON:", "", "\u00fc", "x" * 80, "a\\u0000"])
def test_an_id_that_names_files_is_a_plain_word(name, tmp_path):
    path = study_folder(tmp_path / "study", rows=["a.fcs,S1,W0,A"])
    text = path.read_text(encoding="utf-8").replace('id = "t"', f'id = "{name}"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ip.StudyError) as caught:
        ip.read_study(path, strict=False)
    assert "setting_invalid" in set(caught.value.problems["code"])


@pytest.mark.parametrize("name", ["../m.csv", "/etc/passwd", "link.csv", "m.csv\\u0000"])
def test_the_matrix_of_a_panel_lies_beside_it(name, tmp_path):
    (tmp_path / "m.csv").write_text(",A\nA,1\n", encoding="utf-8")
    folder = tmp_path / "panel"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "m.csv")
    text = (SHIPPED / "tcell_lineage_v1" / "panel.toml").read_text(encoding="utf-8")
    head = next(line for line in text.splitlines() if line.startswith("compensation"))
    (folder / "panel.toml").write_text(text.replace(head, f'compensation = "{name}"'), encoding="utf-8")
    with pytest.raises(ip.PanelError, match="PANEL_SCHEMA"):
        read_panel(folder)
