"""Where compiled kernels are kept, and what is said when they are compiled."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from numba import types
from numba.core import config

from immunoprofile.core import kernels

SOURCES = (__file__,)


def twice(value):
    return value + value


@pytest.fixture
def silent(monkeypatch, caplog):
    """A fresh memory of what was said, and no folder chosen by the user."""
    kernels._say_once.cache_clear()
    monkeypatch.setattr(config, "CACHE_DIR", "")
    caplog.set_level(logging.INFO, logger="immunoprofile")
    return caplog


def compiled():
    return kernels.kernel(types.float64(types.float64), sources=SOURCES)(twice)


def test_kernels_are_kept_in_the_folder_that_was_asked_for(monkeypatch, tmp_path, silent):
    monkeypatch.setenv("IMMUNOPROFILE_CACHE", str(tmp_path))
    assert compiled()(2.0) == 4.0
    assert [message for message in silent.messages if "compiling" in message] == ["compiling kernels (once)"]
    assert list(tmp_path.glob("numba-*/**/*.nbi"))
    assert config.CACHE_DIR == ""


def test_a_cached_kernel_is_loaded_without_a_word(monkeypatch, tmp_path, silent):
    monkeypatch.setenv("IMMUNOPROFILE_CACHE", str(tmp_path))
    compiled()
    silent.clear()
    kernels._say_once.cache_clear()
    again = compiled()
    assert silent.messages == []
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_folder_that_numba_was_given_is_respected(monkeypatch, tmp_path, silent):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "theirs"))
    monkeypatch.setenv("IMMUNOPROFILE_CACHE", str(tmp_path / "ours"))
    compiled()
    assert list((tmp_path / "theirs").rglob("*.nbi"))
    assert not (tmp_path / "ours").exists()


def test_without_a_folder_to_write_to_kernels_work_all_the_same(monkeypatch, tmp_path, silent):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("IMMUNOPROFILE_CACHE", str(blocked))
    assert compiled()(2.0) == 4.0
    assert any("no folder to keep compiled kernels in" in message for message in silent.messages)


def test_another_source_has_another_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("IMMUNOPROFILE_CACHE", str(tmp_path))
    source = tmp_path / "kernel.py"
    source.write_text("a")
    first = kernels.cache_folder((str(source),))
    source.write_text("b")
    assert kernels.cache_folder((str(source),)) != first
    assert first.parent == tmp_path


def test_without_a_wish_the_folder_is_the_users(monkeypatch):
    import platformdirs

    monkeypatch.delenv("IMMUNOPROFILE_CACHE", raising=False)
    assert kernels.cache_folder(SOURCES).parent == Path(platformdirs.user_cache_dir("immunoprofile"))
