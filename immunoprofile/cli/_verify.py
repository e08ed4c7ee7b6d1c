"""``immunoprofile verify``: whether results are still what the run wrote."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("verify")
@click.argument("results", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else.")
def command(results: Path, *, as_json: bool) -> None:
    """Compare a results folder, and the inputs at hand, with the hashes in its provenance.json.

    RESULTS is the folder results/ or the folder of the study.

    \b
    Example:
      immunoprofile verify my_study/results

    Exit status: 0 all is as the run left it, 1 files differ, are missing or extra, 2 the run is unfinished.
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.pipeline import verify_results

    found = verify_results(results)
    click.echo(found.to_json() if as_json else found.to_text())
    raise SystemExit(found.exit_code)
