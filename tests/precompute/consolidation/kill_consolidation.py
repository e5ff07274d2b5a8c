"""Runs the consolidation jobs on a tiny run, killing them at random moments; used by test_resume.

`python -m tests.precompute.consolidation.kill_consolidation FOLDER KILLS` writes
FOLDER/whole.duckdb (never disturbed) and FOLDER/killed.duckdb, and prints at which step of which
job each kill came. Everything is imported once, in a server without threads from which each attempt
is forked: a kill costs no import, and no lock is held in a fork.
"""

import json
import multiprocessing
import os
import random
import sys
import time
from multiprocessing.process import BaseProcess
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
    layer=1,
    seeds=(0, 1),
    width_steps=(5,),
    rows_per_shard=1,
)

SERVER = multiprocessing.get_context("forkserver")


def run_all(case: Case, work: Path, out: Path) -> None:
    """Every job once."""
    text = case.text(work)
    make_baselines(case.rows, text, len(case.tokenizer), work)
    series = case.series()
    make_losses(series, text, work, batch_rows=4, dtype="float32", products="float32", device="cpu")
    make_stages(series, text, work, dtype="float32", device="cpu")
    make_features(series, case.rows, text, work, PLAN, dtype="float32", device="cpu")
    publish_case(case, work, out)


def attempt(case: Case, work: Path, out: Path) -> None:
    """What a forked process does."""
    torch.set_num_threads(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # what a killed process leaves behind must not keep the pipes open
    os.dup2(null, 2)
    run_all(case, work, out)


def started(case: Case, work: Path, out: Path) -> BaseProcess:
    """A process that runs every job once."""
    process = SERVER.Process(target=attempt, args=(case, work, out))
    process.start()
    return process


def made(work: Path) -> list[str]:
    """Finished files, relative to WORK. Folders come and go meanwhile:
    `os.walk` passes over one that has gone.
    """
    files = (Path(folder, name) for folder, _, names in os.walk(work) for name in names)
    return sorted(str(path.relative_to(work)) for path in files if path.suffix in (".npy", ".npz"))


def kill_after(process: BaseProcess, work: Path, n_files: int, seconds: float) -> bool:
    """SIGKILL some seconds after the jobs have made n_files; False where they were done before."""
    due: float | None = None
    while process.is_alive():
        if due is None and len(made(work)) >= n_files:
            due = time.monotonic() + seconds
        if due is not None and time.monotonic() >= due:
            process.kill()
            process.join()
            return True
        time.sleep(0.001)
    return False


def finish(process: BaseProcess, what: str) -> None:
    process.join()
    if process.exitcode:
        raise SystemExit(f"{what} failed")


def main(folder: Path, n_kills: int) -> None:
    case = make_case(folder)
    begun = time.monotonic()
    finish(started(case, folder / "whole", folder / "whole.duckdb"), "the undisturbed run")
    a_file = (time.monotonic() - begun) / max(len(made(folder / "whole")), 1)
    n_files, rng, work = len(made(folder / "whole")), random.Random(7), folder / "killed"
    for kill in range(n_kills):
        process = started(case, work, folder / "killed.duckdb")
        after = round(kill * (n_files - 1) / n_kills)
        killed = kill_after(process, work, after, rng.uniform(0, a_file))
        print(
            json.dumps({"killed": killed, "finished": len(made(work)), "of": n_files}), flush=True
        )
    finish(started(case, work, folder / "killed.duckdb"), "the run after the kills")


if __name__ == "__main__":
    SERVER.set_forkserver_preload(["tests.precompute.consolidation.kill_consolidation", "sae_lens"])
    main(Path(sys.argv[1]), int(sys.argv[2]))
