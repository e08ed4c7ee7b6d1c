"""Change from baseline: which value is the baseline, on which scale, with which doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from immunoprofile.core import ModelError, choose, close_names, join_flags, listed, look_up
from immunoprofile.quantify._columns import DESIGN_KEYS, feature_names
from immunoprofile.quantify._scales import SCALES, choose_scale, on_scale, slope_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

ANALYSED = ("percent", "ratio", "median_intensity", "cells_per_ul")
"""Statistics that become features of a change."""
TECHNICAL = frozenset({"root", "singlets", "viable", "leukocytes"})
"""Populations of hygiene: what they hold tells of the handling of a sample, not of the subject."""
BASELINE_ROLES = ("screening", "baseline")
_KEY = ["subject", "visit", "feature", "rule"]


def change_rows(
    rows: pd.DataFrame,
    specimens: pd.DataFrame,
    *,
    visits: Sequence[Any],
    baseline: str | None,
    baseline_rule: str,
    covariates: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Build the rows of a Change, and the table of scales."""
    import pandas as pd

    if not {"subject", "visit"} <= set(specimens.columns):
        hint = "profile(study) knows subjects and visits; a list of samples does not"
        raise ModelError("no_subjects", "the profile holds no subjects and visits", hint=hint)
    order = {visit.id: place for place, visit in enumerate(visits)}
    base = _baseline_visits(visits, baseline=baseline, rule=baseline_rule)
    measured = _measured(rows, specimens, order=order, statistics=options["statistics"])
    scales = _scales(measured, options["scale"])
    candidates = measured[measured["visit"].isin(base) & np.isfinite(measured["value"])]
    allowed = candidates[candidates["early"].fillna(value=True).astype(bool)]
    first = allowed.sort_values("place", kind="stable").drop_duplicates(
        ["subject", "feature", "rule"], keep="last"
    )
    later = measured[measured["place"] > max(order[name] for name in base)]
    late = candidates[~candidates["early"].fillna(value=True).astype(bool)]
    both = later.merge(
        first[["subject", "feature", "rule", "value", "cut_se", "batch", "flags"]],
        on=["subject", "feature", "rule"],
        how="left",
        suffixes=("", "_base"),
    )
    both = both.merge(
        late[["subject", "feature", "rule"]].drop_duplicates().assign(late=True),
        on=["subject", "feature", "rule"],
        how="left",
    )
    out = _on_scale(both.merge(scales[["feature", "scale"]], on="feature", how="left"))
    out = out.merge(_covariates(specimens, covariates), on="subject", how="left")
    out = out.sort_values(["feature", "rule", "place", "subject"], kind="stable").reset_index(drop=True)
    return pd.DataFrame(out), scales


def _baseline_visits(visits: Sequence[Any], *, baseline: str | None, rule: str) -> list[str]:
    names = [visit.id for visit in visits]
    if baseline is not None:
        return [look_up(baseline, names, what="visit")]
    roles = BASELINE_ROLES if rule == "last_before_first_dose" else ("baseline",)
    declared = [visit.id for visit in visits if visit.role == "baseline"]
    if not declared:
        hint = 'give one visit role = "baseline" in study.toml, or change(baseline="...")'
        raise ModelError("no_baseline_visit", "no visit has the role baseline", hint=hint)
    last = names.index(declared[-1])
    return [visit.id for visit in visits[: last + 1] if visit.role in roles]


def _measured(
    rows: pd.DataFrame, specimens: pd.DataFrame, *, order: Mapping[str, int], statistics: Sequence[str]
) -> pd.DataFrame:
    """Give one value a subject, visit, feature and rule; replicates are averaged and flagged."""
    technical = rows["population"].isin(TECHNICAL) | rows["population"].str.startswith("hygiene_")
    kept = rows[rows["statistic"].isin(list(statistics)) & ~technical]
    kept = kept.assign(feature=feature_names(kept))
    keys = specimens.reindex(columns=["specimen", *DESIGN_KEYS]).astype("string").drop_duplicates("specimen")
    early = specimens.reindex(columns=["before_first_dose"])["before_first_dose"]
    keys["early"] = early.reindex(keys.index).astype("boolean")
    joined = kept.merge(keys, on="specimen", how="inner")
    joined = joined[joined["subject"].notna() & joined["visit"].isin(list(order))]
    joined = joined.assign(place=joined["visit"].map(dict(order)).astype("int64"))
    repeated = joined.duplicated(_KEY, keep=False)
    if not repeated.any():
        return joined
    import pandas as pd

    merged = (
        joined[repeated]
        .groupby(_KEY, sort=True, as_index=False, observed=True)
        .agg(
            {
                **{
                    name: "first"
                    for name in joined.columns
                    if name not in (*_KEY, "value", "cut_se", "flags")
                },
                "value": "mean",
                "cut_se": "mean",
                "flags": _averaged,
            }
        )
    )
    return pd.concat([joined[~repeated], merged[joined.columns]], ignore_index=True)


