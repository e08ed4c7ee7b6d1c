"""Every regular expression of the package is linear: a megabyte of one character costs it nothing.

Patterns are collected from the modules themselves: compiled ones, and the literals given to ``re``. What a
pattern holds between others (an f-string) is filled with a word.
"""

from __future__ import annotations

import ast
import re
import string
import sys
import time
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "immunoprofile"
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
METHODS = ("match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split")
SHORT, LONG = 10_000, 1_000_000
SHORT_SECONDS = 0.02
"""A linear search of ten thousand characters takes a tenth of it, a quadratic one three times and more."""


def literal(node: ast.expr) -> str | bytes | None:
    """Give the text of a literal pattern; names in it stand for a word."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str | bytes) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "word" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        both = literal(node.left), literal(node.right)
        return both[0] + both[1] if None not in both and type(both[0]) is type(both[1]) else None
    return None


def uses(name: str) -> set[str]:
    """Give the methods that the package calls on a compiled pattern of this name."""
    return {use for use in METHODS if f"{name}.{use}(" in SOURCE}


def patterns():
    """Give each pattern of a call of ``re`` in the package: its place, and what is done with it."""
    found: dict[str | bytes, tuple[str, set[str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            id(node.value): node.targets[0].id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.func.attr in {"compile", *METHODS}
                and node.args
            ):
                text = literal(node.args[0])
                if text is None:
                    continue
                if node.func.attr == "compile":
                    done = uses(names[id(node)]) if id(node) in names else set()
                else:
                    done = {node.func.attr}
                _, known = found.setdefault(text, (f"{path.relative_to(PACKAGE)}:{node.lineno}", set()))
                known |= done or set(METHODS)
    return found


PATTERNS = patterns()


def letters_of(pattern: str | bytes) -> list[str]:
    """Give the characters that a pattern may love: its own, and one of every class."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    own = {char for char in text if char in string.printable}
    return sorted(own | set("a0 _-.,;:/\"'$([{<\\\t\n\0"))


def attack(compiled: re.Pattern, text: str | bytes, done: set[str]) -> float:
    """Search a text in every way that the package does, and give the processor time of it."""
    start = time.process_time()
    for use in done:
        if use in ("sub", "subn"):
            compiled.sub(text[:0], text)
        elif use == "finditer":
            list(compiled.finditer(text))
        else:
            getattr(compiled, use)(text)
    return time.process_time() - start


def slowest(pattern: str | bytes, done: set[str]) -> float:
    compiled = re.compile(pattern, re.IGNORECASE)
    encoded = isinstance(pattern, bytes)
    made = (lambda text: text.encode("latin-1")) if encoded else (lambda text: text)
    times = {char: attack(compiled, made(char * SHORT), done) for char in letters_of(pattern)}
    worst = max(times.values())
    if worst < SHORT_SECONDS:
        for char in sorted(times, key=times.get)[-2:]:
            worst = max(worst, attack(compiled, made(char * LONG), done) * SHORT / LONG)
    return worst


def test_there_are_patterns_to_test():
    assert len(PATTERNS) > 30


@pytest.mark.parametrize("pattern", sorted(PATTERNS, key=str), ids=lambda p: PATTERNS[p][0])
def test_one_character_a_million_times(pattern):
    assert slowest(pattern, PATTERNS[pattern][1]) < SHORT_SECONDS


def test_a_quadratic_pattern_would_be_found():
    assert slowest(r"\s*x", {"search"}) > SHORT_SECONDS


def test_no_module_hides_its_patterns():
    """A pattern made elsewhere than in a call of ``re`` would not be tested."""
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "from re import" not in text, path
        assert "import regex" not in text, path
    assert sys.version_info >= (3, 11)
