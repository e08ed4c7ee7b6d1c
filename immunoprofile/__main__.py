"""Run the command line as ``python -m immunoprofile``."""

from immunoprofile.cli import main

main()
