"""`verify` finds every file that is not as the run left it, and never opens what it should not."""

from __future__ import annotations

import json
import os
import shutil

import pytest

import immunoprofile as ip
from immunoprofile.core import StudyError
from immunoprofile.pipeline import analyse, verify_results, write_results

from .study_cases import files_of, run_cli, run_study


def statuses(root) -> dict[str, str]:
    found = verify_results(root)
    return dict(zip(found.differing["name"], found.differing["status"], strict=True))


def test_results_that_nobody_touched_verify(done):
    found = verify_results(done)
    assert found.exit_code == 0
    assert found.differing.empty
    kinds = found.table["kind"].value_counts()
    assert kinds["sample"] == 8
    assert kinds["output"] >= 6
    assert {"study.toml", "samples.csv"} <= set(found.table.loc[found.table["kind"] == "input", "name"])
    assert (found.table["status"] == "same").all()
    for path in (done / "results", done / "study.toml"):
        assert verify_results(path).table.equals(found.table)
    assert "files as the run left them" in found.to_text()
    assert "differing: 0" in repr(found)
    assert "<table" in found._repr_html_()


def test_each_changed_missing_or_extra_file_is_named(done):
    results = done / "results"
    (results / "flags.csv").unlink()
    with (results / "populations.csv").open("a", encoding="utf-8") as stream:
        stream.write("more\n")
    (results / "effects.csv").write_text("feature\n", encoding="utf-8")
    (results / "notes.txt").write_text("of the reader", encoding="utf-8")
    (results / "crash-20260101T000000Z.txt").write_text("told", encoding="utf-8")
    assert statuses(done) == {"flags.csv": "missing", "populations.csv": "differs", "effects.csv": "extra"}
    outcome = run_cli("verify", results)
    assert outcome.code == 1
    assert "populations.csv: output differs" in outcome.out
    told = json.loads(run_cli("verify", done, "--json").out)
    assert told["exit_code"] == 1
    assert {"kind": "output", "name": "effects.csv", "status": "extra"}.items() <= next(
        row for row in told["files"] if row["name"] == "effects.csv"
    ).items()


def test_any_changed_byte_of_a_table_is_found(done):
    path = done / "results" / "cuts.csv"
    content = path.read_bytes()
    for where in range(0, len(content), len(content) // 25):
        path.write_bytes(content[:where] + bytes([content[where] ^ 1]) + content[where + 1 :])
        assert statuses(done) == {"cuts.csv": "differs"}


def test_a_changed_input_is_found_and_one_that_is_elsewhere_is_no_fault(done):
    first, second, *_ = files_of(done)
    content = bytearray(first.read_bytes())
    content[-9] ^= 1
    first.write_bytes(bytes(content))
    second.unlink()
    found = verify_results(done)
    assert list(found.differing["kind"]) == ["sample"]
    assert first.name not in found.to_text()
    assert (found.table["status"] == "absent").sum() == 1
    assert "1 inputs not there" in found.to_text()
    (done / "samples.csv").write_text("other", encoding="utf-8")
    assert statuses(done)["samples.csv"] == "differs"


def test_without_the_private_map_or_the_files_the_outputs_still_verify(done, tmp_path):
    shutil.copytree(done / "results", tmp_path / "sent" / "results")
    (tmp_path / "sent" / "results" / "private_ids.csv").write_text("damaged", encoding="utf-8")
    found = verify_results(tmp_path / "sent" / "results")
    assert found.exit_code == 0
    assert set(found.table.loc[found.table["status"] == "absent", "kind"]) == {"input", "sample"}


def test_results_without_provenance_are_unfinished(done):
    (done / "results" / "provenance.json").unlink()
    with pytest.raises(StudyError) as caught:
        verify_results(done)
    assert caught.value.code == "verify_unfinished"
    outcome = run_cli("verify", done / "results")
    assert outcome.code == 2
    assert "unfinished" in outcome.err
    assert "run the same command again" in outcome.err


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"outputs": {}}', b"[" * 200_000,
     b'{"outputs": {"a": 1}, "inputs": {}, "samples": {}}', b'{"outputs": [], "inputs": {}, "samples": {}}'],
    ids=range(9),
)  # fmt: skip
def test_a_provenance_of_another_kind_is_told(done, content):
    (done / "results" / "provenance.json").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        verify_results(done)
    assert caught.value.code == "verify_unreadable"
    assert run_cli("verify", done).code == 2


