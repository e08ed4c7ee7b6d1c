"""Visits and the baseline: study days without a day 0, windows, and the one record that is the baseline.

Study day (as CDISC ADY): date - first dose + 1 on or after the first dose, date - first dose before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.core import join_flags
from immunoprofile.trial._values import parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from immunoprofile.trial._schema import BaselineRule, Visit


def study_day(when: date, first_dose: date) -> int:
    """Give the study day of a date.

    Examples
    --------
    >>> from datetime import date
    >>> study_day(date(2024, 3, 1), date(2024, 3, 1)), study_day(date(2024, 2, 29), date(2024, 3, 1))
    (1, -1)
    """
    days = (when - first_dose).days
    return days + 1 if days >= 0 else days


def window_of(visit: Visit) -> tuple[int, int] | None:
    """Give a visit's window in days from the first dose (day 1 is 0), or None where it has none."""
    if visit.day is None or (visit.before is None and visit.after is None):
        return None
    target = target_of(visit.day)
    return target - (visit.before or 0), target + (visit.after or 0)


def target_of(day: int) -> int:
    """Turn a study day, which skips 0, into days from the first dose."""
    return day - 1 if day > 0 else day


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A dated record, as the choice of visits sees it.

    Attributes
    ----------
    key : hashable
        Returned with the choice.
    visit : str
        The declared visit.
    when : str or None
        ISO date, or date and time.
    known : bool
        Whether it carries a value; a missing value is never a baseline.
    """

    key: object
    visit: str
    when: str | None
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What became of a record.

    Attributes
    ----------
    key : hashable
    visit : str
        The visit that it counts for; empty where it is not analysed.
    study_day : int or None
    is_baseline : bool
    flags : str
        ``visit_undated``, ``visit_window``, ``unscheduled``, ``not_chosen``, ``baseline_after_dose``.
    """

    key: object
    visit: str
    study_day: int | None
    is_baseline: bool
    flags: str


def choose_visits(
    records: Sequence[Record],
    visits: Sequence[Visit],
    *,
    first_dose: str | None = None,
    randomised: str | None = None,
    rule: BaselineRule = "last_before_first_dose",
) -> list[Choice]:
    """Give each record of one subject, and of one measure or tube, its visit; choose one baseline.

    Parameters
    ----------
    records : sequence of Record
    visits : sequence of Visit
        The schedule.
    first_dose, randomised : str, optional
        ISO dates; the anchor is the first dose, else the randomisation.
    rule : {"last_before_first_dose", "visit"}
        Which record is the baseline.

    Returns
    -------
    list of Choice
        In the order of `records`.

    Notes
    -----
    A dated record belongs to the visit whose window holds it; of several the closest to the target day is
    taken, ties the later. Outside every window it is ``unscheduled`` and not analysed. Without a date, or
    without a first dose, the declared visit is taken as it is. A record after the first dose is never a
    baseline; without dates the baseline is the record of the visit that has this role.
    """
    anchor = first_dose or randomised
    placed = [_placed(record, visits, first_dose=first_dose) for record in records]
    placed = _closest(records, placed, visits, anchor=first_dose)
    chosen = _baseline(records, placed, visits, anchor=anchor, rule=rule)
    out = []
    for index, (record, (visit, flags)) in enumerate(zip(records, placed, strict=True)):
        late = _is_after(record.when, anchor) and _role(record.visit, visits) == "baseline"
        found = join_flags(flags, "baseline_after_dose" if late else "")
        day = (
            study_day(parts_of(record.when)[0], parts_of(first_dose)[0])
            if record.when and first_dose
            else None
        )
        out.append(
            Choice(key=record.key, visit=visit, study_day=day, is_baseline=index == chosen, flags=found)
        )
    return out


