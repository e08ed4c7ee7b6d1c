"""Sections about what came out: findings, courses, effects, response."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from immunoprofile import plot
from immunoprofile.report._parts import Card, Link, Plate, Section, plate_of, records_of, table_of
from immunoprofile.report._words import (
    count_text,
    feature_text,
    interval_text,
    is_missing,
    number_text,
    p_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from immunoprofile.pipeline import Results

LEAD_FEATURE = "treg_percent_cd4_t"
MOST_COURSES = 3
FOREST_FEATURES = 14
EFFECT_COLUMNS = [
    "feature",
    "visit",
    "rule",
    "scale",
    "effect [95 % CI]",
    "with the cuts' doubt",
    "p",
    "q",
    "n",
    "flags",
]


def primary_visit(results: Results) -> str | None:
    """Give the visit of the analysis: the declared one, else the last with an effect."""
    declared = results.study.analysis_visit
    if results.effects is None:
        return declared
    visits = list(dict.fromkeys(results.effects.table["visit"].dropna()))
    return declared if declared in visits else (visits[-1] if visits else None)


def response_visit(results: Results) -> str | None:
    """Give the visit at which response is judged: the endpoint's, else the last with a score."""
    declared = next((e.visit for e in results.study.endpoints if e.response and e.visit), None)
    if declared is not None or results.response is None:
        return declared
    scored = results.response.loc[results.response["score"].notna(), "visit"]
    return str(scored.iloc[-1]) if len(scored) else None


def lead_features(results: Results) -> list[str]:
    """Give the features in the order of the plan: declared families, else the Treg percentage."""
    declared = [name for family in results.study.families for name in family.features]
    known = list(dict.fromkeys(results.effects.table["feature"])) if results.effects is not None else []
    usual = [LEAD_FEATURE] if LEAD_FEATURE in known else []
    chosen = [name for name in declared if name in known] or usual
    return chosen or known[:1]


def lead_row(results: Results) -> Any:
    """Give the effect that the report leads with (rule held), or None."""
    if results.effects is None:
        return None
    table, features = results.effects.table, lead_features(results)
    if not features:
        return None
    own = table[(table["feature"] == features[0]) & (table["rule"] == "held")]
    own = own[own["visit"] == primary_visit(results)]
    return next(iter(records_of(own)), None)


def findings_section(results: Results) -> Section:
    """Answer `so what` in three cards."""
    cards = []
    row = lead_row(results)
    if row is not None:
        cards.append(_lead_card(results, row))
    elif "change" not in results.left_out and results.blinded:
        cards.append(
            Card(
                title="Blinded",
                kind="lead",
                lines=(
                    "Arms are not opened.",
                    "This report shows data quality and the populations that do not give arms away.",
                ),
            )
        )
    elif "effects" in results.left_out:
        reason = results.left_out["effects"]
        cards.append(Card(title="No arm effect", kind="lead", lines=(f"Left out: {reason}.",)))
    responders = _response_card(results)
    if responders is not None:
        cards.append(responders)
    cards.append(_quality_card(results))
    return Section(id="findings", title="Findings", cards=tuple(cards))


def _lead_card(results: Results, row: Any) -> Card:
    reading = "effect of treatment, dummy arms" if results.dummy else "effect of treatment"
    same = results.effects.table if results.effects is not None else None
    lines = [
        f"{_contrast(results, row.contrast)} at {row.visit}; {reading}",
        f"95 % interval {interval_text(row.ratio_lower, row.ratio_upper)}",
        f"p {p_text(row.p)}, q {p_text(row.q)}",
        f"family {row.family}, {row.m} tests, {row.method}; {count_text(int(row.n_subjects), 'subject')}",
    ]
    if same is not None:
        others = same[
            (same["feature"] == row.feature) & (same["visit"] == row.visit) & (same["rule"] != "held")
        ]
        said = [f"{o.rule.replace('_', ' ')} {number_text(o.ratio)}" for o in records_of(others)]
        sensitive = "GATE_SENSITIVE" in str(row.flags)
        agree = "rules disagree (GATE_SENSITIVE)" if sensitive else "the placement rules agree"
        lines.append(f"{agree}: held {number_text(row.ratio)}, {', '.join(said)}" if said else agree)
    if is_missing(row.ratio):
        return Card(title=feature_text(row.feature), kind="lead", lines=(f"status: {row.status}", *lines[:1]))
    return Card(
        title=feature_text(row.feature),
        number=f"{number_text(row.ratio)}-fold",
        lines=tuple(lines),
        kind="lead",
    )


