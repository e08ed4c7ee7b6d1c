"""What instruments write, read right: look-alikes made byte by byte, and real files beside the checkout.

The table of makers, right and wrong, ends the report.
"""

from __future__ import annotations

import csv
import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from immunoprofile.core import FcsError, FcsWarning
from immunoprofile.fcs import read_fcs, read_fcs_all

from .corpus import judge, judge_modes
from .corpus._vendors import ENTRIES

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SEEDS = range(1, 6)
REAL = {
    "BD FACSCalibur": (
        "edge_flowio/data1.fcs",
        "flowcore_extdata/060909.001",
        "flowcore_extdata/0877408774.B08",
    ),
    "BD LSR II": ("tasbe_beads/beads.fcs", "tasbe_beads/blank_trim.fcs"),
    "BD Accuri C6": ("edge_vendors/accuri_c6_trim.fcs", "edge_flowio/B01_KC-A-W---91-US.fcs"),
    "Beckman CyAn": ("edge_vendors/cyan.fcs",),
    "Beckman FC 500": ("edge_vendors/fc500_10bit_trim.lmd", "edge_flowio/coulter_trim.lmd"),
    "Beckman XL": ("edge_vendors/xl_system2_tagbits.lmd",),
    "Beckman Navios": ("edge_fcsparser/navios_cleaned_trim.lmd",),
    "Beckman MoFlo Astrios": ("edge_vendors/astrios_linear_trim.fcs",),
    "Beckman MoFlo XDP": ("edge_vendors/moflo_xdp_trim.fcs",),
    "Cytek xP5": ("edge_fcsparser/cytek_xp5_24bit_trim.fcs",),
    "Cytek NL": ("edge_vendors/cytek_nl2000_trim.fcs", "edge_fcsparser/sample_header.fcs"),
    "Miltenyi MACSQuant": (
        "edge_fcsparser/macsquant_2.0_trim.fcs",
        "edge_fcsparser/macsquant_3.1_stext_trim.fcs",
        "edge_fcsparser/macsquant_duplicate_names_trim.fcs",
    ),
    "Sysmex Partec CyFlow": ("edge_vendors/partec_cyflow_trim.fcs",),
    "Partec Cube 8": ("edge_fcsparser/cyflow_cube_8.fcs",),
    "Stratedigm S1400": (
        "edge_vendors/stratedigm_s1400_trim.fcs",
        "edge_flowio/data_start_offset_discrepancy_example.fcs",
        "edge_flowio/data_stop_offset_discrepancy_example.fcs",
        "edge_flowio/variable_int_example.fcs",
    ),
    "Attune (1st generation)": ("edge_vendors/attune_trim.fcs",),
    "Attune NxT": ("edge_flowio/G11.fcs",),
    "without DATA offsets in HEADER": ("edge_fcsparser/fake_large_fcs_trim.fcs",),
    "no FCS": ("edge_fcsparser/corrupted.fcs",),
}


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_a_look_alike_is_read_right_and_its_oddities_are_named(entry, tmp_path, record_property):
    faults, number = [], 0
    for case in (case for seed in SEEDS for case in entry.cases(seed)):
        number += 1
        path = case.write(tmp_path)
        verdict = judge(case, path)
        modes = judge_modes(case, path)
        if modes or verdict.wrong or not verdict.coded or verdict.outcome != "read":
            faults.append((verdict, modes))
    right = number - len(faults)
    record_property("counts", f"look-alikes   {entry.name:<32} right {right:>2}, wrong {len(faults)}")
    assert not faults


def _rows():
    """Truth of every real file, by folder and name."""
    truths: dict[str, list[dict[str, str]]] = {}
    for table in SHARED.glob("*/truth.csv"):
        for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines()):
            truths.setdefault(f"{table.parent.name}/{row['file']}", []).append(row)
    return truths


def _real_fault(name, row):
    """What is not as the truth of this file and data set has it."""
    path, number, codes = SHARED / name, int(row["data_set"]), set(filter(None, row["codes"].split(";")))
    try:
        sample = (
            read_fcs(path, scale="stored") if number == 1 else read_fcs_all(path, scale="stored")[number - 1]
        )
    except FcsError as error:
        return "" if row["expect"] == "error" and error.code in codes else str(error)
    if row["expect"] == "error":
        return "accepted"
    values = np.ascontiguousarray(sample.events, dtype="<f8").tobytes()
    if hashlib.sha256(values).hexdigest() != row["sha256_of_stored_values_float64_le_row_major"]:
        return "values"
    found = {issue.code for issue in sample.issues if issue.level == "warning"}
    return "" if found == codes else f"codes {sorted(found)}"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared data beside the checkout")
@pytest.mark.parametrize("maker", REAL)
def test_real_files_of_a_maker_have_their_true_values_and_findings(maker, record_property):
    truths = _rows()
    faults, number = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FcsWarning)
        for name in REAL[maker]:
            for row in truths[name]:
                number += 1
                fault = _real_fault(name, row)
                if fault:
                    faults.append((name, row["data_set"], fault))
    right = number - len(faults)
    record_property("counts", f"real files    {maker:<32} right {right:>2}, wrong {len(faults)}")
    assert not faults


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="no shared data beside the checkout")
def test_every_file_of_the_truth_tables_has_its_maker():
    told = {name for names in REAL.values() for name in names}
    folders = {name.split("/")[0] for name in told}
    assert told == {name for name in _rows() if name.split("/")[0] in folders}
