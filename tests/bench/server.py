"""The API over the subject, in this process,
as `functionscope api` and `serve` would compose it.
"""

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.api import ApiClient
from app.main import create_dashboard
from backend.core.lm import LanguageModel
from backend.core.presets import load_preset
from backend.core.sae import Sae
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from precompute.cli import run_job
from precompute.job import Job
from tests.bench.asgi import InProcess
from tests.bench.subject import ROOT, Subject

PATIENCE_S = 60
AT_ONCE = 16  # requests that may wait
LONGEST = 1024  # tokens of a prompt: what is compared stands behind long prefixes too


@contextmanager
def api(lm: LanguageModel, subject: Subject, scratch: Path) -> Iterator[InProcess]:
    """A started API without a socket; recorded runs go below `scratch`."""
    made, live = compose(lm, subject, scratch)
    with InProcess(made) as server:
        if not live.ready.wait(PATIENCE_S):
            raise RuntimeError(f"the model was not live after {PATIENCE_S} s: {live.detail}")
        yield server


@contextmanager
def product(lm: LanguageModel, subject: Subject, scratch: Path) -> Iterator[str]:
    """API and dashboard on a free port; their base URL."""
    made, live = compose(lm, subject, scratch)
    create_dashboard(ApiClient.in_process(made), server=made)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(made, log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        if not live.ready.wait(PATIENCE_S):
            raise RuntimeError(f"the model was not live after {PATIENCE_S} s: {live.detail}")
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(PATIENCE_S)


def compose(lm: LanguageModel, subject: Subject, scratch: Path) -> tuple[FastAPI, Live]:
    """The API whose model is `lm`, not yet started."""
    preset = load_preset(subject.preset or "lab")
    build = preset.build if subject.preset else small_build(subject, scratch)
    saes = {sae_id: Sae.load(path, sae_id=sae_id) for sae_id, path in subject.saes.items()}
    loaded = Loaded(lm, saes, fingerprint="bench", sae_hashes=dict.fromkeys(saes, "bench"))
    live = Live(lambda: loaded, waiting=AT_ONCE)
    settings = Settings(build=build, runs=scratch / "runs.sqlite", max_prompt_tokens=LONGEST)
    return create_api(None, live, settings, preset=preset), live


def small_build(subject: Subject, scratch: Path) -> Path:
    """A real build of the random model over this repository's own text files:
    they are always there.
    """
    corpus = scratch / "corpus.jsonl"
    texts = [
        text
        for name in ("README.md", "LICENSE")
        for text in (ROOT / name).read_text("utf-8").split("\n\n")
    ]
    corpus.write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in texts if text.strip()),
        encoding="utf-8",
    )
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
