"""One large file from the hub, going on where an earlier process stopped.

The hub's own client drops what it has of a file when its process ends; a Gemma Scope SAE of width
2^20 is one file of 30 GB.
"""

import hashlib
import re
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from backend.core.disk import require_disk
from backend.core.hub import ModelUnavailable, explain_hub_error, require_hub

PARTS = "functionscope-parts"  # folder in the hub's cache: what is half here, by content
_SHA256 = re.compile(r"[0-9a-f]{64}")
_READ = 1 << 24


def download(repo: str, filename: str) -> Path:
    """The file: from the hub's cache when it is there, else downloaded.

    `discard` it when it was converted.

    Raises ModelUnavailable with the remedy; what was downloaded until then is kept for the next
    try.
    """
    held = try_to_load_from_cache(repo, filename)
    if isinstance(held, str):
        return Path(held)
    require_hub(f"{repo} {filename}")
    try:
        return _resumed(repo, filename)
    except ModelUnavailable:
        raise
    except Exception as error:
        raise ModelUnavailable(explain_hub_error(f"{repo} {filename}", error)) from error


def discard(path: Path) -> None:
    """Delete what `download` made; a file of the hub's cache stays."""
    if path.parent.name == PARTS:
        path.unlink(missing_ok=True)


def is_cached(repo: str, path: str) -> bool:
    """Whether the hub's cache holds the folder `path` of the repository at any revision."""
    held = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}" / "snapshots"
    return any(held.glob(f"*/{path}"))


def _resumed(repo: str, filename: str) -> Path:
    found = get_hf_file_metadata(hf_hub_url(repo, filename))
    name = re.sub(r"\W", "", found.etag or f"{repo}{filename}{found.commit_hash}")
    folder = Path(constants.HF_HUB_CACHE) / PARTS
    part, whole = folder / f"{name}.part", folder / name
    if whole.exists():
        return whole
    folder.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        have = file.tell()
        require_disk(folder, (found.size or have) - have, f"{repo} {filename}")
        http_get(
            found.location,
            file,
            resume_size=have,
            headers=build_hf_headers(),
            expected_size=found.size,
            displayed_filename=filename,
        )
    if _SHA256.fullmatch(name) and _sha256(part) != name:
        part.unlink()
        raise ModelUnavailable(
            f"{repo} {filename} came damaged and was deleted: start the same command again."
        )
    return part.rename(whole)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ):
            digest.update(block)
    return digest.hexdigest()
