"""A file in its final place is whole; a failed write leaves nothing behind."""

from __future__ import annotations

import pytest

from immunoprofile.core import atomic_path, sha256_of, sha256_text, write_json, write_text


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("new, half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk"):
        write_half()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_mode_is_as_asked(tmp_path):
    path = write_text(tmp_path / "secret.csv", "x", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600


def test_json_is_sorted_and_hashes_are_of_content(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    assert path.read_text().startswith('{\n  "a"')
    assert sha256_of(path) == sha256_text(path.read_text())
