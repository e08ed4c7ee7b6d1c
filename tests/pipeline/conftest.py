"""One study simulated and run once; each test takes a copy."""

from __future__ import annotations

import shutil

import pytest

import immunoprofile as ip

from .study_cases import run_study


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "trial"
    ip.simulate.trial(folder, subjects=4, visits=2, sites=1, events=2500, seed=0)
    return folder


@pytest.fixture(scope="session")
def finished(simulated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "trial"
    shutil.copytree(simulated, folder)
    run_study(folder)
    return folder


@pytest.fixture
def trial(simulated, tmp_path):
    """A study that has not run yet."""
    return shutil.copytree(simulated, tmp_path / "trial")


@pytest.fixture
def done(finished, tmp_path):
    """A study that has run, with its ids and its cache."""
    return shutil.copytree(finished, tmp_path / "trial")
