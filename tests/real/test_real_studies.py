"""Two public data sets from study.toml, and from a draft of `init`, to numbers that make sense."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import pytest

import immunoprofile as ip
from immunoprofile.pipeline import draft_study

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "shared" / "data"
FOLDERS = {"gvhd": "gvhd", "itn": "itn_flowstats"}
pytestmark = pytest.mark.shared


def lay_out(name, out):
    shutil.copytree(HERE / name, out)
    for path in sorted((DATA / FOLDERS[name]).iterdir()):
        if path.suffix == ".fcs" or path.name == "samples.csv":
            shutil.copy(path, out / path.name)
    return out / "study.toml"


def percents(results, population, denominator):
    rows = results.profile.table
    own = rows[
        (rows["population"] == population)
        & (rows["denominator"] == denominator)
        & (rows["statistic"] == "percent")
        & (rows["rule"] == "held")
    ]
    return own["value"]


def test_gvhd_runs_to_changes_and_says_what_it_leaves_out(tmp_path):
    study = ip.read_study(lay_out("gvhd", tmp_path / "gvhd"))
    results = ip.run(study, workers=1)
    assert results.exit_code == 0
    assert results.profile.table["sample"].nunique() == 35
    assert results.left_out["effects"] == "no arms are declared"
    changes = results.change.table
    assert changes["subject"].nunique() == 5
    assert changes["change"].notna().any()
    cuts = results.gating.tubes[0].fitted.cuts
    assert cuts["cut"].notna().all(), "every gate has a cut"
    levels = cuts.set_index("gate")["cut"].astype(float)
    assert 0.1 < levels["leukocytes"] < 0.3, "the valley between cells without CD45 and with it"
    assert 0.4 < levels["monocytes"] < 0.6, "the valley before the CD14 bright"
    assert percents(results, "leukocytes", "root").median() > 80
    assert percents(results, "gvhd_monocytes", "leukocytes").max() > 30
    assert percents(results, "gvhd_monocytes", "leukocytes").median() < 10


def test_itn_runs_to_t_cells_and_has_no_change(tmp_path):
    study = ip.read_study(lay_out("itn", tmp_path / "itn"))
    results = ip.run(study, workers=1)
    assert results.exit_code == 0
    assert results.profile.table["sample"].nunique() == 15
    assert results.left_out["change"] == "there is one visit only: no change from baseline"
    cd4, cd8 = percents(results, "cd4_t", "t"), percents(results, "cd8_t", "t")
    assert cd4.notna().all()
    assert 40 < cd4.median() < 80
    assert 10 < cd8.median() < 50
    assert (cd4.to_numpy() + cd8.to_numpy() > 75).all()
    assert (cd4.to_numpy() + cd8.to_numpy() <= 100).all()


@pytest.mark.parametrize(
    ("name", "strategy", "subject"),
    [("gvhd", HERE / "gvhd" / "gvhd_myeloid_v1", "patient"), ("itn", "tcell_lineage_v1", "participant")],
)
def test_a_draft_of_the_folder_needs_only_what_is_marked(tmp_path, name, strategy, subject):
    source = DATA / FOLDERS[name]
    before = {path.name: path.stat().st_mtime_ns for path in source.iterdir()}
    draft = draft_study(source, out=tmp_path / "study", strategy=os.fspath(strategy))
    assert {path.name: path.stat().st_mtime_ns for path in source.iterdir()} == before
    assert draft.problems == ()
    with (source / "samples.csv").open(newline="", encoding="utf-8") as stream:
        known = {row["file"]: row for row in csv.DictReader(stream)}
    sheet = tmp_path / "study" / "samples.csv"
    files = [line.split(",")[0] for line in sheet.read_text(encoding="utf-8").splitlines()[1:]]
    rows = [[f, known[f][subject], known[f]["visit"], known[f].get("site") or "one"] for f in files]
    lines = ["file,subject,visit,site", *(",".join(row) for row in rows)]
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if draft.to_fill["panel.toml"]:  # five files call CD3 by "3" and the date of a lot
        panel = tmp_path / "study" / "panel.toml"
        text = panel.read_text(encoding="utf-8")
        named = 'target.marker = "CD3"\ndetectors = ["PE-Cy7-A"]\n'
        panel.write_text(text.replace('target.marker = "CD3"\n', named), encoding="utf-8")
    study = ip.read_study(draft.study)
    assert len(study.samples) == len(known)
    results = ip.run(study, workers=1)
    assert results.exit_code == 0
    assert results.profile.table["sample"].nunique() == len(known)
