"""The command ``immunoprofile``: its sub-commands load when they are called, so that help costs nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from immunoprofile import __version__
from immunoprofile.cli._options import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Start", (("demo", "a simulated trial, start to report (offline)"),)),
    (
        "One folder",
        (
            ("check", "are these FCS files sound?"),
            ("init", "draft study.toml, panel.toml and samples.csv"),
            ("deidentify", "copy FCS files without what names a person"),
        ),
    ),
    (
        "A study",
        (
            ("run", "files -> gates -> numbers -> report (resumes)"),
            ("unblind", "open the arm key, logged"),
            ("verify", "are these results still what the run wrote?"),
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
RESUMABLE = ("results_locked", "disk_full", "write_failed", "memory")
"""Codes after which the same command may simply be run again."""
ENDING = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS = 4.0
"""How long an interrupted command may take to end in good order."""
INTERRUPTED = "interrupted; run the same command to resume"


class _Ended(click.ClickException):
    """A command ended early, for a reason told in one line; exit code 3."""

    exit_code = 3

    def show(self, file: Any = None) -> None:
        """Say so in one line."""
        click.echo(self.message, file=file, err=True)


@contextlib.contextmanager
def _quiet_pipe() -> Iterator[None]:
    """End quietly where nobody reads what is said."""
    try:
        yield
    except BrokenPipeError:
        sys.stdout = None  # at exit Python would try to write what is left
        raise click.exceptions.Exit(0) from None


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def make_context(self, *words: Any, **settings: Any) -> click.Context:
        """Read the words; where nobody reads the help, that is a quiet end."""
        with _quiet_pipe():
            return super().make_context(*words, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interruption, and a fault of ours, end it in one line."""
        from immunoprofile.core import ImmunoprofileError

        try:
            with _quiet_pipe():
                return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            done = f"{stop.args[0]}; " if stop.args else ""
            raise _Ended(f"interrupted; {done}run the same command to resume") from None
        except (
            ImmunoprofileError,
            OSError,
            MemoryError,
            click.ClickException,
            click.Abort,
            click.exceptions.Exit,
        ):
            raise
        except Exception as error:
            from immunoprofile.cli._crash import crash_line

            raise _Ended(crash_line(error, ctx.meta.get(RESULTS))) from error

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


def run() -> int:
    """Run the command line and give its exit code: 0 done, 1 exclusions, 2 unusable, 3 interrupted."""
    with _listening(), _notes():
        return _code()


def _code() -> int:
    """Run the command line; however it ends, that is a line or more on stderr, and a code."""
    from immunoprofile.core import ImmunoprofileError

    try:
        code = cli.main(prog_name="immunoprofile", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code if isinstance(error, _Ended) else 2
    except (KeyboardInterrupt, click.Abort):
        click.echo(INTERRUPTED, err=True)
    except ImmunoprofileError as error:
        _show(error)
        return 3 if error.code in RESUMABLE else 2
    except MemoryError:
        hint = "give the machine more memory, or fewer workers; then run the same command again"
        _show(ImmunoprofileError("memory", "there was not enough memory", hint=hint))
    except OSError as error:
        _show(_without_room(error))
    except Exception as error:  # noqa: BLE001 - a fault of ours: told in one line, never exit 1
        from immunoprofile.cli._crash import crash_line

        click.echo(crash_line(error, None), err=True)
    return 3


@contextlib.contextmanager
def _notes() -> Iterator[None]:
    """Show the package's own warnings as one line each, without the place in the code."""
    from immunoprofile.core import ImmunoprofileWarning, clean

    with warnings.catch_warnings():
        shown = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
            if issubclass(category, ImmunoprofileWarning):
                click.echo(f"note: {clean(str(message))}", err=True)
            else:
                shown(message, category, *place, **rest)

        warnings.showwarning = note
        yield


@contextlib.contextmanager
def _listening() -> Iterator[None]:
    """Let SIGINT and SIGTERM end a command in good order and in time; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def interrupt(*_: object) -> None:
        nonlocal came
        came = True
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(ours,), daemon=True).start()
    for number in ENDING:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        if not came:  # else the thread goes on watching, until the very end
            ours.shutdown(socket.SHUT_RDWR)
        theirs.close()


def _end_in_time(stream: socket.socket) -> None:
    """End the process where it does not end in time: the main thread may be deep in a library."""
    with stream:
        while True:
            came = stream.recv(1)
            if not came:
                return
            if came[0] in ENDING:
                break
        time.sleep(GRACE_SECONDS)
    with contextlib.suppress(OSError):
        os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(3)


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
        count = problems.attrs.get("counts", {}).get("error", len(wrong))
        more = f", {SHOWN} of them shown" if count > SHOWN else ""
        click.echo(f"{count} problem{'s' if count != 1 else ''}{more}", err=True)
    else:
        for line in str(error).splitlines():
            click.echo(clean(line), err=True)
    code = problems["code"].iloc[0] if problems is not None and len(problems) else error.code
    click.echo(f"more: immunoprofile explain {code}", err=True)
