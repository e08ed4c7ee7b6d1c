"""Sheets of every dialect, and sheets with faults: each fault found, all of them at once, with its place."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from immunoprofile.core import StudyError, explain
from immunoprofile.trial import read_study


def problems_of(path, **more):
    """Read a study that has errors and give its problems."""
    with pytest.raises(StudyError) as caught:
        read_study(path, **more)
    return caught.value.problems


def codes_of(path, **more):
    return set(problems_of(path, **more).query("level == 'error'")["code"])


def test_a_faultless_study_is_read_without_a_problem(folder):
    study = read_study(folder.write())
    assert len(study.samples) == 24
    assert len(study.problems) == 0
    assert len(study.excluded) == 0
    assert list(study.visits["visit"]) == ["W0", "W4", "W12"]


def test_the_message_says_place_found_and_nearest(folder):
    folder.cell("samples", 7, "visit", "W 21")
    found = problems_of(folder.write()).iloc[0]
    assert found["message"] == "samples.csv row 7, column visit: found 'W 21'; no such visit; nearest 'W12'"
    assert (found["row"], found["column"], found["nearest"]) == (7, "visit", "W12")


SPOILS = {
    "file_missing": ("samples", 3, "file", "fcs/S01_W4x.fcs"),
    "path_outside": ("samples", 3, "file", "../other.fcs"),
    "unknown_visit": ("samples", 3, "visit", "W99"),
    "unknown_subject": ("samples", 3, "subject", "S99"),
    "value_missing": ("samples", 3, "site", ""),
    "date_invalid": ("samples", 3, "collected", "2024-02-31"),
    "date_ambiguous": ("samples", 3, "collected", "03/04/2024"),
    "duplicate_file": ("samples", 4, "file", "fcs/S01_W4.fcs"),
    "number_invalid": ("clinical", 2, "value", "<5"),
    "decimal_comma": ("clinical", 2, "value", '"6,3"'),
    "out_of_range": ("clinical", 2, "value", "63"),
    "mmt_above_max": ("clinical", 4, "value", "151"),
    "unknown_measure": ("clinical", 2, "measure", "physican_globl"),
    "unknown_unit": ("clinical", 2, "unit", "inch"),
    "unit_mixed": ("clinical", 6, "unit", "ukat/L"),
    "uln_missing": ("clinical", 6, "uln", ""),
    "uln_invalid": ("clinical", 6, "uln", "0"),
    "date_reversed": ("subjects", 2, "first_dose", "2024-02-01"),
}


@pytest.mark.parametrize("code", SPOILS)
def test_a_fault_has_its_code_and_its_place(folder, code):
    table, row, column, value = SPOILS[code]
    if code == "duplicate_file":
        folder.cell("samples", 4, "visit", "W4")
    folder.cell(table, row, column, value)
    found = problems_of(folder.write()).query("code == @code")
    assert row in set(found["row"])
    assert set(found["table"]) == {f"{table}.csv"}
    assert column in set(found["column"])
    assert explain(code).level == "error"


def test_all_faults_are_told_in_one_pass(folder):
    spoiled = [
        code
        for code in SPOILS
        if code not in ("path_outside", "unknown_visit", "duplicate_file", "unknown_subject")
    ]
    for place, code in enumerate(spoiled):
        table, _, column, value = SPOILS[code]
        row = {"clinical": 2 + 6 * place, "samples": 2 + place, "subjects": 2}[table]
        row += {"mmt_above_max": 2, "unit_mixed": 4, "uln_missing": 4, "uln_invalid": 4}.get(code, 0)
        folder.cell(table, row, column, value)
    folder.samples[20][1:3] = ["S99", "W99"]
    found = codes_of(folder.write())
    assert set(spoiled) | {"unknown_subject", "unknown_visit"} <= found


def test_two_faults_of_one_cell_or_row_are_two_rows(folder):
    folder.samples[4] = ["../x.fcs", "S98", "W98", "", "b1", "31.12.2024"]
    found = problems_of(folder.write()).query("row == 5")
    assert set(found["code"]) == {
        "path_outside",
        "unknown_subject",
        "unknown_visit",
        "value_missing",
        "date_invalid",
    }


def test_a_missing_column_is_one_row(folder):
    for row in folder.samples:
        row.pop(3)
    for row in folder.subjects:
        row.pop(1)
    folder.samples[0][2] = "vist"
    found = problems_of(folder.write())
    assert sorted(found["code"]) == ["column_missing", "column_missing", "column_unknown"]
    assert "visit" in set(found["column"])
    assert "vist" in set(found["nearest"].dropna())


def test_without_strict_a_row_is_left_out_and_named(folder):
    folder.cell("samples", 7, "visit", "W 21")
    folder.cell("clinical", 2, "value", "ND")
    study = read_study(folder.write(), strict=False)
    assert len(study.samples) == 23
    assert len(study.clinical) == 143
    left = study.excluded
    assert list(zip(left["table"], left["row"], left["code"], strict=True)) == [
        ("clinical.csv", 2, "number_invalid"),
        ("samples.csv", 7, "unknown_visit"),
    ]
    assert "W 21" not in " ".join(left["problem"])
    assert left["sample"].notna().tolist() == [False, True]


def test_what_no_row_can_be_left_out_for_is_always_refused(folder):
    folder.samples[0][2] = "when"
    assert codes_of(folder.write(), strict=False) == {"column_missing"}


def test_rows_that_stand_for_one_thing_are_found(folder):
    folder.samples.append([*folder.samples[2]])
    folder.samples[-1][0] = "fcs/other.fcs"
    folder.touch("fcs/other.fcs")
    folder.clinical.append([*folder.clinical[1]])
    found = problems_of(folder.write()).query("code == 'duplicate_row'")
    assert set(zip(found["table"], found["row"], strict=True)) == {
        ("samples.csv", 3),  # the files differ: none of the two can be trusted
        ("samples.csv", 26),
        ("clinical.csv", len(folder.clinical)),  # the rows agree: the first is kept
    }


def test_one_file_of_two_specimens_stops_both_rows(folder):
    folder.cell("samples", 5, "file", "fcs/S01_W4.fcs")
    found = problems_of(folder.write()).query("code == 'same_content_two_specimens'")
    assert set(found["row"]) == {3, 5}
    assert len(read_study(folder.root, strict=False).samples) == 22


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_dialect_is_read_as_what_it_says(folder, separator, encoding, ends):
    folder.separator, folder.encoding, folder.ends = separator, encoding, ends
    folder.cell("samples", 2, "site", "M\u00fcnchen")
    study = read_study(folder.write())
    assert study.samples["site"].iloc[0] == "M\u00fcnchen"
    assert len(study.samples) == 24
    assert study.clinical["value"].iloc[0] == 6.3


def test_a_declared_decimal_comma_is_read(folder):
    folder.separator = ";"
    for row in folder.clinical[1:]:
        row[3] = row[3].replace(".", ",")
    folder.toml += '[tables]\ndecimal = ","\n'
    study = read_study(folder.write())
    assert study.clinical["value"].iloc[0] == 6.3


def test_an_undeclared_decimal_comma_is_never_guessed(folder):
    folder.separator = ";"
    folder.cell("clinical", 2, "value", "6,3")
    assert codes_of(folder.write()) == {"decimal_comma"}


def test_a_declared_date_format_is_read(folder):
    for row in folder.samples[1:]:
        year, month, day = row[5].split("-")
        row[5] = f"{day}.{month}.{year}"
    folder.toml += '[tables.samples]\nfile = "samples.csv"\ndate_format = "%d.%m.%Y"\n'
    assert read_study(folder.write()).samples["collected"].iloc[1] == "2024-03-29"


def test_a_workbook_is_read_like_a_csv(folder):
    xlsxwriter = pytest.importorskip("xlsxwriter")
    folder.toml += '[tables]\nclinical = "clinical.xlsx"\n'
    rows, folder.clinical = folder.clinical, None
    path = folder.write()
    book = xlsxwriter.Workbook(str(folder.root / "clinical.xlsx"))
    page = book.add_worksheet("values")
    dates = book.add_format({"num_format": "yyyy-mm-dd"})
    from datetime import date

    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            if place and column == 6:
                page.write_datetime(place, column, date.fromisoformat(cell), dates)
            elif place and column in (3, 5) and cell:
                page.write_number(place, column, float(cell))
            else:
                page.write_string(place, column, cell)
    book.close()
    study = read_study(path)
    assert study.clinical["value"].iloc[0] == 6.3
    assert study.clinical["date"].iloc[0] == "2024-03-01"
    assert len(study.clinical) == 144


def test_a_file_that_is_no_workbook_is_refused(folder):
    folder.toml += '[tables]\nclinical = "clinical.xlsx"\n'
    path = folder.write()
    (folder.root / "clinical.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    assert codes_of(path) == {"table_unreadable"}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"file,subject\n\x00,1\n",
        b"\xe4\xf6,a\n1,2\n",
        b'file,"' + b"x" * 200_000 + b'"\n1,2\n',
    ],
    ids=["half-utf16", "nul", "latin1", "long-cell"],
)
def test_what_is_no_table_is_refused_with_a_reason(folder, content):
    path = folder.write()
    (folder.root / "samples.csv").write_bytes(content)
    assert codes_of(path) & {"table_unreadable", "table_empty", "column_missing"}


def test_a_row_wider_than_the_header_is_named(folder):
    folder.samples[3].append("6,3")
    assert codes_of(folder.write()) == {"row_too_wide"}


def test_case_and_blanks_alone_are_accepted_with_a_warning(folder):
    folder.cell("samples", 3, "visit", "w4 ")
    folder.cell("samples", 4, "file", "FCS/s01_w12.fcs")
    folder.samples[0][1] = "Subject"
    study = read_study(folder.write())
    assert study.samples["visit"].iloc[1] == "W4"
    assert study.samples["file"].iloc[2] == "fcs/S01_W12.fcs"
    assert set(study.problems["code"]) == {"name_normalised"}
    assert len(study.samples) == 24


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "..\\x.fcs/../../y.fcs",
        "C:\\x.fcs",
        "\\\\server\\x.fcs",
        "file:///x.fcs",
        "http://x/y.fcs",
        "fcs/../../x.fcs",
    ],
)
def test_a_path_never_leaves_the_folder(folder, name):
    folder.cell("samples", 3, "file", name)
    assert codes_of(folder.write()) <= {"path_outside", "file_missing"}


def test_a_link_that_points_outside_is_not_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.fcs"
    outside.write_bytes(b"secret")
    (folder.root / "fcs" / "link.fcs").symlink_to(outside)
    folder.cell("samples", 3, "file", "fcs/link.fcs")
    assert codes_of(folder.write()) == {"path_outside"}
    folder.toml = folder.toml.replace('id = "DEMO"\n', f'id = "DEMO"\nroots = ["{outside.parent}"]\n')
    assert len(read_study(folder.write()).samples) == 24


def test_a_file_that_no_row_lists_is_a_warning(folder):
    folder.touch("fcs/forgotten.fcs")
    folder.touch("results/made.fcs")
    found = read_study(folder.write()).problems
    assert list(found["code"]) == ["file_unlisted"]
    assert "forgotten" in found["message"].iloc[0]


def test_a_likert_score_on_an_analogue_scale_is_suspected(folder):
    for row in folder.clinical[1:]:
        if row[2] == "extramuscular":
            row[3] = str(int(row[0][1:]) % 5)
    assert codes_of(folder.write()) == {"scale_suspected"}
    folder.toml += '[measures.extramuscular]\nscale = "vas_cm"\n'
    assert len(read_study(folder.write()).clinical) == 144


def test_a_tube_outside_its_window_is_a_warning(folder):
    folder.cell("samples", 3, "collected", "2024-04-20")
    study = read_study(folder.write())
    assert list(study.problems["code"]) == ["visit_window"]
    late = study.specimens[study.specimens["visit"].isna()]
    assert list(late["visit_flags"]) == ["unscheduled;visit_window"]


def test_unknown_columns_are_kept_and_told_once(folder):
    folder.samples[0].append("comment")
    for row in folder.samples[1:]:
        row.append("fine")
    study = read_study(folder.write())
    assert list(study.problems["code"]) == ["column_unknown"]


def test_a_wide_foreign_table_is_read_by_study_toml_alone(folder):
    folder.clinical = None
    folder.toml += (
        '[tables.clinical]\nfile = "lab.csv"\nlayout = "wide"\n'
        'columns = {subject = "ID", visit = "when"}\nmeasures = {ck = "CK (U/L)", cpeptide = "cpep"}\n'
        'uln = {ck = "CK limit"}\nunits = {ck = "U/L"}\n'
        'values.visit = {Baseline = "W0", "12 weeks" = "W12"}\n'
    )
    path = folder.write()
    (folder.root / "lab.csv").write_text(
        "ID,when,CK (U/L),CK limit,cpep\nS01,Baseline,900,200,0.5\nS01,12 weeks,300,200,oops\n"
    )
    found = problems_of(path)
    assert list(found["message"]) == ["lab.csv row 3, column cpep: found 'oops'; not a number"]
    study = read_study(path, strict=False)
    assert list(study.clinical["measure"]) == ["ck", "cpeptide"]


def test_doses_and_events_are_checked(folder):
    folder.doses = [["subject", "drug", "start", "dose", "unit", "end", "kind"]]
    folder.doses += [["S01", "prednisone", "2024-01-01", "10", "mg", "2023-12-01", "glucocorticoid"]]
    folder.doses += [["S02", "prednisone", "2024-01-01", "ten", "mg", "", "glucocorticoids"]]
    folder.events = [
        ["subject", "term", "start", "grade", "serious"],
        ["S01", "rash", "2024-03-03", "6", "maybe"],
    ]
    found = codes_of(folder.write())
    assert found == {"date_reversed", "number_invalid", "unknown_kind", "out_of_range", "value_unknown"}


def test_controls_and_tubes_are_known(folder):
    for row, more in zip(folder.samples, (["control", "tube"], *[["none", "treg"]] * 24), strict=True):
        row.extend(more)
    folder.cell("samples", 3, "control", "fmo:CD25")
    folder.cell("samples", 4, "control", "FMO")
    folder.cell("samples", 5, "tube", "tregs")
    found = problems_of(folder.write())
    assert set(zip(found["row"], found["code"], strict=True)) == {(4, "unknown_control"), (5, "unknown_tube")}
    assert found.set_index("row")["nearest"][5] == "treg"


def test_a_measure_in_two_units_is_left_out_whichever_row_comes_first(folder):
    rows = [row for row in folder.clinical[1:] if row[2] == "ck" and row[0] == "S03"]
    rows[1][4], rows[1][3], rows[1][5] = "ukat/L", "5", "3.3"
    path = folder.write()
    assert codes_of(path) == {"unit_mixed"}
    assert len(read_study(path, strict=False).clinical) == 143


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(list(range(1, 25))))
def test_the_order_of_rows_does_not_matter(folder, order):
    folder.write()
    folder.samples[3][2] = "W4" if folder.samples[3][2] == "W4" else folder.samples[3][2]
    first = read_study(folder.root).specimens.drop(columns="specimen")
    folder.write_table("samples", [folder.samples[0], *(folder.samples[place] for place in order)])
    second = read_study(folder.root).specimens.drop(columns="specimen")
    key = ["subject", "visit"]
    assert first.sort_values(key, ignore_index=True).equals(second.sort_values(key, ignore_index=True))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cell=st.text(max_size=12), column=st.sampled_from([0, 1, 2, 3, 5]))
def test_any_text_in_any_cell_is_an_answer_or_a_problem(folder, cell, column):
    rows = [[*row] for row in folder.samples]
    rows[5][column] = '"' + cell.replace('"', '""') + '"'
    folder.write()
    try:
        text = "\n".join(",".join(row) for row in rows) + "\n"
        (folder.root / "samples.csv").write_bytes(text.encode("utf-8"))
    except UnicodeEncodeError:
        return
    try:
        found = len(read_study(folder.root).samples)
    except StudyError as error:
        found = len(error.problems)
    assert found > 0


def test_17280_clinical_rows_are_checked_in_less_than_two_seconds(folder):
    names = [f"S{number:03d}" for number in range(240)]
    folder.subjects = [["subject"], *([name] for name in names)]
    folder.samples = folder.samples[:1]
    measures = [*(m for m in folder.clinical[1:7]), *(["", "", f"m{n}", "1.5", "", "", ""] for n in range(6))]
    visits = [row[1] for row in folder.clinical[1:19:6]] * 2
    folder.toml += "".join(f"[measures.m{n}]\n" for n in range(6))
    folder.toml += "".join(f'[[visits]]\nid = "X{n}"\n' for n in range(3))
    rows = [
        [name, visit if place < 3 else f"X{place - 3}", *measure[2:6], ""]
        for name in names
        for place, visit in enumerate(visits)
        for measure in measures
    ]
    folder.clinical = [folder.clinical[0], *rows]
    path = folder.write()
    start = time.process_time()
    study = read_study(path)
    taken = time.process_time() - start
    assert len(study.clinical) == 240 * 6 * 12
    assert taken < 2.0
