from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunoprofile import plot
from immunoprofile.core import UnknownNameError
from immunoprofile.plot._course import round_ratios
from immunoprofile.plot._tables import p_text, with_feature


def shown(figure):
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def stamps(figure):
    return [text.get_text() for text in figure.texts]


# --- courses


def test_each_arm_has_its_panel_the_reference_first_with_one_scale(made):
    figure = plot.spaghetti(made.profile(), made.FEATURE, made.arms(), times=made.TIMES)
    control, active = figure.axes
    assert control.get_title(loc="left") == "PBO, n = 20"
    assert active.get_title(loc="left") == "IL2, n = 20"
    assert control.get_ylim() == active.get_ylim()
    assert list(control.get_xticks()) == list(made.TIMES.values())


def test_the_bold_line_is_the_geometric_mean(made):
    figure = plot.spaghetti(made.profile(), made.FEATURE)
    rows = made.profile()
    expected = [np.exp(np.log(rows.loc[rows["visit"] == v, "value"]).mean()) for v in made.VISITS]
    assert figure.axes[0].lines[-1].get_ydata() == pytest.approx(expected)


def test_only_rows_of_the_held_rule_are_drawn(made):
    rows = made.profile()
    other = rows.assign(rule="per_sample", value=rows["value"] * 100)
    figure = plot.spaghetti(pd.concat([rows, other]), made.FEATURE)
    assert plot.data(figure.axes[0])["value"].max() < 100


def test_feature_names_join_population_statistic_and_what_it_is_of():
    rows = pd.DataFrame(
        {
            "population": ["treg", "treg", "treg"],
            "statistic": ["percent", "median_intensity", "count"],
            "denominator": ["cd4_t", pd.NA, pd.NA],
            "marker": [pd.NA, "CD25", ""],
        }
    )
    assert list(with_feature(rows)["feature"]) == [
        "treg_percent_cd4_t",
        "treg_median_intensity_CD25",
        "treg_count",
    ]


def test_an_unknown_feature_names_the_nearest(made):
    with pytest.raises(UnknownNameError, match="treg_percent_cd4_t"):
        plot.spaghetti(made.profile(), "treg_percent_cd4")


def test_arm_means_are_geometric_ratios_with_a_t_interval(made):
    table = plot.data(plot.arm_means(made.change(), made.FEATURE, made.arms(), times=made.TIMES))
    row = table[(table["arm"] == "IL2") & (table["visit"] == "W12")].iloc[0]
    arms = made.arms()
    rows = made.change()
    values = rows.loc[
        (rows["visit"] == "W12") & rows["subject"].map(arms).eq("IL2") & rows["change"].notna(), "change"
    ]
    half = 2.119905 * values.std() / math.sqrt(17)  # t table: 0.975 quantile, 16 degrees of freedom
    assert len(values) == row["n"] == 17
    assert row["mean"] == pytest.approx(math.exp(values.mean()))
    assert row["lower"] == pytest.approx(math.exp(values.mean() - half), rel=1e-6)
    assert row["upper"] == pytest.approx(math.exp(values.mean() + half), rel=1e-6)


def test_changes_of_few_events_are_not_averaged(made):
    rows = made.change()
    rows.loc[rows["visit"] == "W4", "flags"] = "FALLBACK;FEW_EVENTS"
    table = plot.data(plot.arm_means(rows, made.FEATURE, made.arms()))
    assert "W4" not in set(table["visit"])


def test_a_difference_stays_on_a_linear_axis(made):
    ax = plot.arm_means(made.change().assign(scale="difference"), made.FEATURE, made.arms())
    assert ax.get_yscale() == "linear"


def test_one_subject_has_a_mean_without_an_interval(made):
    rows = made.change()
    table = plot.data(plot.arm_means(rows[rows["subject"] == "S001"], made.FEATURE))
    assert (table["n"] == 1).all()
    assert table["mean"].notna().all()
    assert table["lower"].isna().all()


def test_dummy_arms_are_stamped_and_not_drawn_in_the_colors_of_arms(made):
    ax = plot.arm_means(made.change(), made.FEATURE, made.arms(dummy=True))
    assert stamps(ax.figure) == ["DUMMY ARMS"]
    colors = {line.get_color() for line in ax.lines}
    assert not colors & {plot.PALETTE["arms"]["active"], plot.PALETTE["arms"]["comparator"]}
    assert stamps(plot.arm_means(made.change(), made.FEATURE, made.arms()).figure) == []


def test_a_change_that_is_closed_while_blinded_joins_the_arms_itself(made):
    class Change:
        @property
        def table(self):
            raise AssertionError("not to be opened")

        def joined(self, arms):
            return made.change().assign(arm=lambda rows: rows["subject"].map(arms))

    assert len(plot.data(plot.arm_means(Change(), made.FEATURE, made.arms()))) == 8


@given(low=st.floats(1e-4, 1e4), width=st.floats(1.15, 1e5))
def test_ticks_of_ratios_lie_inside_rise_and_are_few(low, width):
    at = round_ratios(low, low * width)
    assert 1 <= len(at) <= 11
    assert at == sorted(at)
    assert all(low * 0.95 <= value <= low * width * 1.05 for value in at)


# --- effects


def test_a_forest_keeps_the_order_and_shows_other_rules_where_they_disagree(made):
    ax = plot.forest(made.effects())
    labels = [label.get_text().strip() for label in ax.get_yticklabels()]
    assert labels[:5] == ["primary", "treg, % of cd4 t", "anchored", "per sample", "treg, % of t"]
    assert labels.count("anchored") == 1
    assert "anchored" not in [
        label.get_text().strip() for label in plot.forest(made.effects(), others="none").get_yticklabels()
    ]
    with pytest.raises(UnknownNameError, match="disagree"):
        plot.forest(made.effects(), others="some")


