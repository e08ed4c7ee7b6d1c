"""A small simulated study, run once: blinded, unblinded, and with dummy arms."""

from __future__ import annotations

import pytest

import immunoprofile as ip


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "study"
    return ip.read_study(ip.simulate.trial(folder, subjects=8, visits=3, sites=2, events=4000, seed=11))


@pytest.fixture(scope="session")
def blinded(study):
    return ip.run(study, workers=1)


@pytest.fixture(scope="session")
def arms(study, blinded):
    return study.unblind(study.root / "arm_key.csv", who="test", reason="test")


@pytest.fixture(scope="session")
def opened(study, arms):
    return ip.run(study, arms=arms, workers=1)


@pytest.fixture(scope="session")
def dummy(study, blinded):
    return ip.run(study, arms=study.dummy_arms(5), workers=1)
