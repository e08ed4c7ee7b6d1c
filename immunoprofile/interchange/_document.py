"""A Gating-ML 2.0 document in the making: ids, transforms, matrix, gates; valid by the schema of ISAC."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from immunoprofile.core import InterchangeError
from immunoprofile.interchange._axes import element_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from immunoprofile.interchange._axes import Axis, Side
    from immunoprofile.transform import Compensation, Transform

_BASE = "http://www.isac-net.org/std/Gating-ML/v2.0/"
GATING, TRANSFORMS, TYPES = (f"{_BASE}{part}" for part in ("gating", "transformations", "datatypes"))
OWN = "urn:immunoprofile:1"
"""Namespace of what Gating-ML has no place for: real names, helper gates, open populations."""
_NAMESPACES = {"gating": GATING, "transforms": TRANSFORMS, "data-type": TYPES, "immunoprofile": OWN}
MATRIX = "spillover"
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
RESERVED = frozenset({"root", "FCS", "uncompensated", MATRIX})
"""Words that are no free id: FlowKit calls the top root, the standard names two compensations."""


@dataclass(slots=True)
class Document:
    """Elements in the order of the file.

    Attributes
    ----------
    gates : list of lxml element
    ids : dict of str to str
        Population to id; populations take theirs before transforms and helper gates do.
    """

    gates: list[Any] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=lambda: set(RESERVED))
    _scales: dict[tuple[str, tuple[tuple[str, float], ...]], str] = field(default_factory=dict)
    _ratios: dict[tuple[str, str], str] = field(default_factory=dict)

    def new_id(self, name: str) -> str:
        """Make an id of a name: an XML name, unique in the document."""
        stem = (
            re.sub(r"[^A-Za-z0-9_.-]+", "_", name.replace("+", "_pos").replace("/", "_")).strip("_") or "gate"
        )
        stem = stem if _NCNAME.fullmatch(stem) else f"_{stem}"
        found, number = stem, 2
        while found in self._taken:
            found, number = f"{stem}_{number}", number + 1
        self._taken.add(found)
        return found

    def scale(self, transform: Transform) -> str:
        """Give the id of a transform, which is added once."""
        kind, parameters = element_of(transform)
        key = kind, tuple(parameters.items())
        if key not in self._scales:
            self._scales[key] = self.new_id(f"{transform.kind}_{len(self._scales) + 1}")
        return self._scales[key]

    def ratio(self, axis: Axis) -> str:
        """Give the id of a ratio of two detectors, which is added once."""
        key = axis.detector, axis.over or ""
        if key not in self._ratios:
            self._ratios[key] = self.new_id(f"ratio_{len(self._ratios) + 1}")
        return self._ratios[key]

    def gate(self, kind: str, name: str, *, parent: str | None, helper: bool = False) -> Any:
        """Add a gate; its real name stands in custom_info where the id differs, or where it only helps."""
        element = _made(GATING, kind)
        found = self.new_id(f"{name}.part") if helper else self.ids[name]
        _set(element, GATING, {"id": found})
        if parent is not None:
            _set(element, GATING, {"parent_id": parent})
        if helper or found != name:
            info = _child(element, TYPES, "custom_info")
            _set(_child(info, OWN, "helper" if helper else "population"), None, {"name": name})
        self.gates.append(element)
        return element

    def dimension(self, gate: Any, axis: Axis, *, transform: Transform | None) -> Any:
        """Add a dimension to a gate."""
        element = _child(gate, GATING, "dimension")
        _set(element, GATING, {"compensation-ref": MATRIX if axis.compensated else "uncompensated"})
        if transform is not None:
            _set(element, GATING, {"transformation-ref": self.scale(transform)})
        if axis.over is None:
            _set(_child(element, TYPES, "fcs-dimension"), TYPES, {"name": axis.detector})
        else:
            _set(_child(element, TYPES, "new-dimension"), TYPES, {"transformation-ref": self.ratio(axis)})
        return element

    def rectangle(self, name: str, sides: list[Side], *, parent: str | None, helper: bool = False) -> str:
        """Add a rectangle of any number of ranges and give its id."""
        gate = self.gate("RectangleGate", name, parent=parent, helper=helper)
        for side in sides:
            element = self.dimension(gate, side.axis, transform=side.transform)
            ends = {"min": side.low, "max": side.high}
            _set(element, GATING, {end: repr(float(v)) for end, v in ends.items() if v is not None})
        return id_of(gate)

    def to_bytes(self, compensation: Compensation | None, *, notes: Mapping[str, str]) -> bytes:
        """Write the document: notes, transforms, matrix, gates."""
        from lxml import etree

        root = etree.Element(f"{{{GATING}}}Gating-ML", nsmap=_NAMESPACES)
        if notes:
            info = _child(root, TYPES, "custom_info")
            for name, text in notes.items():
                _set(_child(info, OWN, "note"), None, {"name": name, "value": text})
        for (kind, parameters), found in self._scales.items():
            _set(
                _child(self._transformation(root, found), TRANSFORMS, kind),
                TRANSFORMS,
                _texts(dict(parameters)),
            )
        for (top, bottom), found in self._ratios.items():
            ratio = _child(self._transformation(root, found), TRANSFORMS, "fratio")
            _set(ratio, TRANSFORMS, {"A": "1.0", "B": "0.0", "C": "0.0"})
            for detector in (top, bottom):
                _set(_child(ratio, TYPES, "fcs-dimension"), TYPES, {"name": detector})
        if compensation is not None and not compensation.is_identity:
            _add_matrix(root, compensation)
        root.extend(self.gates)
        content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
        return content

    @staticmethod
    def _transformation(root: Any, found: str) -> Any:
        element = _child(root, TRANSFORMS, "transformation")
        _set(element, TRANSFORMS, {"id": found})
        return element


def id_of(gate: Any) -> str:
    """Give the id of a gate's element."""
    return str(gate.get(f"{{{GATING}}}id"))


