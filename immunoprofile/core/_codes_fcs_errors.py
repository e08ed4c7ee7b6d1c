"""Codes of the table, part: FCS files that are refused, or not written."""

from __future__ import annotations

from immunoprofile.core._code import Code

_REEXPORT = "export the file again from its source"
_COPY = "copy the file again from its source"

FCS_ERRORS: tuple[Code, ...] = (
    # errors: the file is refused
    Code(
        "not-regular-file",
        "error",
        "The path is a folder, pipe, socket or device.",
        "refused",
        "name the FCS file itself",
    ),
    Code(
        "io",
        "error",
        "The system refuses to read or write, or the file changed while it was read.",
        "refused",
        "check path, permissions and space; do not read files that are still being written",
    ),
    Code(
        "not-fcs",
        "error",
        "The file is empty or does not begin with FCS.",
        "refused",
        "look at what the hint says the file is",
    ),
    Code(
        "version-unsupported",
        "error",
        "A version other than 2.0, 3.0, 3.1 or 3.2.",
        "refused",
        "export the file as FCS 3.1",
    ),
    Code("header-truncated", "error", "The file ends inside its HEADER of 58 bytes.", "refused", _COPY),
    Code("header-offsets", "error", "The HEADER does not say where TEXT is.", "refused", _REEXPORT),
    Code("text-bounds", "error", "TEXT lies past the end of the file.", "refused", _COPY),
    Code("text-parse", "error", "TEXT cannot be split into keywords and values.", "refused", _REEXPORT),
    Code(
        "keyword-missing",
        "error",
        "A keyword that DATA needs is missing; a warning where it is $PnR of a float column.",
        "refused; as a warning: the range is unknown",
        _REEXPORT,
    ),
    Code(
        "keyword-value",
        "error",
        "A keyword has a value that it cannot have; a warning where it is $PnR of a float column.",
        "refused; as a warning: the range is unknown",
        _REEXPORT,
    ),
    Code(
        "keyword-conflict",
        "error",
        "A keyword that DATA hangs on stands twice with different values.",
        "refused",
        _REEXPORT,
    ),
    Code(
        "mode-unsupported",
        "error",
        "The file holds histograms ($MODE C or U), not events.",
        "refused",
        "export list-mode data",
    ),
    Code(
        "datatype-unsupported",
        "error",
        "Events are text (A) or of no known type.",
        "refused",
        "export integer or float data",
    ),
    Code(
        "byteord",
        "error",
        "$BYTEORD is no order of bytes, or does not fit the columns.",
        "refused",
        _REEXPORT,
    ),
    Code(
        "width-unsupported",
        "error",
        "Columns of a width that the standard leaves open.",
        "refused",
        "export columns of whole bytes",
    ),
    Code("data-offsets", "error", "Neither HEADER nor TEXT says where DATA is.", "refused", _REEXPORT),
    Code(
        "data-bounds", "error", "DATA would begin outside the file or on another segment.", "refused", _COPY
    ),
    Code(
        "data-offset-ambiguous",
        "error",
        "HEADER and TEXT name two places for DATA and both fit.",
        'refused; mode="force" takes the HEADER',
        _REEXPORT,
    ),
    Code(
        "data-truncated",
        "error",
        "DATA has fewer events than $TOT promises.",
        'refused; mode="force" reads the whole events that are there',
        _COPY,
    ),
    Code(
        "limit",
        "error",
        "A number of the file is above a limit.",
        "refused",
        "raise the limit by limits=FcsLimits(...) if the file is trusted",
    ),
    Code(
        "channel-unknown",
        "error",
        "No channel of that name or place.",
        "refused",
        "take one of the nearest names",
    ),
    Code("channel-ambiguous", "error", "Several channels bear the name.", "refused", "ask by place"),
    Code(
        "metadata-only",
        "error",
        "Events were asked of a sample that was read without them.",
        "refused",
        "read the file without metadata_only=True",
    ),
    Code(
        "write-exists",
        "error",
        "The target exists, or is the source.",
        "nothing was written",
        "choose another name, or overwrite=True",
    ),
    Code(
        "write-names",
        "error",
        "Detector names are empty, doubled or have a comma.",
        "nothing was written",
        "rename the channels",
    ),
    Code(
        "write-values",
        "error",
        "Events, keywords or ranges cannot be written truthfully.",
        "nothing was written",
        "see the message",
    ),
    # de-identified copies
    Code(
        "identifying-text",
        "error",
        "A text that a de-identified copy would keep holds the stem of the source's name, or a value that is left out.",
        "the copy was not written",
        "look at the keyword in the source; correct it there, or let it pass by --allow if it names nobody",
    ),
    Code(
        "deidentify-target",
        "error",
        "The folder, the map or the name for de-identified copies cannot be used.",
        "nothing was written",
        "name a new or empty folder, and a map outside of it",
    ),
)