def _contrast(results: Results, contrast: str) -> str:
    """Spell a contrast with the labels of the arms."""
    labels = results.study.arm_labels
    first, _, second = str(contrast).partition(" - ")
    return f"{labels.get(first, first)} against {labels.get(second, second)}"


def _response_card(results: Results) -> Card | None:
    if results.response is None or results.arms is None or results.dummy:
        return None
    visit = response_visit(results)
    at = results.response[results.response["visit"] == visit]
    at = at.assign(arm=at["subject"].map(results.arms))
    lines = []
    for arm in results.study.arm_ids:
        own = at[at["arm"] == arm]
        known = own["responder"].dropna()
        lines.append(
            f"{results.study.arm_labels[arm]}: {int(known.sum())} of {len(known)} responders"
            + (f", {len(own) - len(known)} unknown" if len(own) > len(known) else "")
        )
    return Card(
        title=f"Response at {visit}",
        lines=tuple(lines),
        links=(Link(to="response", text="by immune change"),),
    )


def _quality_card(results: Results) -> Card:
    notes = results.gating.notes
    links = []
    excluded = len(results.gating.exclusions) + len(results.study.excluded)
    if excluded:
        links.append(Link(to="excluded", text=f"{count_text(excluded, 'row')} left out"))
    errors = int((notes["level"] == "error").sum())
    if errors:
        links.append(Link(to="flags", text=count_text(errors, "error flag")))
    if results.effects is not None:
        table = results.effects.table
        held = table[table["rule"] == "held"]
        sensitive = held["flags"].fillna("").str.contains("GATE_SENSITIVE")
        if sensitive.any():
            links.append(
                Link(to="effects", text=f"{count_text(int(sensitive.sum()), 'contrast')} GATE_SENSITIVE")
            )
    warnings = notes[notes["level"] == "warning"]["code"].value_counts()
    links += [Link(to="flags", text=f"{code}: {n}") for code, n in warnings.items()][: 5 - len(links)]
    gated = results.gating.rows["sample"].nunique()
    lines = (
        (f"{count_text(gated, 'sample')} gated.",)
        if links
        else (f"{count_text(gated, 'sample')} gated, no flags.",)
    )
    return Card(title="Look at first", kind="look", lines=lines, links=tuple(links))


def course_section(results: Results, *, stamp: str) -> Section | None:
    """Show how the lead populations move, by arm."""
    if results.change is None or results.arms is None or results.blinded:
        return None
    profile = results.profile.reveal(results.arms)
    change = results.change.joined(results.arms)
    times = {v.id: (v.day - 1) / 7 for v in results.study.visit_values if v.day is not None}
    figures: list[Plate] = []
    for number, feature in enumerate(lead_features(results)[:MOST_COURSES]):
        name = feature_text(feature)
        spaghetti = plot.spaghetti(
            profile, feature, results.arms, change=change, times=times or None, unit="week"
        )
        caption = f"{name}: each subject's course by arm, and the ratio to baseline with 95 % intervals."
        figures.append(
            plate_of(
                spaghetti, section="course", position=number, caption=caption, label=caption, stamp=stamp
            )
        )
    return Section(id="course", title="Course over visits", figures=tuple(figures)) if figures else None


def effects_section(results: Results, *, stamp: str) -> Section | None:
    """Show whether treatment moves each feature."""
    if results.effects is None or results.effects.table.empty:
        return None
    table = results.effects.table
    visit = primary_visit(results)
    names = {feature: feature_text(feature) for feature in table["feature"].unique()}
    chosen = _forest_rows(results, table, visit)
    figures = []
    if len(chosen):
        caption = (
            f"Arm effects at {visit}: ratio of change on active to comparator with 95 % interval; all rules "
            "where they disagree."
        )
        axes = plot.forest(chosen.assign(family=f"at {visit}"), names=names)
        figures.append(
            plate_of(axes.figure, section="effects", position=0, caption=caption, label=caption, stamp=stamp)
        )
    lead = lead_features(results)
    if lead:
        caption = f"{names[lead[0]]}: the contrast under each placement rule."
        axes = plot.rules(table[table["visit"] == visit], lead[0], names=names)
        figures.append(
            plate_of(axes.figure, section="effects", position=1, caption=caption, label=caption, stamp=stamp)
        )
    known = sorted(dict.fromkeys(table["feature"]), key=_place_in_tree(results))
    rank = {feature: i for i, feature in enumerate(dict.fromkeys([*lead_features(results), *known]))}
    order = table["feature"].map(rank)
    shown = _effects_table(table.iloc[order.argsort(kind="stable")], names)
    table_part = table_of(
        shown, name="effect-table", caption="All contrasts", more="All columns: effects.csv"
    )
    return Section(id="effects", title="Effect of treatment", figures=tuple(figures), tables=(table_part,))


