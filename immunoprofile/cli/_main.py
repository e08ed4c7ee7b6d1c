"""The command ``immunoprofile``: its sub-commands load when they are called, so that help costs nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from immunoprofile import __version__

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Start", (("demo", "a simulated trial, start to report (offline, about a minute)"),)),
    (
        "One folder",
        (
            ("check", "are these FCS files sound?"),
            ("init", "draft study.toml, panel.toml and the sheet from a folder"),
        ),
    ),
    (
        "A study",
        (
            ("run", "files -> gates -> numbers -> report (resumes)"),
            ("unblind", "open the arm key, logged"),
        ),
    ),
    (
        "Look up",
        (
            ("strategy", "list, show shipped strategies"),
            ("explain", "what a flag or error code means"),
        ),
    ),
    ("Data", (("simulate", "write a simulated trial as FCS files, with its truth"),)),
    ("Upkeep", (("warmup", "compile the kernels once, at installation"),)),
)
"""Commands with a line of help each, in the order of a user's road."""


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for _, commands in GROUPS for name, _ in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"immunoprofile.cli._{cmd_name}").command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            from immunoprofile.core import close_names

            near = close_names(name, self.list_commands(ctx), count=1)
            hint = f" Nearest: {near[0]}." if near else ""
            ctx.fail(f"No command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            for title, commands in GROUPS:
                for number, (name, text) in enumerate(commands):
                    label = f"{title}:" if number == 0 else ""
                    formatter.write(f"  {label:<12}{name:<10} {text}\n")


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="immunoprofile")
def cli() -> None:
    """From FCS files to treatment effects, with gates that do not see the treatment."""


def main() -> None:
    """Run the command line and end with its exit code: 0 done, 1 exclusions, 2 unusable, 3 interrupted."""
    from immunoprofile.core import ImmunoprofileError

    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; run the same command to resume", err=True)
        code = 3
    except BrokenPipeError:
        code = 0
    except ImmunoprofileError as error:
        _show(error)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: Any) -> None:
    """Say what is wrong, all of it, and where to read more."""
    from immunoprofile.core import clean

    problems = getattr(error, "problems", None)
    if problems is not None and len(problems):
        for row in problems[problems["level"] == "error"].itertuples(index=False):
            click.echo(f"{row.code}: {clean(row.message)}", err=True)
        click.echo(f"{int((problems['level'] == 'error').sum())} problems", err=True)
    else:
        for line in str(error).splitlines():
            click.echo(clean(line), err=True)
    click.echo(f"more: immunoprofile explain {error.code}", err=True)
