"""Cuts and reports as plain values and arrays, so that they can lie in a file: no pickled objects."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core.archives import load_arrays
from immunoprofile.gating._cuts import FittedCut
from immunoprofile.gating._histograms import Grid, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.gating._advance import Report


def plain_cut(cut: FittedCut) -> dict[str, Any]:
    """Give a cut as JSON values; numbers as text, so that they round-trip, infinities included."""
    plain = dataclasses.asdict(cut)
    return plain | {"value": _texts(cut.value), "depth": repr(cut.depth), "se": repr(cut.se)}


def cut_of(plain: Mapping[str, Any]) -> FittedCut:
    """Rebuild a cut from :func:`plain_cut`."""
    numbers = {"value": _numbers(plain["value"]), "depth": float(plain["depth"]), "se": float(plain["se"])}
    return FittedCut(**{**plain, **numbers, "flags": tuple(plain["flags"])})


def _texts(value: Any) -> Any:
    return [_texts(part) for part in value] if isinstance(value, tuple) else repr(float(value))


def _numbers(value: Any) -> Any:
    return tuple(_numbers(part) for part in value) if isinstance(value, list) else float(value)


def packed(head: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Pack JSON values and arrays into the bytes of one ``.npz``."""
    text = json.dumps(head, sort_keys=True).encode("utf-8")
    buffer = io.BytesIO()
    np.savez_compressed(buffer, head=np.frombuffer(text, dtype=np.uint8), **arrays)
    return buffer.getvalue()


def unpacked(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Unpack what :func:`packed` made; raises ValueError for anything else."""
    return load_arrays(content)


def report_bytes(report: Report) -> bytes:
    """Give a report without failure as bytes."""
    arrays, sketches, references = {}, {}, []
    for number, (gate, hist) in enumerate(sorted(report.sketches.items())):
        arrays[f"s{number}"] = hist.counts
        sketches[gate] = [f"s{number}", [dataclasses.asdict(grid) for grid in hist.grids], hist.n]
    for number, (key, hist) in enumerate(sorted(report.references.items())):
        arrays[f"r{number}"] = hist.counts
        references.append(
            [list(key), f"r{number}", [dataclasses.asdict(grid) for grid in hist.grids], hist.n]
        )
    cuts = {gate: [plain_cut(cut) for cut in held] for gate, held in report.cuts.items()}
    head = {
        "content_id": report.content_id,
        "cuts": cuts,
        "waits_at": report.waits_at,
        "sketches": sketches,
        "references": references,
    }
    return packed(head, arrays)


def report_of(content: bytes, *, key: str) -> Report:
    """Rebuild a report, for the unit that now has `key`."""
    from immunoprofile.gating._advance import Report

    head, arrays = unpacked(content)

    def hist(name: str, grids: list[dict[str, Any]], n: int) -> Histogram:
        return Histogram(grids=tuple(Grid(**grid) for grid in grids), counts=arrays[name], n=n)

    cuts = {
        gate: tuple(dataclasses.replace(cut_of(plain), unit=key) for plain in held)
        for gate, held in head["cuts"].items()
    }
    return Report(
        key=key,
        content_id=head["content_id"],
        cuts=cuts,
        waits_at=head["waits_at"],
        sketches={gate: hist(*entry) for gate, entry in head["sketches"].items()},
        references={(pair[0], pair[1]): hist(*rest) for pair, *rest in head["references"]},
    )
