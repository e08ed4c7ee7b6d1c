"""The report as it was drawn before: drawing costs more than all else of a run that finds nothing new."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING

from immunoprofile.core import versions
from immunoprofile.pipeline._analysis import cache_of
from immunoprofile.pipeline._cache import Cache, key_of
from immunoprofile.pipeline._provenance import provenance_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from immunoprofile.pipeline._analysis import Results

STAGE = "report-1"
OF_THE_RUN = ("started", "ended", "command")
"""What provenance.json tells of the run, not of its results."""


def drawn_once(draw: Callable[[Results], str]) -> Callable[[Results], str]:
    """Make a report that is taken from the cache where it was drawn of these very results.

    A report of a blinded study whose key was opened is not kept: the cache does not know arms.

    Parameters
    ----------
    draw : callable
        Makes the HTML text.
    """

    def report(results: Results) -> str:
        if results.study.blinded and not results.blinded:
            return draw(results)
        cache, key = Cache(cache_of(results.study)), _key(results)
        known = cache.get(key)
        if known is not None:
            return known.decode("utf-8")
        text = draw(results)
        cache.put(key, text.encode("utf-8"))
        return text

    return report


def _key(results: Results) -> str:
    """Make a key of all that the report shows, and of who draws."""
    told = json.loads(provenance_text(results, {}))
    facts = json.dumps({name: part for name, part in told.items() if name not in OF_THE_RUN}, sort_keys=True)
    frames = [results.gating.rows, results.gating.notes, results.gating.exclusions, results.study.excluded]
    if results.arms is not None:
        frames.append(results.arms.reset_index())
    return key_of(STAGE, versions()["immunoprofile"], _drawers(), facts, *map(_digest, frames))


def _digest(frame: pd.DataFrame) -> str:
    from pandas.util import hash_pandas_object

    rows = hash_pandas_object(frame, index=False)
    return hashlib.sha256("\0".join(map(str, frame.columns)).encode() + rows.to_numpy().tobytes()).hexdigest()


def _drawers() -> str:
    """Tell the modules that draw by size and time, so that a change in them shows in the next report."""
    stamps = []
    for room in ("report", "plot"):
        for module in resources.files("immunoprofile").joinpath(room).iterdir():
            state = module.stat() if hasattr(module, "stat") else None
            stamps.append(f"{module.name} {state.st_size} {state.st_mtime_ns}" if state else module.name)
    return "\n".join(sorted(stamps))