def _place_in_tree(results: Results) -> Callable[[str], tuple[int, str]]:
    """Give the place of a feature: that of its population in the trees of the strategies."""
    tree = [name for tube in results.gating.tubes for name in tube.fitted.strategy.populations]
    place = {name: i for i, name in enumerate(dict.fromkeys(tree))}

    def of(feature: str) -> tuple[int, str]:
        stems = [feature.partition(f"_{s}_")[0] for s in ("percent", "ratio", "median_intensity", "count")]
        return place.get(min(stems, key=len), len(place)), feature

    return of


def _forest_rows(results: Results, table: pd.DataFrame, visit: str | None) -> pd.DataFrame:
    """Choose the rows of the forest: main percentages and ratios at the primary visit, lead first."""
    at = table[(table["visit"] == visit) & table["ratio"].notna()]
    main = [f for f in at["feature"].unique() if "_percent_cd4_t" in f or "_percent_t" in f or "_ratio_" in f]
    main.sort(key=_place_in_tree(results))
    order = list(dict.fromkeys([*lead_features(results), *main]))[:FOREST_FEATURES]
    own = at[at["feature"].isin(order)]
    rank = {feature: i for i, feature in enumerate(order)}
    return own.assign(rank=own["feature"].map(rank)).sort_values("rank", kind="stable").drop(columns="rank")


def _effects_table(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for r in records_of(table):
        is_ratio = not is_missing(r.ratio)
        estimate = r.ratio if is_ratio else r.estimate
        low, high = (r.ratio_lower, r.ratio_upper) if is_ratio else (r.lower, r.upper)
        known = not is_missing(estimate)
        doubt = [math.exp(x) if is_ratio else x for x in (r.gate_lower, r.gate_upper) if not is_missing(x)]
        rows.append(
            (
                names[r.feature],
                r.visit,
                str(r.rule).replace("_", " "),
                "ratio" if is_ratio else "difference" if known else "",
                f"{number_text(estimate)} [{interval_text(low, high)}]" if known else str(r.status),
                interval_text(*doubt) if len(doubt) == 2 else "",
                p_text(r.p),
                p_text(r.q),
                str(r.n_subjects),
                r.flags,
            )
        )
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS, dtype="string")


def response_section(results: Results, *, stamp: str) -> Section | None:
    """Show whether immune change goes with clinical benefit: association, not causation."""
    import pandas as pd

    if results.response is None or results.arms is None or results.dummy:
        return None
    figures = []
    visit = response_visit(results)
    at = results.response[(results.response["visit"] == visit) & results.response["score"].notna()]
    if len(at):
        caption = f"Total improvement score at {visit}, by subject, stacked by core set measure."
        axes = plot.waterfall(at)
        figures.append(
            plate_of(axes.figure, section="response", position=0, caption=caption, label=caption, stamp=stamp)
        )
    tables = []
    texts = ["Association, not causation: responders and non-responders were not randomized."]
    if results.link is not None and len(results.link.table):
        link = results.link.table
        rows = [
            (
                feature_text(r.feature),
                r.visit,
                r.scope,
                f"{number_text(r.estimate)} [{interval_text(r.lower, r.upper)}]",
                p_text(r.p),
                p_text(r.q),
                f"{r.n} ({r.n_events})",
                r.label,
                r.flags,
            )
            for r in records_of(link)
        ]
        columns = [
            "feature",
            "visit",
            "scope",
            "estimate [95 % CI]",
            "p",
            "q",
            "n (responders)",
            "label",
            "flags",
        ]
        frame = pd.DataFrame(rows, columns=columns, dtype="string")
        tables.append(
            table_of(frame, name="link-table", caption="Change and response", more="All columns: link.csv")
        )
    elif "link" in results.left_out:
        texts.append(f"Relation to immune change left out: {results.left_out['link']}.")
    return Section(
        id="response",
        title="Association with clinical response",
        texts=tuple(texts),
        figures=tuple(figures),
        tables=tuple(tables),
    )
