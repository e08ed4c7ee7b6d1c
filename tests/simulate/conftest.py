from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import immunoprofile as ip


def _truth_module():
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "_truth.py"
    spec = importlib.util.spec_from_file_location("benchmarks_truth", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scoring():
    """The scoring helpers of the benchmarks."""
    return _truth_module()


@pytest.fixture(scope="session")
def tube(tmp_path_factory):
    """One tube of 250,000 events."""
    return ip.simulate.sample(tmp_path_factory.mktemp("tube") / "donor.fcs", events=250_000, seed=11)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A trial of four sites, all four visits, with the drug moving the markers."""
    out = tmp_path_factory.mktemp("trial") / "study"
    return ip.simulate.trial(
        out, subjects=18, visits=4, sites=4, events=1_000, seed=5, marker_shift=1.0, drift=0.3, progress=False
    )
