from __future__ import annotations

import csv
import io
import stat
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import FcsError, ImmunoprofileError, StorageError
from immunoprofile.fcs import Spillover, deidentify, deidentify_files, read_fcs, write_fcs
from immunoprofile.fcs import _deidentify as module
from immunoprofile.fcs import _deidentify_files as folder_module
from immunoprofile.fcs._identifiers import Terms, _any_in, holds, holds_in_value

from .conftest import fcs_bytes

DROPPED = """$FIL $SMNO $SRC $EXP $INST $OP $PROJ $COM $CELLS $SYS $CYTSN $DATE $BTIM $ETIM $BEGINDATETIME
$ENDDATETIME $LAST_MODIFIED $LAST_MODIFIER $PLATEID $PLATENAME $WELLID $CARRIERID $LOCATIONID GUID $P1G $P9S
$P9V $UNICODE FCSVERSION SPILLOVER CREATOR @P1Q $GATING""".split()  # noqa: SIM905 - a list to read
KEPT = {
    "$P1V": "450", "$P2F": "530/30", "$P1L": "488", "$P1O": "20", "$P1T": "PMT", "$P1D": "Linear,0,100",
    "$P1CALIBRATION": "1.2,MESF", "$P1TYPE": "Forward Scatter", "$P1DET": "V1", "$P1TAG": "FITC",
    "$P1ANALYTE": "CD3", "$P1FEATURE": "Area", "$CYT": "Aurora", "$TIMESTEP": "0.01", "$VOL": "120",
    "$TR": "C1,500", "$ABRT": "1", "$LOST": "2", "$P1S": "CD3", "$P2S": "CD4",
    "$SPILLOVER": "2,C1,C2,1,0.1,0,1",
}  # fmt: skip


def rows_of(private):
    return list(csv.reader(io.StringIO(private.read_text(), newline="")))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def token(number):
    return f"Tok{number:03d}Xq"


def forms(text):
    for shape in (text, text.lower(), text.upper()):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield shape.encode(encoding)


@pytest.fixture
def planted(tmp_path, matrix):
    """A folder of one file with a token in every place that is left out; and the tokens."""
    secrets = {keyword: token(i) for i, keyword in enumerate(DROPPED)}
    secrets |= {f"{token(100)} NAME": token(101), "$DFC1TO2": token(102)}
    stext = f"/{token(103)}/{token(104)}/$COM2/{token(105)}/".encode()
    analysis = f"/$GATE1/{token(106)}/{token(107)}/1/".encode()
    gap, other, tail = token(108).encode() * 2, token(109).encode("utf-16-le"), token(110).encode() * 3
    behind = stext + analysis + other

    def lay(places, following, version="3.1"):
        return fcs_bytes(
            matrix, version=version, keywords=KEPT | secrets | places | following, gap=gap,
            tail=behind + tail, header={},
        )  # fmt: skip

    offsets = ("$BEGINSTEXT", "$ENDSTEXT", "$BEGINANALYSIS", "$ENDANALYSIS", "$NEXTDATA")
    width = dict.fromkeys(offsets, "0" * 9)
    size = len(lay(width, {}))
    begin = size - len(behind) - len(tail)
    ends = np.cumsum([begin, len(stext), len(analysis)])
    places = {
        "$BEGINSTEXT": f"{ends[0]:09d}", "$ENDSTEXT": f"{ends[1] - 1:09d}",
        "$BEGINANALYSIS": f"{ends[1]:09d}", "$ENDANALYSIS": f"{ends[2] - 1:09d}",
        "$NEXTDATA": f"{size:09d}",
    }  # fmt: skip
    second = fcs_bytes(matrix + 1, keywords={"$SMNO": token(111), "$P1S": "CD8"})
    folder = tmp_path / "in" / token(112)
    folder.mkdir(parents=True)
    (folder / f"{token(113)}.fcs").write_bytes(lay(places, {}) + second)
    return tmp_path / "in", [token(i) for i in (*range(len(DROPPED)), *range(100, 114))]


