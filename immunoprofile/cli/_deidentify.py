"""``immunoprofile deidentify``: copies of FCS files without what names a person."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("deidentify", context_settings={"allow_extra_args": True})
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--map", "map_path", metavar="MAP.csv", required=True, type=click.Path(path_type=Path),
    help="The only link between copies and sources: private, outside OUT. That of an earlier run is resumed.",
)  # fmt: skip
@click.option(
    "--keep", multiple=True, metavar="KEYWORD", help="Keep this keyword too; $PnX: every channel's."
)
@click.option(
    "--allow",
    multiple=True,
    metavar="KEYWORD",
    help="You looked at this keyword: what it holds names nobody.",
)
@click.pass_context
def command(
    ctx: click.Context,
    source: Path,
    out: Path,
    *,
    map_path: Path,
    keep: tuple[str, ...],
    allow: tuple[str, ...],
) -> None:
    """Copy FCS files without what names a person, as S0001.fcs, ... in random order.

    \b
    Examples:
      immunoprofile deidentify fcs/ to_share/ --map private/map.csv
      immunoprofile deidentify fcs/ to_share/ --map private/map.csv --allow '$PnS'

    Exit status: 0 all copied, 1 some files were not copied (by number), 2 nothing could be done,
    3 interrupted or no room (run the same command again).
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.fcs import deidentify_files

    if ctx.args:  # said without repeating them: they may be names of files
        raise click.UsageError("IN and OUT are one path each; for many files, name their folder.")
    report = deidentify_files(source, out, map_path, keep=keep, allow=allow)
    click.echo(report.to_text())
    raise SystemExit(report.exit_code)
