"""Figures as SVG text: the same bytes each time, small, with text that stays text."""

from __future__ import annotations

import html
import re
import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

from immunoprofile.core import clean
from immunoprofile.plot._style import FONT_STACK, styled

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

RASTER_DPI = 110
PIXELS = 105
"""Pixels of the report for an inch of a figure."""
_SLOT = "_immunoprofile_hover"
_PATH = re.compile(r'(<path\b[^>]*?\sd=")([^"]*)(")', re.DOTALL)
_NUMBER = re.compile(r"(?<!\d)-?\d+\.\d{3,}(?![\de])")
_FAMILY = re.compile(r"(?<=[\s\"])font-family:[^;\"]*;\s*")
_TAG = re.compile(r"<[a-zA-Z][^<>]*>")


def name_on_hover(artist: Artist, text: str) -> None:
    """Give a mark words that a reader sees on hovering in SVG."""
    setattr(artist, _SLOT, clean(text))


def svg_of(figure: Figure, *, prefix: str, label: str = "") -> str:
    """Give a figure as SVG text to stand inside an HTML page; it leaves pyplot.

    Text stays text, densities are pictures, coordinates of paths have two decimals, no date is in it, and
    every id starts with `prefix`, so that two figures on one page don't share ids. The same figure gives the
    same bytes.

    Parameters
    ----------
    figure : Figure
    prefix : str
        Start of every id: ``fig3``.
    label : str
        What the figure shows, in one sentence, for those who do not see it.

    Returns
    -------
    str
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    named = _gids(figure)
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "immunoprofile", "savefig.bbox": "standard"}
    buffer = BytesIO()
    with styled(), mpl.rc_context(settings), warnings.catch_warnings():
        # a label in a script that our fonts lack is drawn by the reader's browser
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", dpi=RASTER_DPI, metadata=nothing)
    plt.close(figure)
    text = buffer.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", text, count=1, flags=re.DOTALL)
    text = _PATH.sub(lambda found: found[1] + _rounded(found[2]) + found[3], text)
    text = _titled(text, named)
    text = _TAG.sub(lambda found: _prefixed(found[0], prefix), text)
    return _headed(text, figure, label)


def _gids(figure: Figure) -> dict[str, str]:
    """Name the marks that have words, in drawing order; give the words by name."""
    named: dict[str, str] = {}
    for artist in figure.findobj(lambda one: hasattr(one, _SLOT)):
        gid = f"hover{len(named) + 1}"
        artist.set_gid(gid)
        named[gid] = str(getattr(artist, _SLOT))
    return named


def _rounded(path: str) -> str:
    """Round the coordinates of path data to two decimals."""
    short = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), path)
    return " ".join(short.split())


def _titled(text: str, named: dict[str, str]) -> str:
    for gid, words in named.items():
        mark = f'<g id="{gid}">'
        text = text.replace(mark, f"{mark}<title>{html.escape(words)}</title>", 1)
    return text


def _prefixed(tag: str, prefix: str) -> str:
    tag = _FAMILY.sub("", tag)  # one stack for the whole figure stands in its first tag
    tag = re.sub(r'(\sid=")', rf"\1{prefix}-", tag)
    tag = re.sub(r'(href="#)', rf"\1{prefix}-", tag)
    return re.sub(r"(url\(#)", rf"\1{prefix}-", tag)


def _headed(text: str, figure: Figure, label: str) -> str:
    """Put the size in pixels and the words for a screen reader into the first tag."""
    end = text.index(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", text[:end])
    width, height = (round(float(side) * PIXELS) for side in figure.get_size_inches())
    # style sheets inside an SVG would act on the whole page: its two rules are inherited from here instead
    look = f"stroke-linejoin: round; stroke-linecap: butt; font-family: {FONT_STACK}"
    words = f' role="img" aria-label="{html.escape(clean(label))}"' if label else ""
    return f'{head} width="{width}" height="{height}" style="{look}"{words}{text[end:]}'