def test_no_planted_token_is_in_any_byte(planted, tmp_path, capfd, matrix):
    source, tokens = planted
    private = tmp_path / "private" / "map.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = deidentify_files(source, tmp_path / "out", private)
    assert (report.files, report.written, report.failures, report.exit_code) == (1, 2, (), 0)
    seen = "".join(capfd.readouterr()) + report.to_text()
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == ["S0001.fcs", "S0002.fcs"]
    assert names_in(tmp_path / "private") == ["map.csv"]
    written = b"".join(path.read_bytes() + path.name.encode() for path in files) + seen.encode()
    for text in tokens:
        assert not any(form in written for form in forms(text)), text
    rows = [dict(zip(("source", "target"), row, strict=True)) for row in rows_of(private)[1:]]
    assert sorted(Path(row["source"]).name for row in rows) == [f"{token(113)}.fcs", f"{token(113)}.fcs#2"]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    target = {row["source"].endswith("#2"): row["target"] for row in rows}
    first = read_fcs(tmp_path / "out" / target[False], mode="strict")
    assert {key: first.keywords[key] for key in KEPT if key != "$SPILLOVER"} == {
        key: value for key, value in KEPT.items() if key != "$SPILLOVER"
    }
    assert first.spillover == Spillover(detectors=("C1", "C2"), matrix=np.array([[1, 0.1], [0, 1]]))
    np.testing.assert_array_equal(first.events, matrix)
    np.testing.assert_array_equal(read_fcs(tmp_path / "out" / target[True]).events, matrix + 1)


def write(folder, name, matrix, **keywords):
    folder.mkdir(exist_ok=True)
    labels = [keywords.pop("label", "CD4"), None, None]
    given = {("$" + key if key.isupper() else key): value for key, value in keywords.items()}
    return write_fcs(folder / name, matrix, ["A", "B", keywords.pop("c", "C")], labels=labels, keywords=given)


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("x.fcs", {"SMNO": "Smith", "label": "CD4 Smith"}),
        ("x.fcs", {"SMNO": "SMITH", "label": "cd4smith2"}),
        ("x.fcs", {"SRC": "Smith, John", "label": "CD4 smith"}),
        ("x.fcs", {"vendor key": "Zoë M", "label": "CD4 zoe\u0308 m"}),
        ("Smith_7.fcs", {"label": "CD4 smith_7"}),
        ("J7.fcs", {"label": "CD4 J7"}),
    ],
)
def test_a_label_with_an_identifier_stops_the_file_and_the_value_is_not_told(
    tmp_path, matrix, name, keywords
):
    source = write(tmp_path / "in", name, matrix, **keywords)
    with pytest.raises(FcsError) as caught:
        deidentify(source, tmp_path / "out", "S0001")
    assert (caught.value.code, caught.value.keyword) == ("identifying-text", "$P1S")
    assert caught.value.__context__ is None
    assert "mith" not in str(caught.value).lower()
    assert not (tmp_path / "out").exists()
    for allow in ("$P1S", "$PnS"):
        (path,) = deidentify(source, tmp_path / allow[2:], "S0001", allow=[allow])
        assert read_fcs(path).labels[0] == keywords["label"]


def test_a_dropped_keyword_that_names_nobody_can_be_allowed(tmp_path, matrix):
    source = write(tmp_path / "in", "x.fcs", matrix, DYE="FITC", label="FITC-H")
    with pytest.raises(FcsError):
        deidentify(source, tmp_path / "out", "S0001")
    assert deidentify(source, tmp_path / "out", "S0001", allow=["$DYE"])


@pytest.mark.parametrize(
    "keywords",
    [
        {"SMNO": "1024", "VOL": "1024"},
        {"COM": "0,0", "PROJ": "262144"},
        {"THRESHOLD": "FSC-A", "label": "FSC-A"},
        {"LASER1NAME": "Blue", "label": "Pacific Blue"},
        {"SYS": "True", "label": "True cells"},
        {"SMNO": "32", "label": "CD32"},
    ],
)
def test_words_of_the_instrument_are_no_identifiers(tmp_path, matrix, keywords):
    if "LASER1NAME" in keywords:
        keywords = {"label": "Pacific Blue", "Laser1Name": "Blue"}
    source = write(tmp_path / "in", "x.fcs", matrix, **keywords)
    assert deidentify(source, tmp_path / "out", "S0001")


def test_a_long_number_is_found_even_in_a_number(tmp_path, matrix):
    source = write(tmp_path / "in", "x.fcs", matrix, SMNO="12345678", VOL="12345678")
    with pytest.raises(FcsError) as caught:
        deidentify(source, tmp_path / "out", "S0001")
    assert caught.value.keyword == "$VOL"
    assert holds_in_value("12345678", Terms(parts=("12345678",), words=(), raw=()))
    assert not holds_in_value("1024", Terms(parts=("1024",), words=(), raw=()))
    assert not holds("sample", Terms(parts=(), words=("amp",), raw=()))


