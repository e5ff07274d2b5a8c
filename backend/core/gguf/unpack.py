"""A GGUF made once into the folder that `transformers` loads: safetensors, configuration,
tokenizer.

Written beside, then renamed: a folder under its name is complete. One process unpacks while others
wait for it; what a killed one left is removed by the next.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from backend.core.disk import require_disk
from backend.core.gguf.architectures import architecture_of
from backend.core.gguf.reader import GgufError, GgufFile
from backend.core.gguf.tensors import CODES, layout, write_weights
from backend.core.gguf.tokenizer import tokenizer_files
from backend.core.hub import ModelUnavailable
from backend.core.memory import in_words

FORMAT = 1  # raised when the same file would be unpacked into other bytes
RECORD = "unpacked.json"  # what was unpacked, and the size and SHA-256 of each file that came of it
BESIDE = 1 << 26  # bytes for tokenizer and configuration
_READ = 1 << 22
Report = Callable[[str], None]


@dataclass(frozen=True)
class Packed:
    """A GGUF: a file, or its pieces in order. `sha256` of the whole is checked where it is given.

    Without pieces it can only be found where it was unpacked before, by name and sha256.
    """

    name: str
    pieces: tuple[Path, ...]
    sha256: str | None = None

    def folder(self, root: Path, dtype: torch.dtype) -> Path:
        """Where it is unpacked to: another folder for another content, dtype or form."""
        seen = [
            (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.pieces
        ]
        identity = f"{self.sha256 or seen} {dtype} {FORMAT}"
        return (
            root / "unpacked" / f"{self.name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
        )


def packed_in(source: Path) -> Packed | None:
    """The GGUF that `source` is, or the only one in that folder; None for what is none.

    A folder with a configuration is a model as it is. GgufError for a folder with several.
    """
    if source.is_file() and source.suffix == ".gguf":
        return Packed(source.stem, (source,))
    if not source.is_dir() or (source / "config.json").exists():
        return None
    found = sorted(source.glob("*.gguf"))
    if len(found) > 1:
        raise GgufError(
            f"{source} holds {', '.join(path.name for path in found)}: name one of them."
        )
    return Packed(found[0].stem, (found[0],)) if found else None


def is_unpacked(folder: Path) -> bool:
    """Whether every file that was written is there, of its size."""
    try:
        files = read_record(folder)["files"]
        return all((folder / name).stat().st_size == one["bytes"] for name, one in files.items())
    except (OSError, ValueError, KeyError):
        return False


def read_record(folder: Path) -> dict[str, Any]:
    """What `unpacked` wrote of itself; OSError where it did not write."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return record


def unpacked(packed: Packed, root: Path, *, dtype: torch.dtype, report: Report) -> Path:
    """The folder, unpacked now unless it is there. ModelUnavailable says why it cannot be, with the
    remedy.
    """
    if dtype not in CODES:
        raise ModelUnavailable(f"{packed.name} is unpacked to {dtype}; allowed: float32, bfloat16.")
    try:
        folder = packed.folder(root, dtype)
        if is_unpacked(folder):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f"{folder.name}.lock"))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            report(f"waiting for another process that unpacks {packed.name}")
            lock.acquire()
        try:
            return folder if is_unpacked(folder) else _unpack(packed, folder, dtype, report)
        finally:
            lock.release()
    except GgufError as error:
        raise ModelUnavailable(str(error)) from error
    except OSError as error:
        raise ModelUnavailable(
            f"{packed.name} could not be unpacked to {root}: {error}."
        ) from error


def local_folder(
    source: str | Path, root: Path, *, dtype: torch.dtype, report: Report
) -> Path | None:
    """A model's folder as it is; of a GGUF, or a folder with one, what is unpacked below `root`.

    None for what can only be a hub id. ModelUnavailable for a path at which there is no model.
    """
    path = Path(source).expanduser()
    looks_local = isinstance(source, Path) or source.startswith((".", "/", "~"))
    if not (looks_local or path.exists() or path.suffix == ".gguf"):
        return None
    try:
        packed = packed_in(path)
    except GgufError as error:
        raise ModelUnavailable(str(error)) from error
    if packed is not None:
        return unpacked(packed, root, dtype=dtype, report=report)
    if not path.is_dir():
        raise ModelUnavailable(
            f"No model at {source}: give a folder written by save_pretrained, a .gguf file, or a "
            "hub id."
        )
    return path


