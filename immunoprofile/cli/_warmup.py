"""``immunoprofile warmup``: compile the kernels once."""

from __future__ import annotations

import click


@click.command("warmup")
def command() -> None:
    """Compile the gating kernels into the cache of this user, so that the first run need not.

    Exit status: 0 done.
    """
    from immunoprofile.gating import warm_kernels

    warm_kernels()
    click.echo("kernels are ready")
