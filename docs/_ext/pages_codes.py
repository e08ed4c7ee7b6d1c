"""The table of codes."""

from __future__ import annotations

from page_parts import cell, code, table

HEAD = """# Codes

Every error, warning, finding and flag that you can meet. `immunoprofile explain CODE` prints one row of
this page; `immunoprofile.core.codes_table()` gives all of them as a table. A code once released keeps
its meaning.

A *flag* is a fact about a number that stays with the number, in the column `flags` of every table.

"""
PARTS = (
    ("Findings of FCS files", "kebab-case: what `immunoprofile check` and `sample.issues` say.", "kebab"),
    ("Panel, strategy and gating", "UPPER_SNAKE.", "upper"),
    ("Study, response, models, run and interchange", "lower_snake.", "lower"),
)


def style_of(name: str) -> str:
    """Tell the style of a code."""
    return "upper" if name.upper() == name else "kebab" if "-" in name else "lower"


def codes_page() -> str:
    """Give the page."""
    from immunoprofile.core import CODES, codes_table

    text = HEAD
    fcs = _fcs_codes()
    frame = codes_table()
    for title, note, style in PARTS:
        rows = []
        for row in frame.sort_values("code").itertuples(index=False):
            own = "kebab" if row.code in fcs else style_of(row.code)
            if own == style:
                rows.append((code(row.code), row.level, cell(row.meaning), cell(row.done), cell(row.to_do)))
        text += f"## {title}\n\n{note}\n\n"
        text += table(("code", "level", "seen", "done", "to do"), rows) + "\n"
    return text + f"{len(CODES)} codes.\n"


def _fcs_codes() -> set[str]:
    from immunoprofile.core._codes_fcs import FCS_CODES

    return {row.code for row in FCS_CODES}
