from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex

from immunoprofile import plot
from immunoprofile.core import UnknownNameError
from immunoprofile.plot._density import BINS, histogram_1d, histogram_2d

RED = plot.PALETTE["gate"]["line"]


def words(ax):
    return [text.get_text() for text in ax.texts]


def red_lines(ax):
    return [line for line in ax.lines if to_hex(line.get_color()).upper() == RED]


class Gated:
    def __init__(self, drawn):
        self._drawn = drawn

    def drawn_gates(self):
        return self._drawn


def test_a_figure_has_one_square_box_a_gate_in_tree_order(made):
    figure = plot.gates(Gated(made.drawn_gates()))

    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[0] == "1. Lymphocytes"
    assert titles[3] == "4. CD4 \u00d7 CD8"
    assert [int(t.split(".")[0]) for t in titles] == list(range(1, 9))
    sizes = {tuple(np.round(ax.get_position().size * figure.get_size_inches(), 3)) for ax in figure.axes}
    assert len(sizes) == 1


def test_numbers_stand_above_the_frame(made):
    ax = plot.gate(made.drawn_gates()[0])
    ax.figure.canvas.draw()

    assert words(ax) == ["66.4 %", "7,968 of 12,000"]
    frame = ax.get_window_extent()
    assert all(text.get_window_extent().y0 >= frame.y1 for text in ax.texts)


def test_a_cut_is_drawn_where_it_lies_with_a_band_of_one_standard_error(made):
    drawn = made.drawn_gates()[2]
    ax = plot.gate(drawn)

    (line,) = red_lines(ax)
    assert set(line.get_xdata()) == {drawn.cuts[0][1]}
    (band,) = [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() == RED]
    at, se = drawn.cuts[0][1:]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((at - se, at + se))
    assert band.get_alpha() == plot.PALETTE["gate"]["band_alpha"]


def test_no_band_without_a_standard_error(made):
    drawn = dataclasses.replace(made.drawn_gates()[2], cuts=((0, 3.0, float("nan")),))
    ax = plot.gate(drawn)
    assert len(red_lines(ax)) == 1
    assert not [patch for patch in ax.patches if to_hex(patch.get_facecolor()).upper() == RED]


@pytest.mark.parametrize(("at", "side"), [(7.0, "left"), (0.0, "right")])
def test_the_depth_stands_in_the_corner_away_from_the_cut(made, at, side):
    ax = plot.gate(dataclasses.replace(made.drawn_gates()[2], cuts=((0, at, 0.1),)))

    (depth,) = [text for text in ax.texts if "valley depth" in text.get_text()]
    assert depth.get_text() == "valley depth 0.91"
    assert depth.get_horizontalalignment() == side
    ax.figure.canvas.draw()
    box = depth.get_window_extent()
    assert all(line.get_window_extent().y1 <= box.y0 for line in red_lines(ax))


def test_arms_that_bound_the_chosen_quadrant_are_solid_and_the_rest_is_veiled(made):
    drawn = made.drawn_gates()[4]  # chosen: right of the first cut, below the second
    ax = plot.gate(drawn)

    solid = [line for line in red_lines(ax) if line.get_linestyle() == "-"]
    x, y = drawn.cuts[0][1], drawn.cuts[1][1]
    assert len(solid) == 2
    assert len(red_lines(ax)) == 4
    ends = {tuple(np.round([*line.get_xdata(), *line.get_ydata()], 6)) for line in solid}
    low, high = drawn.limits[0]
    assert ends == {tuple(np.round(e, 6)) for e in ((x, x, low, y), (x, high, y, y))}
    veils = [p for p in ax.patches if p.get_alpha() == plot.PALETTE["gate"]["outside_veil_alpha"]]
    assert len(veils) == 3


def test_all_four_quadrants_leave_no_veil(made):
    drawn = dataclasses.replace(made.drawn_gates()[3], quadrants=("++", "+-", "-+", "--"))
    ax = plot.gate(drawn)
    assert not [p for p in ax.patches if p.get_alpha() == plot.PALETTE["gate"]["outside_veil_alpha"]]


def test_few_events_are_dots_and_many_a_density(made):
    few, many = plot.gate(made.drawn_gates()[5]), plot.gate(made.drawn_gates()[4])
    assert not few.images
    assert few.lines[0].get_xdata().size == 900
    assert many.images[0].get_array().shape == (BINS, BINS)


def test_an_empty_picture_says_why(made):
    ax = plot.gate(made.drawn_gates()[6])
    assert words(ax) == ["not gated:\nCD45RA missing"]
    assert ax.title.get_text() == ""
    assert to_hex(ax._left_title.get_color()).upper() == plot.PALETTE["ink"]["mute"]


def test_flags_and_reasons_stand_above_the_frame(made):
    flagged = plot.gate(made.drawn_gates()[7])
    opened = plot.gate(
        dataclasses.replace(made.drawn_gates()[2], cuts=(), flags=(), message="open: NO_VIABILITY")
    )
    assert {"! SHALLOW_VALLEY", "! FALLBACK"} <= set(words(flagged))
    assert "! open: NO_VIABILITY" in words(opened)


def test_only_powers_of_ten_are_set_as_mathematics(made):
    ticks = ((1.0, "$x^2$", True), (2.0, "$10^3$", True), (3.0, "", False))
    ax = plot.gate(dataclasses.replace(made.drawn_gates()[2], ticks=(ticks,)))
    labels = ax.get_xticklabels()
    assert [label.get_parse_math() for label in labels] == [False, True]
    assert ax.xaxis.label.get_parse_math() is False


