"""De-identified copies of FCS files: a keep-list, never a delete-list.

The file is made anew by the writer from what is kept; no byte of the source is copied. What is kept is
searched for what was left out, before and after it is written. Errors say nothing of the source.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from immunoprofile.core import FcsError, ImmunoprofileError, explain
from immunoprofile.fcs._identifiers import Terms, found_in_file, holds, holds_in_value, terms_of
from immunoprofile.fcs._read import read_fcs_all, reopened
from immunoprofile.fcs._spillover import KEYWORDS as SPILLOVER_KEYWORDS
from immunoprofile.fcs._write import plan_file, refuse_existing, store
from immunoprofile.fcs._write_text import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from immunoprofile.fcs._read import Reading
    from immunoprofile.fcs._sample import Sample

T = TypeVar("T")
HIDDEN = "the source"
"""Stands for the name of the source in errors."""
KEPT = re.compile(
    r"\$(?:P[1-9][0-9]{0,5}(?:V|F|L|O|T|D|CALIBRATION|TYPE|DET|TAG|ANALYTE|FEATURE)"
    r"|CYT|TIMESTEP|VOL|TR|ABRT|LOST)",
    re.ASCII,
)
"""Keywords that stay, beside those of the writer, ``$PnN``, ``$PnS`` and ``$SPILLOVER``."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Keywords that are kept beside the list, and those that the user lets pass.

    Attributes
    ----------
    keep, allow : tuple of str
        Names; ``$PnS`` means every channel's.
    """

    keep: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def keeps(self, keyword: str, channels: int) -> bool:
        """Whether a keyword stays."""
        number = re.match(r"\$P([0-9]+)", keyword, re.ASCII)
        if number is not None and int(number[1][:9]) > channels:
            return False
        return KEPT.fullmatch(keyword) is not None or _names(self.keep, keyword)

    def allows(self, keyword: str) -> bool:
        """Whether the user lets a keyword pass."""
        return _names(self.allow, keyword)


def _names(patterns: Iterable[str], keyword: str) -> bool:
    for pattern in patterns:
        if pattern.strip().upper() == keyword:
            return True
        letter = re.fullmatch(r"(\$?P)n(\w+)", pattern.strip())
        if letter and re.fullmatch(rf"{re.escape(letter[1])}[0-9]+{letter[2].upper()}", keyword, re.ASCII):
            return True
    return False


def deidentify(
    src: str | Path, dst: str | Path, name: str, *, keep: Iterable[str] = (), allow: Iterable[str] = ()
) -> tuple[Path, ...]:
    """Write a copy of an FCS file without what names a person.

    Kept are the events, names and labels of channels, detector settings, spillover, ``$CYT``, ``$TIMESTEP``,
    ``$VOL``, ``$TR``, ``$ABRT`` and ``$LOST``; all else is left out: dates, names, serial numbers, every
    keyword of a vendor, supplemental TEXT, ANALYSIS, further segments.

    Parameters
    ----------
    src : str or Path
    dst : str or Path
        A folder, in which the copy is called `name`; or the new file, if it ends in ``.fcs``.
    name : str
        New name: letters, digits, ``_`` and ``-``. It is not checked against the source: choose one that
        tells nothing.
    keep : iterable of str, optional
        Further keywords to keep; ``$PnX`` for every channel.
    allow : iterable of str, optional
        Keywords that were looked at and may hold what looks identifying; or keywords that are left out, the
        values of which identify nobody.

    Returns
    -------
    tuple of Path
        One file a data set; the second is called ``name-2.fcs``.

    Raises
    ------
    FcsError
        ``identifying-text``: a kept text holds the stem of the source's name, or a value that is left out;
        the keyword is named, the value is not. Every code of the reader and the writer, without a word of
        the source.
    ImmunoprofileError
        ``deidentify-target``: the name cannot be used.

    Notes
    -----
    The number of events and the events themselves stay: who has the original can in principle match it.
    """
    stem = name.removesuffix(".fcs")
    if not _NAME.fullmatch(stem):
        raise ImmunoprofileError(
            "deidentify-target",
            "the new name cannot be used",
            hint="letters, digits, _ and - are expected, as in S0001",
        )
    target = Path(dst)
    if target.suffix.lower() != ".fcs" or target.is_dir():
        target = target / f"{stem}.fcs"
    rules = Rules(keep=tuple(keep), allow=tuple(allow))
    written: list[Path] = []
    for number, reading in enumerate(data_sets(Path(src)), start=1):
        place = target if number == 1 else target.with_name(f"{target.stem}-{number}.fcs")
        written.append(write_clean(Path(src), reading, place, rules=rules))
    return tuple(written)


def data_sets(source: Path) -> tuple[Reading, ...]:
    """Tell the data sets of a file, each as what :func:`write_clean` reads.

    Raises
    ------
    FcsError
        Without a word of the source.
    """
    return _quietly(lambda: tuple(sample._reading for sample in read_fcs_all(source, metadata_only=True)))


def described(source: Path, reading: Reading) -> tuple[object, ...]:
    """Give what shows whether two data sets may be the same: detectors, labels, number of events."""
    sample = _quietly(lambda: reopened(str(source), reading))
    return sample.detectors, sample.labels, sample.n_events


def write_clean(
    source: Path,
    reading: Reading,
    target: Path,
    *,
    rules: Rules,
    before: Callable[[], None] | None = None,
) -> Path:
    """Write the clean copy of one data set; `before` is called when it is finished and not yet in place."""
    _quietly(lambda: _write_clean(source, reading, target, rules=rules, before=before))
    return target


def _write_clean(
    source: Path, reading: Reading, target: Path, *, rules: Rules, before: Callable[[], None] | None
) -> None:
    refuse_existing(target, overwrite=False)
    options = replace(reading.options, metadata_only=False)
    sample = reopened(str(source), replace(reading, options=options))
    kept = {
        keyword: value
        for keyword, value in sample.keywords.items()
        if rules.keeps(keyword, sample.n_channels) and not OURS.fullmatch(keyword)
    }
    terms = terms_of(sample, source.stem, kept=kept, allowed=rules.allows)
    for keyword, found in _texts(sample, kept, terms):
        if found and not rules.allows(keyword):
            raise _identifying(keyword)
    plan = plan_file(target, replace(sample, keywords=kept))

    def inspect(finished: Path) -> None:
        keyword = found_in_file(finished, terms, skip=rules.allows)
        if keyword is not None:
            raise _identifying(keyword)
        if before is not None:
            before()

    store(target, plan, inspect=inspect)


def _texts(sample: Sample, kept: dict[str, str], terms: Terms) -> Iterable[tuple[str, bool]]:
    for i, (detector, label) in enumerate(zip(sample.detectors, sample.labels, strict=True), start=1):
        yield f"$P{i}N", holds(detector, terms)
        yield f"$P{i}S", holds(label or "", terms)
    if sample.spillover is not None:
        yield "$SPILLOVER", any(holds(name, terms) for name in sample.spillover.detectors)
    for keyword, value in kept.items():
        yield keyword, holds_in_value(value, terms)


def _identifying(keyword: str) -> FcsError:
    return FcsError(
        HIDDEN,
        "identifying-text",
        keyword=keyword,
        problem="a text that is kept holds the stem of the source's name, or a value that is left out",
        hint=f"look at {keyword} in the source; if it names nobody, allow it",
    )


def _quietly(step: Callable[[], T]) -> T:
    """Do a step without warnings, and let its errors say nothing of the source."""
    told: FcsError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return step()
    except FcsError as error:
        told = _scrubbed(error)
    raise told  # outside of the handler: a chained error would bring the source's name along


def _scrubbed(error: FcsError) -> FcsError:
    if error.path == HIDDEN:
        return error
    keyword = error.keyword if _is_standard(error.keyword or "") else None
    row = explain(error.code)
    return FcsError(HIDDEN, error.code, error.offset, keyword=keyword, problem=row.meaning, hint=row.to_do)


def _is_standard(keyword: str) -> bool:
    """Whether a keyword is one of the standard's own; a name that a vendor chose may identify."""
    return bool(OURS.fullmatch(keyword) or KEPT.fullmatch(keyword)) or keyword in SPILLOVER_KEYWORDS
