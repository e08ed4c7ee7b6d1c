"""``immunoprofile unblind``: open the arm key, logged, and write the unblinded results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from immunoprofile.cli._options import StudyPath, running_options


@click.command("unblind")
@click.argument("study", type=StudyPath())
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Arm key (CSV).",
)
@click.option("--who", required=True, help="Who opens the key.")
@click.option("--reason", required=True, help="Why: database lock, for example.")
@running_options
def command(
    study: Path, *, key: Path, who: str, reason: str, quiet: bool, as_json: bool, **settings: Any
) -> None:
    """Open the arm key and write the full tables, the effects, the link and the unblinded report.

    Opening the key is written to results/audit.jsonl. The gates are those of the blinded run.

    \b
    Example:
      immunoprofile unblind my_study/study.toml --key my_study/arm_key.csv \\
          --who "A. Reader" --reason "database lock"

    Exit status: 0 done, 1 done with exclusions or error flags, 2 unusable input, 3 interrupted.
    """  # noqa: D301 - click's mark of lines that stay as they are
    import immunoprofile as ip
    from immunoprofile.cli._finish import drawn, finish
    from immunoprofile.pipeline import drawn_once

    loaded = ip.read_study(study, strict=False)
    arms = loaded.unblind(key, who=who, reason=reason)
    name = f"immunoprofile unblind {study.name}"
    progress = False if quiet else None
    settings |= {"progress": progress, "command": name}
    results = ip.run(loaded, arms=arms, report=drawn_once(drawn), **settings)
    raise SystemExit(finish(results, as_json=as_json))