def _averaged(texts: pd.Series) -> str:
    return join_flags("replicates_averaged", *texts)


def _scales(measured: pd.DataFrame, override: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    unknown = sorted(set(override) - set(measured["feature"]))
    if unknown:
        look_up(unknown[0], sorted(set(measured["feature"])), what="feature")
    found = []
    for feature, own in measured.groupby("feature", sort=True, observed=True):
        head = own.iloc[0]
        held = own[own["rule"] == "held"] if head["statistic"] == "percent" else own
        values = (held if len(held) else own)["value"].to_numpy(float)
        scale, reason = choose_scale(
            head["population"], head["statistic"], denominator=head["denominator"], values=values
        )
        if feature in override:
            scale, reason = choose(override[str(feature)], SCALES, what="scale"), "as asked"
        found.append((feature, scale, reason))
    return pd.DataFrame(found, columns=["feature", "scale", "reason"], dtype="string")


def _on_scale(both: pd.DataFrame) -> pd.DataFrame:
    """Add change, its doubt and its flags."""
    out = both.rename(columns={"value_base": "baseline", "batch_base": "baseline_batch"})
    parts = {name: np.full(len(out), np.nan) for name in ("after", "before", "cut_value", "cut_baseline")}
    scale = out["scale"].to_numpy(object)
    value, baseline = out["value"].to_numpy(float), out["baseline"].to_numpy(float)
    for name in SCALES:
        here = scale == name
        parts["after"][here] = on_scale(value[here], name)
        parts["before"][here] = on_scale(baseline[here], name)
        parts["cut_value"][here] = out["cut_se"].to_numpy(float)[here] * slope_of(value[here], name)
        parts["cut_baseline"][here] = out["cut_se_base"].to_numpy(float)[here] * slope_of(
            baseline[here], name
        )
    shared = (out["batch"] == out["baseline_batch"]).fillna(value=False).to_numpy(bool)
    after, before = parts["cut_value"], parts["cut_baseline"]
    flags = _flags(out, scale=scale, value=value, baseline=baseline)
    return out.assign(
        change=parts["after"] - parts["before"],
        baseline_scaled=parts["before"],
        cut_value=after,
        cut_baseline=before,
        # one cut serves a batch: its doubt moves value and baseline together
        cut_se=np.where(shared, np.abs(after - before), np.hypot(after, before)),
        flags=flags,
    ).drop(columns=["cut_se_base", "flags_base", "late"])


def _flags(out: pd.DataFrame, *, scale: Any, value: Any, baseline: Any) -> list[str]:
    late = out["late"].notna().to_numpy(bool)
    missing = ~np.isfinite(baseline)
    ratio, odds = scale == "log_ratio", scale == "logit"
    zero = (ratio | odds) & ((value == 0) | (baseline == 0))
    full = odds & ((value == 100) | (baseline == 100))
    negative = ratio & ((value < 0) | (baseline < 0))
    own = {
        "baseline_missing": missing,
        "baseline_after_dose": missing & late,
        "zero_value": zero,
        "full_value": full,
        "negative_value": negative,
    }
    old, new = out["flags_base"].fillna("").to_numpy(object), out["flags"].fillna("").to_numpy(object)
    raised = zip(*own.values(), strict=True)
    known: dict[tuple[Any, ...], str] = {}
    texts = []
    for key in zip(old, new, raised, strict=True):
        if key not in known:
            added = [code for code, on in zip(own, key[2], strict=True) if on]
            known[key] = join_flags(str(key[0]), str(key[1]), added)
        texts.append(known[key])
    return texts


def _covariates(specimens: pd.DataFrame, covariates: Sequence[str]) -> pd.DataFrame:
    """Give the declared covariates, one row a subject."""
    absent = [name for name in covariates if name not in specimens.columns]
    if absent:
        near = close_names(absent[0], [str(name) for name in specimens.columns])
        hint = f"nearest: {listed(near)}" if near else "covariates are columns of subjects.csv"
        raise ModelError("covariate_unknown", f"no covariate {listed(absent)}", where="[analysis]", hint=hint)
    own = [name for name in dict.fromkeys(covariates) if name not in DESIGN_KEYS]
    known = specimens[specimens["subject"].notna()][["subject", *own]]
    first = known.groupby("subject", sort=True, as_index=False, observed=True).first() if own else known
    return first.drop_duplicates("subject").astype({"subject": "string"})
