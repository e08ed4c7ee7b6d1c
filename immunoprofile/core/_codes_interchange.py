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
    Code(
        "archive_refused",
        "error",
        "An archive is damaged, encrypted, nested, or unpacks to more than it may.",
        "Nothing of it was used.",
        "Pack it anew without a password; a table can be saved as CSV.",
    ),
    Code(
        "xml_doctype",
        "error",
        "An XML document declares entities, or names an external part.",
        "Nothing was expanded and nothing opened.",
        "Remove the line <!DOCTYPE ...>, or export the document anew.",
    ),
    Code(
        "xml_invalid",
        "error",
        "A document is not XML that can be read.",
        "Nothing of it was used.",
        "Export it anew; a packed document has to be unpacked first.",
    ),
    Code(
        "xml_too_deep",
        "error",
        "The elements of a document lie deeper in each other than any real one's.",
        "Nothing of it was used.",
        "Export it anew.",
    ),
    Code(
        "xml_too_large",
        "error",
        "A document, or a table in it, is larger than its limit.",
        "Nothing of it was used.",
        "Export fewer samples or gates at once; save a table without the empty part.",
    ),
    Code(
        "xml_unreadable",
        "error",
        "A document is not there or cannot be read.",
        "Nothing was done.",
        "Check the path and the permissions.",
    ),
)
