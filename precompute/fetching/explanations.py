"""`functionscope explanations`: what Neuronpedia says that features mean, kept beside the SAE.

Read from its bulk files (one JSON object a line, gzipped), over the network or from a folder where
they were put before.
"""

from __future__ import annotations

import argparse
import gzip
import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from tqdm import tqdm

from backend.core.hub import ModelUnavailable
from backend.core.presets import Preset, SaeSource
from backend.core.sae.config import read_config
from backend.core.sae.explained import FILE, write_explanations
from backend.core.sae.file import CONFIG_FILE
from precompute.job import write_whole

BUCKET = "https://neuronpedia-datasets.s3.us-east-1.amazonaws.com"
_ID = re.compile(r"[\w.-]+/[\w.-]+")  # MODEL/SOURCE
_BATCH = re.compile(r".*\.jsonl(\.gz)?")
# of the bucket's answer to what it holds
_KEY = re.compile(r"<Key>([^<]+)</Key>")
_MORE = re.compile(r"<NextContinuationToken>([^<]+)</NextContinuationToken>")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add = parser.add_argument
    add("preset", help="`functionscope presets` lists them")
    add("--sae", metavar="SAE_ID", help="of this SAE alone; default: each with a Neuronpedia id")
    add(
        "--folder",
        type=Path,
        help="read the .jsonl or .jsonl.gz files of this folder instead; needs --sae",
    )
    add("--bucket", default=BUCKET, help="where Neuronpedia's bulk files lie (%(default)s)")


def run(args: argparse.Namespace) -> None:
    """Fetch them for every SAE that is meant; ValueError or ModelUnavailable says why not."""
    from backend.core.own import find_preset

    if args.folder is not None and args.sae is None:
        raise ValueError("--folder holds the explanations of one SAE: say which with --sae SAE_ID.")
    for sae, named in _meant(find_preset(args.preset), args.sae, args.folder):
        if args.folder is not None:
            lines, source = _of_folder(args.folder), args.folder.name
        else:
            source = f"{args.bucket}/v1/{named}/explanations"
            lines = _of_bucket(args.bucket, f"v1/{named}/explanations")
        n = keep(sae, lines, source)
        print(f"{sae.sae_id}: {n:,} explanations from {source}")


def keep(sae: SaeSource, lines: Iterator[tuple[str, str]], source: str) -> int:
    """Write (where it stands, line) into the SAE's folder, whole or not at all; how many."""
    width = read_config(sae.path / CONFIG_FILE).d_sae
    rows = [_row(where, line, width) for where, line in lines]
    if not rows:
        raise ValueError(f"{source} holds no explanations of {sae.sae_id}.")
    date = datetime.now(UTC).date().isoformat()
    write_whole(
        sae.path / FILE, lambda path: write_explanations(path, rows, source=source, date=date)
    )
    return len(rows)


def _meant(preset: Preset, sae_id: str | None, folder: Path | None) -> list[tuple[SaeSource, str]]:
    """The SAEs, each with its Neuronpedia id; a folder needs none."""
    known = [one.sae_id for one in preset.saes]
    if sae_id is not None and sae_id not in known:
        raise ValueError(f"{preset.name} has no SAE {sae_id!r}; it has {', '.join(known)}.")
    here = [one for one in preset.saes if one.sae_id == (sae_id or one.sae_id)]
    missing = [one.sae_id for one in here if not (one.path / CONFIG_FILE).is_file()]
    if missing:
        raise ValueError(
            f"{', '.join(missing)}: not on this machine; `functionscope fetch {preset.name}` first."
        )
    named = [(one, neuronpedia_id(one.path) or "") for one in here]
    if folder is None:
        named = [(one, name) for one, name in named if name]
    if not named:
        raise ValueError(
            f"No cfg.json of {', '.join(one.sae_id for one in here) or preset.name} names a "
            "Neuronpedia id (metadata.neuronpedia_id, as MODEL/SOURCE): it explains only SAEs that "
            "it hosts."
        )
    return named


def neuronpedia_id(folder: Path) -> str | None:
    """metadata.neuronpedia_id of an SAE folder, MODEL/SOURCE; None where there is none."""
    stated = read_config(folder / CONFIG_FILE).metadata.get("neuronpedia_id")
    if not stated:
        return None
    if not isinstance(stated, str) or not _ID.fullmatch(stated):
        raise ValueError(
            f"{folder / CONFIG_FILE}: neuronpedia_id is {stated!r}; allowed is MODEL/SOURCE."
        )
    return stated


def _row(where: str, line: str, width: int) -> dict[str, Any]:
    """A row of the file; ValueError names the line that is none."""
    try:
        said = json.loads(line)
        index, text = int(said["index"]), said["description"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{where}: not an explanation with index and description ({error!r})."
        ) from error
    if not isinstance(text, str) or not 0 <= index < width:
        raise ValueError(
            f"{where}: explains feature {index} with {text!r}; allowed are a text and 0 to "
            f"{width - 1}: is it another SAE's?"
        )
    return {
        "feature_index": index,
        "text": " ".join(text.split()),
        "explainer": str(said.get("explanationModelName") or ""),
        "method": str(said.get("typeName") or ""),
    }


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    files = sorted(path for path in folder.glob("*") if _BATCH.fullmatch(path.name))
    if not files:
        raise ValueError(f"{folder} holds no .jsonl and no .jsonl.gz file.")
    for path in files:
        yield from _lines(path.name, path.read_bytes())


def _of_bucket(bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        with httpx.Client(base_url=bucket, timeout=60, follow_redirects=True) as client:
            for key in tqdm(list(_keys(client, prefix)), unit="file", desc=prefix):
                reply = client.get(f"/{key}").raise_for_status()
                yield from _lines(key, reply.content)
    except httpx.HTTPError as error:
        raise ModelUnavailable(
            f"Neuronpedia's files cannot be had from {bucket} ({error or type(error).__name__}). "
            "Where there is a network, download its explanations folder and give it as --folder."
        ) from error


def _keys(client: httpx.Client, prefix: str) -> Iterator[str]:
    """Names of the bucket's files that begin so, page by page: explanations by another model lie in
    folders like explanations-gpt-4o-mini/.
    """
    asked = {"list-type": "2", "prefix": prefix}
    while True:
        page = client.get("/", params=asked).raise_for_status().text
        for key in map(html.unescape, _KEY.findall(page)):
            if _BATCH.fullmatch(key):
                yield key
        more = _MORE.search(page)
        if more is None:
            return
        asked["continuation-token"] = html.unescape(more[1])


def _lines(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    try:
        text = (gzip.decompress(content) if name.endswith(".gz") else content).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} cannot be read: {error}.") from error
    for number, line in enumerate(text.split("\n"), 1):  # a text may hold other line ends
        if line.strip():
            yield f"{name}, line {number}", line
