"""provenance.json: what ran, on which inputs, with which versions, to which outputs; written last."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from immunoprofile.core import sha256_of, versions, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from immunoprofile.pipeline._analysis import Results

NO_OUTPUT = ("provenance.json", "audit.jsonl", "private_ids.csv", "run.log", "run.log.1")


def write_provenance(results: Results) -> Path:
    """Write provenance.json.

    FCS files go by the random ids of their samples: no path, no subject, no user, no host.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Path
    """
    study = results.study
    folder = study.root / "results"
    outputs = sorted(p for p in folder.iterdir() if p.is_file() and _is_output(p.name))
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
        "outputs": {p.name: {"sha256": sha256_of(p), "bytes": p.stat().st_size} for p in outputs},
    }
    return write_json(folder / "provenance.json", json.loads(json.dumps(content, default=str)))


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
    study, levels = results.study, results.gating.notes["level"]
    return {
        "listed": len(study.samples) + len(study.excluded),
        "read": len(results.gating.contents),
        "gated": int(results.gating.rows["sample"].nunique()),
        "excluded": len(results.gating.exclusions) + len(study.excluded),
        "flags": {level: int((levels == level).sum()) for level in ("error", "warning", "info")},
    }


def _is_output(name: str) -> bool:
    return name not in NO_OUTPUT and not name.startswith(".")
