"""``immunoprofile demo``: a simulated trial, start to report, offline."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click

SUBJECTS, VISITS, SITES = 20, 3, 2


@click.command("demo")
@click.option(
    "-o",
    "--out",
    default=Path("immunoprofile_demo"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to write to.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the simulation.")
@click.option(
    "-w", "--workers", type=click.IntRange(min=1), help="Local workers [default: the cores at hand]."
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bars.")
def command(out: Path, *, seed: int, workers: int | None, quiet: bool) -> None:
    """Simulate a trial of 20 subjects, 3 visits and 2 sites, run it blinded, unblind it, write the report.

    \b
    Example:
      immunoprofile demo --out my_demo

    Exit status: 0 done, 2 the folder holds something else.
    """  # noqa: D301 - click's mark of lines that stay as they are
    import immunoprofile as ip
    from immunoprofile.report import report_html, write_report

    start = time.monotonic()
    progress = False if quiet else None
    click.echo(f"simulating {SUBJECTS} subjects x {VISITS} visits at {SITES} sites into {out}", err=True)
    path = ip.simulate.trial(out, subjects=SUBJECTS, visits=VISITS, sites=SITES, seed=seed, progress=progress)
    study = ip.read_study(path)
    blinded = ip.run(study, workers=workers, progress=progress, command="immunoprofile demo")
    write_report(study, results=blinded, demo=True, name="report_blinded.html")
    arms = study.unblind(out / "arm_key.csv", who="demo", reason="demonstration on simulated data")
    page = partial(report_html, demo=True)
    results = ip.run(
        study, arms=arms, workers=workers, progress=progress, report=page, command="immunoprofile demo"
    )
    click.echo(
        f"done in {time.monotonic() - start:.0f} s: {results.gating.rows['sample'].nunique()} samples gated"
    )
    click.echo(f"next: open {study.root / 'results' / 'report.html'}")
