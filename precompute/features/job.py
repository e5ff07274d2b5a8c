"""What a build does not hold of its features, computed from its work folder,
its SAEs and its own texts.

Writes `<build>.features.duckdb`: activation histograms, firings by token class with the design
effect of the document shards, nearest features by decoder cosine, effects on logits, counts behind
the token lists, examples by token. One SAE at a time; a finished one is kept in the work folder, so
a killed job goes on at the next.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from backend.core.companions.features.store import (
    EFFECT_STEPS,
    EFFECTIVE_STEPS,
    EXAMPLES,
    KIND,
    LISTS,
    NUMBERS,
    SCHEMA,
    VERSION,
)
from backend.core.companions.file import build_identity, companion_path, write_companion
from backend.core.gguf import to_stderr
from backend.core.lm import LanguageModel
from backend.core.own import find_preset
from backend.core.sae import Sae
from backend.core.store import Store, StoreError
from backend.core.store.feature_codec import FEATURES_PER_CHUNK, pack_lists
from backend.core.token_classes import CLASS_NAMES
from backend.core.weights import model_source
from precompute.arguments import MODEL, not_given
from precompute.building.provenance import code_version
from precompute.features.parts import (
    classes_by_shard,
    detail_table,
    example_table,
    histograms,
    logit_effects,
    nearest,
    token_counts,
)
from precompute.inputs import model_inputs, prefixed, require_of_build, sae_inputs
from precompute.job import BadInput, model_source_of, write_whole

TABLES = ("detail", "token_example")


@dataclass(frozen=True)
class Source:
    """A build and what it was made from."""

    store: Store
    lm: LanguageModel
    saes: list[Sae]
    work: Path
    classes: npt.NDArray[np.int64]  # [vocab] place in CLASS_NAMES

    @property
    def parts(self) -> Path:
        """Where finished SAEs are kept: another build has another folder."""
        return self.work / "feature-details" / build_identity(self.store.provenance())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--preset", help="take model, SAEs and build from a preset by name")
    parser.add_argument("--model", help=MODEL)
    parser.add_argument(
        "--sae", action="append", type=Path, metavar="DIR", help="SAE folder; once for each SAE"
    )
    parser.add_argument(
        "--build", type=Path, metavar="FILE", help="the build; default: the preset's"
    )
    parser.add_argument(
        "--work", type=Path, required=True, metavar="DIR", help="work folder the build was made in"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Make the companion; returns the exit code."""
    try:
        path = make_details(open_source(args))
    except (BadInput, StoreError) as error:
        print(f"functionscope precompute feature-details: {error}", file=sys.stderr)
        return 2
    print(f"wrote {path} ({path.stat().st_size / 1e6:.2f} MB)")
    return 0


def open_source(args: argparse.Namespace) -> Source:
    """The build and everything behind it;
    BadInput for what is missing or does not belong together.
    """
    model = model_source_of(args.model) if args.model else None
    folders, build = args.sae, args.build
    if args.preset:
        preset = find_preset(args.preset)
        model, build = model or model_source(preset, report=to_stderr), build or preset.build
        folders = folders or [sae.path for sae in preset.saes if sae.use != "steer"]
    if not (model and folders and build):
        raise BadInput(not_given(args.preset, "--build"))
    store = Store.open(build)
    by_id = {folder.name: folder for folder in folders}
    lacking = [row.sae_id for row in store.saes() if row.sae_id not in by_id]
    if lacking:
        raise BadInput(f"{build} holds {', '.join(lacking)}, but no --sae folder has that name.")
    revision = store.provenance()["model"].get("revision")
    lm = LanguageModel.load(str(model), revision=revision, device=args.device)
    mine = prefixed("model", model_inputs(str(model), revision))
    for sae_id, folder in by_id.items():
        mine |= prefixed(f"SAE {sae_id}", sae_inputs(folder))
    require_of_build(mine, store.provenance(), "model and SAEs that are here", store.path)
    saes = [Sae.load(by_id[row.sae_id], device=args.device) for row in store.saes()]
    rows, total = store.tokens(limit=2**31 - 1, order="token_id")
    classes = np.zeros(total, dtype=np.int64)
    classes[[row.token_id for row in rows]] = [
        list(CLASS_NAMES).index(row.token_class) for row in rows
    ]
    return Source(store, lm, saes, args.work, classes)


