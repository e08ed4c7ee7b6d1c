"""Resolving markers: the rules in their order, the traps, and the dialects of real sites."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from immunoprofile.fcs import read_fcs
from immunoprofile.panel import (
    canonical_marker,
    marker_role,
    markers_for_detectors,
    panel_from_text,
    resolution_differences,
)

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
HEAD = 'schema = 1\n[panel]\nid = "p"\nversion = "1"\n'
TREG = ("CD3", "CD4", "CD8", "CD25", "CD127", "CD45RA", "CD45")


def panel(*markers, extra="", more=""):
    channels = "".join(
        f'[[channels]]\nid = "c{i}"\ntarget.marker = "{m}"\n{extra}' for i, m in enumerate(markers)
    )
    return panel_from_text(HEAD + channels + more)


def file_of(*channels, cytometer="", serial="", name="donor"):
    detectors, labels = zip(*channels, strict=True)
    keywords = {"$CYT": cytometer, "$CYTSN": serial}
    return SimpleNamespace(name=name, detectors=detectors, labels=labels, keywords=keywords)


def marker_of(label, detector="FL1-A"):
    (found,) = markers_for_detectors([detector], [label])
    return found.marker if found.kind == "marker" else None


@pytest.mark.shared
def test_real_channel_names_are_never_given_to_a_wrong_marker_and_nearly_all_are_found():
    spec = importlib.util.spec_from_file_location(
        "panel_resolution", ROOT / "benchmarks" / "panel_resolution.py"
    )
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    counts, lines = benchmark.measure(SHARED / "spec" / "marker_truth.csv")
    assert counts["wrong"] == 0, lines
    assert counts["right"] >= 0.95 * counts["markers"]
    assert counts["markers"] > 300


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("CD25", "CD25"),
        ("CD25 AF647", "CD25"),
        ("CD25-PC7", "CD25"),
        ("IL2RA (CD25)", "CD25"),
        ("CD4-[RPA-T4]", "CD4"),
        ("169Tm_CD25", "CD25"),
        ("CD127_165Ho", "CD127"),
        ("CD25-149", "CD25"),
        ("CCR7 Y585-PE-H", "CCR7"),
        ("CD21;FITC;530/30@488/B", "CD21"),
        ("CD25_IL-2R", "CD25"),
        ("CD197 (CCR7)", "CCR7"),
        ("155Gd_CD279PD1", "PD-1"),
        ("TCR \u03b3\u03b4", "TCRgd"),
        ("IFN-\u03b3 BV421", "IFNg"),
        ("HLA DR", "HLA-DR"),
        ("CD112 PE", "CD112"),
    ],
)
def test_one_marker_stands_out_of_what_is_around_it(label, marker):
    assert marker_of(label) == marker


@pytest.mark.parametrize(
    ("label", "marker"),
    [
        ("CD38", "CD38"),
        ("CD45RA PE", "CD45RA"),
        ("CD161", "CD161"),
        ("IL-2R", "CD25"),
        ("IL-2", "IL-2"),
        ("PD-L1", "PD-L1"),
        ("CD8b", "CD8b"),
        ("CD257", "CD257"),
        ("ICOSL", "ICOSL"),
        ("OX40L", "OX40L"),
    ],
)
def test_no_name_is_matched_by_its_beginning(label, marker):
    assert marker_of(label) == canonical_marker(marker)
    assert marker_of(label) not in {"CD3", "CD4", "CD45", "CD16", "PD-1", "CD8", "ICOS", "OX40"}


@pytest.mark.parametrize(
    "label",
    [
        "CD14 CD19",
        "CD24/123",
        "CD14_19 APC-Cy7 NIR",
        "CD16_32",
        "8-14-19-FITC",
        "VIVID / CD14",
        "PD1/IGG4",
        "NIR CD14 CD19",
        "CD14/19/177",
        "Lin DCM Fitc",
        "IgG or TCR VD2",
        "CD235ab_CD61",
        "CD4 Xyz9",
        "Lineage",
        "C127",
        "3 090806 PE-Cy7-A",
        "CD45R0",
        "IgG1-FITC",
        "bob",
        "PE",
        "xxxxxxx",
        "CD4 CD8",
        "CD25 7",
    ],
)
def test_cocktails_typing_errors_and_words_without_a_marker_are_not_assigned(label):
    assert marker_of(label) is None


@pytest.mark.parametrize("detector", ["7-AAD-A", "PE-A", "APC-Cy7-A", "B710-A", "Alexa Fluor 430-A", "FL1-H"])
def test_a_detector_named_after_a_dye_is_no_marker(detector):
    assert marker_of("", detector) is None
    assert markers_for_detectors([detector], [""])[0].kind == "unresolved"


def test_the_label_goes_before_the_detector_and_the_detector_stands_in_where_the_label_says_nothing():
    assert marker_of("CD8", "CD4") == "CD8"
    assert marker_of("bob", "CD4") is None
    assert marker_of("", "CD4") == "CD4"
    assert marker_of("CD4", "CD4") == "CD4"
    assert marker_of("FITC", "CD4 FITC-A") == "CD4"


def test_hygiene_channels_are_found_by_name_and_are_never_markers():
    sample = file_of(
        ("HDR-T", ""),
        ("FSC-A", "CD4"),
        ("FSC-H", ""),
        ("SSC PEAK LIN", ""),
        ("SSC INT LIN", ""),
        ("FSCW", ""),
    )
    found = panel("CD4").resolve(sample).channels
    assert found == {"Time": 0, "FSC-A": 1, "FSC-H": 2, "SSC-H": 3, "SSC-A": 4, "FSC-W": 5}


def test_the_plainest_scatter_name_wins():
    sample = file_of(
        ("SSC-B-A", ""), ("SSC-A", ""), ("FSC PMT-A", ""), ("FSC-A", ""), ("Time LSW", ""), ("TIME", "")
    )
    assert dict(panel("CD4").resolve(sample).channels) == {"SSC-A": 1, "FSC-A": 3, "Time": 5}


def test_area_goes_before_height_and_width_and_two_areas_are_for_a_person_to_decide():
    both = panel("CD4").resolve(file_of(("PE-H", "CD4"), ("PE-A", "CD4"), ("PE-W", "CD4")))
    assert both.channels["CD4"] == 1
    assert both.table.loc[0, "rule"] == 7
    twice = panel("CD4").resolve(file_of(("PE-A", "CD4"), ("APC-A", "CD4")))
    assert "CD4" not in twice.channels
    assert twice.code_of("CD4") == "DUPLICATE_MARKER"
    assert len(twice.ambiguous) == 1
    assert twice.candidates_for("CD4") == ("'CD4' (PE-A)", "'CD4' (APC-A)")


DIALECTS = {
    "digital names": (
        ("FSC-A", ""), ("FSC-H", ""), ("SSC-A", ""), ("V450-A", "CD3"), ("PerCP-Cy5-5-A", "CD4"),
        ("APC-H7-A", "CD8"), ("PE-A", "CD25"), ("APC-A", "CD127"), ("FITC-A", "CD45RA"),
        ("AmCyan-A", "Viability"), ("V500-A", "CD45"), ("Time", ""),
    ),
    "marker and dye": (
        ("Time", ""), ("FSC-A", "FSC-A"), ("SSC-A", "SSC-A"), ("Pacific Blue-A", "CD3 PacBlue"),
        ("PerCP-Cy5.5-A", "CD4 PerCP-Cy5.5"), ("APC-Cy7-A", "CD8 APC-Cy7"), ("PE-A", "CD25 PE"),
        ("Alexa Fluor 647-A", "CD127 AF647"), ("FITC-A", "CD45RA FITC"), ("BV510-A", "CD45 BV510"),
        ("Zombie NIR-A", "Viability Zombie NIR"),
    ),
    "band names": (
        ("FS INT", "FS INT"), ("FS PEAK", "FS PEAK"), ("SS INT", "SS INT"), ("FL1 INT", "CD45RA-FITC"),
        ("FL2 INT", "CD127-PE"), ("FL3 INT", "CD4-ECD"), ("FL4 INT", "CD3-PC5.5"), ("FL5 INT", "CD25-PC7"),
        ("FL6 INT", "CD8-APC"), ("FL7 INT", "LD-AF750"), ("FL10 INT", "CD45-KrO"), ("TIME", "TIME"),
    ),
    "spectral": (
        ("Time", ""), ("SSC-A", ""), ("FSC-A", ""), ("FSC-H", ""), ("R1-A", "IL2RA (CD25)"),
        ("B2-A", "IL7RA (CD127)"), ("V3-A", "CD3E (CD3)"), ("V5-A", "CD4"), ("UV9-A", "CD8A (CD8)"),
        ("YG1-A", "CD45RA"), ("R7-A", "Live/Dead NIR"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_dialects_of_four_sites_resolve_whole(dialect):
    markers = tuple(m for m in TREG if m != "CD45" or dialect != "spectral")
    sample = file_of(*DIALECTS[dialect])
    more = '[[channels]]\nid = "dead"\ntarget.kind = "viability"\n'
    found = panel(*markers, more=more).resolve(sample)
    assert len(found.unresolved) == 0, found.unresolved.to_string()
    assert {*markers, "Viability", "Time", "FSC-A", "SSC-A"} <= set(found.channels)
    for marker in markers:
        assert canonical_marker(sample.labels[found.channels[marker]].split()[0].split("-")[0]) == marker


@pytest.mark.parametrize(
    ("detector", "label", "is_dead"),
    [
        ("FL3-A", "Viability", True),
        ("Zombie NIR-A", "", True),
        ("PerCP-Cy5-5-A", "7-AAD", True),
        ("7-AAD-A", "", False),
        ("DAPI-A", "", False),
        ("AmCyan-A", "l/d", True),
        ("APC-A", "fixable blue", True),
        ("AmCyan-A", "", False),
        ("PE-A", "CD14 Zombie", False),
    ],
)
def test_a_viability_dye_is_told_by_its_label_or_a_name_that_means_nothing_else(detector, label, is_dead):
    found = panel("CD4").resolve(file_of((detector, label), ("APC-H7-A", "CD4")))
    assert ("Viability" in found.channels) is is_dead


def test_a_declared_detector_wins_and_the_most_specific_scope_first():
    text = HEAD + (
        '[[channels]]\nid = "cd4"\ntarget.marker = "CD4"\ndetectors = ["PE-A"]\n'
        '[sites.S02]\ncd4.detectors = ["Yellow PE-A"]\n'
        '[cytometers."Fortessa"]\ncd4.detectors = ["BB700-A"]\n'
        '[serials."R-7"]\ncd4.detectors = ["APC-A"]\n'
    )
    known = panel_from_text(text)
    channels = (("PE-A", "CD8"), ("Yellow PE-A ", ""), ("bb700-a", ""), ("APC-A", ""))

    def used(site=None, **keywords):
        return known.resolve(file_of(*channels, **keywords), site=site).channels["CD4"]

    assert used() == 0
    assert used("S02") == 1
    assert used("S02", cytometer="Fortessa") == 2
    assert used("S02", cytometer="Fortessa", serial="R-7") == 3
    assert known.resolve(file_of(*channels)).table.loc[0, ["rule", "confidence"]].tolist() == [1, "declared"]


def test_a_declared_detector_that_is_absent_is_not_replaced_by_a_guess():
    sample = file_of(("APC-A", "CD4"), ("PE-Cy7-A", ""))
    strict = panel("CD4", extra='detectors = ["PE-A"]\n').resolve(sample)
    assert strict.code_of("CD4") == "MISSING_MARKER"
    assert "PE-A" in strict.table.loc[0, "candidates"]
    loose = panel("CD4", extra='detectors = ["PE-A"]\ndetectors_fallback = true\n').resolve(sample)
    assert loose.channels["CD4"] == 0


def test_a_detector_that_is_declared_for_one_marker_is_not_read_for_another():
    more = '[[channels]]\nid = "b"\ntarget.marker = "CD4"\n'
    known = panel("CD25", extra='detectors = ["PE-A"]\n', more=more)
    found = known.resolve(file_of(("PE-A", "CD4"), ("APC-A", "CD8")))
    assert dict(found.channels) == {"CD25": 0}


def test_a_missing_marker_names_what_is_near_and_what_it_costs():
    found = panel("CD127").resolve(file_of(("BV421-A", "C127"), ("APC-A", "CD27"), ("PE-A", "CD4")))
    error = found.error("CD127", costs=("treg",))
    assert error.code == "MISSING_MARKER"
    assert "'C127' (BV421-A)" in str(error)
    assert "treg" in str(error)
    assert found.candidates_for("CD127")[0] == "'C127' (BV421-A)"
    assert len(found.candidates_for("CD127")) <= 5
    assert "1 edit" in found.unresolved.loc[0, "candidates"]


def test_a_marker_in_a_cocktail_is_ambiguous_but_a_channel_of_its_own_goes_before():
    shared_only = panel("CD14").resolve(file_of(("APC-A", "CD14 CD19")))
    assert shared_only.code_of("CD14") == "AMBIGUOUS_MARKER"
    assert "names CD14 and CD19" in shared_only.ambiguous.loc[0, "candidates"]
    both = panel("CD14").resolve(file_of(("APC-A", "CD14 CD19"), ("PE-A", "CD14")))
    assert both.channels["CD14"] == 1


def test_aliases_of_the_panel_and_markers_of_no_table_are_found():
    sample = file_of(("PE-A", "Tac PE"), ("APC-A", "Va2 APC"), ("FITC-A", "Hoechst-405"))
    found = panel("CD25", extra='aliases = ["Tac"]\n').resolve(sample)
    assert found.channels["CD25"] == 0
    assert dict(panel("Va2", "Hoechst-405").resolve(sample).channels) == {"Va2": 1, "Hoechst-405": 2}


def test_an_ignored_detector_is_out():
    more = '[[channels]]\nid = "old"\ntarget.kind = "ignore"\ndetectors = ["PE-A"]\n'
    found = panel("CD4", more=more).resolve(file_of(("PE-A", "CD4"), ("APC-A", "CD4")))
    assert found.channels["CD4"] == 1
    assert found.table["id"].tolist() == ["c0"]


def test_confidence_tells_the_canonical_name_from_another_one():
    found = panel("CD25", "CD4").resolve(file_of(("PE-A", "IL2RA"), ("APC-A", "CD4 APC")))
    assert found.table["confidence"].tolist() == ["alias", "exact"]
    assert found.table["rule"].tolist() == [3, 4]
    assert found.table.dtypes.astype(str).tolist()[4] == "Int64"


def test_files_of_one_set_up_share_a_signature():
    one, other = file_of(("PE-A", "CD4")), file_of(("PE-A", "CD4"), name="second")
    known = panel("CD4")
    assert known.resolve(one).signature == known.resolve(other).signature
    assert known.resolve(one).signature != known.resolve(file_of(("PE-A", "CD4"), cytometer="X")).signature


def test_files_that_resolve_otherwise_than_their_batch_are_named():
    known = panel("CD4", "CD25")
    usual = known.resolve(file_of(("PE-A", "CD25"), ("APC-A", "CD4")))
    swapped = known.resolve(file_of(("PE-A", "CD4"), ("APC-A", "CD25")))
    assert resolution_differences({"a": usual, "b": usual}) == ()
    assert resolution_differences({"a": swapped, "b": usual, "c": usual}) == ("a",)


def test_panels_and_resolutions_travel_to_workers():
    known = pickle.loads(pickle.dumps(panel("CD4", extra='aliases = ["T4"]\n')))
    found = known.resolve(file_of(("PE-A", "T4")))
    again = pickle.loads(pickle.dumps(found))
    assert again.channels == found.channels == {"CD4": 0}
    assert again.table.equals(found.table)


def test_the_cards_tell_what_is_unresolved():
    found = panel("CD4", "CD25").resolve(file_of(("PE-A", "<b>CD4</b>"), ("APC-A", "CD25")))
    assert "unresolved: CD4" in repr(found)
    assert "&lt;b&gt;" in found._repr_html_()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("folder", "markers"),
    [
        ("itn_flowstats", {"CD8", "CD69", "CD4", "HLA-DR"}),
        ("gvhd", {"CD15", "CD45", "CD14", "CD33"}),
        ("hipc_multicentre", {"CCR7", "CD4", "CD45RA", "CD3", "HLA-DR", "CD38", "CD8"}),
    ],
)
def test_files_of_real_studies_resolve(folder, markers):
    paths = sorted((SHARED / "data" / folder).glob("*.fcs"))
    assert len(paths) >= 6
    for path in paths:
        sample = read_fcs(path, metadata_only=True)
        assert set(markers) <= set(panel(*sorted(markers)).resolve(sample).channels), path.name


@given(st.permutations(DIALECTS["spectral"]))
def test_the_order_of_channels_does_not_matter(channels):
    sample = file_of(*channels)
    found = panel("CD3", "CD4", "CD25", "CD127").resolve(sample).channels
    told = {marker: sample.detectors[index] for marker, index in found.items()}
    assert told["CD25"] == "R1-A"
    assert told["CD127"] == "B2-A"
    assert told["Viability"] == "R7-A"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_read_without_a_failure(detector, label):
    (found,) = markers_for_detectors([detector], [label])
    assert found.kind in {"marker", "viability", "time", "scatter", "unresolved", "none"}


def test_canonical_names_and_roles_come_from_the_shipped_table():
    assert [canonical_marker(name) for name in ("Ki67", "IFN-g", "TNF", "Hoechst-405")] == [
        "Ki-67", "IFNg", "TNFa", "Hoechst-405",
    ]  # fmt: skip
    responsive = ("CD25", "CD127", "FoxP3", "CD56", "HLA-DR", "CD38", "Ki67", "CTLA-4", "PD-1", "CD69")
    assert {marker_role(name) for name in responsive} == {"treatment_responsive"}
    assert marker_role("CD3") == "lineage"
    assert marker_role("CD45") == "hygiene"
    assert marker_role("Va2") == "other"
