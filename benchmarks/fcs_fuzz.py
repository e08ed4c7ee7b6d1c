"""Fuzz the FCS reader, led by coverage: any bytes give a sample or an ``FcsError``, and soon.

    pip install "immunoprofile[fuzz]"
    python benchmarks/fcs_fuzz.py --seconds 600 [--corpus DIR]

Seeds are the worked files of the tests. It stops at the first input that is answered otherwise, and tells
where that input lies and how to keep it as a regression.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "golden" / "fcs" / "cases.jsonl"
KEYWORDS = (
    "$PAR", "$TOT", "$P1N", "$P1S", "$P1B", "$P1R", "$P1E", "$P1G", "$P2N", "$P1DATATYPE", "$DATATYPE",
    "$BYTEORD",
    "$MODE", "$NEXTDATA", "$BEGINDATA", "$ENDDATA", "$BEGINSTEXT", "$ENDSTEXT", "$BEGINANALYSIS",
    "$ENDANALYSIS",
    "$SPILLOVER", "SPILL", "$COMP", "$DFC1TO2", "$TIMESTEP", "$UNICODE", "FCS2.0", "FCS3.0", "FCS3.1",
    "FCS3.2",
    "1,2,3,4", "4,3,2,1", "3,4,1,2", "99999999", "18446744073709551616", "0,0", "4,0", "//", "nan", "Time",
)  # fmt: skip
MISSING = 'atheris is missing: pip install "immunoprofile[fuzz]" (Linux and macOS; Python 3.11 to 3.13)'
SECONDS_EACH = 10
MEGABYTES = 2048


def seeds(folder: Path) -> None:
    """Write the worked files as the first inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        (folder / f"{case['name']}.fcs").write_bytes(base64.b64decode(case["file_base64"]))


def dictionary(path: Path) -> None:
    """Write the words of FCS, for libFuzzer to try."""
    lines = [f'"{word}"' for word in KEYWORDS]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def reader(path: Path):
    """Give the function under test; imported here, so that it is instrumented."""
    from immunoprofile.core import FcsError, FcsWarning
    from immunoprofile.core.codes import CODES
    from immunoprofile.fcs import read_fcs, read_fcs_all

    calls = (
        lambda: (read_fcs(path),),
        lambda: (read_fcs(path, mode="force", scale="stored", bits="keep"),),
        lambda: read_fcs_all(path, mode="force"),
    )

    def one(content: bytes) -> None:
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", FcsWarning)
            for call in calls:
                try:
                    for sample in call():
                        assert sample.events.shape == (sample.n_events, sample.n_channels)
                        repr(sample), sample._repr_html_(), sample.time_seconds
                except FcsError as error:
                    if error.code not in CODES or path.name not in str(error):
                        raise AssertionError(f"an unclear error: {error!r}") from error

    return one


def run(arguments: argparse.Namespace) -> None:
    """Hand over to libFuzzer, which ends the process."""
    try:
        import atheris
    except ImportError:
        raise SystemExit(MISSING) from None
    scratch = Path(
        tempfile.mkdtemp(prefix="fcs_fuzz_", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    )
    corpus = arguments.corpus or scratch / "corpus"
    findings = arguments.findings
    findings.mkdir(parents=True, exist_ok=True)
    seeds(corpus)
    dictionary(scratch / "fcs.dict")
    with atheris.instrument_imports(include=["immunoprofile.fcs"]):
        one = reader(scratch / "fuzzed.fcs")
    print(
        f"Inputs that fail are kept in {findings}/crash-*, timeout-* or oom-*. To keep one: shrink it with\n"
        f"  python {Path(__file__).name} --shrink FILE\n"
        "put it into tests/fcs/regressions/ by the name of its fault, and add its row to regressions.csv.",
        flush=True,
    )
    flags = [
        f"-max_total_time={arguments.seconds}", f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}",
        f"-artifact_prefix={findings}{os.sep}", f"-dict={scratch / 'fcs.dict'}", "-max_len=16384",
        "-print_final_stats=1", "-verbosity=1", f"-seed={arguments.seed}",
    ]  # fmt: skip
    if arguments.shrink:
        flags += ["-minimize_crash=1", str(arguments.shrink)]
    else:
        flags.append(str(corpus))
    atheris.Setup([sys.argv[0], *flags], one)
    atheris.Fuzz()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="how long")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers")
    parser.add_argument(
        "--corpus", type=Path, help="folder of inputs, kept and widened; a new one by default"
    )
    parser.add_argument(
        "--findings", type=Path, default=Path("fuzz_findings"), help="where failing inputs go"
    )
    parser.add_argument("--shrink", type=Path, help="make a failing input smaller")
    with contextlib.suppress(KeyboardInterrupt):
        run(parser.parse_args())


if __name__ == "__main__":
    main()
