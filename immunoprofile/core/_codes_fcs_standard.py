"""What the FCS standard says to each finding, and what the writer of the file should do instead.

FCS 2.0: Cytometry 1990;11:323-332. FCS 3.0: Cytometry 1997;28:118-122. FCS 3.1: doi 10.1002/cyto.a.20825.
FCS 3.2: doi 10.1002/cyto.a.24225. Rules are cited by segment and keyword, which the versions share; by a
section only where its number is sure.
"""

from __future__ import annotations

_OFFSETS = (
    "HEADER and $BEGINDATA/$ENDDATA give the first and the last byte of DATA, ends inclusive, "
    "counted from the first byte of the data set, and both say the same; the HEADER's pair is 0 where an "
    "offset passes 99,999,999."
)
_SAME = "Write the same true offsets in HEADER and in TEXT; the end is the last byte that belongs to DATA."
_DELIMITER = (
    "TEXT begins and ends with its delimiter, which stands between all keywords and values; "
    "a doubled delimiter stands for itself, so that empty values are not allowed."
)
_TOT = "$TOT (required from FCS 3.0) is the number of events; DATA holds $TOT times the bytes of an event."
_PNE = (
    "$PnE is f1,f2: 0,0 for a linear column; f1 decades and a lowest value f2 above 0 for a log one. "
    "It is required from FCS 3.0. Floating-point columns ($DATATYPE F or D) are 0,0."
)
_GAIN = "$PnG is the gain of a linear column, a number above 0; it is not used together with $PnE f1 > 0."
_SPILLOVER = (
    "$SPILLOVER (FCS 3.1) is n, then n values of $PnN, then n x n numbers row by row; "
    "it can be inverted, and a file without compensation leaves it out."
)
_REQUIRED = (
    "TEXT must hold $PAR, $BYTEORD, $DATATYPE, $MODE, $NEXTDATA, $PnB and $PnR of every column, from "
    "FCS 3.0 also $TOT, $PnN, $PnE and the offsets of the segments ($MODE and $NEXTDATA no longer in 3.2)."
)
_PNB = (
    "$PnB is the number of bits of column n, 32 for F and 64 for D; FCS 3.2 (its section 3.3.38) "
    "recommends multiples of 8 and deprecates all others."
)
_PNR = (
    "$PnR is a number above 0; stored integers are below it, and bits above it are to be masked on reading."
)
_STEXT = (
    "Supplemental TEXT (from FCS 3.0) lies between $BEGINSTEXT and $ENDSTEXT, on no other segment, "
    "begins with the delimiter of primary TEXT and holds optional keywords only."
)
_NEXT = (
    "$NEXTDATA is the first byte of the next data set, counted from that of this one, or 0. "
    "Several data sets in a file are deprecated from FCS 3.1."
)
_BYTEORD = (
    "$BYTEORD lists the significance of the bytes of a word, 1 the least; FCS 3.1 and 3.2 allow "
    "1,2,3,4 and 4,3,2,1 only."
)
_VERSION = "HEADER begins with FCS and the version: FCS2.0, FCS3.0, FCS3.1 or FCS3.2."
_HEADER = "HEADER is 58 bytes: version, four spaces, and three pairs of offsets of eight digits each."
_SYSTEM = "No rule of the standard is broken: the system, or the path that was given, is at fault."
_REQUEST = "No rule of the standard is broken: what was asked of the reader cannot be given."
_OURS = "No rule of the standard is broken: nothing was written, so that no file breaks one."
_ALL = "Write every required keyword once, with a value of its kind."

