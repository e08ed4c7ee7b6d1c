"""What gating may see of a study, and files that hold the same bytes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from immunoprofile.core import StudyError
from immunoprofile.gating import PlacementUnit, load_sample
from immunoprofile.trial._visits import dates_of, is_later

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from immunoprofile.panel import Panel
    from immunoprofile.trial._study import Study

UNTREATED = ("baseline", "screening")
REFUSED = ("specimen", "sample", "stage", "code", "problem", "hint")


def units_of(study: Study, strategy: str, panel: Panel | None, *, tube: str | None) -> list[PlacementUnit]:
    """Give the placement units of a strategy, sorted by their random keys."""
    tubes = {t.id: t for t in study.tubes if t.strategy == str(strategy) and tube in (None, t.id)}
    if not tubes and (study.tubes or tube is not None):
        declared = ", ".join(f"{t.id}: {t.strategy}" for t in study.tubes)
        problem = f"no tube of the study uses the strategy {strategy!r}"
        raise StudyError("strategy_missing", problem, where="study.toml", hint=f"declared: {declared}")
    samples = study.samples
    chosen = samples[(samples["control"] == "none") & samples["path"].notna()]
    if tubes:
        chosen = chosen[chosen["tube"].isin(list(tubes))]
    untreated = _untreated(study, chosen)
    listed: list[Any] = list(chosen.itertuples(index=False))
    source = _Panels(study, strategy, panel)
    units = [
        PlacementUnit(
            key=row.sample,
            subject_key=study.opaque("subject", row.subject),
            specimen_key=row.specimen,
            batch_key=study.opaque("batch", row.batch),
            panel_version=source.version_of(row.tube),
            is_untreated=untreated[row.sample],
            control="full",
            load=partial(load_sample, row.path, source.of(row.tube), row.site or None),
        )
        for row in listed
    ]
    return sorted(units, key=lambda unit: unit.key)


class _Panels:
    """The panel of each tube: the one given, else the tube's own, else the strategy's."""

    def __init__(self, study: Study, strategy: str, panel: Panel | None) -> None:
        self._study, self._strategy, self._given = study, strategy, panel
        self._known: dict[str, Any] = {}

    def of(self, tube: str) -> Any:
        if self._given is not None:
            return self._given
        if tube not in self._known:
            self._known[tube] = self._find(tube)
        return self._known[tube]

    def _find(self, tube: str) -> Any:
        declared = next((t for t in self._study.tubes if t.id == tube), None)
        if declared is not None and declared.panel:
            from immunoprofile.panel import read_panel

            return read_panel(self._study.root / declared.panel)
        from immunoprofile.gating import load_strategy

        folder: Path = self._study.root / self._strategy
        return load_strategy(folder if (folder / "strategy.toml").is_file() else self._strategy).panel

    def version_of(self, tube: str) -> str:
        panel = self.of(tube)
        return f"{getattr(panel, 'id', '')}:{getattr(panel, 'version', '')}"


def _untreated(study: Study, chosen: pd.DataFrame) -> dict[str, bool]:
    """Tell which samples nobody treated: baseline, screening, healthy; all, where nothing is a treatment."""
    visits = study.visit_values
    roles: dict[str, str] = {visit.id: visit.role for visit in study.design.visits}
    observed = not study.design.arms and not any(v.role in UNTREATED for v in visits) and not len(study.doses)
    subjects = study.subjects
    first = dates_of(subjects, "first_dose")
    healthy = set(
        subjects.loc[subjects["healthy"].eq(other=True).fillna(value=False).astype(bool), "subject"]
    )
    found: dict[str, bool] = {}
    rows: list[Any] = list(chosen.itertuples(index=False))
    for row in rows:
        dose, when = first.get(row.subject), row.collected
        late = dose is not None and isinstance(when, str) and is_later(when, dose)
        early = roles.get(row.visit) in UNTREATED and not late
        found[row.sample] = observed or early or row.subject in healthy
    return found


def same_content(samples: pd.DataFrame, hashes: Mapping[str, str]) -> pd.DataFrame:
    """Give the samples to leave out because another row's file holds the same bytes."""
    import pandas as pd

    known = samples[samples["sample"].isin([name for name, content in hashes.items() if content])]
    rows = []
    for _, group in known.groupby(known["sample"].map(dict(hashes)), sort=False):
        if len(group) < 2:
            continue
        one = len(set(group["specimen"])) == 1
        alike = one and len(group.drop_duplicates(["tube", "control"])) == 1
        ordered = group.sort_values("row", kind="stable")
        for row in ordered.iloc[1:].itertuples() if alike else ordered.itertuples():
            others = ", ".join(str(n) for n in ordered["row"] if n != row.row)
            rows.append(_refused(row, others=others, one=one))
    out = pd.DataFrame(rows, columns=list(REFUSED)).astype("string")
    return out.sort_values("sample", kind="stable").reset_index(drop=True)


def _refused(row: Any, *, others: str, one: bool) -> dict[str, str]:
    code = "duplicate_file" if one else "same_content_two_specimens"
    what = "" if one else ", of another specimen"
    return {
        "specimen": row.specimen,
        "sample": row.sample,
        "stage": "content",
        "code": code,
        "problem": f"samples.csv row {row.row}: the file holds the same bytes as that of row {others}{what}",
        "hint": "drop one row" if one else "a copy or a swap: find out which specimen the file belongs to",
    }
