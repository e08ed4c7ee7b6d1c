"""Writing results: each table whole or absent, the same bytes for the same input, provenance last."""

from __future__ import annotations

import filecmp
from typing import TYPE_CHECKING

from immunoprofile.core import Column, explain, join_flags, tidy
from immunoprofile.core.files import Stage
from immunoprofile.core.tables import table_files
from immunoprofile.gating import CUT_COLUMNS
from immunoprofile.pipeline._provenance import NAME as PROVENANCE_NAME
from immunoprofile.pipeline._provenance import outputs_in, provenance_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import pandas as pd

    from immunoprofile.pipeline._analysis import Results

REPORT_NAME = "report.html"
OF_THE_STAIN = ("MISSING_MARKER",)
"""Codes that tell what a tube was stained with: no treatment changes it, so blinded runs show them all."""
FLAG_COLUMNS = (
    Column(name="specimen", dtype="string", meaning="one draw of one subject (random id)"),
    Column(name="sample", dtype="string", meaning="one FCS file (random id)"),
    Column(name="population", dtype="string", meaning="population of the gate"),
    Column(name="level", dtype="string", meaning="info, warning, error"),
    Column(name="code", dtype="string", meaning="code of the flag"),
    Column(name="message", dtype="string", meaning="what was seen and done"),
)
EXCLUSION_COLUMNS = (
    Column(name="specimen", dtype="string", meaning="one draw of one subject (random id)"),
    Column(name="sample", dtype="string", meaning="one FCS file (random id)"),
    Column(name="stage", dtype="string", meaning="where it was left out: sheet, content, gate"),
    Column(name="code", dtype="string", meaning="code of the reason"),
    Column(name="problem", dtype="string", meaning="what was found"),
    Column(name="hint", dtype="string", meaning="what would be right"),
    Column(name="file", dtype="string", meaning="file of the sheet (open studies only)"),
)


def write_results(results: Results, *, report: Callable[[Results], str] | None = None) -> list[Path]:
    """Write the tables of a run below ``results/``, its report if one is asked for, and ``provenance.json``.

    All are written under temporary names first, so that a full disk leaves what was there; then they appear,
    ``provenance.json`` last. While it is not there, the folder is unfinished.

    Parameters
    ----------
    results : Results
    report : callable, optional
        Makes the HTML text of ``report.html``.

    Returns
    -------
    list of Path
    """
    folder = results.study.root / "results"
    with Stage(folder) as stage:
        for name, table, parquet in _tables(results):
            for file, content in table_files(table, name, parquet=parquet):
                stage.add(file, content)
        for tube in results.gating.tubes:
            if not results.blinded:
                stage.add(f"fitted_{tube.id}.npz", tube.fitted.to_bytes())
        if report is not None:
            stage.add(REPORT_NAME, report(results).encode("utf-8"))
        gone = _outdated(folder, stage.files)
        kept = {name: path for name, path in outputs_in(folder).items() if path not in gone}
        text = provenance_text(results, kept | stage.files)
        stage.add(PROVENANCE_NAME, text.encode("utf-8"))
        return stage.commit(last=PROVENANCE_NAME, gone=gone)


def _outdated(folder: Path, new: Mapping[str, Path]) -> list[Path]:
    """Name what is left of an earlier run in another state: a folder never mixes blinded, dummy and real.

    A report goes with the tables that it tells of.
    """
    names = [f"{name}{suffix}" for name in ("response", "effects", "link") for suffix in (".csv", ".parquet")]
    gone = [folder / name for name in names if name not in new]
    gone += [path for path in sorted(folder.glob("fitted_*.npz")) if path.name not in new]
    if REPORT_NAME not in new and not all(_same(path, folder / name) for name, path in new.items()):
        gone.append(folder / REPORT_NAME)
    return [path for path in gone if path.exists()]


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _tables(results: Results) -> Iterable[tuple[str, pd.DataFrame, bool]]:
    yield (
        "populations",
        results.profile.reveal(results.arms) if not results.blinded else results.profile.table,
        True,
    )
    yield "cuts", cuts_table(results), True
    yield "flags", flags_table(results), False
    yield "exclusions", exclusions_table(results), False
    if results.response is not None and not results.blinded:
        yield "response", results.response, True
    if results.effects is not None:
        yield "effects", _marked(results.effects.table, dummy=results.dummy), True
    if results.link is not None:
        yield "link", _marked(results.link.table, dummy=results.dummy), True


