"""``immunoprofile explain``: what a code means."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("code")
def command(code: str) -> None:
    """Say what a flag, warning or error code means, what was done about it, and what you can do.

    \b
    Examples:
      immunoprofile explain GATE_SENSITIVE
      immunoprofile explain data-truncated

    Exit status: 0 found, 2 no such code.
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.core import explain

    row = explain(code)
    click.echo(f"{row.code} ({row.level})")
    click.echo(f"  seen:  {row.meaning}")
    click.echo(f"  done:  {row.done}")
    click.echo(f"  to do: {row.to_do}")
    if row.standard:
        click.echo(f"  the standard says: {row.standard}")
    if row.vendor:
        click.echo(f"  to ask the vendor: {row.vendor}")
