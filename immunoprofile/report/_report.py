"""report.html: one self-contained file from the results of a run."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

from immunoprofile.core import StudyError, clean, write_text
from immunoprofile.report._methods import methods_text
from immunoprofile.report._parts import Section
from immunoprofile.report._sections_data import (
    excluded_section,
    flags_section,
    gating_section,
    populations_section,
    provenance_section,
    signs,
    study_section,
)
from immunoprofile.report._sections_results import (
    course_section,
    effects_section,
    findings_section,
    response_section,
)
from immunoprofile.report._words import count_text

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from immunoprofile.pipeline import Results
    from immunoprofile.trial import Study


def write_report(
    study: Study,
    *,
    arms: pd.Series | None = None,
    results: Results | None = None,
    demo: bool = False,
    name: str = "report.html",
) -> Path:
    """Write the report of a study: one HTML file that opens offline.

    Parameters
    ----------
    study : Study
    arms : Series, optional
        Subject to arm; without it a blinded study gives a blinded report.
    results : Results, optional
        Of a run that was just made; by default the study is analysed (what is cached is not done again).
    demo : bool
        Mark every figure and the page as simulated.
    name : str
        File name below ``results/``.

    Returns
    -------
    Path

    Raises
    ------
    StudyError
        ``report_mismatch`` where the results are of another study.
    """
    from immunoprofile.pipeline import analyse, write_provenance

    found = analyse(study, arms=arms) if results is None else results
    if found.study.id != study.id:
        hint = "give the results of this study"
        raise StudyError("report_mismatch", f"the results are of study {found.study.id!r}", hint=hint)
    text = report_html(found, demo=demo)
    provenance = study.root / "results" / "provenance.json"
    known = provenance.exists()
    provenance.unlink(missing_ok=True)  # while it is not there, the folder is unfinished
    path = write_text(provenance.with_name(name), text)
    if known:
        write_provenance(found)
    return path


def report_html(results: Results, *, demo: bool = False) -> str:
    """Give the report as text."""
    stamp = (
        "DEMO - simulated"
        if demo
        else "DUMMY ARMS"
        if results.dummy
        else "BLINDED"
        if results.blinded
        else ""
    )
    made = (
        findings_section(results),
        study_section(results, stamp=stamp),
        flags_section(results),
        gating_section(results, stamp=stamp),
        populations_section(results),
        course_section(results, stamp=stamp),
        effects_section(results, stamp=stamp),
        response_section(results, stamp=stamp),
        excluded_section(results),
        Section(id="methods", title="Methods", copy=methods_text(results)),
        provenance_section(results),
    )
    script = _asset("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    page: str = _template().render(
        title=results.study.title or results.study.id,
        design=_design(results),
        ribbon=_ribbon(results, demo=demo),
        state={"kind": "blinded" if results.blinded else "open"},
        head=_head(results),
        sections=[section for section in made if section is not None],
        signs=signs(),
        css=_variables() + _asset("style.css"),
        script=script,
        script_hash=f"sha256-{digest}",
    )
    return page


def _template() -> Any:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("immunoprofile.report"),
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2")


def _shown(value: Any) -> Any:
    """Show control characters and bidirectional marks of any text as escapes; trusted HTML stays as it is."""
    return clean(value) if type(value) is str else value


def _asset(name: str) -> str:
    return resources.files("immunoprofile.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _variables() -> str:
    """Make the CSS variables from the one palette."""
    from immunoprofile.plot import PALETTE

    ink, levels, arms = PALETTE["ink"], PALETTE["levels"], PALETTE["arms"]
    named = {
        "text": ink["text"],
        "text2": ink["text2"],
        "mute": ink["mute"],
        "axis": ink["axis"],
        "rule": ink["rule"],
        "grid": ink["grid"],
        "soft": ink["soft"],
        "active": arms["active"],
        "fail": levels["fail"]["ink"],
        "fail-row": levels["fail"]["row"],
        "warn": levels["warn"]["ink"],
        "info": levels["info"]["ink"],
    }
    return ":root { " + " ".join(f"--{name}: {value};" for name, value in named.items()) + " }\n"


def _ribbon(results: Results, *, demo: bool) -> str:
    parts = ["DEMO - simulated"] if demo else []
    if results.dummy:
        parts.append("DUMMY ARMS: no number here says anything about the treatment")
    elif results.blinded:
        parts.append("BLINDED")
    return " \u00b7 ".join(parts)


def _design(results: Results) -> str:
    study = results.study
    subjects = study.specimens["subject"].nunique()
    sites = study.specimens["site"].nunique()
    arms = (
        f"{len(study.arm_ids)} arms ({', '.join(study.arm_labels[a] for a in study.arm_ids)}), "
        if study.arm_ids
        else ""
    )
    visits = len(study.visit_values)
    counted = (count_text(subjects, "subject"), count_text(visits, "visit"), count_text(sites, "site"))
    return arms + ", ".join(counted)


def _head(results: Results) -> list[tuple[str, str]]:
    study = results.study
    state = results.state
    if study.blinded and results.arms is not None and not results.dummy:
        state = "unblinded (see audit.jsonl)"
    listed = len(study.samples) + len(study.excluded)
    return [
        ("Study", study.id),
        ("State", state),
        ("Files used", f"{results.gating.rows['sample'].nunique()} of {listed}"),
        ("Strategy", ", ".join(tube.fitted.strategy.id for tube in results.gating.tubes)),
        ("Plan", study.plan_hash[:12]),
    ]
