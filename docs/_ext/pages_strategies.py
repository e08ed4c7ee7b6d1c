"""One page a shipped strategy: its README, and its gates as they are defined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from page_parts import cell, code, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from immunoprofile.gating import GatingStrategy

HEAD = """# Gating strategies

A strategy is a folder of data: `strategy.toml` (gates, order, methods, scopes), `panel.toml` (markers
and their roles) and a README. Its id ends in its version, and what an id means never changes.
`immunoprofile strategy list` lists them, `immunoprofile strategy show ID` shows one.
[strategy.toml](../files/strategy_toml.md) describes how to write your own.

"""


def strategy_pages(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the page of every strategy, and the page that lists them."""
    from immunoprofile.gating import list_strategies, load_strategy

    listed = list_strategies()
    rows = [
        (f"[{row.id}]({row.id}.md)", cell(row.title), cell(row.requires) or "-")
        for row in listed.itertuples()
    ]
    toctree = "\n".join(["", "```{toctree}", ":hidden:", "", *listed["id"], "```", ""])
    yield (
        "reference/strategies/index.md",
        HEAD + table(("id", "what it gates", "markers needed"), rows) + toctree,
    )
    for name in listed["id"]:
        readme = (folder / name / "README.md").read_text(encoding="utf-8")
        yield f"reference/strategies/{name}.md", readme.rstrip() + "\n\n" + _definition(load_strategy(name))


def _definition(strategy: GatingStrategy) -> str:
    rows = [
        (
            code(gate.id),
            code(gate.parent),
            ", ".join(code(population.id) for population in gate.populations),
            cell(" x ".join(gate.dims)) or "all detectors",
            code(gate.method),
            gate.scope,
            ", ".join(gate.rules),
        )
        for gate in strategy.gates
    ]
    header = ("gate", "parent", "populations", "dimensions", "method", "scope", "rules")
    return (
        "## Gates in order\n\n"
        + table(header, rows)
        + f"\nSHA-256 of the definition: `{strategy.content_hash}`\n"
    )
