"""What a response index is: a value that scores a visit against a baseline, and the answer that it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")
Status = Literal["observed", "determined_by_bounds", "missing", "intercurrent"]


class FrozenMap(Mapping[str, T], Generic[T]):
    """A mapping that cannot be changed, survives pickling and compares by content."""

    __slots__ = ("_items",)
    _items: dict[str, T]

    def __init__(self, items: Mapping[str, T]) -> None:
        object.__setattr__(self, "_items", dict(items))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"cannot set {name!r} of a frozen mapping")

    def __getitem__(self, key: str) -> T:
        found: T = self._items[key]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._items)))

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self._items),)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Component(Mapping[str, Any]):
    """One part of a score; read by attribute or as a mapping.

    Attributes
    ----------
    absolute_percent : float or None
        100 x improvement / range; positive when better. None where a value is missing.
    points : float or None
    enzyme_used : str or None
        The enzyme that counts; only of the component ``enzyme``.
    """

    absolute_percent: float | None
    points: float | None
    enzyme_used: str | None = None
    has_enzyme: bool = False

    def _keys(self) -> tuple[str, ...]:
        return ("absolute_percent", "points", "enzyme_used")[: 3 if self.has_enzyme else 2]

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys())

    def __len__(self) -> int:
        return len(self._keys())

    def __hash__(self) -> int:
        return hash((self.absolute_percent, self.points, self.enzyme_used))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Response:
    """The score of one visit against a baseline.

    Attributes
    ----------
    score : float or None
        None where it is not known.
    level : str or None
        Name of the highest level reached, ``none`` below the first, None where it is open.
    lower, upper : float or None
        What the score can be, whatever the missing values are.
    components : mapping of str to Component
    attainable_max : float
        Most points that can be reached from this baseline.
    status : str
        ``observed``, ``determined_by_bounds`` (the level holds for every completion of the missing
        values), ``missing`` or ``intercurrent``.
    reasons : tuple of str
        Such as ``level_unattainable:major``.
    missing : tuple of str
        Components that are not known.
    text : str
        The line that ``repr`` shows.
    """

    score: float | None
    level: str | None
    lower: float | None
    upper: float | None
    components: Mapping[str, Component]
    attainable_max: float
    status: Status
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    text: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure that an index needs.

    Attributes
    ----------
    name : str
    scale : str
        ``vas_cm``, ``points``, ``multiple of ULN``.
    lower, upper : float or None
        Range of valid values; None where it is open or declared by the study.
    required : bool
        Whether a score needs it.
    higher_is_better : bool
    """

    name: str
    scale: str
    lower: float | None
    upper: float | None
    required: bool = True
    higher_is_better: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreContext:
    """What a study declares beside the values.

    Attributes
    ----------
    uln : mapping of str to number
        Upper limits of normal by enzyme.
    mmt_max : int or None
        Declared maximum of muscle strength.
    missing : str
        ``strict``: a score needs every component; ``zero``: a missing one counts 0.
    bounds : bool
        Whether bounds are computed under missing values.
    """

    uln: Mapping[str, Any] = field(default_factory=dict)
    mmt_max: int | None = None
    missing: Literal["strict", "zero"] = "strict"
    bounds: bool = True


@runtime_checkable
class ResponseIndex(Protocol):
    """A response index; one file each, met by one contract test.

    Attributes
    ----------
    id, version : str
    title : str
        Short name for a sentence.
    measures : tuple of Measure
    levels : tuple of (str, float)
        Name and lowest score, ascending.
    direction : str
        ``higher`` where a higher score is better, else ``lower``.
    confirmed : bool
        Whether every number stands in a source at hand.
    components : tuple of str
        Names of the components, in order.
    """

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def measures(self) -> tuple[Measure, ...]: ...
    @property
    def levels(self) -> tuple[tuple[str, float], ...]: ...
    @property
    def direction(self) -> str: ...
    @property
    def confirmed(self) -> bool: ...
    @property
    def components(self) -> tuple[str, ...]: ...

    def score(
        self, baseline: Mapping[str, Any], current: Mapping[str, Any], context: ScoreContext
    ) -> Response:
        """Score the values of a visit against those of the baseline."""
        ...
