"""``immunoprofile check``: says whether FCS files are sound."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("check")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, readable=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any file has a warning.")
@click.option("--workers", type=click.IntRange(1, 64), help="Files that are read at once.")
def command(paths: tuple[Path, ...], *, as_json: bool, strict: bool, workers: int | None) -> None:
    """Check FCS files, or folders of them, against the standard and say what is wrong.

    \b
    Examples:
      immunoprofile check tube_01.fcs
      immunoprofile check fcs/ --json

    Exit status: 0 all can be read, 1 some were refused (or have warnings, with --strict), 2 nothing to check.
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.core import clean
    from immunoprofile.fcs import check_files

    report = check_files(paths, strict=strict, workers=workers)
    for path in report.skipped:
        click.echo(f"skipped, no FCS file: {clean(path)}", err=True)
    click.echo(report.to_json() if as_json else report.to_text())
    raise SystemExit(report.exit_code)
