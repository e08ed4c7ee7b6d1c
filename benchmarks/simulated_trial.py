"""The whole road on simulated trials, scored against their truth.

For each seed: simulate, profile, unblind, change from baseline, arm effect. Printed: F1 of CD4 T cells, F1 of
Treg as a part of the best possible per batch, and whether the true ratio lies inside the interval of the rule
held.

    python benchmarks/simulated_trial.py                          # 20 seeds, 20 subjects, 2 sites
    python benchmarks/simulated_trial.py --sites 4 --subjects 16  # batches of four subjects
    python benchmarks/simulated_trial.py --marker-shift 1         # the drug moves CD25 and CD127 too
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _truth import BatchScore, f1, file_truths, read_truth, score_batches

import immunoprofile as ip

FEATURE = "treg_percent_cd4_t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed gave."""

    seed: int
    truth: float
    lower: float
    upper: float
    ratio: float
    flags: str
    cd4_f1: float
    scores: list[BatchScore]
    seconds: float

    @property
    def contained(self) -> bool:
        return self.lower <= self.truth <= self.upper


def main() -> None:
    options = _options()
    outcomes = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        with tempfile.TemporaryDirectory(prefix="simulated-trial-") as folder:
            outcome = run(Path(folder) / "study", seed, options)
        outcomes.append(outcome)
        _show(outcome)
    _summary(outcomes)


def run(root: Path, seed: int, options: argparse.Namespace) -> Outcome:
    """Go the whole road once."""
    start = time.process_time()
    toml = ip.simulate.trial(
        root,
        subjects=options.subjects,
        visits=options.visits,
        sites=options.sites,
        events=options.events,
        seed=seed,
        effect=options.effect,
        marker_shift=options.marker_shift,
        progress=False,
    )
    study = ip.read_study(toml)
    profile = ip.profile(study)
    arms = study.unblind(root / "arm_key.csv", who="benchmark", reason="simulated data")
    effects = ip.longitudinal.screen(profile.change(), model="ancova", arms=arms, progress=False).table
    truth = read_truth(root)["treg_effect_ratio"]
    visit = max(truth, key=lambda week: int(week.removeprefix("W")))
    row = effects[(effects["feature"] == FEATURE) & (effects["rule"] == "held") & (effects["visit"] == visit)]
    (held,) = row.to_dict("records")
    cd4_f1, scores = (float("nan"), []) if options.no_masks else masks(root, study)
    return Outcome(
        seed=seed,
        truth=truth[visit],
        lower=held["ratio_lower"],
        upper=held["ratio_upper"],
        ratio=held["ratio"],
        flags=str(held["flags"]),
        cd4_f1=cd4_f1,
        scores=scores,
        seconds=time.process_time() - start,
    )


def masks(root: Path, study: object) -> tuple[float, list[BatchScore]]:
    """Score the masks of the placed strategy on every file: CD4 T cells over the whole trial, and per batch.

    A batch whose cytometer records no height of the scatter (every second of four) keeps its doublets.
    """
    fitted = ip.load_strategy("treg_surface_v1").place(study, panel=ip.read_panel(root / "panel.toml"))
    files = []
    for truth in file_truths(root):
        sample = ip.read_fcs(truth.path)
        gated = fitted.apply(sample)
        files.append((sample, truth, gated.mask("cd4_t"), gated.mask("treg")))
    cd4, true_cd4 = (np.concatenate(parts) for parts in zip(*((f[2], f[1].cd4) for f in files), strict=True))
    return f1(cd4, true_cd4), score_batches(files)


def _show(outcome: Outcome) -> None:
    print(
        f"seed {outcome.seed:3d}  ratio {outcome.ratio:5.3f} [{outcome.lower:5.3f}, {outcome.upper:5.3f}]"
        f"  truth {outcome.truth:5.3f} {'in ' if outcome.contained else 'OUT'}"
        f"  {outcome.seconds:5.1f} CPU s  flags {outcome.flags or '-'}"
    )
    for score in outcome.scores:
        print(
            f"    {score.batch:12s} {score.n_files:3d} files  CD4 F1 {score.cd4_f1:.4f}"
            f"  Treg F1 {score.treg_f1:.4f} of optimum {score.optimum:.4f} = {score.of_optimum:.4f}"
            f"  share {100 * score.share:+.1f} %"
        )


def _summary(outcomes: list[Outcome]) -> None:
    n = len(outcomes)
    print(f"contained {sum(o.contained for o in outcomes)} of {n}")
    bias = np.log([o.ratio for o in outcomes]) - np.log([o.truth for o in outcomes])
    print(
        f"bias of the log ratio {bias.mean():+.3f} (standard error {bias.std(ddof=1) / n**0.5:.3f})"
        if n > 1
        else ""
    )
    for flag in ("GATE_SENSITIVE", "GATE_UNRESOLVED", "MARKER_SHIFT"):
        print(f"{flag} {sum(flag in o.flags.split(';') for o in outcomes)} of {n}")
    scores = [score for o in outcomes for score in o.scores]
    if scores:
        part, cd4 = [s.of_optimum for s in scores], [s.cd4_f1 for s in scores]
        print(f"Treg F1 / optimum: lowest {min(part):.4f}, mean {np.mean(part):.4f} over {len(part)} batches")
        print(f"batches >= .96 of the optimum: {sum(p >= 0.96 for p in part)} of {len(part)}")
        print(f"batches >= .93 of the optimum: {sum(p >= 0.93 for p in part)} of {len(part)}")
        whole = [o.cd4_f1 for o in outcomes]
        print(f"CD4 F1 of a trial: lowest {min(whole):.4f}, mean {np.mean(whole):.4f}")
        print(f"CD4 F1 of a batch: lowest {min(cd4):.4f}, mean {np.mean(cd4):.4f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--subjects", type=int, default=20)
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--sites", type=int, default=2)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--effect", type=float, default=None)
    parser.add_argument("--marker-shift", type=float, default=0.0)
    parser.add_argument("--no-masks", action="store_true", help="leave out the scores of the gates")
    return parser.parse_args()


if __name__ == "__main__":
    main()