def test_numbers_of_a_forest_stand_on_a_second_axes_of_the_same_rows(made):
    ax = plot.forest(made.effects())
    marks, columns = ax.figure.axes
    assert marks.get_ylim() == columns.get_ylim()
    assert "1.86 [1.49, 2.32]" in shown(ax.figure)
    ax.figure.canvas.draw()
    assert columns.get_window_extent().x0 >= marks.get_window_extent().x1
    inside = ax.figure.bbox
    assert all(
        inside.x0 <= box.x0 and box.x1 <= inside.x1 for t in columns.texts if (box := t.get_window_extent())
    )


def test_names_of_rows_end_before_the_frame(made):
    ax = plot.forest(made.effects())
    ax.figure.canvas.draw()
    frame = ax.get_window_extent()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert all(box.x1 <= frame.x0 and box.x0 >= 0 for box in boxes)


def test_a_filled_marker_excludes_the_null(made):
    ax = plot.forest(made.effects(), others="none")
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    by_value = {round(float(line.get_xdata()[0]), 2): line.get_markerfacecolor() for line in marks}
    assert by_value[1.86] != "white"
    assert by_value[0.95] == "white"
    lower = made.effects().iloc[:1].assign(ratio=0.6, ratio_lower=0.5, ratio_upper=0.7)
    (mark,) = [line for line in plot.forest(lower, others="none").lines if line.get_marker() == "o"]
    assert mark.get_markerfacecolor() != "white"


def test_a_row_without_estimate_keeps_its_place_with_the_reason(made):
    assert "too few subjects" in shown(plot.forest(made.effects()).figure)


def test_differences_stay_linear_and_a_post_hoc_result_is_stamped(made):
    rows = made.effects().drop(columns=["ratio", "ratio_lower", "ratio_upper"]).assign(flags="post_hoc")
    ax = plot.forest(rows)
    assert ax.get_xscale() == "linear"
    assert stamps(ax.figure) == ["POST HOC"]


def test_rules_of_one_feature_have_a_marker_each(made):
    ax = plot.rules(made.effects(), made.FEATURE)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["held", "anchored", "per sample"]
    assert [line.get_marker() for line in ax.lines if line.get_marker() != "None"] == ["o", "D", "^"]


def test_a_forest_fits_into_an_axes_of_the_caller(made):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    given_axes = figure.subplots()
    assert plot.forest(made.effects(), ax=given_axes) is given_axes
    assert len(figure.axes) == 2


def test_small_p_values_keep_their_sign():
    assert [p_text(v) for v in (0.0001, 0.0123, 0.31, float("nan"))] == ["<0.001", "0.012", "0.31", "\u2013"]


# --- response and study


def test_thresholds_come_from_the_response_and_are_never_typed_in(made):
    response = made.response()
    juvenile = plot.waterfall(response, levels={"minimal": 30})
    assert "minimal \u2265 20" in [t.get_text() for t in plot.waterfall(response).texts]
    assert [t.get_text() for t in juvenile.texts if "minimal" in t.get_text()] == ["minimal \u2265 30"]
    bare = response.copy()
    bare.attrs.clear()
    assert not [t for t in plot.waterfall(bare).texts if "\u2265" in t.get_text()]


def test_subjects_stand_best_first_and_missing_scores_show_their_bounds(made):
    ax = plot.waterfall(made.response())
    scores = plot.data(ax)["score"].dropna()
    assert scores.is_monotonic_decreasing
    bounded = made.response()["score"].isna().sum()
    assert bounded > 0
    assert [t.get_text() for t in ax.texts].count("?") == bounded


def test_relation_says_that_it_is_an_association(made):
    ax = plot.response_relation(
        made.link(), made.FEATURE, change=made.change(), response=made.response(), arms=made.arms()
    )
    assert "not causal" in ax.get_title(loc="left")
    assert "0.21 [0.02, 0.40]" in " ".join(t.get_text() for t in ax.texts)
    assert set(plot.data(ax)["visit"]) == {"W12"}


def test_accountability_adds_sites_and_hides_small_counts(made):
    texts = [t.get_text() for t in plot.accountability(made.accountability()).texts]
    assert texts[0] == "40"
    assert texts[-1] == "hidden"
    with pytest.raises(UnknownNameError, match="stage"):
        plot.accountability(pd.DataFrame({"visit": ["W0"]}))


def test_a_pair_without_a_row_is_missing(made):
    rows = pd.DataFrame({"subject": ["a", "b"], "visit": ["V1", "V2"], "state": ["present", "late"]})
    ax = plot.missingness(rows)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["present 1", "! late 1", "\u00d7 excluded 0", "\u2013 missing 2"]
    with pytest.raises(UnknownNameError, match="lost"):
        plot.missingness(rows.assign(state="lost"))


def test_many_subjects_stand_in_bands(made):
    ax = plot.missingness(made.states(150))
    assert len(ax.get_yticks()) == 3 * len(made.VISITS)


def test_a_missing_column_is_named():
    with pytest.raises(UnknownNameError, match="column 'subject'"):
        plot.missingness(pd.DataFrame({"subjects": [], "visit": [], "state": []}))


def test_an_axes_of_another_hand_has_no_table():
    import matplotlib.pyplot as plt

    with pytest.raises(UnknownNameError, match="no table"):
        plot.data(plt.figure().subplots())
