"""The table of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from page_parts import cell, code, table

if TYPE_CHECKING:
    from immunoprofile.core._code import Code

HEAD = """# Codes

Every error, warning, finding and flag that you can meet. `immunoprofile explain CODE` prints one row of
this page; `immunoprofile.core.codes_table()` gives all of them as a table. A code once released keeps
its meaning.

A *flag* is a fact about a number that stays with the number, in the column `flags` of every table.

"""
PARTS = (
    ("Panel, strategy and gating", "UPPER_SNAKE.", "upper"),
    ("Study, response, models, run and interchange", "lower_snake.", "lower"),
)
FCS_HEAD = """## Findings of FCS files

kebab-case: what `immunoprofile check` and `sample.issues` say. Each is written for somebody who has to
write to the maker of the instrument or of the software: what was seen, what the standard says, what is
done about it here, and what to ask for. The standard is cited by segment and keyword, which its versions
share.
`immunoprofile check FILE` prints the same of every finding in a file, with keyword and byte, so that its
output can be sent as it is.

"""


def style_of(name: str) -> str:
    """Tell the style of a code."""
    return "upper" if name.upper() == name else "kebab" if "-" in name else "lower"


def codes_page() -> str:
    """Give the page."""
    from immunoprofile.core import CODES, codes_table

    fcs = _fcs_codes()
    text = HEAD + FCS_HEAD + "".join(_finding(fcs[name]) for name in sorted(fcs))
    frame = codes_table()
    for title, note, style in PARTS:
        rows = [
            (code(row.code), row.level, cell(row.meaning), cell(row.done), cell(row.to_do))
            for row in frame.sort_values("code").itertuples(index=False)
            if row.code not in fcs and style_of(row.code) == style
        ]
        text += f"## {title}\n\n{note}\n\n"
        text += table(("code", "level", "seen", "done", "to do"), rows) + "\n"
    return text + f"{len(CODES)} codes.\n"


def _finding(row: Code) -> str:
    """Give a section of one finding."""
    parts = (
        ("The standard", row.standard),
        ("Here", f"{row.done}."),
        ("What you can do", f"{row.to_do}."),
        ("What to ask for", row.vendor),
    )
    lines = [f"- **{title}.** {cell(words[0].upper() + words[1:])}" for title, words in parts if words]
    return f"### {code(row.code)}\n\n*{row.level}* — {cell(row.meaning)}\n\n" + "\n".join(lines) + "\n\n"


def _fcs_codes() -> dict[str, Code]:
    from immunoprofile.core._codes_fcs import FCS_CODES

    return {row.code: row for row in FCS_CODES}
