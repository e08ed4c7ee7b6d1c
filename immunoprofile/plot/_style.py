"""The one look of all pictures: style sheet, palette, inks, and safe text.

Nothing here changes Matplotlib's settings for good: a picture is drawn inside :func:`styled` and keeps
its look.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_HERE = Path(__file__).parent
STYLE = str(_HERE / "immunoprofile.mplstyle")
"""Style sheet: ``with plt.style.context(ip.plot.STYLE): ...``."""
PALETTE: dict[str, Any] = json.loads((_HERE / "palette.json").read_text(encoding="utf-8"))
"""Colors, as the report and its style sheet use them."""

TEXT: str = PALETTE["ink"]["text"]
TEXT2: str = PALETTE["ink"]["text2"]
MUTE: str = PALETTE["ink"]["mute"]
AXIS: str = PALETTE["ink"]["axis"]
RULE: str = PALETTE["ink"]["rule"]
GRID: str = PALETTE["ink"]["grid"]
SOFT: str = PALETTE["ink"]["soft"]
GATE: str = PALETTE["gate"]["line"]
BLUE: str = PALETTE["arms"]["active"]
LEVELS: dict[str, dict[str, str]] = {
    "error": PALETTE["levels"]["fail"],
    "warning": PALETTE["levels"]["warn"],
    "info": PALETTE["levels"]["info"],
}
FULL, WIDE, NARROW = 9.8, 5.9, 3.7
"""Widths of plates in inches: 105 pixels of the report each, so that text is 11-13 px there."""
HALO = 2.6
LAST_FONT = "DejaVu Sans"
"""Comes with Matplotlib."""
FONT_STACK = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"
"""What a browser may choose from: fonts of one width, then the one that is always there."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of the house, and leave the user's own settings as they were.

    Fonts that the caller set win over ours, so that pictures can be compared on one font.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    import matplotlib.style

    # loads the backend now: a notebook's one turns interactive, which the context would undo at its end
    plt.draw_if_interactive()  # type: ignore[no-untyped-call]
    wanted = mpl.rcParams["font.sans-serif"]
    with mpl.style.context(STYLE):
        if wanted == mpl.rcParamsDefault["font.sans-serif"]:
            wanted = mpl.rcParams["font.sans-serif"]
        mpl.rcParams["font.family"] = _families(wanted)
        mpl.rcParams["text.parse_math"] = False  # text of files is text: what is mathematics says so itself
        yield


def _families(wanted: Sequence[str]) -> list[str]:
    """Name the first font that is there, so that text is drawn, later and elsewhere, as it was measured."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    first = next((name for name in wanted if name in there), LAST_FONT)
    return [first] if first == LAST_FONT else [first, LAST_FONT]  # the last one lends glyphs that are missing


def new_axes(width: float, height: float) -> Axes:
    """Make a figure of one Axes, known to pyplot so that a notebook shows it."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(width, height))
    dress(ax)
    return ax


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that pyplot knows how to show but does not hold: a notebook shows the value, once."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), layout="constrained")
    plt.close(figure)
    return figure


def dress(ax: Axes) -> None:
    """Give ticks their sizes and inks for good: ticks made later, outside the style, keep them."""
    ax.tick_params(
        which="major", length=3, width=0.7, color=MUTE, labelcolor=TEXT2, labelsize=7.5, direction="out"
    )
    ax.tick_params(which="minor", length=1.6, width=0.5, color=MUTE, labelcolor=TEXT2, labelsize=7.5)
    ax.set_axisbelow(True)


def plain(text: object, limit: int = 0) -> str:
    """Make text of a file safe to draw; with `limit`, cut it there by an ellipsis."""
    shown = clean(text)
    return shown if not limit or len(shown) <= limit else shown[: limit - 1].rstrip() + "\u2026"


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Measure a line of plain text in points."""
    import warnings

    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    weight = "bold" if bold else "normal"
    font = FontProperties(weight=weight, size=size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def title(ax: Axes, text: object, *, dim: bool = False, pad: float = 6) -> None:
    """Set the bold title at the left."""
    ink = MUTE if dim else TEXT
    ax.set_title(plain(text), loc="left", color=ink, fontsize=9, fontweight="bold", pad=pad, parse_math=False)


def axis_labels(ax: Axes, x: object = None, y: object = None) -> None:
    """Set axis labels as plain text."""
    if x is not None:
        ax.set_xlabel(plain(x, 44), color=TEXT, fontsize=8.5, labelpad=3, parse_math=False)
    if y is not None:
        ax.set_ylabel(plain(y, 44), color=TEXT, fontsize=8.5, labelpad=3, parse_math=False)


def halo(width: float = HALO) -> list[Any]:
    """Give the white halo that keeps a line readable over any density."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=PALETTE["gate"]["halo"])]


def ink_map(name: str = "ip_ink") -> Colormap:
    """Give the color map of densities: ``ip_ink``, or one of Matplotlib's by name."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap

    if name == "ip_ink":
        return LinearSegmentedColormap.from_list("ip_ink", PALETTE["density"]["anchors"], N=256)
    return mpl.colormaps[name]


def frame_all(ax: Axes) -> None:
    """Draw the full frame of a gate picture."""
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.7)
        spine.set_color(AXIS)


def open_frame(ax: Axes, *, left: bool = True) -> None:
    """Leave the bottom and left edge of a frame."""
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom" or (left and side == "left"))
        spine.set_linewidth(0.7)
        spine.set_color(AXIS)


def set_ticks(axis: Any, at: Sequence[float], labels: Sequence[object], **text: Any) -> None:
    """Set major ticks with plain labels and take the minor ones away."""
    from matplotlib.ticker import NullLocator

    axis.set_ticks(list(at), [plain(label, 60) for label in labels], parse_math=False, **text)
    axis.set_minor_locator(NullLocator())


def tiles(
    ax: Axes, boxes: Sequence[tuple[float, float, float, float]], *, face: Any, edge: str = "white"
) -> None:
    """Draw boxes (middle in x, bottom, width, height) of one look as a single path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    if not boxes:
        return
    corners = []
    for x, y, width, height in boxes:
        left, right = x - width / 2, x + width / 2
        corners += [(left, y), (right, y), (right, y + height), (left, y + height), (left, y)]
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY] * len(boxes)
    ax.add_patch(PathPatch(Outline(corners, codes), facecolor=face, edgecolor=edge, linewidth=0.5))


def stamp(figure: Figure, text: str) -> None:
    """Burn a state into the corner of a figure, so that it travels with every copy.

    Parameters
    ----------
    figure : Figure
    text : str
        ``DEMO - simulated``, ``DUMMY ARMS``, ``BLINDED``; a second stamp joins the first.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    ink = LEVELS["warning"]["ink"]
    for old in figure.texts:
        if old.get_gid() == "stamp":
            if text not in old.get_text().split(" \u00b7 "):
                old.set_text(f"{old.get_text()} \u00b7 {plain(text)}")
            return
    height = float(figure.get_size_inches()[1])
    figure.text(
        0.995, 0.02 / height, plain(text), ha="right", va="bottom", fontsize=7.5, fontweight="bold",
        color=ink, gid="stamp", parse_math=False, in_layout=False,
    )  # fmt: skip
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):  # a strip of its own: the stamp never lies over a label
        strip = 0.17 / height
        engine.set(rect=(0, strip, 1, 1 - strip))
