"""Every picture against its baseline: root mean square of 1 % in DejaVu Sans.

``IMMUNOPROFILE_REDRAW=1 python -m pytest tests/pictures`` draws the baselines again: look at each before it
is kept.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images

from immunoprofile import plot

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = (
    0.01 * 255
)  # compare_images measures on 0-255; text rasters differ by less between FreeType builds
DPI = 55

PICTURES = {
    "accountability": lambda m: plot.accountability(m.accountability()),
    "arm_means_dummy": lambda m: plot.arm_means(m.change(), m.FEATURE, m.arms(dummy=True), times=m.TIMES),
    "contact_sheet": lambda m: plot.contact_sheet(m.fitted(), "t"),
    "density": lambda m: plot.density(m.sample(), "CD4", "SSC-A"),
    "forest": lambda m: plot.forest(m.effects()),
    "gate": lambda m: plot.gate(m.drawn_gates()[2]),
    "gates": lambda m: plot.gates(m.drawn_gates()),
    "histogram": lambda m: plot.histogram(m.sample(), "CD4"),
    "missingness": lambda m: plot.missingness(m.states()),
    "response_relation": lambda m: plot.response_relation(
        m.link(), m.FEATURE, change=m.change(), response=m.response(), arms=m.arms()
    ),
    "rules": lambda m: plot.rules(m.effects(), m.FEATURE),
    "spaghetti": lambda m: plot.spaghetti(
        m.profile(), m.FEATURE, m.arms(), change=m.change(), times=m.TIMES, unit="weeks"
    ),
    "waterfall": lambda m: plot.waterfall(m.response()),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_it_was_approved(name, made, tmp_path):
    drawn = PICTURES[name](made)
    figure = drawn if hasattr(drawn, "savefig") else drawn.figure
    found, expected = tmp_path / f"{name}.png", BASELINE / f"{name}.png"
    figure.savefig(found, dpi=DPI)
    if os.environ.get("IMMUNOPROFILE_REDRAW"):
        expected.parent.mkdir(exist_ok=True)
        shutil.copy(found, expected)
    kept = tmp_path / f"{name}-expected.png"  # the comparison writes beside its input
    shutil.copy(expected, kept)

    problem = compare_images(str(kept), str(found), tol=TOLERANCE)

    assert problem is None, problem


def test_the_baselines_stay_small():
    total = sum(path.stat().st_size for path in BASELINE.glob("*.png"))
    assert {path.stem for path in BASELINE.glob("*.png")} == set(PICTURES)
    assert total <= 300_000


def test_every_public_picture_has_a_baseline():
    not_pictures = {"PALETTE", "STYLE", "data", "stamp", "svg_of"}
    drawn = {name.removesuffix("_dummy") for name in PICTURES}
    assert drawn == set(plot.__all__) - not_pictures
