"""What a build says of its own making."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.core.store import EXAMPLE_SOURCE
from precompute.building.contrast import N_BOOTSTRAP
from precompute.building.examples import LENGTH
from precompute.building.tokens import TokenTable
from precompute.inputs import INPUTS, of_part
from precompute.job import Job, load_arrays


def provenance(
    lm: LanguageModel, saes: Sequence[Sae], job: Job, tokens: TokenTable
) -> dict[str, Any]:
    """All that another person needs to make the same build, or to know that it is another."""
    settings = job.settings() | {
        "model": Path(job.model).name,
        "saes": [sae.sae_id for sae in saes],
    }
    # as they were when the work began: what lies there by now may be another file
    inputs = json.loads((job.work / "settings.json").read_text("utf-8"))[INPUTS]
    return {
        "model": {
            "name": Path(job.model).name if Path(job.model).exists() else job.model,
            "revision": job.revision or getattr(lm.model.config, "_commit_hash", None),
            "architecture": type(lm.model).__name__,
            "n_layers": lm.n_layers,
            "d_model": lm.d_model,
            "dtype": str(lm.dtype).removeprefix("torch."),
            "device": lm.device.type,
            "files": of_part(inputs, "model"),
        },
        "saes": [
            {
                "sae_id": sae.sae_id,
                "layer": sae.layer,
                "files": of_part(inputs, f"SAE {sae.sae_id}"),
            }
            for sae in saes
        ],
        "corpus": {
            "files": _corpus_files(job, inputs),
            "taken": "documents from the top of each file until its share of the tokens is reached",
            "token_stream_sha256": tokens.stream_sha256,
        },
        "counts": _counts(job, tokens),
        "examples": {
            "source": EXAMPLE_SOURCE,
            "texts": job.n_sequences,
            "length": LENGTH,
            "temperature": 1.0,
        },
        "intervals": {"level": 0.95, "resampled": "document shards", "replicates": N_BOOTSTRAP},
        "job": settings,
        "code": code_version(),
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _counts(job: Job, tokens: TokenTable) -> dict[str, Any]:
    return {
        "positions": tokens.n_positions,
        "documents": tokens.n_documents,
        "document_shards": job.n_shards,
        "vocabulary": len(tokens.classes),
        "function_tokens": tokens.n_function,
        "special_token_ids": load_arrays(job.work / "counts.npz", "tokens")["special"].tolist(),
        "edges_from": job.edges_from,
    }


def _corpus_files(job: Job, inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Name and share of each, with the hash of a file; of a stream token_stream_sha256 says what it
    gave.
    """
    parts = enumerate(zip(job.corpus, job.weights, strict=True), start=1)
    return [
        {
            "name": one.name,
            "sha256": of_part(inputs, f"corpus {number}")[one.name],
            "weight": weight,
        }
        if isinstance(one, Path)
        else {"name": str(one), "weight": weight}
        for number, (one, weight) in parts
    ]


def code_version() -> dict[str, str | None]:
    """The package's version and, in a checkout, the git commit."""
    try:
        version = importlib.metadata.version("functionscope")
    except importlib.metadata.PackageNotFoundError:
        version = None
    here = Path(__file__).parent
    asked = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {"version": version, "commit": asked.stdout.strip() or None}