def test_names_and_spillover_and_kept_values_are_searched(tmp_path, matrix):
    for place, given in (
        ("$P2N", {"detectors": ["A", "Smith-A", "C"]}),
        ("$SPILLOVER", {"spillover": (["A", "Smith"], np.eye(2))}),
        ("$CYT", {"keywords": {"$SMNO": "Smith", "$CYT": "Smith's Aria"}}),
        ("$COM", {"keywords": {"$SMNO": "Smith", "$COM": "of Smith"}}),
    ):
        more = {"detectors": ["A", "B", "C"], "keywords": {"$SMNO": "Smith"}} | given
        source = write_fcs(tmp_path / "x.fcs", matrix, overwrite=True, **more)
        with pytest.raises(FcsError) as caught:
            deidentify(source, tmp_path / "out", "S0001", keep=["$COM"])
        assert caught.value.keyword == place


def test_keep_keeps_a_keyword(tmp_path, matrix):
    source = write(tmp_path / "in", "x.fcs", matrix, DATE="01-JAN-2020", P1X="7", P2X="8")
    (path,) = deidentify(source, tmp_path / "new.fcs", "S0001", keep=["$date", "$PnX"])
    found = read_fcs(path).keywords
    assert (path.name, found["$DATE"], found["$P1X"], found["$P2X"]) == ("new.fcs", "01-JAN-2020", "7", "8")


def test_the_finished_bytes_are_searched_too(tmp_path, matrix, monkeypatch):
    source = write(tmp_path / "in", "x.fcs", matrix, SMNO="Smith", label="Smith")
    monkeypatch.setattr(module, "holds", lambda text, terms: False)
    with pytest.raises(FcsError) as caught:
        deidentify(source, tmp_path / "out", "S0001")
    assert (caught.value.code, caught.value.keyword) == ("identifying-text", "$P1S")
    assert not (tmp_path / "out").exists()


def test_a_token_among_the_events_is_found(tmp_path):
    text = "Secret Token"
    events = np.frombuffer(text.encode() * 2, dtype="<f4").reshape(2, 3)
    source = write_fcs(tmp_path / "x.fcs", events, ["A", "B", "C"], keywords={"$SMNO": text})
    with pytest.raises(FcsError) as caught:
        deidentify(source, tmp_path / "out", "S0001")
    assert caught.value.keyword == "DATA"


@pytest.mark.parametrize("place", [0, 1, 2, 3, 61, 4090, 4096 - 8, 4092])
def test_the_search_finds_a_pattern_at_every_place(place):
    rng = np.random.default_rng(place)
    content = bytearray(rng.integers(0, 255, 10_000, dtype=np.uint8).tobytes())
    pattern = b"needle in hay"
    chunks = [bytes(content[i : i + 4096]) for i in range(0, 10_000, 4096)]
    assert not _any_in(iter(chunks), [pattern, b"12345678"])
    content[place : place + len(pattern)] = pattern
    chunks = [bytes(content[i : i + 4096]) for i in range(0, 10_000, 4096)]
    assert _any_in(iter(chunks), [pattern, b"12345678"])
    assert not _any_in(iter([b"abc"]), [pattern])


def test_errors_of_the_reader_say_nothing_of_the_source(tmp_path):
    (tmp_path / "Smith.fcs").write_bytes(b"no")
    for source in (tmp_path / "Smith.fcs", tmp_path / "Smith_gone.fcs"):
        with pytest.raises(FcsError) as caught:
            deidentify(source, tmp_path / "out", "S0001")
        assert "Smith" not in str(caught.value)
        assert caught.value.__context__ is None
    with pytest.raises(ImmunoprofileError) as refused:
        deidentify(tmp_path / "Smith.fcs", tmp_path / "out", "../x")
    assert refused.value.code == "deidentify-target"


@pytest.fixture
def folder(tmp_path, matrix):
    for i in range(5):
        write(tmp_path / "in", f"Smith_{i}.fcs", matrix + i, SMNO=f"Smith {i}")
    return tmp_path / "in"


def names_of(private):
    return dict(rows_of(private)[1:])


def test_one_bad_file_stops_no_other_and_is_told_by_its_number(folder, tmp_path, matrix, capfd):
    (folder / "Smith_1.fcs").write_bytes(b"FCS3.1    ")
    write(folder, "Smith_7.fcs", matrix, SMNO="Miller", label="Miller")
    private = tmp_path / "map.csv"
    report = deidentify_files(folder, tmp_path / "out", private, progress=True)
    assert [(f.number, f.code, f.keyword) for f in report.failures] == [
        (2, "header-truncated", None),
        (6, "identifying-text", "$P1S"),
    ]
    assert (report.exit_code, report.written) == (1, 4)
    assert len(names_of(private)) == 4
    assert "mith" not in report.to_text() + "".join(capfd.readouterr())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    again = deidentify_files(folder, tmp_path / "out", private, allow=["$PnS"])
    assert (again.present, again.written, len(again.failures)) == (4, 1, 1)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert before.items() <= after.items()
    assert sorted(after) == [f"S{i:04d}.fcs" for i in range(1, 6)]


