"""One call for a study: analyse, write, say what was left out."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from immunoprofile.core import versions
from immunoprofile.pipeline._analysis import Results, analyse, lock_plan
from immunoprofile.pipeline._gating import check_runnable
from immunoprofile.pipeline._session import session
from immunoprofile.pipeline._write import write_results

if TYPE_CHECKING:
    import pandas as pd

    from immunoprofile.trial import Study

LOG = logging.getLogger("immunoprofile")


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
        ``strategy_missing``, ``no_samples``, ``results_unwritable`` before anything is computed;
        ``results_locked`` where another run is at work.

    Warns
    -----
    ImmunoprofileWarning
        ``ids_in_memory``.
    """
    started = _now()
    check_runnable(study)
    with session(study.root / "results"):
        facts = {"study": study.id, "version": versions()["immunoprofile"], "samples": len(study.samples)}
        LOG.info("start", extra={"facts": facts})
        study.persist_ids()
        _logged(study, arms)
        found = analyse(study, arms=arms, workers=workers, client=client, progress=progress)
        results = dataclasses.replace(found, command=command, started=started, ended=_now())
        write_results(results)
    return results


def _logged(study: Study, arms: pd.Series | None) -> None:
    """Write to the audit log what this run is: the plan is locked by the first blinded one."""
    if arms is None:
        lock_plan(study)
    elif arms.attrs.get("dummy"):
        study.log("dry_run", plan_sha256=study.plan_hash)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
