"""Report and cards show hostile text as text: looked at without a browser always, and in one where there is one."""

# ruff: noqa: E501 - attacks stand on one line

from __future__ import annotations

import ast
import base64
import hashlib
import re
import unicodedata
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import immunoprofile as ip
from immunoprofile.core import clean
from immunoprofile.pipeline import verify_results
from immunoprofile.report import report_html

from .browser import BROWSER, POLICY, Page, show, without_policy
from .hostile_study import hostile_strings, tame

PACKAGE = Path(ip.__file__).parent
TAGS = {
    *["html", "head", "meta", "title", "style", "body", "a", "div", "header", "h1", "h2", "h3", "p", "dl", "dt", "dd", "nav", "ol", "ul", "li", "main", "section", "article", "b"],
    *["figure", "figcaption", "button", "pre", "label", "input", "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "dialog", "form", "script"],
    *["svg", "g", "path", "use", "defs", "image", "text", "tspan", "clippath", "rect", "circle", "line", "polygon", "details", "summary", "code"],
}  # fmt: skip
LINKS = ("href", "xlink:href", "src", "action", "formaction", "data", "poster", "srcset", "background")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no browser on this machine")


@pytest.fixture(scope="session")
def results(hostile):
    """The results of the hostile trial, unblinded; nothing is gated again."""
    study = ip.read_study(hostile.root / "study.toml", strict=False)
    arms = study.unblind(hostile.root / "arm_key.csv", who="a test", reason="a test")
    return ip.run(study, arms=arms, workers=1)


@pytest.fixture(scope="session")
def pages(hostile, results):
    return {
        "blinded": (hostile.blinded_results / "report.html").read_text(encoding="utf-8"),
        "opened": report_html(results),
        "cards": cards_page(results),
    }


def cards_page(results) -> str:
    cards = "\n".join(value._repr_html_() for value in values_of(results))
    return f"<!doctype html><html><head><meta charset='utf-8'><title>cards</title></head><body>{cards}</body></html>"


def values_of(results):
    """Give a value of every kind that has a card, with hostile names where it holds names."""
    tube = results.gating.tubes[0]
    unit = tube.units[sorted(tube.fitted.own)[0]]
    sample, resolution = unit.load()
    gated = tube.fitted.apply(sample, resolution=resolution)
    gated.table()
    change = results.change
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "<b>x</b>$x$": [0.0, 1.0, 2.0, 3.0]})
    fit = ip.longitudinal.ancova(frame, "y ~ `<b>x</b>$x$`")
    relation = ip.biomarker.relate(change, results.response, arms=results.arms, concurrent=True)
    yield from (results, results.study, results.profile, change, results.effects, relation, fit)
    yield from (gated, tube.fitted, tube.fitted.strategy, tube.fitted.panel, resolution)
    yield ip.fcs.check_files([results.study.root], progress=False)
    yield verify_results(results.study.root / "results")
    for text in map(tame, hostile_strings()):
        detector = text.replace(",", "_")
        made = ip.fcs.sample_from_arrays(np.ones((3, 2)), [detector, "FSC-A"], labels=[text, text], name=text)
        yield made
        yield tube.fitted.panel.resolve(made)


def test_every_value_with_a_card_is_among_them(results):
    classes = {
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(inner, ast.FunctionDef) and inner.name == "_repr_html_" for inner in node.body)
    }
    assert classes == {type(value).__name__ for value in values_of(results)}


# --- without a browser ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blinded", "opened", "cards"])
def test_no_element_and_no_attribute_is_there_that_we_did_not_write(pages, name):
    page = Page(pages[name])
    assert page.tags <= TAGS
    assert page.comments == []
    for tag, attribute, value in page.attributes:
        assert not attribute.startswith("on"), (tag, attribute, value)
        if attribute in LINKS:
            assert value.startswith(("#", "data:image/png;base64,")), (tag, attribute, value)
        if attribute == "style":
            assert "url(" not in value.replace("url(#", ""), value
    for style in page.styles:
        assert "@import" not in style
        assert "url(" not in style


@pytest.mark.parametrize("name", ["blinded", "opened"])
def test_the_policy_is_to_the_letter_and_holds_the_one_script(pages, name):
    page = Page(pages[name])
    script = (
        resources.files("immunoprofile.report").joinpath("templates/script.js").read_text(encoding="utf-8")
    )
    assert "".join(page.scripts) == script
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert POLICY.findall(pages[name]) == [
        f"default-src &#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;; script-src &#39;sha256-{digest}&#39;"
    ] or POLICY.findall(pages[name]) == [
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    ]


