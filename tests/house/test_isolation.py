"""No network in tests, and a package that lacks or breaks an optional part says which, and does the rest."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

HEAD = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise {error}
sys.meta_path.insert(0, Blocker())
"""
ERRORS = {
    "missing": 'ModuleNotFoundError(f"No module named {name}", name=name)',
    "broken": 'ImportError("a library of the system is missing")',
}
REST = """
import numpy as np
import immunoprofile as ip
from immunoprofile.core import CODES
ip.write_fcs("a.fcs", np.ones((3, 2)), ["A", "B"])
assert ip.read_fcs("a.fcs").events.shape == (3, 2)
assert ip.load_strategy("treg_surface_v1").gates
"""


def run(code: str, blocked: str, folder, *, state: str = "missing"):
    text = HEAD.replace("{error}", ERRORS[state]) + code
    return subprocess.run(
        [sys.executable, "-c", text, blocked], capture_output=True, text=True, cwd=folder, check=False
    )


@pytest.mark.parametrize("call", ["connect", "connect_ex"])
def test_a_test_cannot_reach_the_network(call):
    with socket.socket() as one, pytest.raises(AssertionError, match="tried to reach"):
        getattr(one, call)(("192.0.2.1", 80))


def test_a_test_cannot_ask_for_an_address_or_send_a_datagram():
    with pytest.raises(AssertionError, match="tried to reach"):
        socket.getaddrinfo("example.invalid", 80)
    with socket.socket(type=socket.SOCK_DGRAM) as one, pytest.raises(AssertionError, match="tried to reach"):
        one.sendto(b"x", ("192.0.2.1", 53))


@pytest.mark.parametrize("state", ERRORS)
def test_without_optional_packages_the_rest_works(state, tmp_path):
    ended = run(
        REST, "distributed,dask,flowkit,flowio,matplotlib,seaborn,statsmodels,sklearn", tmp_path, state=state
    )
    assert ended.returncode == 0, ended.stderr[-1500:]


@pytest.mark.parametrize("state", ERRORS)
def test_a_cluster_without_its_package_names_the_extra(state, tmp_path):
    (tmp_path / "study.toml").write_text('[study]\nid = "A"\n', encoding="utf-8")
    code = """
import click
from immunoprofile.cli._run import _client
try:
    _client("tcp://127.0.0.1:1")
except click.UsageError as error:
    assert "immunoprofile[dask]" in str(error), error
else:
    raise SystemExit("no error")
"""
    ended = run(code, "distributed,dask", tmp_path, state=state)
    assert ended.returncode == 0, ended.stderr[-1500:]


def test_a_folder_with_modules_of_our_names_is_not_imported_from(tmp_path):
    """The command, run where somebody left a numpy.py, takes the installed one."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken from the folder')", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "immunoprofile", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr
