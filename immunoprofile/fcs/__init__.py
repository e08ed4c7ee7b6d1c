"""fcs: read, check and write FCS files. A returned number is right, or the file is refused with a reason."""

from immunoprofile.fcs._arrays import sample_from_arrays
from immunoprofile.fcs._check import CheckReport, FileReport, check_files
from immunoprofile.fcs._compiled import warm_kernels
from immunoprofile.fcs._deidentify import deidentify
from immunoprofile.fcs._deidentify_files import DeidentifyReport, deidentify_files
from immunoprofile.fcs._file import FcsLimits
from immunoprofile.fcs._issues import Issue
from immunoprofile.fcs._read import read_fcs, read_fcs_all, read_metadata
from immunoprofile.fcs._sample import Sample
from immunoprofile.fcs._spillover import Spillover
from immunoprofile.fcs._write import write_fcs

__all__ = [
    "CheckReport",
    "DeidentifyReport",
    "FcsLimits",
    "FileReport",
    "Issue",
    "Sample",
    "Spillover",
    "check_files",
    "deidentify",
    "deidentify_files",
    "read_fcs",
    "read_fcs_all",
    "read_metadata",
    "sample_from_arrays",
    "warm_kernels",
    "write_fcs",
]
