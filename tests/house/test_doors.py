"""Doors say what a room offers, and importing costs nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import immunoprofile as ip
from immunoprofile import _DOORS, _ROOMS

HEAVY = [
    *[
        "numpy",
        "pandas",
        "numba",
        "scipy",
        "sklearn",
        "matplotlib",
        "seaborn",
        "statsmodels",
        "flowkit",
        "flowio",
    ],
    *["pyarrow", "lxml", "python_calamine", "anndata", "dask", "distributed", "formulaic"],
]


@pytest.mark.parametrize("room", sorted({*_ROOMS, "cli"}))
def test_a_door_has_a_literal_sorted_all_that_is_true(room):
    module = importlib.import_module(f"immunoprofile.{room}")
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert hasattr(module, name), name


def test_no_public_name_hides_a_room():
    assert not set(_DOORS) & set(_ROOMS)


@pytest.mark.parametrize("room", sorted({*_ROOMS, "cli"}))
def test_no_function_bears_the_name_of_a_public_module_beside_it(room):
    module = importlib.import_module(f"immunoprofile.{room}")
    beside = {p.stem for p in Path(module.__file__).parent.iterdir() if not p.name.startswith("_")}
    clashes = beside & set(module.__all__)
    assert clashes <= {"histogram", "pool"}


@pytest.mark.parametrize("name", sorted(_DOORS))
def test_every_public_name_resolves_and_is_documented(name):
    assert getattr(ip, name).__doc__


def test_the_literal_all_is_the_map():
    assert set(ip.__all__) == {*_DOORS, *_ROOMS, "__version__"}


def test_dir_lists_what_all_lists():
    assert sorted(dir(ip)) == sorted(ip.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fcs_reader'"):
        ip.fcs_reader  # noqa: B018


@pytest.mark.parametrize("command", [["-c", "import immunoprofile"], ["-m", "immunoprofile", "--help"]])
def test_nothing_heavy_is_loaded(command):
    script = (
        "import sys, runpy\n"
        "sys.argv = ['immunoprofile', '--help']\n"
        "try:\n"
        "    {help} and runpy.run_module('immunoprofile', run_name='__main__')\n"
        "    import immunoprofile\n"
        "except SystemExit: pass\n"
        "print('LOADED', *sorted(m for m in {heavy} if m in sys.modules))\n"
    ).format(help="--help" in command, heavy=HEAVY)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "LOADED"
