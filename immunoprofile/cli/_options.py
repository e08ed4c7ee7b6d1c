"""What `run` and `unblind` share: the study they are given, and how the work is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")
RESULTS = "immunoprofile.results"
"""Where a command says, for a report of its crash, which folder it writes to."""


class StudyPath(click.Path):
    """A study: its study.toml, or the folder that holds one."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Give the path of study.toml."""
        super().convert(value, param, ctx)  # it exists, or the command ends here
        path = Path(value)
        if path.is_dir():
            if not (path / "study.toml").is_file():
                self.fail("the folder holds no study.toml; draft one: immunoprofile init FOLDER", param, ctx)
            path = path / "study.toml"
        if ctx is not None:
            ctx.meta[RESULTS] = path.parent / "results"
        return path


def running_options(command: F) -> F:
    """Add the options that say how the work is done; the names are those of :func:`immunoprofile.run`."""
    levels = click.Choice(["debug", "info", "warning", "error"])
    options = (
        click.option(
            "-w", "--workers", type=click.IntRange(min=1), help="Local workers [default: the cores at hand]."
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Time limit of a sample [default: 600].",
        ),
        click.option("--memory", metavar="SIZE", help="Most memory of all workers together, as 4GB."),
        click.option("--verify", is_flag=True, help="Hash every file anew, trust no earlier hash."),
        click.option("--break-lock", is_flag=True, help="Take over the lock of a dead run on another host."),
        click.option("--log-level", type=levels, default="info", help="What run.log keeps [default: info]."),
        click.option("-q", "--quiet", is_flag=True, help="No progress bars."),
        click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, nothing else."),
    )
    for option in reversed(options):
        command = option(command)
    return command
