"""One call for a study: analyse, write, say what was left out."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from immunoprofile.core import versions
from immunoprofile.pipeline._analysis import Results, analyse_as, lock_plan
from immunoprofile.pipeline._gating import Running, all_of, check_runnable, telling
from immunoprofile.pipeline._session import LOG_NAME, session
from immunoprofile.pipeline._write import write_results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from immunoprofile.trial import Study

LOG = logging.getLogger("immunoprofile")
TAIL_BYTES = 262_144
"""How far from its end a log is read."""


def run(  # noqa: PLR0913 - each is an option of the command
    study: Study,
    *,
    arms: pd.Series | None = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | None = None,
    timeout: float | None = None,
    memory: int | str | None = None,
    break_lock: bool = False,
    log_level: str = "info",
    verify: bool = False,
    report: Callable[[Results], str] | None = None,
    command: str = "",
) -> Results:
    """Run a study and write its tables below ``results/``.

    Parameters
    ----------
    study : Study
        From ``read_study(path, strict=False)`` to leave faulty rows out, named in exclusions.csv.
    arms : Series, optional
        Subject to arm (``study.unblind``): adds effects, response and link, and shows subjects and visits.
    workers, client, progress, timeout, memory
        As for :func:`immunoprofile.profile`.
    break_lock : bool
        Take over the lock of a run on another host, which is known to be dead.
    log_level : str
        Least level of what ``results/run.log`` keeps: ``debug``, ``info``, ``warning``, ``error``.
    verify : bool
        Hash every file anew, and trust no hash of an earlier run.
    report : callable, optional
        Makes the HTML text of ``report.html`` from the results, so that it is written with the tables.
    command : str
        Kept in provenance.json.

    Returns
    -------
    Results
        ``exit_code`` 1 where samples or rows were left out or flagged as errors, 3 where a resource lacked.

    Raises
    ------
    StudyError
        ``strategy_missing``, ``no_samples``, ``results_unwritable``, ``number_invalid`` before anything is
        computed; ``results_locked`` where another run is at work.

    Warns
    -----
    ImmunoprofileWarning
        ``ids_in_memory``, ``fewer_workers``.
    """
    started = _now()
    check_runnable(study)
    running = Running(
        workers=workers, client=client, progress=progress, timeout=timeout, memory=memory, verify=verify
    )
    running.team()  # what cannot be asked is refused before the folder is touched
    log = study.root / "results" / LOG_NAME
    running = dataclasses.replace(running, apart=died_at_work(log))
    with session(study.root / "results", break_lock=break_lock, log_level=log_level):
        facts = {"study": study.id, "version": versions()["immunoprofile"], "samples": len(study.samples)}
        LOG.info("start", extra={"facts": facts})
        study.persist_ids()
        _logged(study, arms)
        found = analyse_as(study, arms=arms, running=running)
        results = dataclasses.replace(found, command=command, started=started, ended=_now())
        with telling(all_of(study)):
            write_results(results, report=report)
    return results


def died_at_work(log: Path) -> bool:
    """Tell from its log whether the last run died over its samples, or met one that kills its worker.

    Then the next run does not let a sample into its own process.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = stream.read().splitlines()
    except OSError:
        return False
    told: list[dict[str, Any]] = []
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except ValueError:  # a line that was cut
            continue
        if not isinstance(event, dict) or event.get("event") == "start":
            break
        told.append(event)
    killers = any(event.get("code") == "worker_died" for event in told)
    return killers or (bool(told) and told[0].get("event") in ("placing", "gating"))


def _logged(study: Study, arms: pd.Series | None) -> None:
    """Write to the audit log what this run is: the plan is locked by the first blinded one."""
    if arms is None:
        lock_plan(study)
    elif arms.attrs.get("dummy"):
        study.log("dry_run", plan_sha256=study.plan_hash)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
