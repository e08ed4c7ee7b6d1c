"""Codes of the table, part: FCS files. Here what is told of files that are read; all of them joined."""

from __future__ import annotations

from dataclasses import replace

from immunoprofile.core._code import Code
from immunoprofile.core._codes_fcs_errors import FCS_ERRORS
from immunoprofile.core._codes_fcs_standard import STANDARD

_COPY = "copy the file again from its source"
_NOTHING = "nothing"

_FINDINGS: tuple[Code, ...] = (
    # warnings: the file is read, a repair or a doubt is named
    Code(
        "data-end-off-by-one",
        "warning",
        "DATA ends one byte too far.",
        "the last byte was left out",
        _NOTHING,
    ),
    Code(
        "data-surplus",
        "warning",
        "DATA is longer than $TOT events.",
        "$TOT events were read",
        "compare $TOT with the instrument's count",
    ),
    Code(
        "data-end-conflict",
        "warning",
        "HEADER and TEXT give two ends of DATA and both fit.",
        "the shorter was taken",
        _NOTHING,
    ),
    Code(
        "data-offset-conflict",
        "warning",
        "HEADER and TEXT give two places for DATA; an error where neither fits.",
        "the only one that fits was taken",
        "compare a few events with the source software",
    ),
    Code(
        "header-blank-offsets",
        "warning",
        "The HEADER leaves the place of DATA blank.",
        "TEXT's offsets were taken",
        _NOTHING,
    ),
    Code(
        "header-99999999",
        "warning",
        "The HEADER's end of DATA is a placeholder.",
        "TEXT's offsets were taken",
        _NOTHING,
    ),
    Code(
        "header-field-invalid",
        "warning",
        "The HEADER's offsets of DATA are no numbers.",
        "TEXT's offsets were taken",
        _NOTHING,
    ),
    Code(
        "begindata-missing",
        "warning",
        "TEXT does not give the place of DATA, as it must from FCS 3.0.",
        "the HEADER's offsets were taken",
        _NOTHING,
    ),
    Code(
        "begindata-invalid",
        "warning",
        "$BEGINDATA or $ENDDATA is no number.",
        "the HEADER's offsets were taken",
        _NOTHING,
    ),
    Code(
        "text-empty-value",
        "warning",
        "Values are empty, which the standard forbids.",
        "each delimiter was read as a separator",
        _NOTHING,
    ),
    Code(
        "text-no-final-delimiter",
        "warning",
        "TEXT does not end in its delimiter.",
        "the last value was read to the end",
        _NOTHING,
    ),
    Code("text-odd-tokens", "warning", "The last keyword has no value.", "it was dropped", _NOTHING),
    Code(
        "text-end-off-by-one",
        "warning",
        "TEXT ends one byte too far.",
        "the last byte was left out",
        _NOTHING,
    ),
    Code(
        "text-not-utf8",
        "warning",
        "Texts are not UTF-8 (info before FCS 3.1).",
        "they were read as Latin-1",
        "check names and labels with umlauts or Greek letters",
    ),
    Code(
        "keyword-duplicate",
        "warning",
        "A keyword stands twice (info where its values are equal).",
        "the first value was kept",
        "check the value that you need",
    ),
    Code(
        "stext-bounds",
        "warning",
        "Supplemental TEXT lies outside the file or on another segment.",
        "it was not read",
        _NOTHING,
    ),
    Code(
        "stext-parse",
        "warning",
        "Supplemental TEXT is no list of keywords and values.",
        "it was not read",
        _NOTHING,
    ),
    Code(
        "tot-missing",
        "warning",
        "$TOT is missing.",
        "events were counted from the size of DATA",
        "compare with the instrument's count",
    ),
    Code("mode-missing", "warning", "$MODE is missing.", "read as list mode", _NOTHING),
    Code(
        "name-missing",
        "warning",
        "A channel has no $PnN (info in FCS 2.0).",
        "it is called P and its number",
        "name it in the panel",
    ),
    Code(
        "duplicate-names",
        "warning",
        "Several channels bear one name.",
        "they were kept",
        "ask for them by place",
    ),
    Code(
        "byteord-short",
        "warning",
        "$BYTEORD has two places, columns are wider.",
        "read as little- or big-endian",
        "compare a few events with the source software",
    ),
    Code(
        "width-padded",
        "warning",
        "$PnB is no multiple of 8.",
        "columns were read as padded to whole bytes, which DATA's size proves",
        _NOTHING,
    ),
    Code(
        "float-width",
        "warning",
        "$PnB does not fit the float type.",
        "the type was followed, which DATA's size proves",
        _NOTHING,
    ),
    Code(
        "bits-overrange",
        "warning",
        "A few values are above $PnR.",
        "the mask of the standard was applied: they wrap",
        "look at these events; they are off scale",
    ),
    Code(
        "pne-missing",
        "warning",
        "$PnE is missing.",
        "read as linear",
        "check whether the channel was recorded in log",
    ),
    Code(
        "pne-zero-offset",
        "warning",
        "Log amplification with offset 0 (info before FCS 3.1).",
        "read with offset 1",
        _NOTHING,
    ),
    Code(
        "pne-on-float",
        "warning",
        "Log amplification of a float column.",
        "ignored: floats are linear",
        _NOTHING,
    ),
    Code("pne-invalid", "warning", "$PnE of a float column is not two numbers.", "ignored", _NOTHING),
    Code(
        "png-on-log",
        "warning",
        "A gain on a column with log amplification.",
        "the gain was not applied",
        _NOTHING,
    ),
    Code("png-invalid", "warning", "$PnG is no number above 0.", "ignored", _NOTHING),
    Code(
        "spillover-invalid",
        "warning",
        "The spillover keyword is not n names and n x n numbers.",
        "there is no spillover",
        "give the matrix in the panel",
    ),
    Code(
        "spillover-names",
        "warning",
        "Spillover names detectors that the file does not have, or twice.",
        "kept as it is",
        "give the matrix in the panel",
    ),
    Code(
        "spillover-indices",
        "warning",
        "Spillover names detectors by their numbers.",
        "mapped to names",
        _NOTHING,
    ),
    Code(
        "spillover-singular",
        "warning",
        "The spillover matrix cannot be inverted with confidence.",
        "kept as it is",
        "give the matrix in the panel",
    ),
    Code(
        "nan-events",
        "warning",
        "Events that are not a number.",
        "kept; they are in no gate",
        "look for the software that wrote them",
    ),
    Code(
        "inf-events", "warning", "Events that are infinite.", "kept", "look for the software that wrote them"
    ),
    Code(
        "timestep-invalid",
        "warning",
        "$TIMESTEP is no number above 0.",
        "there is no time in seconds",
        _NOTHING,
    ),
    Code("crc-mismatch", "warning", "The checksum does not fit the bytes.", "read nevertheless", _COPY),
    Code(
        "analysis-bounds",
        "warning",
        "ANALYSIS lies outside the file or cannot be read.",
        "left out; the events do not need it",
        _NOTHING,
    ),
    Code(
        "multiple-datasets",
        "warning",
        "The file has several data sets.",
        "the first was read",
        "read_fcs_all reads all; do not join them",
    ),
    Code("nextdata-invalid", "warning", "$NEXTDATA leads to no data set.", "ignored", _NOTHING),
    # info: worth knowing, nothing to do
    Code("bits-masked", "info", "Tag bits above the range.", "taken away, as the standard asks", _NOTHING),
    Code("png-on-time", "info", "A gain on Time.", "not applied", _NOTHING),
    Code("unclaimed-bytes", "info", "Bytes after the last segment.", "not read", _NOTHING),
    Code(
        "spillover-identity",
        "info",
        "The spillover matrix is the identity.",
        "kept",
        "check that the file is meant to be uncompensated or compensated already",
    ),
    Code(
        "legacy-compensation",
        "info",
        "Compensation in the form of FCS 2.0 or 3.0.",
        "kept, not applied",
        "give the matrix in the panel",
    ),
    Code("integers-rounded", "info", "Whole numbers above 2^53.", "rounded to float64", _NOTHING),
)

FCS_CODES: tuple[Code, ...] = tuple(
    replace(row, standard=STANDARD[row.code][0], vendor=STANDARD[row.code][1])
    for row in (*FCS_ERRORS, *_FINDINGS)
)