def make_details(source: Source) -> Path:
    """Compute what the work folder lacks of it, then write the companion. Returns its path."""
    chunks = []
    for sae in source.saes:
        folder = source.parts / sae.sae_id
        if not all((folder / f"{name}.parquet").exists() for name in TABLES):
            for name, table in tables_of(source, sae).items():
                _keep(folder / f"{name}.parquet", table)
        detail, examples = (pq.read_table(folder / f"{name}.parquet") for name in TABLES)
        chunks.append(chunk_table(detail, examples))
    path = companion_path(source.store.path, KIND)
    write_companion(
        path, SCHEMA, VERSION, {"detail_chunk": pa.concat_tables(chunks)}, _provenance(source)
    )
    return path


def chunk_table(detail: pa.Table, examples: pa.Table) -> pa.Table:
    """Rows of `detail_chunk` for one SAE, from one row per feature and one row per example."""
    columns = {name: detail[name].to_pylist() for name in NUMBERS + LISTS}
    columns["n_effective"] = [round(EFFECTIVE_STEPS * one) for one in columns["n_effective"]]
    for name in ("promoted_effect", "suppressed_effect"):
        columns[name] = [[round(EFFECT_STEPS * value) for value in one] for one in columns[name]]
    for name in NUMBERS:
        columns[name] = [[int(one)] for one in columns[name]]
    n = detail.num_rows
    columns |= {name: [[] for _ in range(n)] for name in EXAMPLES}
    for row in examples.sort_by(
        [("feature_index", "ascending"), ("token_id", "ascending")]
    ).to_pylist():
        at = row["feature_index"]
        for name in ("token_id", "sequence_id", "peak"):
            columns[f"example_{name.removesuffix('_id')}"][at].append(row[name])
        columns["example_sizes"][at].append(len(row["positions"]))
        columns["example_positions"][at] += row["positions"]
        columns["example_codes"][at] += row["activations"]
    starts = range(0, n, FEATURES_PER_CHUNK)
    return pa.table(
        {
            "sae_ordinal": [detail["sae_ordinal"][0].as_py()] * len(starts),
            "feature_first": list(starts),
            "n_features": [min(FEATURES_PER_CHUNK, n - at) for at in starts],
            **{
                name: [pack_lists(lists[at : at + FEATURES_PER_CHUNK]) for at in starts]
                for name, lists in columns.items()
            },
        }
    )


def _keep(path: Path, table: pa.Table) -> None:
    write_whole(path, lambda temporary: pq.write_table(table, temporary))


def tables_of(source: Source, sae: Sae) -> dict[str, pa.Table]:
    """Rows of both tables for one SAE."""
    store = source.store
    ordinal, scale = store.place_of(sae.sae_id)
    features = store.features(sae.sae_id, range(sae.d_sae))
    bins = sorted((source.work / "bins").glob("shard_*.parquet"))
    shards = sorted((source.work / "edges").glob("shard_*.parquet"))
    if not bins or len(bins) != len(shards):
        raise BadInput(
            f"{source.work} holds {len(shards)} edge shards and {len(bins)} histograms: use the "
            "build's own."
        )
    columns: dict[str, Any] = histograms(bins, ordinal, sae.d_sae)
    n_firings = np.array([row.n_firings for row in features])
    counted = np.array([sum(one) for one in columns["hist"]])
    if not np.array_equal(counted, n_firings):
        raise BadInput(
            f"{source.work} counted other firings of {sae.sae_id} than the build holds: use its "
            "own folder."
        )
    columns |= classes_by_shard(shards, ordinal, sae.d_sae, source.classes)
    columns |= logit_effects(source.lm, sae, features)
    columns |= nearest(sae.W_dec)
    columns |= token_counts(store.edges(sae.sae_id), features, sae.d_sae, scale)
    return {
        "detail": detail_table(ordinal, columns),
        "token_example": example_table(source.store, source.lm, sae, features),
    }


def _provenance(source: Source) -> dict[str, Any]:
    stated = source.store.provenance()
    positions = source.store.positions_by_class()
    return {
        "build": build_identity(stated),
        "positions": {name: positions[name] for name in ("function", "content")},
        "document_shards": stated["counts"]["document_shards"],
        "interval": "95 %, Wilson on the effective number of firings (design effect over "
        "document shards)",
        "logit_effect": (
            "W_dec[f] * final norm's gain @ W_U: change of the logit per unit of activation, "
            "before the norm divides by the residual's size and before any soft-capping"
        ),
        "nearest": "cosine of W_dec rows within one SAE, all dictionary entries, itself left out",
        "code": code_version(),
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
