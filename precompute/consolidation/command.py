"""What is learned when: loss, features and predictions of every checkpoint of a training run.

text first; then loss, stages and features for each run, in any order; publish last. Every stage
keeps what it has done in WORK, one file a checkpoint, and goes on from there when it is started
again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from backend.core.lm.checkpoint import read_tokenizer
from precompute.consolidation.chosen import series_of
from precompute.job import DTYPES, BadInput

DEFAULT_SAE = {"d_sae": 1024, "k": 16.0, "positions": 65_536, "batch": 256, "lr": 2e-3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The stages as subcommands."""
    commands = parser.add_subparsers(dest="consolidation_stage", required=True, metavar="STAGE")
    _add_text(
        commands.add_parser("text", help="choose held-out documents; unigram and bigram baselines")
    )
    loss = commands.add_parser("loss", help="loss of every held-out token at every checkpoint")
    stages = commands.add_parser(
        "stages", help="predictions, continuations and the numbers behind the stage labels"
    )
    features = commands.add_parser(
        "features", help="train SAEs on the checkpoints and count features"
    )
    for command in (loss, stages, features):
        _add_series(command)
    loss.add_argument(
        "--batch-rows",
        type=int,
        default=4,
        help="full rows a forward (%(default)s; a GPU wants 64)",
    )
    loss.add_argument(
        "--products",
        choices=("float32", "bfloat16"),
        default="float32",
        help="factors of float32 matrix products on a CPU (%(default)s)",
    )
    _add_features(features)
    publish = commands.add_parser(
        "publish", help="write everything in WORK to one file beside a build"
    )
    _add_work(publish)
    publish.add_argument(
        "--tokenizer", required=True, help="folder or hub id of the runs' tokenizer"
    )
    publish.add_argument(
        "--counts",
        type=Path,
        required=True,
        help="build (.duckdb) or training rows (.npy) whose counts make the classes",
    )
    publish.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="BUILD.consolidation.duckdb"
    )
    publish.add_argument(
        "--onto",
        type=Path,
        metavar="FILE",
        help="keep the other runs of this file, made on the same held-out text",
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--work", type=Path, required=True, help="where results of all stages and runs are kept"
    )


def _add_text(parser: argparse.ArgumentParser) -> None:
    _add_work(parser)
    add = parser.add_argument
    add("--tokenizer", required=True, help="folder or hub id of the runs' tokenizer")
    add(
        "--corpus",
        required=True,
        metavar="FILE[,FILE…]",
        help='.jsonl or .jsonl.zst with "text" in each line',
    )
    add(
        "--weights",
        metavar="W[,W…]",
        help="share of the tokens from each file; default: by file size",
    )
    add(
        "--training-rows",
        type=Path,
        help="rows.npy of the runs: no document that shares a window with them is taken",
    )
    add("--tokens", type=int, default=500_000, help="targets to score, at least (%(default)s)")
    add("--ctx-len", type=int, default=256, help="positions of a row, BOS included (%(default)s)")
    add("--seed", type=int, default=0, help="of the draw of documents (%(default)s)")


def _add_series(parser: argparse.ArgumentParser) -> None:
    _add_work(parser)
    add = parser.add_argument
    add(
        "--checkpoints",
        type=Path,
        metavar="DIR",
        help="folder of saved models, a folder each (step_000512 …)",
    )
    add("--model", help="hub id, with --revisions")
    add(
        "--revisions",
        metavar="R[,R…]",
        help="revisions of --model, or folders in --checkpoints; steps end their names",
    )
    add("--name", help="model name in the results; default: --model, or the name of DIR's parent")
    add("--title", help="what a legend says; default: the name")
    add(
        "--run-seed",
        type=int,
        default=0,
        help="seed of the model's random weights, as the results say (%(default)s)",
    )
    add("--tokens-per-step", type=int, help="training tokens of one optimiser step, for the axis")
    add("--tokenizer", help="folder or hub id; default: that of the first checkpoint")
    add("--dtype", choices=sorted(DTYPES), default="float32", help="of the weights (%(default)s)")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 … (%(default)s)")
    add("--threads", type=int, default=1, help="one per really free core (%(default)s)")


