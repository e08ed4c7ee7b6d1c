"""Accountability: where each scheduled tube went, level by level, so that the columns sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from immunoprofile.trial._visits import target_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from immunoprofile.trial._schema import Visit

SMALLEST = 5
"""Fewest subjects of a group that a blinded table shows."""
LEVELS = (
    "scheduled", "not_collected", "collected", "not_received", "received", "file_missing", "file_present",
    "excluded", "in_analysis",
)  # fmt: skip
REST = "(pooled)"


def account(
    subjects: pd.DataFrame,
    tubes: pd.DataFrame,
    visits: Sequence[Visit],
    *,
    outcomes: Mapping[str, str] | None,
    blinded: bool,
) -> pd.DataFrame:
    """Count the tubes of each site, visit and tube by how far they came.

    Parameters
    ----------
    subjects : DataFrame
        subject, site, and where known first_dose and withdrawn.
    tubes : DataFrame
        One row a listed tube: subject, visit, site, tube, sample, received, has_file, kept.
    visits : sequence of Visit
    outcomes : mapping of str to str, optional
        Sample to the code for which it was left out after it was read.
    blinded : bool
        Groups of fewer than five subjects are pooled, and so are the sites of a visit where a count of one
        is below five; where one still is, it is missing, and so is what would tell it.

    Returns
    -------
    DataFrame
        site, visit, tube and the levels: each level is the next one plus the loss between them.
    """
    import pandas as pd

    losses = outcomes or {}
    received_known = bool(tubes["received"].notna().any())
    listed = {
        (row.subject, row.visit, row.tube): row
        for row in tubes.drop_duplicates(["subject", "visit", "tube"]).itertuples()
    }
    rows = []
    for subject in subjects.itertuples(index=False):
        for visit in visits:
            if not _is_due(subject, visit):
                continue
            for tube in sorted(set(tubes["tube"])):
                row = listed.get((subject.subject, visit.id, tube))
                counts = _levels(row, received_known=received_known, losses=losses)
                rows.append(
                    {
                        "subject": subject.subject,
                        "site": subject.site,
                        "visit": visit.id,
                        "tube": tube,
                        **counts,
                    }
                )
    frame = pd.DataFrame(rows, columns=["subject", "site", "visit", "tube", *LEVELS])
    keys = ["site", "visit", "tube"]
    if blinded:
        frame = _pooled(frame)
        table = _without_small_counts(_summed(_joined(frame, keys), keys))
    else:
        table = _summed(frame, keys)
    order = {visit.id: place for place, visit in enumerate(visits)}
    table = table.sort_values(keys, key=lambda c: c.map(order) if c.name == "visit" else c, kind="stable")
    types = {**dict.fromkeys(keys, "string"), **dict.fromkeys(LEVELS, "Int64")}
    return table.astype(types).reset_index(drop=True)


def _summed(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    return frame.groupby(list(keys), dropna=False, sort=False)[list(LEVELS)].sum().reset_index()


def _joined(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Pool the sites of each visit and tube where a site has a count that may not be shown."""
    table = _summed(frame, keys)
    small = table[_is_small(table).any(axis=1)][["visit", "tube"]].drop_duplicates()
    pooled = frame.merge(small.assign(pooled=True), on=["visit", "tube"], how="left")["pooled"].notna()
    return frame.assign(site=frame["site"].where(~pooled.to_numpy(), REST))


def _is_small(table: pd.DataFrame) -> pd.DataFrame:
    counts = table[list(LEVELS)]
    return (counts > 0) & (counts < SMALLEST)


def _without_small_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Hide a count of fewer than five, and all after it in its row: a difference would give it away."""
    hidden = _is_small(table).cummax(axis=1)
    levels = table[list(LEVELS)].astype("Int64").mask(hidden)
    return table.assign(**{name: levels[name] for name in LEVELS})


def _is_due(subject: object, visit: Visit) -> bool:
    """Tell whether a subject was still in the study when the visit was due."""
    import pandas as pd

    from immunoprofile.trial._values import parts_of

    if visit.role == "unscheduled":
        return False
    first, gone = getattr(subject, "first_dose", None), getattr(subject, "withdrawn", None)
    if gone is None or pd.isna(gone) or first is None or pd.isna(first) or visit.day is None:
        return True
    left = (parts_of(gone)[0] - parts_of(first)[0]).days
    return left >= target_of(visit.day)


def _levels(row: object | None, *, received_known: bool, losses: Mapping[str, str]) -> dict[str, int]:
    import pandas as pd

    collected = row is not None
    received = collected and (not received_known or not pd.isna(getattr(row, "received", None)))
    present = received and bool(getattr(row, "has_file", False))
    kept = present and bool(getattr(row, "kept", False)) and getattr(row, "sample", "") not in losses
    return {
        "scheduled": 1,
        "not_collected": int(not collected),
        "collected": int(collected),
        "not_received": int(collected and not received),
        "received": int(received),
        "file_missing": int(received and not present),
        "file_present": int(present),
        "excluded": int(present and not kept),
        "in_analysis": int(kept),
    }


def _pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Pool small sites, then all sites, until no group shown has fewer than five subjects."""
    sizes = frame.groupby("site")["subject"].nunique()
    smallest = frame.groupby(["site", "visit", "tube"])["subject"].nunique().groupby("site").min()
    small = sorted(set(sizes.index[sizes < SMALLEST]) | set(smallest.index[smallest < SMALLEST]))
    pooled = frame.assign(site=frame["site"].where(~frame["site"].isin(small), REST))
    if small:
        rest = pooled[pooled["site"] == REST].groupby(["visit", "tube"])["subject"].nunique()
        if len(small) == 1 or (len(rest) and int(rest.min()) < SMALLEST):
            pooled = frame.assign(site=REST)  # else the difference to the total would show the small group
    counts = pooled.groupby(["site", "visit", "tube"])["subject"].transform("nunique")
    return pooled[counts >= SMALLEST]
