"""`functionscope precompute train-sae`: BatchTopK SAEs on resid_post, several layers from one
forward.

Training is sae-lens' own; activations come from our runtime, and lie on disk between the two, so
that a killed
job goes on where it was, and another SAE of the same text needs no forward pass. What sae-lens
saves
is a JumpReLU SAE whose threshold is a moving average that starts at 0 and lags: the threshold is
set anew on rows kept for that, so that the mean L0 there is `k`, after the weights were rounded to
bfloat16. Measured L0, explained variance and reconstruction score go into cfg.json's metadata.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.core.lm import LanguageModel
from precompute.arguments import MODEL
from precompute.building.corpus import load_shard, shard_path
from precompute.building.tokens import make_tokens
from precompute.inputs import INPUTS, claim, corpus_inputs, model_inputs, note_of, prefixed
from precompute.job import Job, model_source_of, save_arrays, write_whole
from precompute.training.activations import Harvest, Harvester, run_harvest
from precompute.training.dictionaries import Recipe, train_all
from precompute.training.export import KEPT_SHARDS, write_out
from precompute.training.few_shot import few_shot_texts

TEXT = '.jsonl or .jsonl.zst with "text" in each line'
ROWS = "rows.npy of train-lm (token ids [rows, ctx_len]); of several, as many rows of each as the "
ROWS += "shortest has"
INIT_SEED = "of the weights, and of the order within a pool, alone: another seed on the same "
INIT_SEED += "activations. Unless given, --seed"
# of what is trained on, of what is made, and of how: (option, what argparse is told)
OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--weights", {"metavar": "W[,W…]", "help": "share of the tokens from each; default: equal"}),
    ("--few-shot", {"metavar": "FILE[,FILE…]", "help": "its questions, several to a text"}),
    ("--keep-out", {"default": "(?!)", "metavar": "REGEX", "help": "questions to leave out"}),
    ("--work", {"type": Path, "required": True, "help": "folder for what is unfinished"}),
    ("--out", {"type": Path, "required": True, "help": "folder that gets one folder an SAE"}),
    ("--layers", {"type": int, "nargs": "+", "required": True, "help": "decoder layers to read"}),
    ("--also-keep", {"type": int, "nargs": "*", "default": [], "help": "layers to keep for later"}),
    ("--d-sae", {"type": int, "nargs": "+", "default": [2048], "help": "width, or one a layer"}),
    ("--k", {"type": float, "nargs": "+", "default": [16], "help": "mean firings a position"}),
    ("--tokens", {"type": int, "default": 6_000_000, "help": "corpus tokens to take"}),
    ("--ctx-len", {"type": int, "default": 256, "help": "positions of a row, BOS included"}),
    ("--shards", {"type": int, "default": 128, "help": "parts of the corpus, 20 or more"}),
    ("--batch", {"type": int, "default": 1024, "help": "positions a step"}),
    ("--lr", {"type": float, "default": 2e-3, "help": "Adam learning rate"}),
    ("--seed", {"type": int, "default": 0, "help": "which text, its order, and the SAEs' weights"}),
    ("--init-seed", {"type": int, "metavar": "N", "help": INIT_SEED}),
    ("--name", {"default": "layer_{layer}", "help": "folder of each SAE"}),
    ("--frozen-decoder", {"action": "store_true", "help": "random directions, as a control"}),
    ("--threads", {"type": int, "default": 1, "help": "with 2, forward passes beside training"}),
    ("--device", {"default": "cpu", "help": "cpu or cuda"}),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute train-sae`; the help says each default."""
    parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    parser.add_argument("--model", required=True, help=MODEL)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--corpus", metavar="FILE[,FILE…]", help=TEXT)
    source.add_argument("--rows", type=Path, nargs="+", help=ROWS)
    for option, told in OPTIONS:
        parser.add_argument(option, **told)


def read_rows(paths: list[Path]) -> np.ndarray:
    """Token ids [rows, ctx_len]: of several files the first rows of each, as many as the shortest
    has.
    """
    files = [np.load(path, mmap_mode="r") for path in paths]
    return np.concatenate([file[: min(map(len, files))] for file in files])


