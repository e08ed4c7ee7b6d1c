from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import matplotlib.pyplot as plt

from immunoprofile import plot


def svg(made, prefix="fig1", **more):
    return plot.svg_of(plot.gates(made.drawn_gates()), prefix=prefix, **more)


def test_svg_is_the_same_bytes_each_time(made):
    assert svg(made) == svg(made)


def test_svg_stands_inside_a_page(made):
    text = svg(made, label='cut at "1900" & more')
    root = ET.fromstring(text)
    assert text.startswith("<svg")
    assert root.get("aria-label") == 'cut at "1900" & more'
    assert root.get("width") == "1029"
    assert "<style" not in text  # it would act on the whole page
    assert "<metadata" not in text
    assert "<!--" not in text


def test_text_stays_text_and_hostile_names_are_escaped(made):
    text = svg(made)
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "HLA-DR $x$" in text


def test_rounding_leaves_text_alone(made):
    text = plot.svg_of(plot.forest(made.effects()).figure, prefix="f")
    assert "&lt;0.001" in text
    paths = re.findall(r'<path\b[^>]*\sd="([^"]*)"', text)
    assert paths
    assert not [path for path in paths if re.search(r"\.\d{3}", path)]


def test_ids_are_unique_on_a_page_of_two_figures(made):
    both = svg(made, "one") + svg(made, "two")
    ids = re.findall(r'\sid="([^"]*)"', both)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:href="#|url\(#)([^")]*)', both)
    assert used
    assert set(used) <= set(ids)


def test_subjects_are_named_on_hover_only_when_arms_are_given(made):
    open_ = plot.svg_of(plot.spaghetti(made.profile(), made.FEATURE, made.arms()), prefix="a")
    closed = plot.svg_of(plot.spaghetti(made.profile(), made.FEATURE), prefix="b")
    assert "<title>S001: W0 " in open_
    assert "S001" not in closed


def test_pictures_keep_within_their_budgets(made):
    gates = svg(made)
    course = plot.svg_of(
        plot.spaghetti(made.profile(120), made.FEATURE, made.arms(120), change=made.change(120)), prefix="c"
    )
    forest = plot.svg_of(plot.forest(made.effects()).figure, prefix="f")
    sheet = plot.svg_of(plot.contact_sheet(made.fitted(units=18), "t"), prefix="s")
    sizes = {"gates": len(gates), "course": len(course), "forest": len(forest), "sheet": len(sheet)}
    assert sizes["gates"] <= 160_000, sizes
    assert sizes["course"] <= 80_000, sizes
    assert sizes["forest"] <= 30_000, sizes
    assert sizes["sheet"] <= 130_000, sizes


def test_a_figure_written_as_svg_leaves_pyplot(made):
    figure = plot.forest(made.effects()).figure
    assert plt.fignum_exists(figure.number)
    number = figure.number
    plot.svg_of(figure, prefix="f")
    assert not plt.fignum_exists(number)


def test_stamps_join_and_repeat_only_once(made):
    figure = plot.gates(made.drawn_gates()[:2])
    for text in ("DEMO - simulated", "BLINDED", "BLINDED"):
        plot.stamp(figure, text)
    assert [text.get_text() for text in figure.texts] == ["DEMO - simulated \u00b7 BLINDED"]
    assert "DEMO - simulated \u00b7 BLINDED" in plot.svg_of(figure, prefix="g")


def test_a_stamp_lies_over_nothing(made):
    figure = plot.accountability(made.accountability()).figure
    plot.stamp(figure, "BLINDED")
    figure.canvas.draw()
    strip = figure.texts[0].get_window_extent()
    assert not [ax for ax in figure.axes if ax.get_tightbbox().overlaps(strip)]


def test_drawing_leaves_the_settings_of_the_user_alone(made):
    before = dict(mpl.rcParams)
    plot.forest(made.effects())
    plot.gates(made.drawn_gates()[:1])
    assert dict(mpl.rcParams) == before


def test_the_style_sheet_can_be_used_by_others():
    with plt.style.context(plot.STYLE):
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert plot.PALETTE["gate"]["line"] == "#C0262D"


def test_the_room_loads_without_matplotlib():
    code = "import sys, immunoprofile.plot; assert not {'matplotlib', 'pandas'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_control_characters_of_a_name_cannot_act(made):
    import dataclasses

    ax = plot.gate(dataclasses.replace(made.drawn_gates()[2], dimensions=("CD3\x1b[31m\u202e",)))
    assert ax.get_xlabel() == "CD3\\x1b[31m\\u202e"
