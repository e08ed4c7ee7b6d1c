"""panel.toml: every fault at once, nothing coerced, and a draft that reads back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from immunoprofile.core import PanelError
from immunoprofile.fcs import sample_from_arrays
from immunoprofile.panel import draft_panel, markers_for_detectors, panel_from_text, read_panel
from immunoprofile.transform import Logicle, channel_transform, compensation_of

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "gating").glob("*/panel.toml"))
GOOD = """
schema = 1
[panel]
id = "treg_tube_a"
version = "2"
specimen = "whole_blood"
species = "human"
required = ["CD3", "CD25"]
transform = "logicle"
compensation = "file"

[[channels]]
id = "cd3"
target.marker = "CD3"

[[channels]]
id = "cd25"
target.marker = "IL2RA"
role = "treatment_responsive"
detectors = ["PE-A"]
aliases = ["Tac"]
fluorochrome = "PE"
clone = "2A3"
transform = { kind = "logicle", W = 0.7, M = 4.5, A = 0, T = "PnR" }
fmo = true

[[channels]]
id = "dead"
target.kind = "viability"

[sites.S02]
cd25.detectors = ["Yellow PE-A"]
[cytometers."LSRFortessa"]
cd3.detectors = ["BB700-A"]

[controls]
unstained = ["unst"]
fmo.CD25 = ["FMO_CD25"]
"""


def refused(text):
    with pytest.raises(PanelError) as caught:
        panel_from_text(text)
    return caught.value


def test_a_full_panel_is_read():
    panel = panel_from_text(GOOD)
    assert (panel.id, panel.version, panel.specimen) == ("treg_tube_a", "2", "whole_blood")
    assert panel.markers == ("CD3", "CD25")
    assert panel.required == ("CD3", "CD25")
    assert panel.transform_spec("CD3") == {"kind": "logicle"}
    assert panel.transform_spec("CD25")["W"] == 0.7
    assert panel.role("CD25") == "treatment_responsive"
    assert panel.role("CD3") == panel.role("CD4") == "lineage"
    assert panel.controls == {"unstained": ("unst",), "fmo:CD25": ("FMO_CD25",)}
    assert panel.viability.id == "dead"


def test_a_declared_transform_reaches_the_channel():
    panel = panel_from_text(GOOD)
    sample = sample_from_arrays(np.ones((3, 1)), ["PE-A"], ranges=[10000.0])
    made = channel_transform(sample, 0, spec=panel.transform_spec("CD25"))
    assert made == Logicle(T=10000.0, W=0.7)


def test_without_a_transform_the_file_decides():
    assert panel_from_text(GOOD.replace('transform = "logicle"\n', "", 1)).transform_spec("CD3") is None


@pytest.mark.parametrize("path", SHIPPED, ids=[path.parent.name for path in SHIPPED])
def test_every_shipped_panel_is_valid(path):
    assert read_panel(path).content_hash == read_panel(path.parent).content_hash


def test_all_faults_are_told_at_once_with_the_nearest_right_thing():
    text = GOOD
    for old, new in (
        ('fluorochrome = "PE"', 'flourochrome = "PE"'),
        ('id = "cd3"', "id = 3"),
        ("fmo = true", 'fmo = "yes"'),
        ('specimen = "whole_blood"', 'speciman = "whole_blood"'),
    ):
        text = text.replace(old, new)
    error = refused(text)
    assert error.code == "PANEL_SCHEMA"
    said = str(error)
    assert ".channels[2]: unknown key 'flourochrome' (nearest 'fluorochrome')" in said
    assert ".channels[1].id: 3 is not text" in said
    assert ".channels[2].fmo: 'yes' is not true or false" in said
    assert ".panel: unknown key 'speciman' (nearest 'specimen')" in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema is 2"),
        ("schema = 1", "", "schema is None"),
        ('id = "treg_tube_a"', 'id = "Treg A"', "a-z, 0-9 and _"),
        ('version = "2"', "version = 2", ".panel.version: 2 is not text"),
        ('version = "2"', "", ".panel.version: missing"),
        ('specimen = "whole_blood"', 'specimen = "whole blood"', "nearest 'whole_blood'"),
        ('required = ["CD3", "CD25"]', 'required = ["CD3", "CD127"]', "'CD127' is no channel's marker"),
        ('transform = "logicle"', 'transform = "logicel"', "nearest 'logicle'"),
        ("W = 0.7", 'W = "0.7"', ".transform.W: '0.7' is no number"),
        ("W = 0.7", "cofactor = 5", "unknown key 'cofactor'"),
        ('target.kind = "viability"', 'target.kind = "viable"', "nearest 'viability'"),
        ('target.kind = "viability"', 'target.kind = "viability"\ntarget.marker = "CD4"', "exactly one"),
        ('role = "treatment_responsive"', 'role = "lineage"', "role_reason"),
        ('role = "treatment_responsive"', 'role = "responsive"', "nearest 'treatment_responsive'"),
        ('aliases = ["Tac"]', 'aliases = ["CD4"]', "'CD4' is a name of CD4"),
        ("cd25.detectors", "cd52.detectors", "no channel 'cd52' (nearest 'cd25'"),
        ("fmo.CD25 =", "fmoo.CD25 =", "unknown key 'fmoo' (nearest 'fmo')"),
        ('detectors = ["PE-A"]', 'detectors = "PE-A"', ".channels[2].detectors: 'PE-A' is not a list"),
        ('compensation = "file"', 'compensation = "absent.csv"', "absent.csv"),
        ("fmo.CD25 =", "fmo =", ".controls.fmo: is not a table of keys"),
        ('target.marker = "CD3"', 'target = "CD3"', ".channels[1].target: is not a table of keys"),
        ('detectors = ["Yellow PE-A"]', "detectors = [7]", ".sites.S02.cd25.detectors[1]: 7 is not text"),
        ("[[channels]]", "[[channels", "no TOML"),
        ('id = "dead"', 'id = "dead"\ntransform = "none"', "compensation = 'none'"),
    ],
)
def test_each_fault_is_refused_with_its_place(old, new, said):
    assert old in GOOD
    error = refused(GOOD.replace(old, new, 1))
    assert error.code == "PANEL_SCHEMA"
    assert said in str(error)


def test_a_weaker_role_is_taken_with_a_reason():
    text = GOOD.replace(
        'role = "treatment_responsive"', 'role = "lineage"\nrole_reason = "no drug in this study"'
    )
    assert panel_from_text(text).role("CD25") == "lineage"


@pytest.mark.parametrize(
    ("old", "new"), [('id = "dead"', 'id = "cd3"'), ('target.marker = "CD3"', 'target.marker = "CD25"')]
)
def test_an_id_or_a_marker_given_twice_is_refused(old, new):
    text = GOOD.replace('required = ["CD3", "CD25"]', "required = []").replace(old, new, 1)
    assert refused(text).code == "PANEL_DUPLICATE"


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(PanelError, match="PANEL_SCHEMA"):
        read_panel(tmp_path / "panel.toml")
    (tmp_path / "panel.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PanelError, match="PANEL_SCHEMA"):
        read_panel(tmp_path)


def test_comments_do_not_change_the_content_hash_and_values_do():
    panel = panel_from_text(GOOD)
    assert panel_from_text("# a comment\n" + GOOD).content_hash == panel.content_hash
    assert panel_from_text(GOOD.replace('version = "2"', 'version = "3"')).content_hash != panel.content_hash


def test_a_panel_with_a_matrix_file_is_whole_without_its_folder(tmp_path):
    (tmp_path / "spill.csv").write_text("PE-A,APC-A\n1,0.1\n0.2,1\n", encoding="utf-8")
    (tmp_path / "panel.toml").write_text(
        GOOD.replace('compensation = "file"', 'compensation = "spill.csv"'), encoding="utf-8"
    )
    panel = read_panel(tmp_path)
    again = panel_from_text(panel.source)
    assert again.compensation == panel.compensation
    assert again.content_hash == panel.content_hash
    sample = sample_from_arrays(np.ones((3, 2)), ["APC-A", "PE-A"])
    assert compensation_of(sample, again.compensation).matrix.tolist() == [[1, 0.1], [0.2, 1]]


def test_display_values_are_not_compensated():
    assert (
        panel_from_text(GOOD.replace('transform = "logicle"', 'transform = "none"', 1)).compensation == "none"
    )


def test_a_draft_is_a_valid_panel_and_marks_what_a_person_must_settle():
    channels = (
        ("FSC-A", ""), ("Time", ""), ("PE-A", "IL2RA (CD25)"), ("APC-A", "CD14 CD19"), ("V450-A", "CD3"),
        ("FITC-A", ""), ("7-AAD-A", 'say "what"?'), ("Zombie NIR-A", "Viability"),
    )  # fmt: skip
    detectors, labels = zip(*channels, strict=True)
    sample = SimpleNamespace(name="a", detectors=detectors, labels=labels, keywords={})
    text = draft_panel([sample, sample], id="tube_a")
    panel = panel_from_text(text)
    assert panel.markers == ("CD25", "CD3")
    assert panel.viability is not None
    assert len(panel.resolve(sample).unresolved) == 0
    assert text.count("# ?? What is") == 3
    assert '"CD14 CD19" on "APC-A"' in text
    assert "FSC-A" not in text


def test_proposals_give_a_reason_where_they_do_not_decide():
    found = markers_for_detectors(["APC-A", "PE-A", "FL2-A"], ["CD14 CD19", "Neuropillin", ""])
    assert [p.kind for p in found] == ["unresolved"] * 3
    assert "names CD14 and CD19" in found[0].candidates[0]
    assert (
        any("Neuropilin" in text or "NRP1" in text for text in found[1].candidates)
        or found[1].candidates == ()
    )


def test_a_draft_proposes_what_the_same_detector_carries_in_other_files():
    named = SimpleNamespace(name="a", detectors=("PE-Cy7-A",), labels=("CD3 PE-Cy7-A",), keywords={})
    dated = SimpleNamespace(name="b", detectors=("PE-Cy7-A",), labels=("3 090806 PE-Cy7-A",), keywords={})
    assert "perhaps CD3: on this detector in other files" in draft_panel([named, dated], id="itn")
