"""Options of the stages that make a build, and what --corpus and --weights mean."""

import argparse
from pathlib import Path

from precompute.job import DTYPES, PREFIX, BadInput, HubText, Job

# option -> field of Job whose default it has, type, help
_NUMBERS: dict[str, tuple[str, type, str]] = {
    "--tokens": ("n_tokens", int, "corpus tokens to take"),
    "--ctx-len": ("ctx_len", int, "positions of a row"),
    "--batch-rows": ("batch_rows", int, "full rows a batch"),
    "--shards": ("n_shards", int, "document shards, 20 or more"),
    "--function-share": ("function_share", float, "function cut"),
    "--sequences": ("n_sequences", int, "texts to sample"),
    "--edges-from": ("edges_from", int, "keep edges of so many firings; curves count all"),
    "--seed": ("seed", int, "of all that is random"),
}
MODEL = "model folder (save_pretrained layout), .gguf, hub id, or a preset's name"


def add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """Model, SAEs, corpus, where to, and the settings of the job."""
    default = Job.__dataclass_fields__
    add = parser.add_argument
    _add_sources(parser)
    corpus = (
        '.jsonl or .jsonl.zst with "text" in each line, or hf:NAME[:split[:column]] '
        "(defaults: train, text)"
    )
    add("--corpus", metavar="FILE[,FILE…]", help=f"{corpus}; default: the preset's")
    add("--weights", metavar="W[,W…]", help="share of the tokens from each; default: by file size")
    built = "build to publish; default: the preset's"
    add("--out", "--build", dest="out", type=Path, metavar="FILE", help=built)
    add("--work", type=Path, required=True, metavar="DIR", help="where unfinished work is kept")
    for option, (field, kind, told) in _NUMBERS.items():
        add(
            option,
            dest=option[2:].replace("-", "_"),
            type=kind,
            default=default[field].default,
            help=f"{told} (%(default)s)",
        )
    add("--device", default=default["device"].default, help="cpu, cuda, cuda:1 … (%(default)s)")
    add("--dtype", choices=sorted(DTYPES), help="default: the preset's, or float32")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--preset", help="take model, SAEs and build from a preset by name")
    add("--presets", type=Path, metavar="FILE", help="presets of your own (TOML)")
    add("--model", help=MODEL)
    add("--revision", help="hub revision of the model")
    add(
        "--sae",
        action="append",
        metavar="DIR|RELEASE:ID",
        help="SAE folder, or one of a sae-lens release, which is fetched; once for each SAE",
    )


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Who extracts the edges."""
    add = parser.add_argument
    add(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="who extracts the edges (%(default)s)",
    )
    add(
        "--ray-address",
        metavar="HOST:PORT",
        help='a cluster\'s head, or "auto"; default: a cluster started here',
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="Ray workers; default: one for each GPU, or CPU, of the cluster",
    )
    add(
        "--partials",
        metavar="URL",
        help="where Ray workers put shards, any fsspec path; default: the work folder",
    )


def not_given(preset: str | None, build: str) -> str:
    """What to give where model, SAEs or build (its option) are not known."""
    if preset:
        return (
            f"the preset {preset} has no SAE: give --sae too, once for each "
            "(`functionscope precompute train-sae` makes one)."
        )
    return f"give --preset, or all of --model, --sae and {build}."


def corpus_of(
    given: str | None, weights: str | None
) -> tuple[tuple[Path | HubText, ...], tuple[float, ...]]:
    """Files and streams, and the share of each; BadInput for what is not there or not said."""
    if not given:
        raise BadInput("give --corpus: this preset names no corpus, or none was given.")
    corpus = tuple(
        HubText.parse(one) if one.startswith(PREFIX) else Path(one) for one in given.split(",")
    )
    for path in (one for one in corpus if isinstance(one, Path)):
        if not path.is_file():
            raise BadInput(
                f"no corpus file at {path}: give .jsonl or .jsonl.zst files to --corpus."
            )
    if weights:
        try:
            return corpus, tuple(float(w) for w in weights.split(","))
        except ValueError as error:
            raise BadInput(
                f"--weights is {weights!r}; it must be numbers with commas between them."
            ) from error
    streams = [str(one) for one in corpus if isinstance(one, HubText)]
    if not streams:
        return corpus, tuple(
            float(path.stat().st_size) for path in corpus if isinstance(path, Path)
        )
    if len(corpus) > 1:
        raise BadInput(f"give --weights: how large {streams[0]} is cannot be seen.")
    return corpus, (1.0,)