def to_stderr(said: str) -> None:
    """A `Report` for commands; a progress line is written over where stderr is a terminal."""
    again = said.endswith(" %)") and not said.endswith("(100 %)") and sys.stderr.isatty()
    print(said, end="\r" if again else "\n", file=sys.stderr, flush=True)


def _unpack(packed: Packed, folder: Path, dtype: torch.dtype, report: Report) -> Path:
    """Under the lock: whatever lies beside was left by a process that is gone."""
    new = folder.with_name(f"{folder.name}.new")
    for left in (new, folder):
        if left.exists():
            shutil.rmtree(left)
    _check_sha256(packed)
    with GgufFile(packed.pieces) as file:
        architecture = architecture_of(file)
        config = {"architectures": [architecture.model_class], **architecture.configure(file)}
        plan = layout(file, architecture, config, dtype)
        require_disk(folder, plan.n_bytes + BESIDE, f"Unpacking {packed.name}")
        say = _progress(
            f"unpacking the model, once: {packed.name}, {in_words(plan.n_bytes)} to {folder}",
            report,
        )
        say(0.0)
        new.mkdir()
        try:
            texts = {
                "config.json": _json(config | {"dtype": _name(dtype)}),
                **tokenizer_files(file),
            }
            texts["generation_config.json"] = _json(_generation(file))
            digests = {
                "model.safetensors": write_weights(
                    file, plan, config, new / "model.safetensors", say
                )
            }
            for name, text in texts.items():
                (new / name).write_text(text, encoding="utf-8")
                digests[name] = hashlib.sha256(text.encode()).hexdigest()
            (new / RECORD).write_text(_json(_record(packed, new, dtype, digests)), encoding="utf-8")
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return folder


def _record(
    packed: Packed, folder: Path, dtype: torch.dtype, digests: dict[str, str]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "source": {"files": [path.name for path in packed.pieces], "sha256": packed.sha256},
        "dtype": _name(dtype),
        "files": {
            name: {"bytes": (folder / name).stat().st_size, "sha256": digest}
            for name, digest in sorted(digests.items())
        },
    }


def _generation(file: GgufFile) -> dict[str, Any]:
    """What ends a text: the file's EOS, and the end of a turn where that is another token."""
    ids = {
        name: file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        for name in ("bos", "eos", "eot", "padding")
    }
    ends = [
        token_id for token_id in dict.fromkeys([ids["eos"], ids["eot"]]) if token_id is not None
    ]
    listed = {
        "bos_token_id": ids["bos"],
        "eos_token_id": ends if len(ends) > 1 else ids["eos"],
        "pad_token_id": ids["padding"],
    }
    return {name: value for name, value in listed.items() if value is not None}


def _check_sha256(packed: Packed) -> None:
    if packed.sha256 is None:
        return
    digest = hashlib.sha256()
    for path in packed.pieces:
        with path.open("rb") as file:
            while part := file.read(_READ):
                digest.update(part)
    if digest.hexdigest() != packed.sha256:
        where: Sequence[str] = sorted({str(path.parent) for path in packed.pieces})
        raise GgufError(
            f"{packed.name} has the SHA-256 {digest.hexdigest()[:12]}…, needed "
            f"{packed.sha256[:12]}…: it is damaged or "
            f"another file; install it again ({', '.join(where)})."
        )


def _progress(what: str, report: Report) -> Callable[[float], None]:
    """Says `what`, with each further tenth that is done."""
    said = -1

    def say(share: float) -> None:
        nonlocal said
        if int(10 * share) > said:
            said = int(10 * share)
            report(f"{what} ({10 * said} %)")

    return say


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, indent=1) + "\n"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
