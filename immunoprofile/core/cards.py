"""Cards: the short text and HTML form of every value, so that they look like one family in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELL = "text-align:left;padding:1px 12px 1px 0"
SIGNS = {"error": "\u00d7", "warning": "!", "info": "i"}
"""Sign of a level, beside its color and its word."""


def clean(text: object) -> str:
    """Show control characters and bidirectional marks as escapes: text of a file cannot act on a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(text))


def inert(markup: str) -> str:
    """Show control characters and bidirectional marks in trusted HTML as escapes; lines stay lines."""
    return "\n".join(clean(line) for line in markup.split("\n"))


def card_text(title: str, facts: Sequence[tuple[str, object]], *, following: str = "") -> str:
    """Give the plain form of a card: title, then at most four facts, then the next call."""
    lines = [clean(title)] + [f"  {clean(name)}: {clean(value)}" for name, value in facts[:4]]
    return "\n".join(lines + ([f"  next: {clean(following)}"] if following else []))


def card_html(
    title: str,
    facts: Sequence[tuple[str, object]],
    *,
    following: str = "",
    details: str = "",
) -> str:
    """Give the HTML form of a card.

    Parameters
    ----------
    title : str
        Kind and name of the value.
    facts : sequence of (str, object)
        The numbers that matter; escaped.
    following : str
        The next call, as code.
    details : str
        Trusted HTML (of a DataFrame, say) behind a fold.

    Notes
    -----
    The classes keep a notebook from setting text between dollar signs as mathematics.
    """
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL};font-weight:400;opacity:.75">{escape(clean(name))}</th>'
        f'<td style="{_CELL}">{escape(clean(value))}</td></tr>'
        for name, value in facts
    )
    fold = f"<details><summary>more</summary>{inert(details)}</details>" if details else ""
    code = (
        f'<div style="opacity:.75;margin-top:4px">next: <code>{escape(clean(following))}</code></div>'
        if following
        else ""
    )
    return (
        '<div class="tex2jax_ignore mathjax_ignore" '
        'style="border:1px solid currentColor;border-left-width:4px;border-radius:3px;padding:6px 12px;'
        'display:inline-block;color:inherit;font-size:13px">'
        f'<b>{escape(clean(title))}</b><table style="border:0;margin:4px 0">{rows}</table>{fold}{code}</div>'
    )
