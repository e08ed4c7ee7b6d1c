"""The very start of the command line: an interruption while it loads ends in good order too."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end with its exit code: 0 done, 1 exclusions, 2 unusable, 3 interrupted."""
    try:
        from immunoprofile.cli._main import run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; run the same command to resume\n")
        code = 3
    sys.exit(code)
