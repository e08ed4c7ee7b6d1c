"""Codes of the table, part: run."""

from __future__ import annotations

from immunoprofile.core._code import Code

RUN_CODES: tuple[Code, ...] = (
    Code(
        "strategy_missing",
        "error",
        "the study declares no tubes, so there is nothing to gate by",
        "refused the run",
        "add [[tubes]] with id and strategy to study.toml",
    ),
    Code(
        "no_samples",
        "error",
        "there is no readable sample",
        "refused",
        "look at the sheet, or give the folder that holds the .fcs files",
    ),
    Code(
        "results_unwritable",
        "error",
        "the results folder cannot be written",
        "refused before computing",
        "give the folder write permission, or copy the study",
    ),
    Code(
        "worker_died",
        "error",
        "the process that gated this sample died twice",
        "left the sample out, the others are done",
        "look at the file, or give the machine more memory",
    ),
    Code(
        "file_changed",
        "error",
        "a file changed while the run was going on",
        "left the sample out, the others are done",
        "run the same command again",
    ),
    Code(
        "memory",
        "error",
        "there was not enough memory for a sample",
        "left the sample out, the others are done",
        "give the machine more memory, or run with fewer --workers",
    ),
    Code(
        "unexpected_error",
        "error",
        "a sample met a fault of this program",
        "left the sample out, the others are done",
        "report it with the line that exclusions.csv names, and the file if you may",
    ),
    Code(
        "results_locked",
        "error",
        "another run is at work in this results folder",
        "computed nothing",
        "wait until it has ended, then run the same command again",
    ),
    Code(
        "disk_full",
        "error",
        "there is no room to write results",
        "kept what was whole",
        "make room, then run the same command again",
    ),
    Code(
        "draft_exists",
        "error",
        "a draft would replace a file",
        "wrote nothing",
        "give another folder with --out, or --force",
    ),
    Code(
        "report_mismatch",
        "error",
        "the results are of another study",
        "wrote no report",
        "give the results of this study",
    ),
    Code(
        "unknown_choice",
        "error",
        "a parameter has a value that is none of its choices",
        "refused",
        "take one of the choices listed",
    ),
    Code("unknown_name", "error", "a name is not there", "refused", "take one of the nearest names"),
    Code(
        "folder_not_empty",
        "error",
        "the folder to write a simulated trial into holds other things",
        "nothing was written",
        "name a new folder, or one that holds an earlier simulated trial",
    ),
)