def test_the_order_is_random(folder, tmp_path):
    orders = set()
    for i in range(12):
        deidentify_files(folder, tmp_path / f"out{i}", tmp_path / f"{i}.csv")
        orders.add(tuple(sorted(names_of(tmp_path / f"{i}.csv").items())))
    assert len(orders) > 1


def test_an_interrupted_call_is_resumed_by_its_map(folder, tmp_path, monkeypatch):
    private, out = tmp_path / "=map.csv", tmp_path / "out"
    (folder / "Smith_0.fcs").rename(folder / "=1+1\n.fcs")
    write_one, calls = folder_module.write_clean, []

    def stops(*args, **kwargs):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write_one(*args, **kwargs)

    monkeypatch.setattr(folder_module, "write_clean", stops)
    with pytest.raises(KeyboardInterrupt, match="2 of 5 done"):
        deidentify_files(folder, out, private)
    monkeypatch.undo()
    with private.open("ab") as stream:
        stream.write(b'"half a na')
    (out / ".immunoprofile-tmp-dead").write_bytes(b"x")
    kept = rows_of(private)[1:3]
    report = deidentify_files(folder, out, private)
    assert (report.present, report.written) == (2, 3)
    assert names_in(out) == [f"S{i:04d}.fcs" for i in range(1, 6)]
    rows = rows_of(private)
    assert rows[1:3] == kept
    assert "'=1+1\n.fcs" in {row[0] for row in rows}
    (out / rows[1][1]).unlink()
    assert deidentify_files(folder, out, private).written == 1


def test_a_single_file_and_a_file_that_is_another_now(tmp_path, matrix):
    source = write(tmp_path / "in", "x.fcs", matrix)
    private, out = tmp_path / "map.csv", tmp_path / "out"
    assert deidentify_files(source, out, private).written == 1
    assert names_of(private) == {"x.fcs": "S0001.fcs"}
    source.unlink()
    write(tmp_path / "in", "x.fcs", matrix[:5])
    report = deidentify_files(source, out, private)
    assert [failure.code for failure in report.failures] == ["deidentify-target"]
    (out / "S0001.fcs").write_bytes(b"broken")
    assert [f.code for f in deidentify_files(source, out, private).failures] == ["not-fcs"]


def test_places_that_cannot_be_are_refused(folder, tmp_path):
    def refused(*places):
        with pytest.raises(ImmunoprofileError) as caught:
            deidentify_files(*places)
        assert "mith" not in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
        return caught.value.code

    out, private = tmp_path / "out", tmp_path / "map.csv"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refused(tmp_path / "Smith_gone", out, private) == "deidentify-target"
    assert refused(tmp_path / "a\0b", out, private) == "deidentify-target"
    assert refused(empty, out, private) == "not-fcs"
    assert refused(folder, out, out / "map.csv") == "deidentify-target"
    assert refused(folder, folder / "out", private) == "deidentify-target"
    assert refused(folder, out, empty) == "deidentify-target"
    assert refused(folder, folder / "Smith_1.fcs", private) == "deidentify-target"
    (tmp_path / "file").write_text("x")
    assert refused(folder, tmp_path / "file", private) == "deidentify-target"
    (empty / "other.txt").write_text("x")
    assert refused(folder, empty, private) == "deidentify-target"
    for content in ("", "a,b\n", "source,target\nx,y\n", "source,target\nx,S0001.fcs\ny,S0001.fcs\n"):
        private.write_text(content)
        assert refused(folder, out, private) == "deidentify-target"
    assert refused(folder, out, tmp_path / "file" / "map.csv") == "deidentify-target"
    assert not out.exists()


def test_a_fault_of_ours_costs_one_file_and_a_full_disk_ends_the_call(folder, tmp_path, monkeypatch):
    def faulty(*args, **kwargs):
        raise RuntimeError("Smith_1")

    monkeypatch.setattr(folder_module, "write_clean", faulty)
    report = deidentify_files(folder, tmp_path / "out", tmp_path / "map.csv")
    assert {failure.code for failure in report.failures} == {"unexpected_error"}

    def full(*args, **kwargs):
        raise StorageError("disk_full", "no space")

    monkeypatch.setattr(folder_module, "write_clean", full)
    with pytest.raises(StorageError):
        deidentify_files(folder, tmp_path / "out", tmp_path / "map.csv")
