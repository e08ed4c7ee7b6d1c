"""``immunoprofile strategy list|show``: the shipped gating strategies."""

from __future__ import annotations

import json

import click


@click.group("strategy")
def command() -> None:
    """List and show gating strategies.

    \b
    Examples:
      immunoprofile strategy list
      immunoprofile strategy show treg_surface_v1

    Exit status: 0 done, 2 no such strategy.
    """  # noqa: D301 - click's mark of lines that stay as they are


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else.")
def list_(*, as_json: bool) -> None:
    """List the shipped strategies."""
    from immunoprofile.gating import list_strategies

    table = list_strategies()
    if as_json:
        click.echo(json.dumps(table.to_dict("records"), indent=2))
        return
    for row in table.itertuples(index=False):
        click.echo(f"{row.id:<22}{row.title}")
    click.echo("next: immunoprofile strategy show ID")


@command.command("show")
@click.argument("strategy_id")
@click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else.")
def show(strategy_id: str, *, as_json: bool) -> None:
    """Show a strategy: its gates in order, its populations, its sources."""
    from immunoprofile.core import clean
    from immunoprofile.gating import load_strategy

    strategy = load_strategy(strategy_id)
    if as_json:
        click.echo(json.dumps(strategy.to_dict(), indent=2))
        return
    lines = [f"{strategy.id}: {strategy.title}", f"requires: {', '.join(strategy.requires) or '-'}"]
    for number, gate in enumerate(strategy.gates, start=1):
        made = ", ".join(population.id for population in gate.populations)
        dims = " x ".join(gate.dims) or "all detectors"
        lines.append(f"{number:>3}. {gate.id:<13} {gate.parent} -> {made}")
        lines.append(f"     {dims}: {gate.method}, scope {gate.scope}, rules {', '.join(gate.rules)}")
    lines += [f"source: {citation}" for citation in strategy.citations]
    for line in [*lines, f"sha256: {strategy.content_hash}"]:
        click.echo(clean(line))
