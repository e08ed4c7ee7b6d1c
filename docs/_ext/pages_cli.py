"""The command line, as it describes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """# Command line

Results go to stdout, progress and notes to stderr. With `--json` there is one JSON value on stdout and
nothing else.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | done, but samples or rows were excluded or flagged as errors |
| 2 | the input is unusable; nothing was left behind |
| 3 | interrupted; the same command resumes |

For completion in bash: `eval "$(_IMMUNOPROFILE_COMPLETE=bash_source immunoprofile)"`.

"""


def commands() -> Iterator[tuple[str, click.Context]]:
    """Give every command with its full name."""
    from immunoprofile.cli._main import cli

    yield from _below(click.Context(cli, info_name="immunoprofile", **settings()))


def settings() -> dict[str, object]:
    """Give the width and the help options that a terminal of 80 columns has."""
    return {"terminal_width": 80, "max_content_width": 80, "help_option_names": ["-h", "--help"]}


def _below(context: click.Context) -> Iterator[tuple[str, click.Context]]:
    yield context.command_path, context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _below(click.Context(found, info_name=name, parent=context, **settings()))


def cli_page() -> str:
    """Give the page."""
    text = HEAD
    for name, context in commands():
        text += f"## {name}\n\n```text\n{context.get_help().rstrip()}\n```\n\n"
    return text