def _placed(record: Record, visits: Sequence[Visit], *, first_dose: str | None) -> tuple[str, str]:
    windows = {visit.id: window_of(visit) for visit in visits}
    if not any(windows.values()):
        return record.visit, ""
    if record.when is None or first_dose is None:
        return record.visit, "visit_undated"
    days = (parts_of(record.when)[0] - parts_of(first_dose)[0]).days
    holding = [name for name, window in windows.items() if window and window[0] <= days <= window[1]]
    if record.visit in holding:
        return record.visit, ""
    if holding:
        return holding[0], "visit_window"
    if windows.get(record.visit) is None:
        return record.visit, ""
    return "", "unscheduled;visit_window"


def _closest(
    records: Sequence[Record],
    placed: Sequence[tuple[str, str]],
    visits: Sequence[Visit],
    *,
    anchor: str | None,
) -> list[tuple[str, str]]:
    """Keep for each visit the record closest to its target day; the others are ``not_chosen``."""
    targets = {visit.id: target_of(visit.day) for visit in visits if visit.day is not None}

    def distance(index: int) -> tuple[bool, float, float, str]:
        when, visit = records[index].when, placed[index][0]
        if when is None or anchor is None or visit not in targets:
            return (not records[index].known, float("inf"), 0.0, when or "")
        days = (parts_of(when)[0] - parts_of(anchor)[0]).days
        return (not records[index].known, abs(days - targets[visit]), -days, when)

    groups: dict[str, list[int]] = {}
    for index, (visit, _) in enumerate(placed):
        if visit:
            groups.setdefault(visit, []).append(index)
    out = list(placed)
    for indices in groups.values():
        for index in sorted(indices, key=distance)[1:]:
            out[index] = ("", join_flags(placed[index][1], "not_chosen"))
    return out


def _baseline(
    records: Sequence[Record],
    placed: Sequence[tuple[str, str]],
    visits: Sequence[Visit],
    *,
    anchor: str | None,
    rule: BaselineRule,
) -> int | None:
    """Choose the one baseline record, or None."""
    order = {visit.id: position for position, visit in enumerate(visits)}
    allowed = [
        index
        for index, record in enumerate(records)
        if record.known
        and not _is_after(record.when, anchor)
        and _role(record.visit, visits) != "unscheduled"
    ]
    own = [i for i in allowed if _role(placed[i][0] or "", visits) == "baseline"]
    if rule == "visit" or anchor is None:
        return own[0] if own else None
    dated = [index for index in allowed if records[index].when is not None]
    if not dated:
        return own[0] if own else None

    def latest(index: int) -> tuple[str, bool, int]:
        return records[index].when or "", index in own, order.get(records[index].visit, -1)

    return max(dated, key=latest)


def _role(visit: str, visits: Sequence[Visit]) -> str:
    return next((known.role for known in visits if known.id == visit), "")


def _is_after(when: str | None, anchor: str | None) -> bool:
    return when is not None and anchor is not None and is_later(when, anchor)


def is_later(when: str, anchor: str) -> bool:
    """Tell whether a record lies after the anchor: by time where both have one, else by day."""
    (day, moment), (anchor_day, anchor_moment) = parts_of(when), parts_of(anchor)
    if moment is not None and anchor_moment is not None:
        return moment > anchor_moment
    return day > anchor_day


def visits_frame(visits: Sequence[Visit]) -> pd.DataFrame:
    """Give the schedule as a table: visit, label, day, before, after, role, period."""
    import pandas as pd

    columns = ["visit", "label", "day", "before", "after", "role", "period"]
    rows = [(v.id, v.label, v.day, v.before, v.after, v.role, v.period) for v in visits]
    frame = pd.DataFrame(rows, columns=columns)
    types = dict.fromkeys(("day", "before", "after"), "Int64")
    return frame.astype({name: types.get(name, "string") for name in columns})


def dates_of(subjects: pd.DataFrame, column: str) -> Mapping[str, str]:
    """Map each subject to an ISO date of subjects.csv, where it has one."""
    if column not in subjects.columns:
        return {}
    known = subjects[subjects[column].notna()]
    return dict(zip(known["subject"], known[column].astype(str), strict=True))
