"""Runs the consolidation jobs on a tiny run, killing them at random moments; used by test_consolidation_resume.

`python -m tests.precompute.kill_consolidation FOLDER KILLS` writes FOLDER/whole.duckdb (never disturbed) and
FOLDER/killed.duckdb, and prints at which step of which job each kill came. Everything is imported once and each
attempt is a fork, so that a kill costs no import.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from precompute.consolidation.baselines import make_baselines
from precompute.consolidation.features import Plan, make_features
from precompute.consolidation.loss import make_losses
from precompute.consolidation.sae_training import SaeSettings
from precompute.consolidation.stages import make_stages
from tests.consolidation_case import Case, make_case, publish_case

PLAN = Plan(
    SaeSettings(d_sae=48, k=6.0, positions=2048, batch=128, calibration=256, score_rows=2),
    layer=1, seeds=(0, 1), width_steps=(5,), rows_per_shard=1,
)  # fmt: skip


def run_all(case: Case, work: Path, out: Path) -> None:
    """Every job once."""
    text = case.text(work)
    make_baselines(case.rows, text, len(case.tokenizer), work)
    series = case.series()
    make_losses(series, text, work, batch_rows=4, dtype="float32", products="float32", device="cpu")
    make_stages(series, text, work, dtype="float32", device="cpu")
    make_features(series, case.rows, text, work, PLAN, dtype="float32", device="cpu")
    publish_case(case, work, out)


def forked(job: Callable[[], None]) -> int:
    """Process id of a child that runs the job and exits 0."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)  # what a killed child leaves behind must not keep the pipes open
            os.dup2(null, 2)
            job()
            status = 0
        finally:
            os._exit(status)
    return pid


def made(work: Path) -> list[str]:
    """Finished files, relative to WORK."""
    return sorted(str(path.relative_to(work)) for path in work.rglob("*.np[yz]")) if work.exists() else []


def kill_after(pid: int, work: Path, n_files: int, seconds: float) -> bool:
    """SIGKILL some seconds after the job has made n_files; False where it was done before."""
    due: float | None = None
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if due is None and len(made(work)) >= n_files:
            due = time.monotonic() + seconds
        if due is not None and time.monotonic() >= due:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
        time.sleep(0.001)
    return False


def main(folder: Path, n_kills: int) -> None:
    torch.set_num_threads(1)
    import sae_lens  # noqa: F401  (once, not in each fork)

    case = make_case(folder)
    started = time.monotonic()
    whole = forked(lambda: run_all(case, folder / "whole", folder / "whole.duckdb"))
    if os.waitpid(whole, 0)[1]:
        raise SystemExit("the undisturbed run failed")
    a_file = (time.monotonic() - started) / max(len(made(folder / "whole")), 1)
    n_files, rng, work = len(made(folder / "whole")), random.Random(7), folder / "killed"
    for kill in range(n_kills):
        job = forked(lambda: run_all(case, work, folder / "killed.duckdb"))
        after = round(kill * (n_files - 1) / n_kills)
        killed = kill_after(job, work, after, rng.uniform(0, a_file))
        print(json.dumps({"killed": killed, "finished": len(made(work)), "of": n_files}), flush=True)
    last = forked(lambda: run_all(case, work, folder / "killed.duckdb"))
    if os.waitpid(last, 0)[1]:
        raise SystemExit("the run after the kills failed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
