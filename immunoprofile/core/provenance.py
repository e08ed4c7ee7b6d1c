"""What is needed to say, and to run, the same again: versions of Python and of each library."""

from __future__ import annotations

import platform
from importlib import metadata

LIBRARIES = (
    "numpy", "pandas", "scipy", "pyarrow", "scikit-learn", "seaborn", "matplotlib", "numba",
    "statsmodels", "formulaic", "jinja2", "flowkit",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Give the versions of immunoprofile, Python and the libraries that decide numbers.

    Returns
    -------
    dict of str
        Name to version; a library that is not installed is left out.

    Examples
    --------
    >>> {"immunoprofile", "numpy", "python"} <= set(versions())
    True
    """
    found = {"python": platform.python_version()}
    for name in ("immunoprofile", *LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