@pytest.mark.parametrize("name", ["blinded", "opened", "cards"])
def test_no_character_acts(pages, name):
    """Neither a control character, nor one that turns the direction of text, is in a page."""
    acting = {c for c in pages[name] if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")} - {"\n"}
    assert acting == set()


def test_hostile_text_is_visible_as_text(pages, hostile):
    text = Page(pages["opened"]).text
    assert "<script>alert(1)</script> $x$ \\u202etitle" in text
    assert "</style><img src=x onerror=alert(1)> week" in text
    assert "<svg onload=alert(1)> $\\frac{1}{0}$ arm" in text
    subjects = [value for (kind, _), value in hostile.plant.known.items() if kind == "subject"]
    assert sum(clean(subject) in text for subject in subjects) >= 4
    cards = Page(pages["cards"]).text
    for string in map(tame, hostile_strings()):
        assert clean(string) in cards, string


def test_cards_are_not_set_as_mathematics_by_a_notebook(results):
    for value in values_of(results):
        assert value._repr_html_().startswith('<div class="tex2jax_ignore mathjax_ignore"')


def test_a_table_behind_a_fold_is_inert_too():
    from immunoprofile.core import card_html

    card = card_html("t", [], details="<b>\x1b[31m\u202e</b>\n", following="\u202e")
    assert "<b>\\x1b[31m\\u202e</b>" in card
    assert not {"\x1b", "\u202e"} & set(card)


def test_the_data_behind_a_figure_are_no_formulas():
    from immunoprofile.report._parts import plate_of

    states = pd.DataFrame({"subject": ["=1+1", "\x1b[31m"], "visit": ["@x", "+1"], "state": "present"})
    figure = ip.plot.missingness(states).figure
    plate = plate_of(figure, section="study", position=0, caption="c", label="l")
    assert plate.csv.splitlines()[1:] == ["'=1+1,'@x,present", "\\x1b[31m,'+1,present"]


# --- pictures ---------------------------------------------------------------------------------------------


def texts_of(figure):
    from matplotlib.text import Text

    figure.canvas.draw()
    return [one for one in figure.findobj(Text) if "$" in one.get_text()]


POWER = re.compile(r"\$-?10\^\{?\d+\}?\$|\$\\mathdefault\{.*\}\$")


def test_text_between_dollars_is_drawn_as_it_is(results):
    """A label of a file is never set as mathematics: it would look otherwise, or stop the drawing."""
    import matplotlib.pyplot as plt

    hostile = ["$\\frac{1}{0}$", "$unclosed", "a$b$c", "\\textbf{$x$}"]
    effects = results.effects.table.copy()
    effects["feature"] = effects["feature"].map(
        dict(zip(effects["feature"].unique(), 20 * hostile, strict=False))
    )
    effects["family"] = hostile[0]
    sample = ip.fcs.sample_from_arrays(
        np.random.default_rng(1).normal(5, 1, (50, 2)),
        [hostile[0], hostile[2]],
        labels=hostile[1:3],
        name=hostile[3],
    )
    states = pd.DataFrame(
        {"subject": hostile, "visit": hostile, "state": ["present", "late", "excluded", "missing"]}
    )
    figures = [
        ip.plot.histogram(sample, 0).figure,
        ip.plot.density(sample, 0, 1).figure,
        ip.plot.missingness(states).figure,
        ip.plot.accountability(results.study.accountability().assign(visit=hostile[0])).figure,
        ip.plot.forest(effects).figure,
        ip.plot.rules(effects, hostile[0]).figure,
    ]
    seen = 0
    for figure in figures:
        for text in texts_of(figure):
            if not POWER.fullmatch(text.get_text()):
                seen += 1
                assert not text.get_parse_math(), text.get_text()
        plt.close(figure)
    assert seen > 10


def test_the_style_sets_no_text_as_mathematics():
    from matplotlib.figure import Figure

    from immunoprofile.plot._style import styled

    with styled():
        ax = Figure().subplots()
        ax.plot([0, 1], label="$\\frac{1}{0}$")
        words = [ax.text(0, 0, "$x$"), *ax.legend().get_texts()]
    assert not any(text.get_parse_math() for text in words)


# --- in a browser -----------------------------------------------------------------------------------------


@needs_browser
@pytest.mark.parametrize("name", ["blinded", "opened", "cards"])
def test_in_a_browser_nothing_runs_nothing_is_asked_and_nothing_is_complained_of(pages, name, tmp_path):
    """Once as it is; once without its policy, so that whatever slipped through the escapes would run."""
    real, bare = tmp_path / "real.html", tmp_path / "bare.html"
    real.write_text(pages[name], encoding="utf-8")
    bare.write_text(without_policy(pages[name]), encoding="utf-8")
    shown = show(real, tmp_path / "one")
    assert (shown.console, shown.requests) == ([], [])
    watched = show(bare, tmp_path / "two")
    assert (watched.probe, watched.console, watched.requests) == ("", [], [])
    assert Page(watched.dom).tags <= TAGS
    for text in (
        ("<script>alert(1)</script>",) if name == "cards" else ("<script>alert(1)</script> $x$ \\u202etitle",)
    ):
        assert text in shown.text


@needs_browser
def test_the_watch_sees_what_it_is_there_for(tmp_path):
    page = tmp_path / "bad.html"
    bad = '<script>alert(1)</script><img src="http://example.invalid/x.png"><script>nothing.here()</script>'
    page.write_text(
        without_policy(f"<!doctype html><html><head></head><body>{bad}</body></html>"), encoding="utf-8"
    )
    watched = show(page, tmp_path / "one")
    assert {"alert", "error"} <= set(watched.probe.split())
    assert any("example.invalid" in line for line in watched.requests)
    assert watched.console
