"""The end of `run` and `unblind`: the report, what was left out, what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from immunoprofile.pipeline import Results


def finish(results: Results, *, as_json: bool) -> int:
    """Write the report, say what came out, and give the exit code."""
    from immunoprofile.core import clean
    from immunoprofile.report import write_report

    path = write_report(results.study, results=results)
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
    click.echo(f"next: open {path}")
    return results.exit_code
