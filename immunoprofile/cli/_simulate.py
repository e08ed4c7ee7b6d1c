"""``immunoprofile simulate``: a two-arm trial as FCS files, with its truth."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("simulate")
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--subjects", default=20, show_default=True, help="Number of subjects.")
@click.option("--visits", default=3, show_default=True, help="Visits: the first of weeks 0, 4, 12, 24.")
@click.option(
    "--sites", default=2, show_default=True, help="Number of sites, each in its own channel dialect."
)
@click.option("--events", default=20_000, show_default=True, help="Events a tube.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--effect", type=float, help="Ratio of Treg on active at week 12 (or the last visit).")
@click.option(
    "--marker-shift", default=0.0, show_default=True, help="Strength of the drug's shift of CD25, CD127."
)
def command(out: Path, **settings: float | None) -> None:
    """Write a simulated trial below OUT: FCS files, sheets, arm key, labels and truth.json.

    \b
    Examples:
      immunoprofile simulate my_trial
      immunoprofile simulate my_trial --subjects 40 --sites 4 --seed 7

    Exit status: 0 done, 2 unusable settings or OUT is not empty.
    """  # noqa: D301 - click's mark of lines that stay as they are
    from immunoprofile.simulate import trial

    study = trial(out, **settings)  # type: ignore[arg-type]
    click.echo(f"wrote {study}")
    click.echo(f"next: immunoprofile run {study}")
