"""The report is one file that opens anywhere, shows what it may, and escapes what files say."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pandas as pd
import pytest

import immunoprofile as ip
from immunoprofile.core import SIGNS
from immunoprofile.report import report_html
from immunoprofile.report._parts import Section, table_of
from immunoprofile.report._words import interval_text, number_text, p_text

ORDER = [
    *["findings", "study", "flags", "gating", "batches", "populations", "course", "effects", "cytokines"],
    *["response", "excluded", "methods", "provenance"],
]


class Page(HTMLParser):
    """Collects what the tests ask of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sections, self.headings, self.external = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "section":
            self.sections.append(found["id"])
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        for name in ("href", "src", "xlink:href"):
            target = found.get(name, "")
            if target.startswith("#"):
                self.links.append(target[1:])
            elif target and not target.startswith("data:"):
                self.external.append(target)


@pytest.fixture(scope="module")
def unblinded_page(opened):
    return report_html(opened)


@pytest.fixture(scope="module")
def blinded_page(blinded):
    return report_html(blinded)


def test_sections_stand_in_the_fixed_order_and_empty_ones_are_absent(unblinded_page, blinded_page):
    for page in (unblinded_page, blinded_page):
        sections = Page(page).sections
        assert sections == sorted(sections, key=ORDER.index)
    assert "effects" in Page(unblinded_page).sections
    assert not {"effects", "course", "response"} & set(Page(blinded_page).sections)


def test_ids_are_unique_and_every_link_resolves(unblinded_page):
    page = Page(unblinded_page)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.links) <= set(page.ids)
    assert page.headings.count("h1") == 1


def test_nothing_is_fetched(unblinded_page):
    assert Page(unblinded_page).external == []
    assert not re.search(r"url\((?!#|data:)", unblinded_page)
    assert "default-src 'none'" in unblinded_page


def test_two_reports_of_one_run_are_the_same_bytes(opened, unblinded_page):
    assert report_html(opened) == unblinded_page


def test_the_budgets_hold(unblinded_page):
    style = re.search(r"<style>(.*?)</style>", unblinded_page, re.DOTALL)
    assert len(unblinded_page.encode()) <= 2_500_000
    assert (
        len(style[1].encode()) + len(re.findall(r"<script>(.*?)</script>", unblinded_page, re.DOTALL)[-1])
        < 24_000
    )


def test_a_blinded_report_names_no_subject_and_no_file(study, blinded_page):
    text = re.sub(r"<svg.*?</svg>", "", blinded_page, flags=re.DOTALL)
    for subject in study.samples["subject"].unique():
        assert not re.search(rf"\b{subject}\b", blinded_page)
    for file in study.samples["file"]:
        assert str(file) not in blinded_page
    assert "BLINDED" in text
    for word in ("regulatory T cells, percent", "naive Treg", "treg_percent"):
        assert word not in text


def test_dummy_arms_mark_the_page_and_show_no_course(dummy):
    page = report_html(dummy)
    assert "DUMMY ARMS" in page
    assert "course" not in Page(page).sections
    assert "effects" in Page(page).sections


def test_the_state_is_told(unblinded_page, opened):
    assert "unblinded (see audit.jsonl)" in unblinded_page
    assert opened.state == "open"
    assert "DEMO - simulated" in report_html(opened, demo=True)


def test_no_path_of_this_machine_is_in_the_file(unblinded_page, study):
    assert str(study.root) not in unblinded_page
    assert str(study.root.parent) not in unblinded_page


def test_text_of_files_stays_text():
    hostile = pd.DataFrame(
        {"level": ["warning"], "sample": ["<script>alert(1)</script>"], "message": ["a\x1b[31m"]}
    )
    table = table_of(hostile, name="t", caption="c", with_filter=True)
    assert table.rows[0].cells[1] == "<script>alert(1)</script>"
    from immunoprofile.report._report import _template

    section = Section(id="a", title=hostile["sample"][0], tables=(table,))
    page = _template().render(state={"kind": "open"}, sections=[section], signs=SIGNS)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page


def test_methods_name_what_ran(unblinded_page):
    for words in ("treg_surface_v1", "analysis of covariance", "not causal effects", "immunoprofile 0"):
        assert words in unblinded_page


def test_results_of_another_study_are_refused(opened, tmp_path):
    other = ip.read_study(
        ip.simulate.trial(tmp_path / "o", subjects=4, visits=1, sites=1, events=300, seed=2)
    )
    text = (other.root / "study.toml").read_text().replace('id = "SIM"', 'id = "OTHER"')
    (other.root / "study.toml").write_text(text)
    other = ip.read_study(other.root / "study.toml")
    with pytest.raises(ip.StudyError, match="report_mismatch"):
        ip.write_report(other, results=opened)


def test_provenance_lists_the_report(opened, study):
    import json

    ip.write_report(study, results=opened)
    content = json.loads((study.root / "results" / "provenance.json").read_text())
    assert "report.html" in content["outputs"]


def test_words_for_numbers():
    assert p_text(0.0004) == "< 0.001"
    assert p_text(0.0406) == "0.041"
    assert interval_text(1.43, 1.7449) == "1.43 to 1.74"
    assert number_text(float("nan")) == "-"
    assert number_text(12345.6) == "12,346"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser on this machine")
@pytest.mark.parametrize("width", [1400, 500])
def test_a_browser_shows_it_without_overflow(opened, study, tmp_path, width):
    path = ip.write_report(study, results=opened)
    probe = tmp_path / "probe.html"
    script = "<script>document.title = document.documentElement.scrollWidth + ' of ' + innerWidth</script>"
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", path.read_text(encoding="utf-8"))
    probe.write_text(page.replace("</body>", script + "</body>"), encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    )
    command = [
        "chromium",
        *flags.split(),
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
    ]
    result = subprocess.run(
        [*command, "--dump-dom", probe.as_uri()], capture_output=True, text=True, timeout=60, check=False
    )
    title = re.search(r"<title>(\d+) of (\d+)</title>", result.stdout)
    assert title, result.stderr[-500:]
    assert int(title[1]) <= int(title[2])
