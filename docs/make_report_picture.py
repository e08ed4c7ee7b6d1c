"""Photograph the report of the demo for the README: some of its sections, as a browser shows them.

    immunoprofile demo
    python docs/make_report_picture.py --browser chromium

writes docs/_static/report.png, at most 250 kB. The sections left out are hidden, nothing else is changed.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

HERE = Path(__file__).resolve().parent
SHOWN = ("findings", "gating", "course")
WIDTH, TALL = 1320, 3000
LARGEST = 250_000
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
)  # fmt: skip


def main() -> None:
    """Take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--browser", default="chromium", help="Chromium or Chrome, by name or path")
    parser.add_argument("--report", type=Path, default=Path("immunoprofile_demo/results/report.html"))
    parser.add_argument("--out", type=Path, default=HERE / "_static" / "report.png")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(shortened(given.report.read_text(encoding="utf-8")), encoding="utf-8")
        picture = trimmed(photograph(given.browser, page))
    given.out.write_bytes(compressed(picture))
    print(f"{given.out}: {picture.width} x {picture.height}, {given.out.stat().st_size / 1000:.0f} kB")


def shortened(html: str) -> str:
    """Hide the sections that are not shown, and the contents beside them."""
    kept = "".join(f":not(#{name})" for name in SHOWN)
    style = f"<style>section{kept} {{ display: none }} body {{ overflow: hidden }}</style>"
    return html.replace("</head>", f"{style}</head>", 1)


def photograph(browser: str, page: Path) -> Image.Image:
    """Open the page in a browser without a window."""
    target = page.with_name("page.png")
    subprocess.run(
        [
            browser, *FLAGS, f"--user-data-dir={page.with_name('profile')}", f"--window-size={WIDTH},{TALL}",
            f"--screenshot={target}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return Image.open(target).convert("RGB")


def trimmed(picture: Image.Image) -> Image.Image:
    """Cut the empty rows at the bottom."""
    ground = Image.new("RGB", picture.size, picture.getpixel((2, picture.height - 2)))
    box = ImageChops.difference(picture, ground).getbbox()
    return picture.crop((0, 0, picture.width, min(picture.height, box[3] + 24)))


def compressed(picture: Image.Image) -> bytes:
    """Give a PNG of few colors, as many as fit."""
    for colors in (256, 128, 64, 32):
        buffer = io.BytesIO()
        picture.quantize(colors, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    main()
