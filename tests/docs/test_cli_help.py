"""The help of every command fits a terminal and says what it does, with its exit codes."""

from __future__ import annotations

import click
import pytest
from pages_cli import commands

COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
class TestEveryCommand:
    def test_fits_40_lines_of_80_columns(self, name):
        lines = COMMANDS[name].get_help().splitlines()
        assert len(lines) <= 40
        assert [line for line in lines if len(line) > 80] == []

    def test_says_what_it_does_in_a_sentence(self, name):
        text = (COMMANDS[name].command.help or "").strip()
        assert text.split("\n\n")[0].replace("\b", "").strip().endswith("."), text


@pytest.mark.parametrize("name", [n for n, c in COMMANDS.items() if not isinstance(c.command, click.Group)])
def test_options_are_explained_and_lower_case(name):
    for parameter in COMMANDS[name].command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(text == text.lower() for text in parameter.opts)


@pytest.mark.parametrize("name", [n for n in COMMANDS if n.count(" ") == 1])
def test_exit_status_is_said(name):
    assert "Exit status:" in COMMANDS[name].get_help()