def test_a_provenance_that_cannot_be_read_is_told(done):
    path = done / "results" / "provenance.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StudyError) as caught:
        verify_results(done)
    assert caught.value.code == "verify_unreadable"


def forged(done, **files):
    path = done / "results" / "provenance.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    for kind, names in files.items():
        told[kind] |= {name: {"sha256": "0" * 64, "bytes": 1} for name in names}
    path.write_text(json.dumps(told), encoding="utf-8")


def test_names_that_lead_out_of_the_folder_are_not_opened(done, monkeypatch):
    from immunoprofile.pipeline import _verify

    (done.parent / "secret.txt").write_text("secret", encoding="utf-8")
    (done / "link.csv").symlink_to(done.parent / "secret.txt")
    names = ["../secret.txt", "/etc/hostname", "a\0b", "link.csv", "~/x", "..", "x" * 5_000]
    forged(done, outputs=["../secret.txt", "/etc/hostname"], inputs=names)
    opened = []
    original = _verify.sha256_of

    def watched(path):
        opened.append(os.path.realpath(path))
        return original(path)

    monkeypatch.setattr(_verify, "sha256_of", watched)
    found = verify_results(done)
    root = os.path.realpath(done)
    assert opened
    assert all(path.startswith(root) for path in opened)
    absent = set(found.table.loc[found.table["status"] == "absent", "name"])
    assert set(names) <= absent


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_or_a_link_in_the_place_of_a_table_differs(done):
    results = done / "results"
    (results / "flags.csv").unlink()
    os.mkfifo(results / "flags.csv")
    (results / "cuts.csv").rename(results / "elsewhere")
    (results / "cuts.csv").symlink_to("elsewhere")
    assert statuses(done) == {"flags.csv": "differs", "cuts.csv": "differs"}


def test_a_table_that_cannot_be_read_is_told(done, monkeypatch):
    from immunoprofile.pipeline import _verify

    def failing(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(_verify, "sha256_of", failing)
    assert set(verify_results(done).table["status"]) == {"unreadable"}


def test_provenance_tells_what_a_reader_needs_and_names_nobody(done):
    told = json.loads((done / "results" / "provenance.json").read_text(encoding="utf-8"))
    assert {
        "command", "started", "ended", "versions", "platform", "strategies", "seeds", "counts", "inputs",
        "samples", "outputs", "state", "study",
    } <= set(told)  # fmt: skip
    assert {"python", "immunoprofile", "numpy"} <= set(told["versions"])
    assert {"listed", "read", "gated", "excluded", "flagged", "flags"} <= set(told["counts"])
    assert "private_ids.csv" not in told["outputs"]
    assert not {"run.log", "audit.jsonl", ".lock", "provenance.json"} & set(told["outputs"])
    text = json.dumps(told)
    assert os.uname().nodename not in text
    assert str(done) not in text
    assert all(file.name not in text for file in files_of(done))


def test_the_report_is_among_the_outputs_and_goes_with_its_tables(done):
    results = done / "results"

    def report(found):
        assert (results / "provenance.json").exists() == (not found.command)
        return f"<p>{found.study.id}</p>"

    found = analyse(ip.read_study(done / "study.toml", strict=False), workers=1)
    written = write_results(found, report=report)
    assert [path.name for path in written][-2:] == ["report.html", "provenance.json"]
    table = verify_results(done).table
    assert table.loc[table["name"] == "report.html", "status"].item() == "same"
    write_results(found)
    assert (results / "report.html").exists()  # its tables are the same
    files_of(done)[0].unlink()
    run_study(done)
    assert not (results / "report.html").exists()
    assert verify_results(done).exit_code == 0


def test_a_report_that_fails_leaves_the_results_as_they_were(done):
    before = {path.name: path.read_bytes() for path in (done / "results").iterdir() if path.is_file()}
    found = analyse(ip.read_study(done / "study.toml", strict=False), workers=1)

    def failing(results):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_results(found, report=failing)
    assert before == {path.name: path.read_bytes() for path in (done / "results").iterdir() if path.is_file()}
