"""``immunoprofile run``: files -> gates -> numbers -> report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from immunoprofile.cli._options import StudyPath, running_options

if TYPE_CHECKING:
    from pathlib import Path

SCHEDULER_SECONDS = 15
"""How long a Dask scheduler may take to answer."""


@click.command("run")
@click.argument("study", type=StudyPath())
@click.option("--dask", "address", help="Address of a Dask scheduler to submit to instead.")
@click.option(
    "--dummy-arms", type=int, metavar="SEED", help="Dry run with random arms; every output is marked DUMMY."
)
@running_options
def command(
    study: Path, *, address: str | None, dummy_arms: int | None, quiet: bool, as_json: bool, **settings: Any
) -> None:
    """Run a study: gate its files and write tables and report below results/. Blinded until unblinded.

    STUDY is a study.toml, or the folder that holds one. The same command
    resumes after an interruption and does only what is new.

    \b
    Examples:
      immunoprofile run my_study/study.toml
      immunoprofile run my_study --workers 4

    Exit status: 0 done, 1 done with exclusions or error flags, 2 unusable input, 3 interrupted.
    """  # noqa: D301 - click's mark of lines that stay as they are
    import immunoprofile as ip
    from immunoprofile.cli._finish import drawn, finish
    from immunoprofile.pipeline import drawn_once

    loaded = ip.read_study(study, strict=False)
    arms = loaded.dummy_arms(dummy_arms) if dummy_arms is not None else None
    name = f"immunoprofile run {study.name}"
    progress = False if quiet else None
    with _client(address) as client:
        settings |= {"client": client, "progress": progress, "command": name}
        results = ip.run(loaded, arms=arms, report=drawn_once(drawn), **settings)
    raise SystemExit(finish(results, as_json=as_json))


def _client(address: str | None) -> Any:
    """Connect to a cluster, or to none."""
    import contextlib

    if address is None:
        return contextlib.nullcontext()
    try:
        from distributed import Client
    except ImportError as error:
        message = "--dask needs the extra: python -m pip install 'immunoprofile[dask]'"
        raise click.UsageError(message) from error
    try:
        return Client(address, timeout=SCHEDULER_SECONDS)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        message = f"no Dask scheduler answers at {address!r}; give its address, as tcp://host:8786"
        raise click.UsageError(message) from error
