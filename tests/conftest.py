"""Shared by all tests: no network but loopback, no picture windows, no cache outside the run."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse whatever leaves this machine: connections, datagrams, and the search for an address."""

    def refuse_far(host):
        if not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}")

    def guard(name):
        real = getattr(socket.socket, name)

        def guarded(self, *words):
            address = words[-1]
            if isinstance(address, tuple):
                refuse_far(address[0])
            return real(self, *words)

        monkeypatch.setattr(socket.socket, name, guarded)

    for name in ("connect", "connect_ex", "sendto"):
        guard(name)
    look_up = socket.getaddrinfo

    def guarded_look_up(host, *words, **named):
        if host and host != socket.gethostname():
            refuse_far(host.decode() if isinstance(host, bytes) else host)
        return look_up(host, *words, **named)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


def pytest_collection_modifyitems(items):
    """Skip what reads the shared data where it is absent."""
    if SHARED.is_dir():
        return
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="the shared data folder is not beside this checkout"))


def pytest_terminal_summary(terminalreporter):
    """End the report with what tests recorded by ``record_property("counts", text)``.

    It stands here because the controller of parallel runs loads no conftest of a deeper folder.
    """
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    counts = [text for r in reports for name, text in getattr(r, "user_properties", []) if name == "counts"]
    if counts:
        terminalreporter.section("counts")
        for text in sorted(counts):
            terminalreporter.write_line(text)
