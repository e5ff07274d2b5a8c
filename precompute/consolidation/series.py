"""A series of checkpoints: hub revisions of one model, or a folder of saved models.

Steps are the digits at the end of a revision's or folder's name (`step1000`, `step_000512`,
`checkpoint-500`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from backend.core.fingerprints import file_hashes
from backend.core.hub import ModelUnavailable, require_hub
from backend.core.lm import LanguageModel
from backend.core.lm.checkpoint import read_config, read_model, read_tokenizer
from precompute.inputs import INPUTS, MODEL_FILES, Digests, differing, listed, prefixed
from precompute.job import BadInput, write_whole

WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True)
class Checkpoint:
    """One saved state of the run."""

    step: int
    source: str  # folder, or hub id
    revision: str | None


@dataclass(frozen=True)
class Series:
    """One training run, as the results name it."""

    model: str
    seed: int
    title: str
    tokens_per_step: int | None
    tokenizer: str
    checkpoints: tuple[Checkpoint, ...]  # by step, ascending

    @property
    def slug(self) -> str:
        """Folder name of the run's results in WORK."""
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', self.model)}.{self.seed}"

    def load(self, checkpoint: Checkpoint, dtype: torch.dtype, device: str) -> LanguageModel:
        """The checkpoint in float32 or bfloat16, with the run's tokenizer;
        ModelUnavailable with the remedy.
        """
        options = {"revision": checkpoint.revision} if checkpoint.revision else {}
        model = read_model(checkpoint.source, dtype, device, **options)
        own = {} if Path(self.tokenizer).is_dir() else options
        return LanguageModel(model, read_tokenizer(self.tokenizer, **own))


def step_of(name: str, place: int) -> int:
    """The number that a name ends with, or its place in the list where it has none."""
    found = re.search(r"(\d+)$", name)
    return int(found.group(1)) if found else place


def folder_checkpoints(folder: Path, names: Sequence[str] = ()) -> tuple[Checkpoint, ...]:
    """Saved models in a folder, all or those named;
    BadInput for what is not there or has a step twice.
    """
    if not folder.is_dir():
        raise BadInput(
            f"no folder of checkpoints at {folder}: give one that holds saved models to "
            "--checkpoints."
        )
    found = sorted(
        p.name for p in folder.iterdir() if (p / "config.json").is_file() and _has_weights(p)
    )
    if not found:
        raise BadInput(
            f"{folder} holds no saved model: each checkpoint is a folder with config.json and "
            "weights."
        )
    missing = [name for name in names if name not in found]
    if missing:
        raise BadInput(
            f"{folder} has no checkpoint {', '.join(missing)}; it has {', '.join(found)}."
        )
    return _by_step([(name, str(folder / name), None) for name in names or found])


def hub_checkpoints(model: str, revisions: Sequence[str]) -> tuple[Checkpoint, ...]:
    """Revisions of a hub model (or of one in the cache);
    BadInput naming the ones that cannot be had.
    """
    if not revisions:
        raise BadInput("--model needs --revisions, such as step0,step1000,step143000.")
    missing: list[str] = []
    for revision in revisions:
        try:
            read_config(model, revision=revision, local_files_only=True)
        except ModelUnavailable:
            missing.append(revision)
    if missing:
        require_hub(f"{model} at {', '.join(missing)}")
        missing = [revision for revision in missing if not _on_hub(model, revision)]
    if missing:
        raise BadInput(
            f"{model} has no revision {', '.join(missing)} on huggingface.co: check the spelling."
        )
    return _by_step([(revision, model, revision) for revision in revisions])


def _on_hub(model: str, revision: str) -> bool:
    try:
        read_config(model, revision=revision)
    except ModelUnavailable:
        return False
    return True


def _by_step(found: Sequence[tuple[str, str, str | None]]) -> tuple[Checkpoint, ...]:
    made = [
        Checkpoint(step_of(name, i), source, revision)
        for i, (name, source, revision) in enumerate(found)
    ]
    steps = [one.step for one in made]
    twice = sorted({step for step in steps if steps.count(step) > 1})
    if twice:
        raise BadInput(
            f"step {twice[0]} is there twice among {', '.join(name for name, _, _ in found)}."
        )
    return tuple(sorted(made, key=lambda one: one.step))


def claim_run(series: Series, work: Path) -> Path:
    """WORK/runs/<run>, with run.json; BadInput where a checkpoint of that folder, or its tokenizer,
    had other files.
    """
    folder = work / "runs" / series.slug
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "run.json"
    mine = {
        key: value
        for key, value in asdict(series).items()
        if key not in ("checkpoints", "tokenizer")
    }
    files = {one.step: _files_of(one) for one in series.checkpoints}
    weights = {str(one.step): _weights_of(one, files[one.step]) for one in series.checkpoints}
    inputs = prefixed("tokenizer", _tokenizer_files(series.tokenizer))
    for step, own in files.items():
        inputs |= prefixed(f"step {step}", own)
    kept = (
        json.loads(path.read_text("utf-8")) if path.exists() else mine | {"weights": {}, INPUTS: {}}
    )
    again = weights.keys() & kept["weights"].keys()
    changed = [f"weights at step {s}" for s in again if weights[s] != kept["weights"][s]]
    changed = changed or _changed(inputs, kept.get(INPUTS, {}), again)
    if changed:
        raise BadInput(
            f"{folder} was made from other files ({listed(changed)}): give another --work, or "
            "delete it."
        )
    if path.exists() and weights.items() <= kept["weights"].items():
        return folder
    made = mine | {
        "weights": kept["weights"] | weights,
        INPUTS: kept[INPUTS] | inputs,
        **{k: kept[k] for k in ("n_layers", "n_parameters") if k in kept},
    }
    write_whole(
        path, lambda temporary: temporary.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    )
    return folder


def note_shape(folder: Path, lm: LanguageModel) -> None:
    """Add the model's size to run.json."""
    path = folder / "run.json"
    record = json.loads(path.read_text("utf-8"))
    if "n_layers" in record:
        return
    record |= {
        "n_layers": lm.n_layers,
        "n_parameters": sum(p.numel() for p in lm.model.parameters()),
    }
    write_whole(
        path, lambda temporary: temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    )


def _files_of(checkpoint: Checkpoint) -> Digests:
    """Of a folder; a hub revision names itself."""
    return (
        {} if checkpoint.revision is not None else file_hashes(Path(checkpoint.source), MODEL_FILES)
    )


def _weights_of(checkpoint: Checkpoint, files: Digests) -> str:
    """sha256 of a folder's weights; a hub revision names itself."""
    if checkpoint.revision is not None:
        return f"{checkpoint.source}@{checkpoint.revision}"
    return " ".join(digest for name, digest in files.items() if name.endswith(WEIGHTS))


def _tokenizer_files(source: str) -> Digests:
    """Of a folder, without the weights that may lie beside it."""
    found = file_hashes(Path(source), MODEL_FILES) if Path(source).is_dir() else {}
    return {name: digest for name, digest in found.items() if not name.endswith(WEIGHTS)}


def _changed(mine: Digests, kept: Digests, steps: Collection[str]) -> list[str]:
    """Files of the steps that were done before, and of the tokenizer, that are not as they were."""
    known = {*(f"step {step}" for step in steps), *(["tokenizer"] if steps else [])}
    both = (
        {name: one[name] for name in one if name.split("/")[0] in known} for one in (mine, kept)
    )
    return differing(*both)


def _has_weights(folder: Path) -> bool:
    return any(next(folder.glob(f"*{kind}"), None) is not None for kind in WEIGHTS)
