"""What a job reads, by content, and the note in each work folder that says so.

Whatever a kept result depends on is in its folder's note. A folder that was made from other files,
or with other settings, is refused with what differs: going on in it would publish one half of each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.core.fingerprints import file_hashes, hub_snapshot
from precompute.job import BadInput, HubText, Job, sha256, write_whole

# weights, configuration, tokenizer and chat template of a model, in whatever of these forms they
# are kept
MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
SAE_FILES = ("cfg.json", "*.safetensors")
INPUTS = "inputs_sha256"  # key of the note
SHOWN = 6

Digests = dict[str, str]


def model_inputs(model: str, revision: str | None) -> Digests:
    """file name -> sha256 of a model's folder or one file (GGUF), or of its snapshot in the hub's
    cache; {} where that is not found.
    """
    path = Path(model).expanduser()
    if path.is_file():
        return {path.name: sha256(path)}
    folder = path if path.is_dir() else hub_snapshot(model, revision)
    return file_hashes(folder, MODEL_FILES) if folder else {}


def sae_inputs(folder: Path) -> Digests:
    """file name -> sha256 of an SAE."""
    return file_hashes(folder, SAE_FILES)


def inputs_of(job: Job) -> Digests:
    """`model/config.json`, `SAE layer_3/cfg.json`, `corpus 1/text.jsonl` … -> sha256; a hub's
    stream is read once.
    """
    found = prefixed("model", model_inputs(job.model, job.revision))
    for folder in job.saes:
        found |= prefixed(f"SAE {folder.name}", sae_inputs(folder))
    return found | corpus_inputs(job.corpus)


def corpus_inputs(corpus: Sequence[Path | HubText]) -> Digests:
    """The same of corpus files, and of folders that are streamed."""
    found: Digests = {}
    for number, one in enumerate(corpus, start=1):
        root = one if isinstance(one, Path) else Path(one.name)
        files = (
            [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        )
        found |= {
            f"corpus {number}/{path.name if path == root else path.relative_to(root)}": sha256(path)
            for path in files
        }
    return found


def prefixed(name: str, files: Mapping[str, str]) -> Digests:
    """Each file under the name of what it belongs to."""
    return {f"{name}/{file}": digest for file, digest in files.items()}


def of_part(inputs: Mapping[str, str], name: str) -> Digests:
    """What `prefixed` put under that name."""
    return {
        file.removeprefix(f"{name}/"): digest
        for file, digest in inputs.items()
        if file.startswith(f"{name}/")
    }


def stated_inputs(provenance: Mapping[str, Any]) -> Digests:
    """Of a build, by what its provenance says: its model and SAEs, without the corpus."""
    found = prefixed("model", provenance["model"]["files"])
    for sae in provenance["saes"]:
        found |= prefixed(f"SAE {sae['sae_id']}", sae["files"])
    return found


def require_of_build(
    mine: Mapping[str, str], provenance: Mapping[str, Any], what: str, build: Path
) -> None:
    """BadInput unless the files that both name are the same: a build may say less of a model than
    is known here.
    """
    stated = stated_inputs(provenance)
    files = sorted(name for name in mine.keys() & stated.keys() if mine[name] != stated[name])
    lacking = sorted(
        {name.split("/")[0] for name in stated} - {name.split("/")[0] for name in mine}
    )
    if files or lacking:
        raise BadInput(
            f"{build} was made from other files than {what} ({listed(files or lacking)}): give "
            "those that it was made from, or make the build anew."
        )


def note_of(job: Job) -> dict[str, Any]:
    """What a folder of this job says that it holds. Reads every input once."""
    made: dict[str, Any] = json.loads(json.dumps(job.settings() | {INPUTS: inputs_of(job)}))
    return made


def claim(path: Path, mine: Mapping[str, Any], option: str = "--work") -> None:
    """Write the note, or make sure that it says the same; BadInput naming what differs, and the
    remedy.
    """
    said: dict[str, Any] = json.loads(json.dumps(mine))
    if path.exists():
        check_same(said, json.loads(path.read_text("utf-8")), str(path.parent), option)
    write_whole(
        path, lambda temporary: temporary.write_text(json.dumps(said, indent=1) + "\n", "utf-8")
    )


def check_same(mine: Mapping[str, Any], other: Mapping[str, Any], where: str, option: str) -> None:
    """BadInput naming the settings and the files in which what is kept there differs."""
    settings = sorted(
        k for k in mine.keys() | other.keys() if k != INPUTS and mine.get(k) != other.get(k)
    )
    files = differing(mine.get(INPUTS, {}), other.get(INPUTS, {}))
    said = [f"was made with other settings ({', '.join(settings)})"] if settings else []
    if files:
        said.append(f"was made from other files ({listed(files)})")
    if said:
        raise BadInput(
            f"{where} {' and '.join(said)}: give another {option}, or delete that folder."
        )


def differing(mine: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Files that one has and the other has not, or with another content; by name."""
    return sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))


def listed(names: Iterable[str]) -> str:
    """The first SHOWN of them, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
