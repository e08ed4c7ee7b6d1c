"""The end of `run` and `unblind`: the report, what was left out, what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from immunoprofile.pipeline import Results

RESUMABLE = 3


def finish(results: Results, *, as_json: bool) -> int:
    """Say what came out, and give the exit code."""
    from immunoprofile.core import clean

    path = results.study.root / "results" / "report.html"
    notes = results.gating.notes["level"].value_counts()
    summary = {
        "study": results.study.id,
        "state": results.state,
        "samples": int(results.gating.rows["sample"].nunique()),
        "excluded": len(results.gating.exclusions) + len(results.study.excluded),
        "flags": {level: int(notes.get(level, 0)) for level in ("error", "warning", "info")},
        "left_out": dict(results.left_out),
        "report": "results/report.html",
        "exit_code": results.exit_code,
    }
    if as_json:
        click.echo(json.dumps(summary, indent=2, sort_keys=True))
        return results.exit_code
    click.echo(
        f"{summary['samples']} samples gated, {summary['excluded']} excluded; flags: "
        f"{notes.get('error', 0)} errors, {notes.get('warning', 0)} warnings, {notes.get('info', 0)} info"
    )
    for part, reason in results.left_out.items():
        click.echo(f"left out: {part} - {clean(reason)}")
    if results.blinded:
        click.echo(
            "blinded: the tables show no subject, no visit and no population that would give arms away"
        )
    if results.exit_code == RESUMABLE:
        click.echo("some samples lacked memory, or their workers died: the same command tries them again")
    click.echo(f"next: open {path}")
    return results.exit_code


def drawn(results: Results) -> str:
    """Draw the report; its room is loaded only then."""
    from immunoprofile.report import report_html

    return report_html(results)
