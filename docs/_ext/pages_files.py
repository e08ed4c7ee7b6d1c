"""Keys of the files that a user writes, from the forms that read them."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from page_parts import code, table

if TYPE_CHECKING:
    from collections.abc import Iterator

MEANINGS = tomllib.loads(Path(__file__).with_name("meanings.toml").read_text(encoding="utf-8"))

STUDY_HEAD = """# study.toml

What the study is: arms, visits, tubes, questions. An unknown key is refused with the nearest known one,
and every fault of the file is said at once. `immunoprofile init FOLDER` drafts one; `immunoprofile
simulate OUT` writes a full one.

```toml
[study]
id = "MYTRIAL"
title = "Low-dose IL-2 in myositis"

[[arms]]
id = "IL2"
role = "active"

[[arms]]
id = "PBO"
role = "control"

[[visits]]
id = "W0"
day = 1
before = 28
after = 0
role = "baseline"

[[visits]]
id = "W12"
day = 85
before = 7
after = 7

[[tubes]]
id = "treg"
strategy = "treg_surface_v1"
panel = "panel.toml"
```

"""
PANEL_HEAD = """# panel.toml

Which marker each channel carries. Labels (`$PnS`) decide; a detector decides only where you say so.
Without a panel of your own the strategy's own panel is used. `immunoprofile init FOLDER` drafts one, and
marks with `??` what only a person can name.

```toml
schema = 1

[panel]
id = "treg_tube"
version = "1"
required = ["CD3", "CD4", "CD25", "CD127"]
compensation = "file"

[[channels]]
id = "cd127"
target.marker = "CD127"
aliases = ["IL7R-BV"]

[sites.S02.cd127]
detectors = ["BV421-A"]
```

Codes: `PANEL_SCHEMA`, `PANEL_DUPLICATE`, `MISSING_MARKER`; see [codes](../codes.md).

"""
STRATEGY_HEAD = """# strategy.toml

A gating strategy as data. It lies in a folder of its own with a `panel.toml` that gives the markers
their roles. Load it by its folder: `ip.load_strategy("my_treg_v1/")`. The [shipped
strategies](../strategies/index.md) are written the same way.

A marker with the role `treatment_responsive` may not be cut per sample: such a strategy is refused with
`RESPONSIVE_PER_SAMPLE` (see [blind gates](../../explanation/blind-gates.md)).

```toml
[[gates]]
id = "t"
parent = "lymphocytes"
dims = ["CD3"]
method = "valley"
scope = "sample"
populations = [{ id = "t", side = "above" }]
```

"""
STRATEGY_HEADER_ROWS = ("id", "title", "species", "license", "requires", "optional", "citations", "includes")


def sections() -> dict[str, list[tuple[str, type]]]:
    """Give the sections of each file and the form that each is read by."""
    from immunoprofile.gating import Gate, GatePopulation
    from immunoprofile.panel import _schema as panel
    from immunoprofile.trial import _schema as study

    return {
        "study_toml": [
            ("[study]", study.StudyKeys),
            ("[[arms]]", study.Arm),
            ("[[visits]]", study.Visit),
            ("[baseline]", study.Baseline),
            ("[tables]", study.Tables),
            ("[tables.NAME]", study.TableSpec),
            ("[measures.NAME]", study.MeasureSpec),
            ("[[tubes]]", study.Tube),
            ("[[endpoints]]", study.Endpoint),
            ("[[families]]", study.Family),
            ("[[estimands]]", study.Estimand),
            ("[[estimands.events]]", study.IntercurrentEvent),
            ("[[analysis_populations]]", study.AnalysisPopulation),
            ("[analysis]", study.Analysis),
            ("[strata]", study.Strata),
            ("[sites]", study.Sites),
            ("[blinding]", study.Blinding),
            ("[open_arms]", study.OpenArms),
            ("[[time_to_event]]", study.TimeToEvent),
            ("[[profiles]]", study.ProfileSpec),
            ("[[plates]]", study.Plate),
        ],
        "panel_toml": [
            ("[panel]", panel.HeadForm),
            ("[[channels]]", panel.ChannelForm),
            ("target of a channel", panel.TargetForm),
            ("[sites.SITE.CHANNEL], [cytometers.NAME.CHANNEL], [serials.NUMBER.CHANNEL]", panel.OverrideForm),
            ("[controls]", panel.ControlsForm),
        ],
        "strategy_toml": [("[[gates]]", Gate), ("populations of a gate", GatePopulation)],
    }


def file_pages() -> Iterator[tuple[str, str]]:
    """Give the page of each file."""
    found = sections()
    yield "reference/files/study_toml.md", STUDY_HEAD + _sections(found["study_toml"])
    yield "reference/files/panel_toml.md", PANEL_HEAD + _sections(found["panel_toml"])
    rows = [(code(name), MEANINGS["Strategy"][name]) for name in STRATEGY_HEADER_ROWS]
    head = "`schema = 1` stands first.\n\n## [strategy]\n\n" + table(("key", "meaning"), rows) + "\n"
    yield (
        "reference/files/strategy_toml.md",
        STRATEGY_HEAD + head + _sections(found["strategy_toml"]) + _methods(),
    )


def _sections(parts: list[tuple[str, type]]) -> str:
    text = ""
    for title, form in parts:
        rows = [
            (code(field.name), _type(field.type), _default(field), MEANINGS[form.__name__][field.name])
            for field in dataclasses.fields(form)
        ]
        text += f"## {title}\n\n" + table(("key", "type", "default", "meaning"), rows) + "\n"
    return text


def _type(annotation: Any) -> str:
    """Give a type in the words of TOML."""
    text = re.sub(r"\s*\|\s*None", "", str(annotation))
    base = re.match(r"\w+", text)
    words = {
        "str": "text", "bool": "true or false", "int": "whole number", "float": "number",
        "Any": "text or table",
        "Mapping": "table", "Texts": "table", "dict": "table", "tuple": "list", "list": "list",
        "TableSpec": "text or table", "TargetForm": "table",
    }  # fmt: skip
    name = base.group() if base else text
    if text in ("tuple[float, float]",):
        return "two numbers"
    return words.get(name, "text")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        made = None if field.default_factory is dataclasses.MISSING else field.default_factory()
        return "**needed**" if made is None else "-"
    value = field.default
    if value in ("", None, ()):
        return "-"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple):
        return ", ".join(code(item) for item in value)
    return code(value)


def _methods() -> str:
    import inspect

    from immunoprofile.gating.placement import METHODS

    rows = []
    for name, method in sorted(METHODS.items()):
        rows.append(
            (
                code(name),
                (inspect.getdoc(method) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`"),
            )
        )
    rows += [
        ("`time`", "Keep the stretches of the run with steady rate and steady medians."),
        ("`boundary`", "Drop events at the ceiling of any detector."),
        ("`quadrant`", "Cut two axes, each by its own valley."),
    ]
    return "## Placement methods\n\n" + table(("method", "what it does"), sorted(rows))
