"""Columns of every table that a run writes."""

from __future__ import annotations

from page_parts import cell, code, table

HEAD = """# Tables

A run writes each table below `results/` as CSV, for people, and as Parquet, for programs. One row is one
fact. Percentages are 0-100. A missing value is an empty cell. `flags` holds the [codes](codes.md) joined
by `;`, sorted.

A *feature* is named `<population>_<statistic>_<denominator or marker>`, as in `treg_percent_cd4_t`.

While a study is blinded, `populations.csv`, `flags.csv` and `cuts.csv` have random ids, no subject, visit or
site, and nothing of the populations whose course would give the arms away (see
[blinding](../explanation/blinding.md)).

"""


def tables_page() -> str:
    """Give the page."""
    from immunoprofile.biomarker import LINK_COLUMNS
    from immunoprofile.gating import CUT_COLUMNS
    from immunoprofile.longitudinal import EFFECT_COLUMNS
    from immunoprofile.pipeline._write import EXCLUSION_COLUMNS, FLAG_COLUMNS
    from immunoprofile.quantify import CHANGE_COLUMNS, POPULATION_COLUMNS

    parts = (
        (
            "populations",
            "The numbers: a row a sample, population, statistic, denominator and rule.",
            POPULATION_COLUMNS,
        ),
        ("cuts", "Where every cut lies and how it came about.", CUT_COLUMNS),
        ("change", "Change from baseline; `change.reveal(arms)` in Python.", CHANGE_COLUMNS),
        ("effects", "Arm effects: a row a feature, visit, contrast and rule.", EFFECT_COLUMNS),
        ("link", "Relation of change to clinical response.", LINK_COLUMNS),
        ("flags", "Every flag as a sentence.", FLAG_COLUMNS),
        ("exclusions", "What was left out, and why.", EXCLUSION_COLUMNS),
    )
    text = HEAD
    for name, says, columns in parts:
        rows = [(code(c.name), c.dtype, cell(c.meaning)) for c in columns]
        text += f"## {name}\n\n{says}\n\n" + table(("column", "type", "meaning"), rows) + "\n"
    return text
