"""Sections about what was measured: study, flags, gating, populations, exclusions, provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile import plot
from immunoprofile.core import SIGNS, versions
from immunoprofile.gating import population_entries
from immunoprofile.pipeline import exclusions_table, flags_table, hidden_populations
from immunoprofile.report._examples import ShownGates, example_of, pooled_gates
from immunoprofile.report._parts import Plate, Section, plate_of, records_of, table_of
from immunoprofile.report._words import count_text, number_text

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.pipeline import Results, Tube

LEVEL_ORDER = {"error": 0, "warning": 1, "info": 2}


def study_section(results: Results, *, stamp: str) -> Section:
    """Show who and when: usable of expected specimens, sites, the baseline rule."""
    study = results.study
    visits = (
        ", ".join(f"{visit.label} ({visit.role})" for visit in study.visit_values) or "no visits declared"
    )
    texts = [f"Visits: {visits}. Baseline rule: {study.baseline_rule}."]
    if "change" in results.left_out:
        texts.append(f"Change and arm parts are left out: {results.left_out['change']}.")
    table = study.accountability(results.outcomes, blinded=results.blinded)
    hidden = bool(table.isna().any(axis=None))
    if hidden:
        table = table.astype("string").fillna("hidden")
    table.columns = [str(column).replace("_", " ") for column in table.columns]
    figures: tuple[Plate, ...] = ()
    if not results.blinded and len(study.visit_values) > 1:
        figure = plot.missingness(_states(results)).figure
        caption = "Specimens by subject and visit."
        figures = (
            plate_of(figure, section="study", position=0, caption=caption, label=caption, stamp=stamp),
        )
    caption = "Accountability: each level is the next level plus its losses"
    if hidden:
        caption += "; counts below 5 are hidden, with those that would tell them"
    return Section(
        id="study",
        title="The study at a glance",
        texts=tuple(texts),
        figures=figures,
        tables=(table_of(table, name="accountability", caption=caption),),
    )


def _states(results: Results) -> pd.DataFrame:
    """Give subject, visit, state of every expected specimen."""
    import pandas as pd

    study = results.study
    gated = set(results.gating.rows["specimen"].dropna())
    known = study.specimens.drop_duplicates(["subject", "visit"])
    states = {
        (row.subject, row.visit): "present" if row.specimen in gated else "excluded"
        for row in records_of(known)
    }
    rows = [
        (subject, visit.id, states.get((subject, visit.id), "missing"))
        for subject in sorted(known["subject"].unique())
        for visit in study.visit_values
    ]
    return pd.DataFrame(rows, columns=["subject", "visit", "state"], dtype="string")


def flags_section(results: Results) -> Section:
    """Show all flags: what was seen and done."""
    flags = flags_table(results)
    if flags.empty:
        return Section(id="flags", title="Flags", texts=("There are no flags.",))
    order = flags["level"].map(LEVEL_ORDER)
    flags = (
        flags.assign(order=order)
        .sort_values(["order", "code", "sample"], kind="stable")
        .drop(columns="order")
    )
    shown = flags[["level", "code", "population", "sample", "message"]]
    counts = shown["level"].value_counts()
    said = ", ".join(f"{counts.get(level, 0)} {level}" for level in LEVEL_ORDER)
    table = table_of(
        shown, name="flag-table", caption="Flags, worst first", more="flags.csv", with_filter=True
    )
    return Section(id="flags", title="Flags", texts=(f"{said}.",), tables=(table,))


def gating_section(results: Results, *, stamp: str) -> Section:
    """Draw every gate of each strategy over the density of a sample, with its cut and doubt."""
    figures: list[Plate] = []
    texts = []
    for number, tube in enumerate(results.gating.tubes):
        plates, words = _tube_plates(results, tube, position=2 * number, stamp=stamp)
        figures += plates
        texts.append(words)
    return Section(id="gating", title="Where the gates are", texts=tuple(texts), figures=tuple(figures))


def _tube_plates(results: Results, tube: Tube, *, position: int, stamp: str) -> tuple[list[Plate], str]:
    hidden = hidden_populations(results)
    strategy = tube.fitted.strategy
    gated = example_of(tube)
    words = (
        f"Strategy {strategy.id}: {strategy.title}. Each gate is drawn over the events of its parent, in "
        "tree order; the sample is the one whose cuts lie nearest to the median of all."
    )
    plates = []
    if gated is not None:
        shown = ShownGates.of(gated, hidden=hidden)
        caption = (
            f"Gates of {strategy.id} in one sample; bands are the cut plus and minus one standard error."
        )
        plates.append(
            plate_of(
                plot.gates(shown),
                section="gating",
                position=position,
                caption=caption,
                label=caption,
                stamp=stamp,
            )
        )
    secret = [gate for gate in strategy.gates if hidden & {p.id for p in gate.populations}]
    if secret:
        pooled = pooled_gates(tube, secret, gated)
        if pooled.drawn_gates():
            caption = (
                "Gates of populations that could give arms away, over the pooled histogram of the untreated "
                "specimens, without numbers."
            )
            figure = plot.gates(pooled)
            plates.append(
                plate_of(
                    figure,
                    section="gating",
                    position=position + 1,
                    caption=caption,
                    label=caption,
                    stamp=stamp,
                )
            )
    return plates, words


def populations_section(results: Results) -> Section | None:
    """Give median and quartiles of each population's percentage."""
    import pandas as pd

    table = results.profile.table if results.blinded else results.profile.reveal(results.arms)
    own = table[(table["statistic"] == "percent") & (table["rule"] == "held")]
    entries = population_entries()
    main = {name: entry.denominator for name, entry in entries.items()}
    own = own[own["denominator"] == own["population"].map(main).fillna(own["denominator"])]
    own = own[~own["population"].str.startswith("hygiene_")]
    if own.empty:
        return None
    keys = ["population", "denominator"]
    if not results.blinded and len(results.study.visit_values) > 1:
        baseline = next((v.id for v in results.study.visit_values if v.role == "baseline"), None)
        last = results.study.analysis_visit
        if baseline is not None:
            own = own[own["visit"].isin([baseline, last])]
        keys += ["visit"]
        if results.arms is not None:
            own = own.assign(arm=own["subject"].map(results.arms))
            keys += ["arm"]
    rows = []
    tree = [name for tube in results.gating.tubes for name in tube.fitted.strategy.populations]
    order = {name: i for i, name in enumerate(dict.fromkeys([*tree, *table["population"]]))}
    for key, group in own.groupby(keys, sort=False, observed=True):
        values = group["value"].dropna()
        named: dict[str, Any] = dict(zip(keys, key, strict=True))
        low, middle, high = values.quantile([0.25, 0.5, 0.75]) if len(values) else (float("nan"),) * 3
        name = named["population"]
        rows.append(
            {
                "order": order[name],
                "population": entries[name].name if name in entries else name,
                "percent of": entries[named["denominator"]].name
                if named["denominator"] in entries
                else named["denominator"],
                **{k: named[k] for k in keys[2:]},
                "n": len(values),
                "median [IQR], %": f"{number_text(middle)} [{number_text(low)} to {number_text(high)}]",
            }
        )
    if not rows:
        return None
    frame = pd.DataFrame(rows).sort_values(["order", *keys[2:]], kind="stable").drop(columns="order")
    suffix = (
        " (populations that could give arms away are left out, and visits are pooled)"
        if results.blinded
        else ""
    )
    caption = f"Percentages, median with quartiles{suffix}"
    return Section(
        id="populations",
        title="Populations",
        tables=(table_of(frame, name="population-table", caption=caption, more="All rows: populations.csv"),),
    )


