"""One task, tried: whatever goes wrong in it is told as its result, so that one file costs one file."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from immunoprofile.core import ImmunoprofileError

if TYPE_CHECKING:
    from collections.abc import Callable

    Failed = Callable[[Any, ImmunoprofileError], Any]
    Attempt = Callable[[Any], Any]

PACKAGE = Path(__file__).resolve().parents[1]


def attempt(function: Callable[[Any], Any], failed: Failed, task: Any) -> Any:
    """Run a task; a fault is its result.

    Parameters
    ----------
    function : callable
    failed : callable
        Makes the result of a task that an error ended.
    task : object
    """
    try:
        return function(task)
    except ImmunoprofileError as error:
        return failed(task, error)
    except MemoryError:
        return failed(task, no_memory())
    except OSError as error:
        problem = f"the file could not be read ({error.strerror or type(error).__name__})"
        return failed(task, ImmunoprofileError("io", problem, hint="look at the disk, then run again"))
    except Exception as error:  # noqa: BLE001 - a bug met by one sample is told by name, the others are done
        return failed(task, unexpected(error))


def unexpected(error: BaseException) -> ImmunoprofileError:
    """Name the place in this package where a bug struck, without any value."""
    own = own_frames(error)
    problem = f"an unexpected {type(error).__name__} at {own[-1] if own else 'unknown'}"
    return ImmunoprofileError("unexpected_error", problem, hint="report it with this line and the file")


def own_frames(error: BaseException) -> list[str]:
    """Give the frames of this package that an error passed through: module and line, no value, no folder."""
    found = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if PACKAGE in path.parents:
            found.append(f"{path.relative_to(PACKAGE).as_posix()}:{frame.lineno}")
    return found


def no_memory() -> ImmunoprofileError:
    """Make the error of a sample for which the memory did not suffice."""
    hint = "give the machine more memory, or fewer workers"
    return ImmunoprofileError("memory", "there was not enough memory", hint=hint)


def died() -> ImmunoprofileError:
    """Make the error of a sample whose worker died, and died again when it was tried alone."""
    hint = "look at the file, or give the machine more memory; then run the same command again"
    return ImmunoprofileError("worker_died", "its worker process died twice", hint=hint)


def too_slow(timeout: float) -> ImmunoprofileError:
    """Make the error of a sample that was not done in its time."""
    hint = "look at the file and its disk, or allow more with --timeout SECONDS"
    return ImmunoprofileError("timeout", f"it was not done within {timeout:g} s", hint=hint)
