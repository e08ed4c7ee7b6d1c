"""Codes of the table, part: panel and transform."""

from __future__ import annotations

from immunoprofile.core._code import Code

PANEL_CODES: tuple[Code, ...] = (
    Code(
        "PANEL_SCHEMA",
        "error",
        "panel.toml is not valid: unknown or missing key, wrong type, value out of its choices.",
        "Nothing was read; every fault of the file is named.",
        "Mend the keys named; the nearest valid one is given.",
    ),
    Code(
        "PANEL_DUPLICATE",
        "error",
        "panel.toml gives an id, a marker or an alias twice.",
        "Nothing was read.",
        "Keep one channel a marker; list its detectors in it.",
    ),
    Code(
        "MISSING_MARKER",
        "error",
        "No detector of the file carries the marker, or the declared detector is not there.",
        "The populations that need the marker are missing, by name; the others are given.",
        "Check the nearest labels; declare `detectors` or `aliases` in panel.toml.",
    ),
    Code(
        "AMBIGUOUS_MARKER",
        "error",
        "The marker's only channel names something else too (a cocktail, a dump channel, an unknown word).",
        "It was not assigned; its populations are missing, by name.",
        "Declare `detectors` in panel.toml if the channel is the marker's.",
    ),
    Code(
        "DUPLICATE_MARKER",
        "error",
        "Two detectors of one kind carry the same marker.",
        "Neither was taken; the marker's populations are missing, by name.",
        "Declare which detector counts in panel.toml.",
    ),
    Code(
        "RESOLUTION_DIFFERS",
        "warning",
        "Files of one batch resolve the panel's markers to different detectors.",
        "Each file was used as it resolves.",
        "Look at the files named: a changed set-up is a new batch.",
    ),
    Code(
        "COMPENSATION_INVALID",
        "error",
        "The spillover matrix cannot be used: not square, an unknown or repeated detector, a value that is no number, no inverse, or a condition above 1e10.",
        "The sample was left out.",
        'Correct the matrix, give another one in panel.toml, or set compensation = "none" if the values are compensated already.',
    ),
    Code(
        "COMPENSATION_ILL",
        "warning",
        "The condition of the spillover matrix is above 1e6: noise grows by as much.",
        "The matrix was applied.",
        "Look for two dyes with nearly the same spectrum, or a poor single stain.",
    ),
    Code(
        "COMPENSATION_IDENTITY",
        "info",
        "The spillover matrix is the identity: nothing spills.",
        "The values were left as they are.",
        "Check whether the file was compensated before export, or never.",
    ),
    Code(
        "TRANSFORM_INVALID",
        "error",
        "A transform is unknown, or a parameter is out of its range.",
        "Nothing was transformed.",
        "Take the kind and the range that the message names.",
    ),
)