def add_point(parent: Any, tag: str, values: list[float]) -> None:
    """Add a vertex, or the mean of an ellipse."""
    point = _child(parent, GATING, tag)
    for value in values:
        _set(_child(point, GATING, "coordinate"), TYPES, {"value": repr(float(value))})


def add_covariance(gate: Any, rows: list[list[float]], distance_square: float) -> None:
    """Add the matrix and the distance of an ellipse."""
    matrix = _child(gate, GATING, "covarianceMatrix")
    for row in rows:
        line = _child(matrix, GATING, "row")
        for value in row:
            _set(_child(line, GATING, "entry"), TYPES, {"value": repr(float(value))})
    _set(_child(gate, GATING, "distanceSquare"), TYPES, {"value": repr(float(distance_square))})


def add_references(gate: Any, operator: str, ids: list[str]) -> None:
    """Add the operands of a boolean gate."""
    element = _child(gate, GATING, operator)
    for found in ids:
        _set(_child(element, GATING, "gateReference"), GATING, {"ref": found})


def _add_matrix(root: Any, compensation: Compensation) -> None:
    """Write the spillover: rows dyes, columns detectors; the dyes bear the detectors' names."""
    matrix = _child(root, TRANSFORMS, "spectrumMatrix")
    _set(matrix, TRANSFORMS, {"id": MATRIX})
    for group in ("fluorochromes", "detectors"):
        names = _child(matrix, TRANSFORMS, group)
        for detector in compensation.detectors:
            _set(_child(names, TYPES, "fcs-dimension"), TYPES, {"name": detector})
    for row in compensation.matrix:
        spectrum = _child(matrix, TRANSFORMS, "spectrum")
        for value in row:
            _set(_child(spectrum, TRANSFORMS, "coefficient"), TRANSFORMS, {"value": repr(float(value))})


def _texts(parameters: Mapping[str, float]) -> dict[str, str]:
    return {name: repr(float(value)) for name, value in parameters.items()}


def _made(namespace: str, tag: str) -> Any:
    from lxml import etree

    return etree.Element(f"{{{namespace}}}{tag}", nsmap=_NAMESPACES)


def _child(parent: Any, namespace: str, tag: str) -> Any:
    from lxml import etree

    return etree.SubElement(parent, f"{{{namespace}}}{tag}")


def _set(element: Any, namespace: str | None, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        try:
            element.set(name if namespace is None else f"{{{namespace}}}{name}", value)
        except ValueError as error:  # control characters have no place in XML
            raise InterchangeError(
                "gate_not_expressible",
                f"{value!r} holds a character that XML does not allow",
                hint="rename the detector or the population",
            ) from error
