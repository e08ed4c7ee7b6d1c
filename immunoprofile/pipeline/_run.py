"""One call for a study: analyse, write, say what was left out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from immunoprofile.core import StudyError
from immunoprofile.pipeline._analysis import Results, analyse
from immunoprofile.pipeline._write import write_results

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.trial import Study


def run(
    study: Study,
    *,
    arms: pd.Series | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | None = None,
    command: str = "",
) -> Results:
    """Run a study and write its tables below ``results/``.

    Parameters
    ----------
    study : Study
        From ``read_study(path, strict=False)`` to leave faulty rows out, named in exclusions.csv.
    arms : Series, optional
        Subject to arm (``study.unblind``): adds effects, response and link, and shows subjects and visits.
    workers, client, progress
        As for :func:`immunoprofile.profile`.
    command : str
        Kept in provenance.json.

    Returns
    -------
    Results
        ``exit_code`` 1 where samples or rows were left out or flagged as errors.

    Raises
    ------
    StudyError
        ``results_unwritable`` before anything is computed.
    """
    _probe(study)
    study.persist_ids()
    found = analyse(study, arms=arms, workers=workers, client=client, progress=progress)
    results = dataclasses.replace(found, command=command)
    write_results(results)
    return results


def _probe(study: Study) -> None:
    """Find out whether results can be written before any computing."""
    folder = study.root / "results"
    probe = folder / ".immunoprofile-tmp-probe"
    try:
        folder.mkdir(exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        hint = "give the folder write permission, or copy the study"
        problem = f"the results folder cannot be written ({error.strerror})"
        raise StudyError("results_unwritable", problem, where="results", hint=hint) from error