def recipes_of(args: argparse.Namespace) -> list[Recipe]:
    """One for each layer; ValueError for another number of widths or ks."""

    def each(option: str, values: list[Any]) -> list[Any]:
        if len(values) not in (1, len(args.layers)):
            raise ValueError(
                f"{option} has {len(values)} numbers; give one, or one for each of "
                f"{len(args.layers)} layers."
            )
        return values * len(args.layers) if len(values) == 1 else values

    made = [
        Recipe(
            args.name.format(layer=layer),
            layer,
            d_sae,
            k,
            args.seed if args.init_seed is None else args.init_seed,
            args.batch,
            args.lr,
            args.frozen_decoder,
        )
        for layer, d_sae, k in zip(
            args.layers, each("--d-sae", args.d_sae), each("--k", args.k), strict=True
        )
    ]
    for recipe in made:
        recipe.check()
    return made


def job_of(args: argparse.Namespace) -> Job:
    """The stage `tokens` of the text that is trained on."""
    files = [Path(name) for name in (args.corpus or "").split(",") if name]
    if args.few_shot:
        path = args.work / "few_shot.jsonl"
        texts = few_shot_texts(
            [Path(name) for name in args.few_shot.split(",")], re.compile(args.keep_out), args.seed
        )
        lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts)
        write_whole(path, lambda temporary: temporary.write_text(lines, "utf-8"))
        files.append(path)
    weights = tuple(map(float, args.weights.split(","))) if args.weights else (1.0,) * len(files)
    return Job(
        model=args.model,
        saes=(),
        corpus=tuple(files),
        weights=weights,
        out=args.out,
        work=args.work,
        n_tokens=args.tokens,
        ctx_len=args.ctx_len,
        n_shards=args.shards,
        seed=args.seed,
        device=args.device,
    )


def run(args: argparse.Namespace) -> int:
    """Train one SAE a layer and write it in SAELens layout."""
    torch.set_num_threads(max(1, args.threads // 2))
    recipes = recipes_of(args)
    args.model = model_source_of(args.model)
    lm = LanguageModel.load(args.model, dtype=torch.float32, device=args.device)
    lm.check_layers([*args.layers, *args.also_keep])
    if args.corpus:
        job = job_of(args)
        job.check()
        claim(args.work / "settings.json", note_of(job))
        make_tokens(lm, job)
    else:
        claim(args.work / "settings.json", rows_note(args))
        rows_to_shards(read_rows(args.rows), args.work, args.shards, args.tokens)
    layers = tuple(sorted({*args.layers, *args.also_keep}))
    harvest = Harvest(
        args.model,
        args.work,
        layers,
        args.shards,
        args.seed,
        max(1, args.threads - args.threads // 2),
        args.device,
    )
    n_train = args.shards - KEPT_SHARDS
    positions = sum(
        int((load_shard(args.work, shard).lengths - 1).sum()) for shard in range(n_train)
    )
    saes = _trained(harvest, recipes, lm.d_model, positions, n_train, side_by_side=args.threads > 1)
    write_out(lm, harvest, recipes, saes, args.out, positions)
    return 0


def rows_note(args: argparse.Namespace) -> dict[str, Any]:
    """What the shards of rows and their activations depend on."""
    inputs = prefixed("model", model_inputs(args.model, None)) | corpus_inputs(args.rows)
    return {"shards": args.shards, "tokens": args.tokens, "seed": args.seed, INPUTS: inputs}


def _trained(
    harvest: Harvest,
    recipes: list[Recipe],
    d_model: int,
    positions: int,
    n_shards: int,
    *,
    side_by_side: bool,
) -> dict[str, Any]:
    if not side_by_side:
        run_harvest(harvest)
        return train_all(harvest, recipes, d_model, positions, n_shards, lambda shard: None)
    harvester = Harvester(harvest)
    harvester.start()
    try:
        trained = train_all(harvest, recipes, d_model, positions, n_shards, harvester.wait_for)
        harvester.wait_for(harvest.n_shards - 1)
        return trained
    finally:
        harvester.stop()


def rows_to_shards(rows: np.ndarray, work: Path, n_shards: int, n_tokens: int) -> None:
    """Full rows of token ids as shards of the stage `tokens`, at random; ValueError for fewer than
    n_tokens.
    """
    wanted = -(-n_tokens // (rows.shape[1] - 1))
    if wanted > len(rows):
        held = len(rows) * (rows.shape[1] - 1)
        raise ValueError(
            f"--tokens is {n_tokens}; the rows hold {held} positions: "
            "give more rows or fewer tokens."
        )
    order = np.random.default_rng(0).permutation(len(rows))[:wanted]
    for shard in range(n_shards):
        mine = np.sort(order[shard::n_shards])
        lengths = np.full(len(mine), rows.shape[1], dtype=np.int64)
        save_arrays(
            shard_path(work, shard),
            tokens=rows[mine].astype(np.int32),
            lengths=lengths,
            documents=mine,
        )
