"""A cache entry that is not exactly what was kept is dropped: never an exception, never a wrong payload."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import time
import tracemalloc
import zlib

import pytest

from immunoprofile.core import StorageError
from immunoprofile.pipeline import _cache
from immunoprofile.pipeline._cache import Cache, key_of
from immunoprofile.pipeline._hashes import FileHashes

from .file_layer import FileLayer
from .study_cases import bytes_of, files_of, run_study

PAYLOAD = b'{"count": 12, "value": 34.5}' * 9


@pytest.fixture
def entry(tmp_path):
    """Give a cache with one entry, its key and its path."""
    cache, key = Cache(tmp_path), key_of("file", "strategy")
    cache.put(key, PAYLOAD)
    return cache, key, tmp_path / key[:2] / key


def replaced(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def test_two_thousand_flipped_bytes_give_no_payload(entry):
    cache, key, path = entry
    content = path.read_bytes()
    rng = random.Random("flipped bytes")
    for trial in range(2_000):
        where = trial % len(content)
        replaced(
            path, content[:where] + bytes([content[where] ^ rng.randrange(1, 256)]) + content[where + 1 :]
        )
        assert cache.get(key) is None
        assert not path.exists()
    assert cache.dropped == 2_000
    replaced(path, content)
    assert cache.get(key) == PAYLOAD


def test_a_truncated_or_longer_entry_gives_no_payload(entry):
    cache, key, path = entry
    content = path.read_bytes()
    for length in range(len(content)):
        replaced(path, content[:length])
        assert cache.get(key) is None
    for more in (b"\n", b"\0", content):
        replaced(path, content + more)
        assert cache.get(key) is None


def test_random_bytes_give_no_payload(entry):
    cache, key, path = entry
    rng = random.Random("random bytes")
    for _ in range(300):
        replaced(path, rng.randbytes(rng.randrange(400)))
        assert cache.get(key) is None
    head = path.name.encode()
    for content in (b"", b"\n", b" \n", _cache.MAGIC + b" " + head + b"\n", b"9" * 5_000 + b"\n"):
        replaced(path, content)
        assert cache.get(key) is None


def test_swapped_entries_and_those_of_another_version_give_no_payload(entry):
    cache, key, path = entry
    other = key_of("another")
    cache.put(other, b"another payload")
    theirs = path.parents[1] / other[:2] / other
    mine, foreign = path.read_bytes(), theirs.read_bytes()
    replaced(path, foreign)
    replaced(theirs, mine)
    assert cache.get(key) is None
    assert cache.get(other) is None
    replaced(path, mine.replace(_cache.MAGIC, b"immunoprofile-cache-2", 1))
    assert cache.get(key) is None


def forged(key, packed, size):
    return _cache._head(key, packed, size=size) + b"\n" + packed


def test_a_bomb_is_not_unpacked_beyond_the_length_that_it_tells(entry):
    cache, key, path = entry
    bomb = zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    start = time.process_time()
    for told in (10, 1_000_000, 10**9 + 1):
        replaced(path, forged(key, bomb, told))
        assert cache.get(key) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert time.process_time() - start < 1


def test_a_length_that_is_told_wrong_gives_no_payload(entry):
    cache, key, path = entry
    packed = zlib.compress(PAYLOAD, 1)
    for content in (
        forged(key, packed, len(PAYLOAD) - 1),
        forged(key, packed, len(PAYLOAD) + 1),
        forged(key, packed + b"more", len(PAYLOAD)),
        forged(key, packed[:-3], len(PAYLOAD)),
        forged(key, b"not packed", 10),
    ):
        replaced(path, content)
        assert cache.get(key) is None


def test_a_folder_or_a_link_in_the_place_of_an_entry_gives_no_payload_and_is_replaced(entry, tmp_path):
    cache, key, path = entry
    content = path.read_bytes()
    (tmp_path / "elsewhere").write_bytes(content)
    for number in range(3):
        path.unlink(missing_ok=True)
        if number == 0:
            path.mkdir()
        elif number == 1:
            path.symlink_to(tmp_path / "elsewhere")
        else:
            path.symlink_to(path)
        assert cache.get(key) is None
        cache.put(key, PAYLOAD)
        assert cache.get(key) == PAYLOAD
    assert (tmp_path / "elsewhere").read_bytes() == content


def test_a_folder_that_is_not_empty_costs_the_entry_alone(entry):
    cache, key, path = entry
    path.unlink()
    (path / "inside").mkdir(parents=True)
    assert cache.get(key) is None
    cache.put(key, PAYLOAD)
    assert cache.get(key) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_in_the_place_of_an_entry_is_not_waited_for(entry):
    cache, key, path = entry
    path.unlink()
    os.mkfifo(path)
    assert cache.get(key) is None
    assert not path.exists()


def test_a_file_in_the_place_of_the_folder_costs_the_cache_alone(tmp_path):
    key = key_of("a")
    (tmp_path / key[:2]).write_bytes(b"in the way")
    cache = Cache(tmp_path)
    assert cache.get(key) is None
    cache.put(key, PAYLOAD)
    assert cache.get(key) is None


def test_a_cache_without_folder_keeps_nothing():
    cache = Cache(None)
    cache.put("a", PAYLOAD)
    cache.drop("a")
    assert cache.get("a") is None
    assert cache.dropped == 0
    with pytest.raises(ValueError, match="keeps nothing"):
        cache._path("a")


@pytest.mark.parametrize(
    ("error", "told"), [(errno.ENOSPC, "disk_full"), (errno.EIO, "write_failed"), (errno.EACCES, "")]
)
def test_a_full_disk_ends_the_run_and_a_lack_of_permission_costs_the_cache(tmp_path, error, told):
    key = key_of("a")
    with FileLayer(tmp_path, fail_at=2, error=error):
        if told:
            with pytest.raises(StorageError, match=told):
                Cache(tmp_path).put(key, PAYLOAD)
        else:
            Cache(tmp_path).put(key, PAYLOAD)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_spoiled_cache_gives_the_same_tables_and_an_info_in_the_log(done):
    before = bytes_of(done)
    rng = random.Random("spoiled")
    (done / "results" / "run.log").unlink()
    spoiled = 0
    for path in sorted((done / "results" / "cache").rglob("*")):
        if path.is_file():
            content = bytearray(path.read_bytes())
            content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
            path.write_bytes(bytes(content))
            spoiled += 1
    assert spoiled > 10
    results = run_study(done)
    assert bytes_of(done) == before
    assert results.gating.exclusions.empty
    lines = [json.loads(line) for line in (done / "results" / "run.log").read_text().splitlines()]
    assert any(line.get("code") == "cache_dropped" for line in lines)


def test_a_cache_that_is_no_folder_costs_only_time(done):
    before = bytes_of(done)
    shutil.rmtree(done / "results" / "cache")
    (done / "results" / "cache").write_bytes(b"in the way")
    run_study(done)
    assert bytes_of(done) == before


# -- hashes of files -----------------------------------------------------------------------------------------


@pytest.fixture
def listed(tmp_path):
    """Give a cache folder and a file that has long been as it is."""
    folder = tmp_path / "cache"
    folder.mkdir()
    path = tmp_path / "a.fcs"
    path.write_bytes(b"FCS3.1 one")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return folder, path


def hashed(folder, path, **settings):
    files = FileHashes(folder, **settings)
    found = files.content_of("f1", path)
    files.save()
    return found


def test_a_hash_is_trusted_again_only_if_size_time_and_inode_are_as_they_were(listed):
    folder, path = listed
    first = hashed(folder, path)
    path.write_bytes(b"FCS3.1 two")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert hashed(folder, path) == first  # same size, time and inode: what --verify is for
    assert hashed(folder, path, trust=False) != first
    os.utime(path, ns=(1_600_000_000_000_000_000, 1_600_000_000_000_000_001))
    assert hashed(folder, path) != first


def test_a_file_of_another_inode_is_hashed_anew(listed):
    folder, path = listed
    first = hashed(folder, path)
    other = path.with_name("b.fcs")
    other.write_bytes(b"FCS3.1 two")
    os.utime(other, (1_600_000_000, 1_600_000_000))
    other.replace(path)
    assert hashed(folder, path) != first


@pytest.mark.parametrize("offset", [0.0, -1.5, 3_600.0, 86_400.0 * 400])
def test_a_file_of_just_now_or_of_the_future_is_not_remembered(listed, offset):
    folder, path = listed
    moment = time.time() + offset
    os.utime(path, (moment, moment))
    first = hashed(folder, path)
    path.write_bytes(b"FCS3.1 two")
    os.utime(path, (moment, moment))
    assert hashed(folder, path) != first


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(listed, monkeypatch):
    from immunoprofile.pipeline import _hashes

    folder, path = listed
    original = _hashes.sha256_of

    def slow(file):
        found = original(file)
        path.write_bytes(b"FCS3.1 two, longer")
        os.utime(path, (1_600_000_000, 1_600_000_000))
        return found

    monkeypatch.setattr(_hashes, "sha256_of", slow)
    hashed(folder, path)
    monkeypatch.undo()
    assert not (folder / "hashes.json").exists()


def test_damaged_hashes_are_never_believed(listed):
    folder, path = listed
    first = hashed(folder, path)
    file = folder / "hashes.json"
    content = file.read_bytes()
    rng = random.Random("damaged hashes")
    for where in range(len(content)):
        file.write_bytes(
            content[:where] + bytes([content[where] ^ rng.randrange(1, 256)]) + content[where + 1 :]
        )
        assert hashed(folder, path) == first
    for other in (b"[]", b"{}", b"null", b"[" * 100_000, b'{"format": 1, "sha256": 2, "files": 3}'):
        file.write_bytes(other)
        assert hashed(folder, path) == first


def test_hashes_of_another_kind_under_a_right_checksum_are_not_believed(listed):
    from immunoprofile.pipeline._hashes import _sealed, _stamp

    folder, path = listed
    first = hashed(folder, path)
    for known in ([1], {"f1": "x"}, {"f1": [_stamp(path.stat()), 7]}, {"f1": [_stamp(path.stat()), "short"]}):
        (folder / "hashes.json").write_text(_sealed(known))
        assert hashed(folder, path) == first


def test_a_file_that_is_not_there_has_no_hash(listed):
    folder, path = listed
    path.unlink()
    assert hashed(folder, path) is None
    assert FileHashes(None).content_of("f1", folder) is None


@pytest.mark.parametrize(("error", "told"), [(errno.ENOSPC, "disk_full"), (errno.EROFS, "")])
def test_hashes_that_cannot_be_kept_cost_time_or_end_a_run_without_room(listed, error, told):
    folder, path = listed
    with FileLayer(folder, fail_at=1, error=error):
        if told:
            with pytest.raises(StorageError, match=told):
                hashed(folder, path)
        else:
            hashed(folder, path)


def test_times_in_the_future_change_no_table(done):
    before = bytes_of(done)
    for path in files_of(done):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    run_study(done)
    shutil.rmtree(done / "results" / "cache")
    run_study(done)
    assert bytes_of(done) == before
