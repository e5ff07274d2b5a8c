"""The API over the subject, in this process, as `functionscope api` would compose it."""

import contextlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.sae import Sae
from backend.live import Live
from backend.loading import loaded_of
from backend.main import create_api
from backend.settings import Settings
from precompute.cli import run_job
from precompute.job import Job
from tests.bench.asgi import InProcess
from tests.bench.subject import ROOT, Subject

PATIENCE_S = 60


@contextmanager
def api(lm: LanguageModel, subject: Subject, scratch: Path) -> Iterator[InProcess]:
    """A started API whose model is `lm`; recorded runs go below `scratch`."""
    build = load_preset("lab").build if subject.is_lab else small_build(subject, scratch)
    saes = {sae_id: Sae.load(path, sae_id=sae_id) for sae_id, path in subject.saes.items()}
    loaded = loaded_of(lm, saes, fingerprint="bench", sae_hashes=dict.fromkeys(saes, "bench"))
    live = Live(lambda: loaded, waiting=1)
    settings = Settings(build=build, runs=scratch / "runs.sqlite")
    with InProcess(create_api(None, live, settings)) as server:
        if not live.ready.wait(PATIENCE_S):
            raise RuntimeError(f"the model was not live after {PATIENCE_S} s: {live.detail}")
        yield server


def small_build(subject: Subject, scratch: Path) -> Path:
    """A real build of the random model over this repository's own text files: they are always there."""
    corpus = scratch / "corpus.jsonl"
    texts = [text for name in ("README.md", "LICENSE") for text in (ROOT / name).read_text("utf-8").split("\n\n")]
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts if text.strip()), encoding="utf-8")
    job = Job(
        model=str(subject.model),
        saes=tuple(subject.saes.values()),
        corpus=(corpus,),
        out=scratch / "build.duckdb",
        work=scratch / "work",
        weights=(1.0,),
        n_shards=20,
        n_sequences=16,
    )
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        run_job("all", job)
    return job.out