def _marked(table: pd.DataFrame, *, dummy: bool) -> pd.DataFrame:
    """Mark every row of a dry run."""
    if not dummy:
        return table
    flags = table["flags"].fillna("").map(lambda text: join_flags(text, ["dummy_arms"]))
    return table.assign(flags=flags.astype("string"))


def hidden_populations(results: Results) -> frozenset[str]:
    """Name the populations whose values a blinded run may not show."""
    return frozenset(results.study.sentinels) if results.blinded else frozenset()


def flags_table(results: Results) -> pd.DataFrame:
    """Give flags.csv: specimen, sample, population, level, code, message."""
    import pandas as pd

    told = (results.gating.notes, results.study.notes, _without_baseline(results))
    parts = [frame for frame in told if len(frame)]
    notes = pd.concat(parts, ignore_index=True) if parts else results.gating.notes
    secret = notes["population"].isin(hidden_populations(results)) & ~notes["code"].isin(OF_THE_STAIN)
    shown = notes[~secret]
    return tidy(shown, FLAG_COLUMNS, key=["specimen", "sample", "population", "code"])


def _without_baseline(results: Results) -> pd.DataFrame:
    """Flag the specimens of subjects that have no gated baseline: their changes have no value."""
    import pandas as pd

    samples = results.gating.rows[["specimen", "sample"]].drop_duplicates()
    baseline = {visit.id for visit in results.study.visit_values if visit.role in ("baseline", "screening")}
    found = samples.merge(results.study.specimens[["specimen", "subject", "visit"]], on="specimen")
    known = set(found.loc[found["visit"].isin(baseline), "subject"])
    lacking = found[~found["subject"].isin(known)] if baseline and results.change is not None else found[:0]
    row = explain("baseline_missing")
    return pd.DataFrame(
        {
            "specimen": lacking["specimen"],
            "sample": lacking["sample"],
            "population": "",
            "level": row.level,
            "code": row.code,
            "message": f"{row.meaning} {row.done}",
        },
        dtype="string",
    )


def exclusions_table(results: Results) -> pd.DataFrame:
    """Give exclusions.csv; the file is named where the study is not blinded."""
    import pandas as pd

    parts = [frame for frame in (results.gating.exclusions, results.study.excluded) if len(frame)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    columns = EXCLUSION_COLUMNS[:-1] if results.blinded else EXCLUSION_COLUMNS
    if not results.blinded and len(table):
        files = dict(zip(results.study.samples["sample"], results.study.samples["file"], strict=True))
        known = table["file"] if "file" in table.columns else pd.Series(pd.NA, index=table.index)
        table["file"] = known.fillna(table["sample"].map(files))
    return tidy(table, columns, key=["specimen", "sample", "code"])


def cuts_table(results: Results) -> pd.DataFrame:
    """Give cuts.csv: the cuts of every tube.

    In a blinded run without those of sentinel populations, and with random ids of the batches, whose names
    may tell the site.
    """
    import pandas as pd

    frames = []
    hidden = hidden_populations(results)
    for tube in results.gating.tubes:
        cuts = tube.fitted.cuts
        secret = {g.id for g in tube.fitted.strategy.gates if hidden & {p.id for p in g.populations}}
        frames.append(cuts[~cuts["gate"].isin(secret)].assign(tube=tube.id))
    columns = (Column(name="tube", dtype="string", meaning="tube of the study"), *CUT_COLUMNS)
    names = {} if results.blinded else results.study.batch_names
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if len(table):
        table["unit"] = table["unit"].map(lambda unit: names.get(unit, unit))
    return tidy(table, columns)
