"""Codes of the table, part: numbers, change, models, relation to response."""

from __future__ import annotations

from immunoprofile.core._code import Code

_REFUSED = "refused"
_MISSING = "the row stays, its numbers are missing"
_FLAGGED = "gave the number with the flag"

MODEL_CODES: tuple[Code, ...] = (
    # numbers and change from baseline
    Code(
        "dummy_arms",
        "error",
        "Dummy arms were given to open a table of subjects.",
        _REFUSED,
        "unblind the study; analyses take dummy arms",
    ),
    Code("arms_duplicate", "error", "A subject has more than one arm.", _REFUSED, "give one arm a subject"),
    Code(
        "arms_unmatched",
        "error",
        "No subject of the study has an arm.",
        _REFUSED,
        "give the arms of this study, subjects as index",
    ),
    Code(
        "arms_missing",
        "error",
        "A change is to be compared between arms, and there are none.",
        _REFUSED,
        "give what study.unblind or study.dummy_arms gave",
    ),
    Code(
        "no_subjects",
        "error",
        "The profile knows no subjects and visits.",
        _REFUSED,
        "profile a study instead of a list of samples",
    ),
    Code(
        "no_baseline_visit",
        "error",
        "No visit has the role baseline.",
        _REFUSED,
        "declare one in study.toml, or name the visit",
    ),
    Code(
        "covariate_unknown",
        "error",
        "A declared covariate is no column of the subjects.",
        _REFUSED,
        "take one of the nearest names",
    ),
    Code(
        "baseline_missing",
        "warning",
        "The subject has no value at baseline.",
        _MISSING,
        "look for the baseline sample",
    ),
    Code(
        "baseline_after_dose",
        "warning",
        "The baseline visit lies after the first dose.",
        "did not use it as a baseline",
        "check dates",
    ),
    Code(
        "zero_value",
        "warning",
        "Value or baseline is 0: there is no ratio.",
        _MISSING,
        "acquire more events, or ask for the scale difference",
    ),
    Code(
        "full_value",
        "warning",
        "Value or baseline is 100 %: there are no log odds.",
        _MISSING,
        "ask for the scale difference",
    ),
    Code(
        "negative_value",
        "warning",
        "Value or baseline is below 0: there is no ratio.",
        _MISSING,
        "ask for the scale difference",
    ),
    Code(
        "replicates_averaged",
        "info",
        "Several samples measure the same at the same visit.",
        "took their mean",
        "nothing",
    ),
    # models
    Code(
        "formula_invalid",
        "error",
        "The formula cannot be read, or built on the rows.",
        _REFUSED,
        "write it as 'change ~ baseline + arm + site'",
    ),
    Code(
        "no_column",
        "error",
        "The model names a column that the rows do not have.",
        _REFUSED,
        "take one of the nearest names",
    ),
    Code(
        "factor_unknown",
        "error",
        "The factor is none of the formula.",
        _REFUSED,
        "take one that the hint names",
    ),
    Code(
        "reference_unknown",
        "error",
        "The reference is no level of its factor.",
        _REFUSED,
        "take one of the nearest levels",
    ),
    Code(
        "reference_missing", "error", "Which arm is the reference is not said.", _REFUSED, "give reference="
    ),
    Code(
        "no_arm_term", "error", "The formula has no term for the arm.", _REFUSED, "add the arm to the formula"
    ),
    Code("one_arm", "error", "The rows hold fewer than two arms.", _REFUSED, "a contrast needs two"),
    Code(
        "duplicate_rows",
        "error",
        "Rows stand twice for one feature, subject and visit.",
        _REFUSED,
        "give one row each",
    ),
    Code("arm_varies", "error", "The arm changes within a subject.", _REFUSED, "give one arm a subject"),
    Code("infinite_value", "error", "A value is infinite.", _REFUSED, "mend the rows that are named"),
    Code("no_rows", "error", "No row has all that the formula needs.", _REFUSED, "look at missing values"),
    Code(
        "too_few_rows",
        "error",
        "There are no more rows than terms.",
        _REFUSED,
        "take terms out; pool small sites",
    ),
    Code(
        "constant_response", "error", "The response does not vary.", _REFUSED, "there is nothing to explain"
    ),
    Code(
        "leverage_one",
        "error",
        "A row alone determines a term: it has no robust variance.",
        _REFUSED,
        "leave the term out",
    ),
    Code(
        "family_unknown",
        "error",
        "Families are keyed by a column that the result does not have.",
        _REFUSED,
        "take a column of the result",
    ),
    Code("p_invalid", "error", "A p value lies outside 0 to 1.", _REFUSED, "give p values"),
    Code(
        "numeric_site",
        "warning",
        "A site column holds whole numbers.",
        "took it as a number, as written",
        "make it text if it holds codes",
    ),
    Code(
        "site_left_out",
        "warning",
        "There are fewer than two subjects a site.",
        "left site out of the default model",
        "pool small sites, or give a formula",
    ),
    Code(
        "n_few_events",
        "info",
        "Changes with few events, so many.",
        "left them out of the fit",
        "acquire more events",
    ),
    Code(
        "n_covariate_missing",
        "info",
        "Subjects without a covariate or site, so many.",
        "left them out of the fit",
        "fill the covariate in",
    ),
    Code(
        "post_hoc",
        "warning",
        "The plan of analysis was not locked before the arms were known.",
        _FLAGGED,
        "report it as post hoc",
    ),
    # relation to response
    Code(
        "feature_after_response",
        "error",
        "A feature is not known before the response.",
        _REFUSED,
        "take an earlier visit",
    ),
    Code(
        "no_landmark",
        "error",
        "No visit before the response has a change.",
        _REFUSED,
        "allow the same visit by concurrent=True",
    ),
    Code(
        "response_unknown",
        "error",
        "The response lacks a column or a value, or a row stands twice.",
        _REFUSED,
        "give subject, visit and the outcome, a row a visit",
    ),
    Code("repeated_rows", "error", "Subjects stand twice.", _REFUSED, "give one row a subject"),
    Code(
        "length_differs",
        "error",
        "Values and subjects differ in number.",
        _REFUSED,
        "give a Series with the subjects as index",
    ),
    Code("one_class", "error", "All responses are the same.", _REFUSED, "there is nothing to tell apart"),
    Code(
        "not_binary",
        "error",
        "The response is not 0 and 1.",
        "refused; a row of a screen is left without numbers",
        "take a scope for scores",
    ),
    Code("rank_deficient", "error", "Columns are combinations of each other.", _REFUSED, "leave one out"),
    Code(
        "not_converged",
        "error",
        "The likelihood has no maximum in reach.",
        "refused; a row of a screen is left without numbers",
        "look at the marker",
    ),
    Code("not_estimable", "warning", "The rows cannot tell arm and marker apart.", _MISSING, "nothing"),
    Code(
        "several_maxima",
        "warning",
        "Separated responses: the penalized likelihood has several maxima.",
        _FLAGGED,
        "do not rely on this row",
    ),
    Code("too_few", "warning", "Too few subjects, or responders, for a number.", _MISSING, "nothing"),
    Code("constant", "warning", "The feature does not vary.", _MISSING, "nothing"),
    Code("no_data", "warning", "No subject has both feature and response.", _MISSING, "nothing"),
    Code(
        "rare_class",
        "warning",
        "Fewer than ten subjects are in the smaller class.",
        _FLAGGED,
        "do not rely on this row alone",
    ),
    Code(
        "one_arm_only",
        "warning",
        "Only one arm has both feature and response.",
        _FLAGGED,
        "read it as an observation in that arm",
    ),
    Code(
        "single_arm", "info", "There are no arms to hold constant.", _FLAGGED, "claim nothing about treatment"
    ),
    Code("unadjusted", "warning", "Arms were left out on purpose.", _FLAGGED, "give arm="),
    Code(
        "concurrent",
        "warning",
        "Feature and response are of the same visit.",
        _FLAGGED,
        "prefer an earlier visit of the feature",
    ),
    Code(
        "n_early_responders",
        "info",
        "Subjects who responded before the feature's visit, so many.",
        "kept them",
        "nothing",
    ),
    Code("per_unit", "info", "The estimate is for one unit of a score.", _FLAGGED, "nothing"),
)
