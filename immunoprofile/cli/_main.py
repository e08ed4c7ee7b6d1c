"""The command ``immunoprofile``: its sub-commands load when they are called, so that help costs nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from immunoprofile import __version__

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Start", (("demo", "a simulated trial, start to report (offline)"),)),
    (
        "One folder",
        (
            ("check", "are these FCS files sound?"),
            ("init", "draft study.toml, panel.toml and samples.csv"),
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
SHOWN = 50
"""Most problems that the terminal lists; Python gives all, ``error.problems``."""
RESUMABLE = ("results_locked", "disk_full")
"""Codes after which the same command may simply be run again."""


class _Interrupted(click.ClickException):
    """The user, or the system, stopped the command."""

    exit_code = 3

    def show(self, file: Any = None) -> None:
        """Say so in one line."""
        click.echo(self.message, file=file, err=True)


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interruption and a closed pipe end it in good order."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            done = f"{stop.args[0]}; " if stop.args else ""
            raise _Interrupted(f"interrupted; {done}run the same command to resume") from None
        except BrokenPipeError:
            sys.stdout = None  # nobody reads; at exit Python would try to write
            raise click.exceptions.Exit(0) from None

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
    """From FCS files to treatment effects, with gates that do not see the treatment.

    Exit status: 0 done, 1 done with exclusions or error flags, 2 unusable
    input, 3 interrupted (run the same command to resume).
    """


def main() -> None:
    """Run the command line and end with its exit code: 0 done, 1 exclusions, 2 unusable, 3 interrupted."""
    from immunoprofile.core import ImmunoprofileError

    _listen()
    try:
        code = cli.main(prog_name="immunoprofile", standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code if isinstance(error, _Interrupted) else 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; run the same command to resume", err=True)
        code = 3
    except ImmunoprofileError as error:
        _show(error)
        code = 3 if error.code in RESUMABLE else 2
    except OSError as error:
        _show(_without_room(error))
        code = 3
    except Exception as error:  # noqa: BLE001 - a fault of ours: told in one line, never exit 1
        click.echo(f"unexpected_error: {_where(error)}; this is a fault of immunoprofile", err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


def _where(error: BaseException) -> str:
    """Name an unexpected error and its place, without values."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.filename.rsplit('/', 1)[-1]} line {frame.lineno}"


def _listen() -> None:
    """Let SIGINT and SIGTERM end a run in good order; a second one ends it at once."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)


def _without_room(error: OSError) -> Any:
    """Say which resource of the system ran out."""
    import errno

    from immunoprofile.core import ImmunoprofileError

    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    hint = "make room, then run the same command again" if full else "look at the disk, then run again"
    return ImmunoprofileError("disk_full" if full else "io", f"{error.strerror or error}", hint=hint)


def _show(error: Any) -> None:
    """Say what is wrong, all of it, and where to read more."""
    from immunoprofile.core import clean

    problems = getattr(error, "problems", None)
    if problems is not None and len(problems):
        wrong = problems[problems["level"] == "error"]
        for row in wrong.head(SHOWN).itertuples(index=False):
            click.echo(f"{row.code}: {clean(row.message)}", err=True)
        more = f", {SHOWN} of them shown" if len(wrong) > SHOWN else ""
        click.echo(f"{len(wrong)} problem{'s' if len(wrong) != 1 else ''}{more}", err=True)
    else:
        for line in str(error).splitlines():
            click.echo(clean(line), err=True)
    code = problems["code"].iloc[0] if problems is not None and len(problems) else error.code
    click.echo(f"more: immunoprofile explain {code}", err=True)
