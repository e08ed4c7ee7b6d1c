"""``immunoprofile unblind``: open the arm key, logged, and write the unblinded results."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("unblind")
@click.argument("study", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Arm key (CSV).",
)
@click.option("--who", required=True, help="Who opens the key.")
@click.option("--reason", required=True, help="Why: database lock, for example.")
@click.option(
    "-w", "--workers", type=click.IntRange(min=1), help="Local workers [default: the cores at hand]."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bars.")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else.")
def command(
    study: Path, *, key: Path, who: str, reason: str, workers: int | None, quiet: bool, as_json: bool
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
    from immunoprofile.cli._finish import finish

    loaded = ip.read_study(study, strict=False)
    arms = loaded.unblind(key, who=who, reason=reason)
    name = f"immunoprofile unblind {study.name}"
    results = ip.run(loaded, arms=arms, workers=workers, progress=False if quiet else None, command=name)
    raise SystemExit(finish(results, as_json=as_json))
