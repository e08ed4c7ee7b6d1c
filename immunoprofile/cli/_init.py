"""``immunoprofile init``: draft study.toml, panel.toml and the sheet from a folder of FCS files."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Study folder [default: FOLDER].")
@click.option("--strategy", default="treg_surface_v1", show_default=True, help="Strategy of the tube.")
@click.option("--force", is_flag=True, help="Replace drafts that are there.")
def command(folder: Path, *, out: Path | None, strategy: str, force: bool) -> None:
    """Draft a study from the headers of the FCS files in FOLDER. What could not be resolved is marked ??.

    \b
    Examples:
      immunoprofile init fcs/
      immunoprofile init /archive/2024/fcs --out my_study

    Exit status: 0 drafted, 1 drafted and some files could not be read, 2 nothing to draft from.
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.core import clean
    from immunoprofile.pipeline import draft_study

    draft = draft_study(folder, out=out, strategy=strategy, force=force)
    for path in draft.written:
        click.echo(f"wrote {clean(path)}")
    for problem in draft.problems:
        click.echo(clean(problem), err=True)
    units = {"panel.toml": "channels"}
    open_ = [f"{n} {units.get(name, 'cells')} in {name}" for name, n in draft.to_fill.items() if n]
    fill = f"fill what is marked ?? ({', '.join(open_)}), then " if open_ else ""
    click.echo(f"next: {fill}immunoprofile run {clean(draft.study)}")
    raise SystemExit(1 if draft.problems else 0)
