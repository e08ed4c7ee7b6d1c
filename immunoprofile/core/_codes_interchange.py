"""Codes of the table, part: interchange."""

from __future__ import annotations

from immunoprofile.core._code import Code

INTERCHANGE_CODES: tuple[Code, ...] = (
    Code(
        "gate_not_expressible",
        "error",
        "A gate has no form in Gating-ML that every reader takes alike.",
        "Nothing was written.",
        "Place the gate on detectors that are all compensated, or none; or rename what XML cannot hold.",
    ),
    Code(
        "sample_needed",
        "error",
        "A Gating-ML document was asked of a fitted strategy without a sample.",
        "Nothing was written.",
        "Give the sample whose detectors, compensation and cuts the document is to hold.",
    ),
    Code(
        "flowkit_sample_unusable",
        "error",
        "A FlowKit sample holds values that are not linear, or a spillover that cannot be read.",
        "Nothing was converted.",
        "Read the file with preprocess=True; correct the spillover.",
    ),
)
