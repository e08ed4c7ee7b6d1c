"""The error and warning tree: every failure carries a stable code, a place, a problem and a hint.

::

    ImmunoprofileError
    ├── FcsError              a file of events            (path, offset, keyword)
    ├── PanelError            markers, detectors, compensation
    ├── StrategyError         gating strategies
    │   └── UnknownStrategyError (also KeyError)
    ├── StudyError            study.toml, sheets, clinical values (.problems)
    ├── BlindedError          a blinded study was asked for arms or sentinel values
    ├── InterchangeError      foreign formats
    ├── CytokineError         (also ValueError)
    ├── ModelError            (also ValueError)
    ├── StorageError          (also OSError) a file that could not be written
    └── UnknownNameError      (also KeyError) a population, gate, channel or column that is not there
    ImmunoprofileWarning
    └── FcsWarning
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immunoprofile.core.cards import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


class ImmunoprofileError(Exception):
    """Base of every error; ``code`` is stable, the words may improve.

    Parameters
    ----------
    code : str
        A code of :mod:`immunoprofile.core.codes`.
    problem : str
        What was found.
    where : str
        File, row, column, keyword or gate.
    hint : str
        What would be right.
    """

    def __init__(self, code: str, problem: str, *, where: str = "", hint: str = "") -> None:
        self.code, self.problem, self.where, self.hint = code, problem, where, hint
        lines = [f"{code}: {problem}", where and f"  where: {where}", hint and f"  hint:  {hint}"]
        super().__init__("\n".join(filter(None, lines)))

    def __str__(self) -> str:  # KeyError, a base of some, would show the repr
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:  # an error must survive the trip home from a worker process
        return _rebuild, (type(self), dict(self.__dict__), self.args)


def _rebuild(
    kind: type[ImmunoprofileError], state: dict[str, Any], args: tuple[Any, ...]
) -> ImmunoprofileError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = args
    return error


class FcsError(ImmunoprofileError):
    """An FCS file that cannot be read, or written, truthfully.

    Attributes
    ----------
    path : str
        The file, as the caller named it.
    offset : int or None
        Byte of the file at which the problem lies.
    keyword : str or None
        Keyword at fault.
    """

    def __init__(
        self,
        path: object,
        code: str,
        offset: int | None = None,
        *,
        keyword: str | None = None,
        problem: str,
        hint: str = "",
    ) -> None:
        self.path, self.offset, self.keyword = str(path), offset, keyword
        parts = [clean(path), keyword or "", f"byte {offset}" if offset is not None else ""]
        super().__init__(code, problem, where=", ".join(part for part in parts if part), hint=hint)


class PanelError(ImmunoprofileError):
    """A panel that is broken, or a marker that a file does not carry."""


class StrategyError(ImmunoprofileError):
    """A strategy that is not valid or breaks the treatment-blind rule."""


class UnknownStrategyError(StrategyError, KeyError):
    """A strategy id that is not shipped and no folder."""


class UnknownNameError(ImmunoprofileError, KeyError):
    """A name (population, gate, channel, column) that the value does not hold."""


class StudyError(ImmunoprofileError):
    """A study that cannot be used; ``problems`` lists every one of its faults.

    Attributes
    ----------
    problems : pandas.DataFrame or None
        level, code, table, row, column, found, expected, nearest, message.
    """

    def __init__(
        self,
        code: str,
        problem: str,
        *,
        where: str = "",
        hint: str = "",
        problems: pd.DataFrame | None = None,
    ) -> None:
        self.problems = problems
        super().__init__(code, problem, where=where, hint=hint)


class BlindedError(ImmunoprofileError):
    """Arms, or values that give them away, were asked of a blinded study."""


class InterchangeError(ImmunoprofileError):
    """A foreign document that cannot be read or written truthfully."""


class CytokineError(ImmunoprofileError, ValueError):
    """A cytokine readout that cannot be quantified."""


class ModelError(ImmunoprofileError, ValueError):
    """A model that cannot be fitted to the rows it was given."""


class StorageError(ImmunoprofileError, OSError):
    """A file that could not be written: no room, no permission, or a failing disk."""

    @classmethod
    def of(cls, error: OSError, code: str, problem: str, *, where: str = "", hint: str = "") -> StorageError:
        """Make it of what the system said, which it keeps as ``errno`` and ``strerror``."""
        made = cls(code, problem, where=where, hint=hint)
        made.errno, made.strerror = error.errno, error.strerror
        return made

    def __reduce__(self) -> tuple[Any, ...]:  # what the system said lies outside the dictionary
        state = dict(self.__dict__) | {"errno": self.errno, "strerror": self.strerror}
        return _rebuild_stored, (state, self.args)


def _rebuild_stored(state: dict[str, Any], args: tuple[Any, ...]) -> StorageError:
    error = StorageError.__new__(StorageError)
    for name, value in state.items():
        setattr(error, name, value)
    error.args = args
    return error


class ImmunoprofileWarning(UserWarning):
    """Category of every warning; ``code`` as for errors."""

    def __init__(self, message: str, code: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {message}" if code else message)


class FcsWarning(ImmunoprofileWarning):
    """A named repair or oddity of an FCS file."""


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Join names for a message, the rest counted."""
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown + (f" and {len(names) - limit} more" if len(names) > limit else "")
