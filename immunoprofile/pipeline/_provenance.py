"""provenance.json: what ran, on which inputs, with which versions, to which outputs; written last."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from immunoprofile.core import sha256_of, versions, write_text
from immunoprofile.core.files import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from immunoprofile.pipeline._analysis import Results

NAME = "provenance.json"
OUTPUT_SUFFIXES = (".csv", ".parquet", ".npz", ".html")
PRIVATE = ("private_ids.csv",)
"""Of these no hash is told: one could try names against it."""


def write_provenance(results: Results) -> Path:
    """Write provenance.json of the files that are now in the results folder.

    FCS files go by the random ids of their samples: no path, no subject, no user, no host.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Path
    """
    folder = results.study.root / "results"
    return write_text(folder / NAME, provenance_text(results, outputs_in(folder)))


def outputs_in(folder: Path) -> dict[str, Path]:
    """Give the files of a results folder that a run or a report wrote, by name."""
    return {path.name: path for path in sorted(folder.iterdir()) if is_output(path)}


def is_output(path: Path) -> bool:
    """Tell whether a file of a results folder is a table, a fitted strategy or a report."""
    return (
        path.suffix in OUTPUT_SUFFIXES
        and path.name not in PRIVATE
        and not path.name.startswith(".")
        and path.is_file()
        and not path.is_symlink()
    )


def provenance_text(results: Results, outputs: Mapping[str, Path]) -> str:
    """Give what provenance.json holds.

    Parameters
    ----------
    results : Results
    outputs : mapping of str to Path
        Final name to where the content lies now.
    """
    study = results.study
    content: dict[str, Any] = {
        "command": results.command,
        "study": study.id,
        "state": results.state,
        "started": results.started,
        "ended": results.ended,
        "versions": versions(),
        "platform": sys.platform,
        "strategies": _strategies(results),
        "plan_sha256": study.plan_hash,
        "seeds": {"bootstrap": "of gate and content", "dummy_arms": _dummy_seed(results)},
        "counts": _counts(results),
        "left_out": dict(results.left_out),
        "inputs": study.input_hashes(),
        "samples": {
            sample: {"sha256": held.sha256, "bytes": held.size}
            for sample, held in sorted(results.gating.contents.items())
        },
        "outputs": {
            name: {"sha256": sha256_of(path), "bytes": path.stat().st_size}
            for name, path in sorted(outputs.items())
        },
    }
    return json_text(json.loads(json.dumps(content, default=str)))


def _strategies(results: Results) -> dict[str, dict[str, str]]:
    return {
        tube.id: {
            "id": tube.fitted.strategy.id,
            "sha256": tube.fitted.strategy.content_hash,
            "panel": tube.fitted.panel.id,
            "panel_sha256": tube.fitted.panel.content_hash,
        }
        for tube in results.gating.tubes
    }


def _dummy_seed(results: Results) -> int | None:
    return results.arms.attrs.get("seed") if results.arms is not None and results.dummy else None


def _counts(results: Results) -> dict[str, Any]:
    study, notes = results.study, results.gating.notes
    levels = notes["level"]
    return {
        "listed": len(study.samples) + len(study.excluded),
        "read": len(results.gating.contents),
        "gated": int(results.gating.rows["sample"].nunique()),
        "excluded": len(results.gating.exclusions) + len(study.excluded),
        "flagged": int(notes.loc[levels != "info", "sample"].nunique()),
        "flags": {level: int((levels == level).sum()) for level in ("error", "warning", "info")},
    }
