"""What HEADER and TEXT of a data set say, each checked against the size of the file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from immunoprofile.fcs._analysis import read_analysis
from immunoprofile.fcs._header import Span, read_header
from immunoprofile.fcs._issues import Findings, listing
from immunoprofile.fcs._layout import check_mode, count_parameters, read_widths
from immunoprofile.fcs._locate import Search, locate_data, total_events
from immunoprofile.fcs._numbers import real_number
from immunoprofile.fcs._scale import read_scales
from immunoprofile.fcs._spillover import read_legacy_compensation, read_spillover
from immunoprofile.fcs._tail import next_data_set
from immunoprofile.fcs._text import add_supplement, read_supplement, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from immunoprofile.fcs._file import FcsLimits, InputFile
    from immunoprofile.fcs._header import Header
    from immunoprofile.fcs._layout import Layout
    from immunoprofile.fcs._locate import Events
    from immunoprofile.fcs._scale import Scales
    from immunoprofile.fcs._spillover import Spillover


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What HEADER and TEXT of a data set say."""

    header: Header
    keywords: dict[str, str]
    analysis: dict[str, str]
    layout: Layout
    events: Events
    end: int
    following: int | None
    names: tuple[str, ...]
    scales: Scales
    spillover: Spillover | None
    legacy_compensation: NDArray[np.float64] | None


def read_facts(file: InputFile, base: int, *, limits: FcsLimits, chained: bool = False) -> Facts:
    """Read all that HEADER and TEXT say of the data set at byte `base`.

    `chained` tells that the caller follows the chain of data sets, so that further ones are no news.
    """
    findings = file.findings
    header = read_header(file, base)
    keywords, header = read_text(file, header, limits)
    supplement = read_supplement(file, header, keywords, limits=limits)
    said = keywords if supplement is None else supplement.below(keywords)
    count = count_parameters(said, findings, limits)
    check_mode(said, header.version, findings)
    widths = read_widths(said, count, version=header.version, findings=findings, limits=limits)
    supplemental = None if supplement is None else supplement.span
    following = next_data_set(file, header, said)
    search = Search(
        file=file,
        header=header,
        keywords=said,
        widths=widths,
        supplemental=supplemental,
        total=total_events(said, header.version, findings, limits=limits),
        following=following,
    )
    events = locate_data(search)
    data = Span(events.begin, events.begin + events.count * widths.layout.stride - 1)
    if supplement is not None:
        add_supplement(keywords, supplement, header=header, data=data, findings=findings)
    names = _names(keywords, count, version=header.version, findings=findings)
    scales = read_scales(keywords, names, layout=widths.layout, version=header.version, findings=findings)
    _check_timestep(keywords, findings)
    analysis = read_analysis(file, header, keywords, data=data, limits=limits)
    if following is not None and not chained:
        findings.warn(
            "multiple-datasets", "the file has further data sets; the first was read", keyword="$NEXTDATA"
        )
    ends = [header.text.end, events.end, analysis.end, *(span.end for span in header.others)]
    return Facts(
        header=header,
        keywords=keywords,
        analysis=analysis.keywords,
        layout=widths.layout,
        events=events,
        end=max(ends if supplemental is None else [*ends, supplemental.end]),
        following=following,
        names=names,
        scales=scales,
        spillover=read_spillover(keywords, names, findings),
        legacy_compensation=read_legacy_compensation(keywords, count, findings),
    )


def _names(keywords: Mapping[str, str], count: int, *, version: str, findings: Findings) -> tuple[str, ...]:
    names, missing = [], []
    for number in range(1, count + 1):
        name = keywords.get(f"$P{number}N", "")
        if not name.strip():
            missing.append(f"$P{number}N")
            name = f"P{number}"
        names.append(name)
    if missing:
        findings.graded(
            "name-missing",
            f"named by their places: {listing(missing)}",
            warn=version >= "3.0",
            keyword=missing[0],
        )
    if len(set(names)) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        findings.warn("duplicate-names", f"detectors of one name: {listing(twice)}")
    return tuple(names)


def _check_timestep(keywords: Mapping[str, str], findings: Findings) -> None:
    text = keywords.get("$TIMESTEP")
    if text is None:
        return
    step = real_number(text)
    if step is None or step <= 0:
        findings.warn(
            "timestep-invalid",
            "$TIMESTEP is no number above 0; there is no time in seconds",
            keyword="$TIMESTEP",
        )
