"""Which weights are these: hashes of a model's and an SAE's files,
and whether a build was made from them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.core.gguf import read_record

# What determines a result, beside the request: weights, their configuration, and the tokenizer.
MODEL_FILES = (
    "*.safetensors",
    "*.bin",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
)
TOKENIZER_FILES = ("tokenizer", "chat_template")  # beginnings of their names
SAE_FILES = ("cfg.json", "*.safetensors")
HASH_LENGTH = 16  # hex digits
SHOWN = 8
_BLOB = re.compile(r"[0-9a-f]{64}")


def folder_hash(folder: Path, patterns: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """SHA-256 over the names and contents of the matching files in name order,
    and each file's own.
    """
    whole, files = hashlib.sha256(), {}
    for path in _matching(folder, patterns):
        whole.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        own = hashlib.sha256()
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                whole.update(part)
                own.update(part)
        files[path.name] = own.hexdigest()
    return whole.hexdigest()[:HASH_LENGTH], files


def snapshot_hash(folder: Path) -> tuple[str, dict[str, str]]:
    """Of a hub snapshot, by content, without reading 18 GB again.

    `file_hashes` says which are read.
    """
    files = file_hashes(folder, MODEL_FILES)
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH], files


def file_hashes(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """file name -> sha256 of the matching files.

    The hub's cache keeps a large file under its SHA-256, checked when it was fetched, and links to
    it; what is small, or lies there as a plain file, is read.
    """
    files = {}
    for path in _matching(folder, patterns):
        blob = path.resolve().name
        files[path.name] = blob if path.is_symlink() and _BLOB.fullmatch(blob) else _sha256(path)
    return files


def recorded_hash(folder: Path) -> tuple[str, dict[str, str]]:
    """Of an unpacked GGUF, by the digests that were taken while it was written: its weights are not
    read again.
    """
    digests = {name: one["sha256"] for name, one in read_record(folder)["files"].items()}
    there = [path.name for path in _matching(folder, MODEL_FILES) if path.name in digests]
    files = {name: digests[name] for name in there}
    return _over(files), files


def tokenizer_hash(files: Mapping[str, str]) -> str | None:
    """Over those of a model's files (name -> sha256) that make tokens of a prompt;
    None when none is known.
    """
    own = {name: digest for name, digest in files.items() if name.startswith(TOKENIZER_FILES)}
    return _over(own) if own else None


def sae_identity(files: Mapping[str, str]) -> str | None:
    """Which SAE this is, over its weights alone (file name -> sha256); None when none is known."""
    own = {name: digest for name, digest in files.items() if name.endswith(".safetensors")}
    return _over(own) if own else None


def hub_snapshot(model: str, revision: str | None) -> Path | None:
    """The folder of the hub's cache that holds this model at this revision;
    None when there is none.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(model, "config.json", revision=revision)
    return Path(found).parent if isinstance(found, str) else None


def mismatches(provenance: Mapping[str, Any], files: Mapping[str, Mapping[str, str]]) -> list[str]:
    """How the build's weights differ from the live ones, a sentence each;
    [] when they agree or cannot be compared.

    provenance: a build's. files: "model" or sae_id -> file name -> sha256 of what is live.
    """
    stated = {"model": provenance.get("model", {}).get("files", {})}
    stated |= {sae["sae_id"]: sae.get("files", {}) for sae in provenance.get("saes", ())}
    sentences = []
    for name, theirs in stated.items():
        mine = files.get(name, {})
        differing = [file for file in theirs if file in mine and mine[file] != theirs[file]]
        if differing:
            what = "another model" if name == "model" else f"another SAE under the name {name}"
            shown = ", ".join(
                f"{f} ({theirs[f][:SHOWN]}…, live {mine[f][:SHOWN]}…)" for f in differing
            )
            sentences.append(
                f"The build was made from {what} than the live one: {shown}. Precomputed numbers "
                "do not describe what is live: serve the build of these weights, or make one "
                "with `functionscope precompute all`."
            )
    return sentences


def _matching(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _over(files: Mapping[str, str]) -> str:
    """One hash over names and digests of files."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