def test_ticks_and_limits_come_from_the_transform_not_from_events(made):
    drawn = made.drawn_gates()[4]
    ax = plot.gate(drawn)
    assert ax.get_xlim() == pytest.approx(drawn.limits[0])
    assert [text.get_text() for text in ax.get_xticklabels()] == [
        "$-10^3$",
        "0",
        "$10^3$",
        "$10^4$",
        "$10^5$",
    ]


def test_a_gate_is_found_by_its_id_or_the_nearest_is_named(made):
    gated = Gated(made.drawn_gates())
    assert plot.gate(gated, "treg")._left_title.get_text() == "5. Regulatory T cells"
    with pytest.raises(UnknownNameError, match="singlets"):
        plot.gate(gated, "singlet")


def test_the_table_behind_a_gate_has_its_numbers(made):
    table = plot.data(plot.gate(made.drawn_gates()[3]))
    assert list(table["population"]) == ["CD4 T cells", "CD8 T cells"]
    assert list(table["count"]) == [6492, 3504]


def test_events_outside_the_frame_are_counted_at_its_edge_and_missing_ones_dropped():
    values = np.array([-9.0, 0.5, 99.0, np.nan])
    assert histogram_1d(values, (0.0, 1.0)).sum() == pytest.approx(3)
    x = np.array([-np.inf, 0.5, 99.0])
    assert histogram_2d(x, x, ((0.0, 1.0), (0.0, 1.0))).sum() == pytest.approx(3)


def test_the_familiar_color_map_can_be_asked_for(made):
    assert plot.gate(made.drawn_gates()[4], cmap="turbo").images[0].get_cmap().name == "turbo"


def test_channels_of_a_file_are_drawn_by_label_detector_or_place(made):
    sample = made.sample()
    for name in ("CD4", "BV605-A", 2):
        assert plot.histogram(sample, name).get_xlabel() == "CD4 \u00b7 BV605-A"
    assert plot.density(sample, "FSC-A", "SSC-A").get_xlim() == (0, made.TOP)
    with pytest.raises(UnknownNameError, match="CD4"):
        plot.histogram(sample, "CD44")


def test_the_histogram_of_a_mask_holds_only_its_events(made):
    sample = made.sample()
    mask = np.arange(sample.events.shape[0]) < 500
    table = plot.data(plot.histogram(sample, "CD4", mask=mask))
    assert table["events"].sum() == pytest.approx(500)


def test_a_contact_sheet_has_one_axes_a_batch_and_one_cut_for_all(made):
    figure = plot.contact_sheet(made.fitted(units=14), "t")
    assert len(figure.axes) == 2
    cuts = figure.axes[0].collections[-1].get_segments()
    assert len(cuts) == 14
    offsets = {round(float(segment[0, 0]) % 1.12, 6) for segment in cuts}
    assert len(offsets) == 1
    with pytest.raises(UnknownNameError):
        plot.contact_sheet(made.fitted(), "nk")


def test_a_gate_without_counts_shows_the_cut_alone(made):
    pooled = dataclasses.replace(made.drawn_gates()[4], populations=(), flags=())
    ax = plot.gate(pooled)
    assert words(ax) == []
    assert len(red_lines(ax)) == 4
    assert ax.get_title(loc="left").startswith("5. CD")


def test_pictures_of_nothing_are_empty_and_not_an_error(made):
    empty = dataclasses.replace(made.drawn_gates()[4], values=np.empty((0, 2), np.float32))
    flat = dataclasses.replace(made.drawn_gates()[1], values=np.ones((9, 2)), limits=((1.0, 2.0), (1.0, 2.0)))
    assert len(plot.gates(()).axes) == 0
    assert len(plot.gates((empty, flat)).axes) == 2
    assert plot.forest(made.effects().iloc[:0]).get_yticks().size == 0
    assert plot.waterfall(made.response().iloc[:0]).get_title(loc="left") == "Response score by subject"
    left_out = made.change().assign(flags="FEW_EVENTS")
    assert plot.data(plot.arm_means(left_out, made.FEATURE)).empty


def test_lines_of_a_gate_have_a_white_halo(made):
    for drawn in made.drawn_gates()[:5]:
        lines = [line for line in red_lines(plot.gate(drawn)) if line.get_linestyle() == "-"]
        regions = [
            p
            for p in plot.gate(drawn).patches
            if to_hex(p.get_edgecolor()).upper() == RED and not p.get_fill()
        ]
        assert lines or regions
        assert all(mark.get_path_effects() for mark in lines + regions)


def test_long_words_above_a_gate_end_within_the_figure(made):
    long = tuple((f"very long name of a population {k}", 25.0, 19123, 76492) for k in range(4))
    drawn = dataclasses.replace(
        made.drawn_gates()[3], populations=long, flags=("SCOPE_SMALL_INDEED", "B", "C")
    )
    figure = plot.gates((drawn,) * 5)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for ax in figure.axes for text in ax.texts]
    assert max(box.x1 for box in boxes) <= figure.bbox.x1
    assert "! B and 1 more" in words(figure.axes[0])
    assert [word for word in words(figure.axes[0]) if word.startswith("19,123 very")]
