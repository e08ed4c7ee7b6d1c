from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

MADE_UP = Path(__file__).resolve().parents[1] / "plot" / "made_up.py"


@pytest.fixture(scope="session")
def made():
    """Made-up values: gates, tables, samples."""
    name = "immunoprofile_tests_made_up"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, MADE_UP)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(autouse=True)
def no_window():
    """Draw without a screen, in the font that Matplotlib brings, and leave no figure behind."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    with mpl.rc_context({"font.sans-serif": ["DejaVu Sans"], "text.hinting": "none"}):
        yield
    plt.close("all")
