"""cli: thin commands, one a file; everything that they do can be done from Python in a few calls."""

from immunoprofile.cli._entry import main

__all__ = ["main"]