def _add_features(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--training-rows",
        type=Path,
        required=True,
        help="rows.npy of the run: what the SAEs are trained on",
    )
    add(
        "--layer",
        type=int,
        required=True,
        help="decoder layer whose output is decomposed (the paper: the last)",
    )
    add("--d-sae", type=int, default=DEFAULT_SAE["d_sae"], help="dictionary width (%(default)s)")
    add(
        "--k",
        type=float,
        default=DEFAULT_SAE["k"],
        help="mean firings a position of the fixed recipe (%(default)s)",
    )
    add(
        "--positions",
        type=int,
        default=DEFAULT_SAE["positions"],
        help="activations to train on (%(default)s)",
    )
    add("--batch", type=int, default=DEFAULT_SAE["batch"], help="activations a step (%(default)s)")
    add("--lr", type=float, default=DEFAULT_SAE["lr"], help="Adam learning rate (%(default)s)")
    add("--sae-seeds", default="0,1", metavar="N[,N…]", help="seeds of the SAEs (%(default)s)")
    add(
        "--width-steps",
        default="",
        metavar="N[,N…]",
        help="checkpoints where widths x0.5 and x2 are trained too",
    )
    add("--no-equal-score", action="store_true", help="the fixed recipe alone")
    add(
        "--rows-per-shard",
        type=int,
        default=12,
        help="full rows of each document shard in the sample (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Run one stage; BadInput for what the person must change."""
    _STAGES[args.consolidation_stage](args)
    return 0


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError as error:
        raise BadInput(
            f"{option} is {text!r}; it must be whole numbers with commas between them."
        ) from error


def _text(args: argparse.Namespace) -> None:
    from precompute.consolidation.baselines import make_baselines
    from precompute.consolidation.text import TextSettings, make_text

    corpus = tuple(Path(name) for name in args.corpus.split(","))
    for path in (*corpus, *([args.training_rows] if args.training_rows else [])):
        if not path.is_file():
            raise BadInput(f"no file at {path}.")
    try:
        weights = tuple(float(w) for w in args.weights.split(",")) if args.weights else ()
    except ValueError as error:
        raise BadInput(
            f"--weights is {args.weights!r}; it must be numbers with commas between them."
        ) from error
    weights = weights or tuple(float(path.stat().st_size) for path in corpus)
    if len(weights) != len(corpus) or min(weights) <= 0:
        raise BadInput(
            f"--weights {list(weights)} must be one positive number for each of the "
            f"{len(corpus)} files."
        )
    settings = TextSettings(corpus, weights, args.tokens, args.ctx_len, args.seed)
    tokenizer = read_tokenizer(args.tokenizer)
    text = make_text(tokenizer, args.training_rows, settings, args.work)
    if args.training_rows:
        make_baselines(args.training_rows, text, len(tokenizer), args.work)
    print(f"{int(text.scored().sum()):,} targets in {len(text.rows.lengths):,} rows")


def _loss(args: argparse.Namespace) -> None:
    from precompute.consolidation.loss import make_losses
    from precompute.consolidation.text import load_text

    make_losses(
        series_of(args),
        load_text(args.work),
        args.work,
        batch_rows=args.batch_rows,
        dtype=args.dtype,
        products=args.products,
        device=args.device,
    )


def _stages(args: argparse.Namespace) -> None:
    from precompute.consolidation.stages import make_stages
    from precompute.consolidation.text import load_text

    make_stages(
        series_of(args), load_text(args.work), args.work, dtype=args.dtype, device=args.device
    )


def _features(args: argparse.Namespace) -> None:
    from precompute.consolidation.features import Plan, make_features
    from precompute.consolidation.sae_training import SaeSettings
    from precompute.consolidation.text import load_text

    settings = SaeSettings(
        d_sae=args.d_sae, k=args.k, positions=args.positions, batch=args.batch, lr=args.lr
    )
    seeds = _numbers(args.sae_seeds, "--sae-seeds")
    if not seeds:
        raise BadInput("--sae-seeds is empty; give one seed or more.")
    plan = Plan(
        settings,
        args.layer,
        seeds,
        not args.no_equal_score,
        _numbers(args.width_steps, "--width-steps"),
        rows_per_shard=args.rows_per_shard,
    )
    series, text = series_of(args), load_text(args.work)
    make_features(
        series, args.training_rows, text, args.work, plan, dtype=args.dtype, device=args.device
    )


def _publish(args: argparse.Namespace) -> None:
    from precompute.consolidation.publish import publish

    publish(args.work, read_tokenizer(args.tokenizer), args.counts, args.out, args.onto)
    print(f"published {args.out} ({args.out.stat().st_size / 1e6:.2f} MB)")


_STAGES = {
    "text": _text,
    "loss": _loss,
    "stages": _stages,
    "features": _features,
    "publish": _publish,
}