def excluded_section(results: Results) -> Section:
    """Say what was left out, and why."""
    table = exclusions_table(results)
    if table.empty:
        return Section(id="excluded", title="What was left out", texts=("Nothing was excluded.",))
    shown = table.drop(columns="specimen")
    caption = f"{count_text(len(table), 'row')} left out"
    return Section(
        id="excluded",
        title="What was left out",
        tables=(table_of(shown, name="exclusion-table", caption=caption, more=""),),
    )


def provenance_section(results: Results) -> Section:
    """Say how to get exactly this again."""
    import pandas as pd

    rows = [(f"{name}", version) for name, version in versions().items()]
    for tube in results.gating.tubes:
        rows.append((f"strategy {tube.fitted.strategy.id}", f"SHA-256 {tube.fitted.strategy.content_hash}"))
        rows.append((f"panel {tube.fitted.panel.id}", f"SHA-256 {tube.fitted.panel.content_hash}"))
    frame = pd.DataFrame(rows, columns=["what", "version"], dtype="string")
    absent = [f"{part} was left out: {reason}." for part, reason in results.left_out.items()]
    text = "Hashes of every input and output are in provenance.json."
    return Section(
        id="provenance",
        title="Provenance",
        texts=(text, *absent),
        tables=(table_of(frame, name="version-table", caption="Versions"),),
    )


def signs() -> dict[str, str]:
    """Give the sign of each level."""
    return dict(SIGNS)
