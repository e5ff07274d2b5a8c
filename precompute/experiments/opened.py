"""What an experiment runs on, from the command line: model, SAEs and build, of a preset or one's
own.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from backend.core.companions.experiments.store import KIND
from backend.core.companions.file import build_identity, companion_path
from backend.core.lm import LanguageModel
from backend.core.own import find_preset
from backend.core.sae import Sae
from backend.core.store import Store
from precompute.arguments import MODEL, not_given
from precompute.experiments.subject import Subject
from precompute.inputs import sae_inputs
from precompute.job import DTYPES, BadInput, model_source_of, preset_source
from precompute.models import check_saes


@dataclass(frozen=True)
class Opened:
    """`subject`: model, SAEs and token classes; `identity`: of the build, which the results belong
    to.
    """

    subject: Subject
    store: Store
    build: Path
    identity: str

    @property
    def companion(self) -> Path:
        """Where the experiments of this build lie."""
        return companion_path(self.build, KIND)


@dataclass(frozen=True)
class Source:
    """Where model, SAEs (with the ids that they go by; None: the folder's name) and build are."""

    model: str
    revision: str | None
    dtype: str
    saes: tuple[tuple[Path, str | None], ...]
    build: Path


def add_source_arguments(
    parser: argparse.ArgumentParser, sae: str = "DIR", told: str = "SAE folders"
) -> None:
    """--preset, or all of --model, --sae and --build; and what every experiment takes. `sae`: what
    one SAE is given as.
    """
    add = parser.add_argument
    add("--preset", help="take model, SAEs and build from a preset by name")
    add("--model", help=MODEL)
    add("--sae", nargs="+", action="extend", metavar=sae, help=told)
    add(
        "--build",
        type=Path,
        metavar="FILE",
        help="the build: its token classes, and beside it the results",
    )
    add("--dtype", choices=sorted(DTYPES), help="default: the preset's, or float32")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 … (%(default)s)")
    add("--seed", type=int, default=0, help="of all that is drawn (%(default)s)")
    add("--work", type=Path, help="where finished parts are kept, so that a stopped job goes on")
    add("--out", type=Path, help="file to write; default: beside the build")
    add("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))


def source_of(
    args: argparse.Namespace, named: Sequence[tuple[Path, str | None]] | None = None
) -> Source:
    """BadInput for an unknown preset, or for what is missing. `named`: SAEs in place of --sae."""
    model, build, revision, dtype = args.model, args.build, None, args.dtype
    model = model_source_of(model) if model else None
    saes = list(named or [(Path(path), None) for path in args.sae or ()])
    if args.preset:
        try:
            preset = find_preset(args.preset)
        except ValueError as error:
            raise BadInput(str(error)) from error
        model, build = model or preset_source(preset), build or preset.build
        revision = preset.revision
        saes = saes or [(one.path, one.sae_id) for one in preset.saes]
        dtype = dtype or preset.dtype
    if not (model and saes and build):
        raise BadInput(not_given(args.preset, "--build"))
    return Source(str(model), revision, dtype or "float32", tuple(saes), Path(build))


def open_subject(
    args: argparse.Namespace, named: Sequence[tuple[Path, str | None]] | None = None
) -> Opened:
    """Load everything; BadInput for SAEs that are not the build's, or not the model's. `named`:
    SAEs in place of --sae.
    """
    if args.threads < 1:
        raise BadInput(f"--threads is {args.threads}; allowed: 1 and more.")
    torch.set_num_threads(args.threads)
    source = source_of(args, named)
    store = Store.open(source.build)
    check_hashes(source.saes, store.provenance())
    dtype = DTYPES[source.dtype]
    lm = LanguageModel.load(source.model, revision=source.revision, dtype=dtype, device=args.device)
    loaded = [
        Sae.load(path, sae_id=sae_id, device=args.device, dtype=dtype)
        for path, sae_id in source.saes
    ]
    check_saes(lm, loaded)
    subject = Subject.of(lm, loaded, store, args.seed)
    return Opened(subject, store, source.build, build_identity(store.provenance()))


def check_hashes(saes: Sequence[tuple[Path, str | None]], provenance: dict[str, Any]) -> None:
    """BadInput for an SAE that the build counted under the same id, but with other weights."""
    counted = {one["sae_id"]: one.get("files") for one in provenance["saes"]}
    for path, sae_id in saes:
        known = counted.get(sae_id or path.name)
        if known and path.is_dir() and sae_inputs(path) != known:
            raise BadInput(
                f"{path} is not the SAE that the build counted as {sae_id or path.name}: build it "
                "anew."
            )