STANDARD: dict[str, tuple[str, str]] = {
    # no fault of the file, so nothing to ask for
    "not-regular-file": (_SYSTEM, ""),
    "io": (_SYSTEM, ""),
    "channel-unknown": (_REQUEST, ""),
    "channel-ambiguous": (
        "$PnN tells columns apart: each name is used once.",
        "Name every column differently.",
    ),
    "metadata-only": (_REQUEST, ""),
    "write-exists": (_OURS, ""),
    "write-names": (
        "$PnN (required from FCS 3.0) is not empty, holds no comma, and each is used once.",
        "",
    ),
    "write-values": (
        "A value of TEXT is not empty, and DATA holds what TEXT describes.",
        "",
    ),
    "identifying-text": (
        "$PnN and $PnS are free text: the standard does not keep names of persons out of them.",
        "Keep what names a person out of names and labels of channels.",
    ),
    "deidentify-target": (_OURS, ""),
    # findings of a file
    "not-fcs": (_VERSION, "Begin the file with its version."),
    "version-unsupported": (_VERSION, "Write FCS 3.1 or 3.2."),
    "header-truncated": (_HEADER, "Write the whole file before it is copied or sent."),
    "header-offsets": (
        (
            "HEADER gives the first and the last byte of primary TEXT, right-justified; TEXT lies within the "
            "first 99,999,999 bytes."
        ),
        "Write the offsets of TEXT as numbers of at most eight digits, from 58 on.",
    ),
    "text-bounds": ("Every segment lies within the file.", "Write the true end of TEXT."),
    "text-parse": (_DELIMITER, "Double every delimiter inside keywords and values, or choose a rare one."),
    "keyword-missing": (_REQUIRED, _ALL),
    "keyword-value": (_REQUIRED, _ALL),
    "keyword-conflict": ("A keyword stands once in a data set.", _ALL),
    "mode-unsupported": (
        "$MODE is L for list mode; C and U (histograms) are deprecated from FCS 3.1.",
        "Write list-mode events.",
    ),
    "datatype-unsupported": (
        (
            "$DATATYPE is I (unsigned integer), F (32-bit float) or D (64-bit float); A (text) is "
            "deprecated. FCS 3.2 allows $PnDATATYPE I, F or D for single columns."
        ),
        "Write I, F or D.",
    ),
    "byteord": (_BYTEORD, "Write 1,2,3,4 or 4,3,2,1, and columns of whole bytes in that order."),
    "width-unsupported": (_PNB, "Write columns of 8, 16, 32 or 64 bits."),
    "data-offsets": (_OFFSETS, _SAME),
    "data-bounds": (_OFFSETS, _SAME),
    "data-offset-ambiguous": (_OFFSETS, _SAME),
    "data-truncated": (_TOT, "Write $TOT after the last event, and all events that it counts."),
    "limit": ("The standard sets no limit here; the limit is a setting of the reader.", "Nothing."),
    "data-end-off-by-one": (_OFFSETS, "Write begin + length - 1 as the end of DATA, not begin + length."),
    "data-surplus": (_TOT, "Write $TOT of the events that are there, or end DATA after the last of them."),
    "data-end-conflict": (_OFFSETS, _SAME),
    "data-offset-conflict": (_OFFSETS, _SAME),
    "header-blank-offsets": (_OFFSETS, "Write 0 where the offsets stand in TEXT alone, never blanks."),
    "header-99999999": (_OFFSETS, "Write 0 and 0 in HEADER where an offset passes 99,999,999."),
    "header-field-invalid": (_HEADER, "Write decimal digits, right-justified with spaces."),
    "begindata-missing": (_OFFSETS, "Write $BEGINDATA and $ENDDATA."),
    "begindata-invalid": (_OFFSETS, "Write $BEGINDATA and $ENDDATA as whole numbers."),
    "text-empty-value": (_DELIMITER, "Leave a keyword without a value out."),
    "text-no-final-delimiter": (
        _DELIMITER,
        "End TEXT with the delimiter, and count it into the end of TEXT.",
    ),
    "text-odd-tokens": (_DELIMITER, "Give every keyword a value; double every delimiter inside of one."),
    "text-end-off-by-one": (
        "HEADER gives the last byte of TEXT, inclusive: its final delimiter.",
        "Write begin + length - 1 as the end of TEXT.",
    ),
    "text-not-utf8": (
        (
            "Keywords are ASCII; values are ASCII in FCS 2.0 and 3.0 (two-byte characters where $UNICODE of 3.0 "
            "names the keyword) and UTF-8 from FCS 3.1."
        ),
        "Write values as UTF-8, and FCS 3.1 or 3.2.",
    ),
    "keyword-duplicate": ("A keyword stands once in a data set.", "Write every keyword once."),
    "stext-bounds": (_STEXT, "Write 0 and 0 where there is no supplemental TEXT."),
    "stext-parse": (_STEXT, "Keep what is no list of keywords and values in an OTHER segment."),
    "tot-missing": (_TOT, "Write $TOT."),
    "mode-missing": (_REQUIRED, "Write $MODE L."),
    "name-missing": (
        "$PnN (required from FCS 3.0) is the short name of a column, without comma.",
        "Name every column.",
    ),
    "duplicate-names": (
        "$PnN tells columns apart: each name is used once.",
        "Name every column differently.",
    ),
    "byteord-short": (_BYTEORD, "Write 1,2,3,4 or 4,3,2,1 whatever the width of a column."),
    "width-padded": (_PNB, "Write $PnB 16 for a column that takes 16 bits, and its range in $PnR."),
    "float-width": (_PNB, "Write $PnB 32 with F and 64 with D."),
    "bits-overrange": (_PNR, "Write $PnR above the largest value that can be stored."),
    "pne-missing": (_PNE, "Write $PnE of every column, 0,0 for a linear one."),
    "pne-zero-offset": (_PNE, "Write f1,1 (or the true lowest value) in place of f1,0."),
    "pne-on-float": (_PNE, "Write $PnE 0,0 for floating-point columns, whose values are linear."),
    "pne-invalid": (_PNE, "Write two numbers, as 0,0 or 4,1."),
    "png-on-log": (_GAIN, "Leave $PnG out where $PnE is logarithmic."),
    "png-invalid": (_GAIN, "Write a number above 0, or leave $PnG out."),
    "spillover-invalid": (_SPILLOVER, "Write n names and n x n numbers, or no $SPILLOVER."),
    "spillover-names": (_SPILLOVER, "Name every row by the $PnN of its detector, each once."),
    "spillover-indices": (_SPILLOVER, "Name rows by $PnN, not by the numbers of columns."),
    "spillover-singular": (_SPILLOVER, "Write the matrix of the controls; leave it out where there is none."),
    "nan-events": (
        "DATA holds numbers; the standard knows no missing value.",
        "Write finite numbers.",
    ),
    "inf-events": (
        "DATA holds numbers; the standard knows no infinity.",
        "Write finite numbers.",
    ),
    "timestep-invalid": (
        "$TIMESTEP is the time of one tick in seconds, above 0.",
        "Write a number above 0.",
    ),
    "crc-mismatch": (
        (
            "The eight digits after the last segment are a checksum (section 3.5) by the CCITT polynomial over all bytes of "
            "the data set, or 00000000 for none."
        ),
        "Compute it after the last change, or write 00000000.",
    ),
    "analysis-bounds": (
        "ANALYSIS lies within the file, on no other segment, and is written as TEXT is; 0 and 0 for none.",
        "Write 0 and 0 where there is no ANALYSIS.",
    ),
    "multiple-datasets": (_NEXT, "Write one data set a file."),
    "nextdata-invalid": (_NEXT, "Write 0 in the last data set."),
    "bits-masked": (_PNR, "Nothing: tag bits above the range are legal."),
    "png-on-time": (
        "Time is scaled by $TIMESTEP; a gain on it would scale it twice.",
        "Leave $PnG of Time out.",
    ),
    "unclaimed-bytes": (
        "Bytes between and after segments are not described; OTHER segments are named in HEADER.",
        "Name private segments in HEADER after byte 57.",
    ),
    "spillover-identity": (_SPILLOVER, "Leave an identity matrix out."),
    "legacy-compensation": (
        "$DFCmTOn (FCS 2.0) and $COMP (FCS 3.0) give compensation in percent; FCS 3.1 replaced them by $SPILLOVER.",
        "Write $SPILLOVER and FCS 3.1.",
    ),
    "integers-rounded": ("DATA may hold integers of up to 64 bits.", "Nothing: it is legal."),
}
"""Code of a finding: what the standard says, what to ask of whoever wrote the file."""
