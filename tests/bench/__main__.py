"""`make bench`: prints one table and writes bench.json. Exit status 1 when a measurement failed.

A target that is missed is said in the table and is not a failure: what it costs depends on the
machine.
"""

import argparse
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from tests.bench import report
from tests.bench.bare import BareModel
from tests.bench.browser import hover_ms, startup_s
from tests.bench.causal import lens_vs_plain, patch_vs_hooks, steer_behind_prefix
from tests.bench.cuda import GEMMA_2_9B, Device, cuda_inspect, cuda_steer
from tests.bench.cuda_edges import cuda_edges, cuda_memory
from tests.bench.edge_comparison import edges_vs_saelens
from tests.bench.fitting import fit_s
from tests.bench.graph_frames import graph_fps
from tests.bench.joined import inspects_joined
from tests.bench.linear import edges_linear_in_tokens
from tests.bench.live_comparisons import inspect_vs_bare, steer_vs_generate, ttft_vs_prefill
from tests.bench.live_saelens import inspect_vs_saelens, peer_of, steer_vs_saelens, sweep_vs_saelens
from tests.bench.loss_comparison import linear_rows, loss_vs_forward
from tests.bench.names import CUDA_NAMES, LARGE, NAMES
from tests.bench.page_clicks import page_clicks
from tests.bench.report import Row
from tests.bench.scale import reading_rows
from tests.bench.scale_merge import merge_100m_1gb
from tests.bench.server import api, product
from tests.bench.subject import Subject, default_preset, find, prompts
from tests.bench.synthetic import D_SAE, EDGES, N_TOKENS, make_columns, vocabulary
from tests.bench.synthetic_build import make_build

LAB_ONLY = ("startup_s",)
LONG_PROMPT = 256


class Bench:
    """The subject, loaded once where it is needed, and one method per name."""

    def __init__(
        self, subject: Subject, scratch: Path, rounds: int, also: Sequence[Subject] = ()
    ) -> None:
        self.subject, self.scratch, self.rounds = subject, scratch, rounds
        self.also = also  # whose pages are measured too

    @cached_property
    def lm(self) -> LanguageModel:
        return LanguageModel.load(self.subject.model)

    @cached_property
    def bare(self) -> BareModel:
        return BareModel(self.subject.model, self.subject.saes)

    def inspect_vs_bare(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return [
                inspect_vs_bare(
                    server, self.lm, self.bare, self.subject, 4 * self.rounds, next_tokens
                )
                for next_tokens in (None, 0)
            ]

    def inspects_joined(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return inspects_joined(server, self.lm, self.subject, self.rounds)

    def steer_vs_generate(self) -> list[Row]:
        sae_id, path = next(iter(self.subject.saes.items()))
        sae = Sae.load(path, sae_id=sae_id)
        return [steer_vs_generate(self.lm, sae, self.bare, self.subject, self.rounds)]

    def ttft_vs_prefill(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return [ttft_vs_prefill(server, self.lm, self.bare, self.subject, 2 * self.rounds)]

    def steer_behind_prefix(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return steer_behind_prefix(server, self.lm, self.subject, self.rounds)

    def patch_vs_hooks(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return patch_vs_hooks(server, self.lm, self.bare, self.subject, self.rounds)

    def lens_vs_plain(self) -> list[Row]:
        with api(self.lm, self.subject, self.scratch) as server:
            return [lens_vs_plain(server, self.lm, self.bare, self.subject, 2 * self.rounds)]

    def edges_vs_saelens(self) -> list[Row]:
        return edges_vs_saelens(
            self.lm, self.bare, self.subject, max(3, self.rounds // 2), self.scratch
        )

    def live_vs_saelens(self) -> list[Row]:
        peer = peer_of(self.subject, self.scratch)
        sae_id, path = next(iter(self.subject.saes.items()))
        sae = Sae.load(path, sae_id=sae_id)
        rows = [steer_vs_saelens(self.lm, sae, peer, self.subject, self.rounds)]
        rows += sweep_vs_saelens(self.lm, sae, peer, self.subject, max(3, self.rounds // 2))
        # last: once the bridge has spliced SAEs in, hooks at their places are no longer called
        with api(self.lm, self.subject, self.scratch) as server:
            return [*rows, inspect_vs_saelens(server, self.lm, peer, self.subject, 2 * self.rounds)]

    def edges_linear_in_tokens(self) -> list[Row]:
        return edges_linear_in_tokens(self.lm, self.subject, max(2, self.rounds // 4), self.scratch)

    def loss_vs_forward(self) -> list[Row]:
        return [loss_vs_forward(self.bare, self.subject, self.rounds)]

    def loss_linear(self) -> list[Row]:
        return linear_rows(self.subject, max(3, self.rounds // 3))

    def fit_s(self) -> list[Row]:
        return [fit_s(self.lm, self.subject, max(3, self.rounds // 3))]

    def startup_s(self) -> list[Row]:
        return [startup_s(max(3, self.rounds // 3))]

    def page_clicks(self) -> list[Row]:
        rows: list[Row] = []
        for subject in (*self.also, self.subject):
            if subject.preset is None:
                raise RuntimeError("page_clicks needs a preset that is whole: name it by --preset")
            rows += page_clicks(max(5, self.rounds), subject.name, subject.preset)
        return rows

    def hover_ms(self) -> list[Row]:
        prompt = prompts(self.lm, LONG_PROMPT, 1)[0]
        with product(self.lm, self.subject, self.scratch) as url:
            return [hover_ms(url, prompt, LONG_PROMPT, self.subject.name)]


def measure(bench: Bench, names: list[str]) -> tuple[list[Row], list[str]]:
    """Rows, and the names of what failed (its traceback is printed at once)."""
    rows: list[Row] = []
    failed: list[str] = []
    for name in (name for name in names if name not in LARGE):
        if name in LAB_ONLY and not bench.subject.is_lab:
            print(f"{name}: left out, it needs the lab model", file=sys.stderr)
            continue
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        method: Callable[[], list[Row]] = getattr(bench, name)
        try:
            with tempfile.TemporaryDirectory(dir=bench.scratch) as scratch:
                bench.scratch, kept = Path(scratch), bench.scratch
                rows += method()
        except Exception:
            traceback.print_exc()
            failed.append(name)
        finally:
            bench.scratch = kept
    return rows, failed


def measure_large(folder: Path, names: set[str]) -> tuple[list[Row], list[str]]:
    """The same for what needs the made-up build,
    which is made below `folder` (15 minutes of CPU time) and kept.
    """
    if not names:
        return [], []
    try:
        build = make_build(folder, EDGES, D_SAE, N_TOKENS, 0)
        others = {"merge_100m_1gb", "graph_fps_100m"}
        rows = reading_rows(build, names - others) if names - others else []
        if "graph_fps_100m" in names:
            rows += graph_fps(build, build.name)
        if "merge_100m_1gb" in names:
            words = vocabulary(N_TOKENS, 0)
            columns = make_columns(folder / f"columns_{EDGES}_{D_SAE}", words, EDGES, D_SAE, 0)
            rows += merge_100m_1gb(folder, columns)
        return rows, []
    except Exception:
        traceback.print_exc()
        return [], sorted(names)


def measure_device(
    device: Device, names: list[str], rounds: int, scratch: Path
) -> tuple[list[Row], list[str]]:
    """The same for CUDA_NAMES."""
    rows: list[Row] = []
    failed: list[str] = []
    methods: dict[str, Callable[[], list[Row]]] = {
        "cuda_inspect": lambda: cuda_inspect(device, 2 * rounds, scratch),
        "cuda_steer": lambda: cuda_steer(device, rounds),
        "cuda_edges": lambda: cuda_edges(device, max(3, rounds // 3), scratch / "edges"),
        "cuda_memory": lambda: cuda_memory(device),
    }
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            rows += methods[name]()
        except Exception:
            traceback.print_exc()
            failed.append(name)
    return rows, failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="cuda: Gemma 2 9B's shape, on a GPU",
    )
    parser.add_argument(
        "--preset",
        help="whose model is measured on a CPU (lab; page_clicks also the preset that is served "
        "where none is named)",
    )
    parser.add_argument(
        "--only", nargs="+", choices=NAMES + CUDA_NAMES, help="default: all of the device's"
    )
    parser.add_argument(
        "--rounds", type=int, default=10, help="pairs of the slower comparisons (%(default)s)"
    )
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument(
        "--large",
        type=Path,
        default=Path("var/bench"),
        help="folder of the made-up build of 100M edges (%(default)s)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    known = CUDA_NAMES if arguments.device == "cuda" else NAMES
    names = arguments.only or list(known)
    for name in set(names) - set(known):
        parser.error(f"{name} is measured with --device {'cuda' if name in CUDA_NAMES else 'cpu'}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        told = (
            "--device cuda needs a GPU that PyTorch can use, and PyTorch "
            f"{torch.__version__} sees none."
        )
        print(f"python -m tests.bench: {told}", file=sys.stderr)
        return 2
    torch.set_num_threads(arguments.threads)
    transformers_logging.disable_progress_bar()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.device == "cuda":
            rows, failed = measure_device(
                Device(GEMMA_2_9B, "cuda"), names, arguments.rounds, Path(scratch)
            )
        else:
            subject = find(Path(scratch), arguments.preset or "lab")
            pages = "page_clicks" in names and not arguments.preset
            also = default_preset(Path(scratch)) if pages else []
            rows, failed = measure(Bench(subject, Path(scratch), arguments.rounds, also), names)
    large, lost = measure_large(arguments.large, LARGE & set(names))
    rows, failed = rows + large, failed + lost
    print(report.table(rows))
    report.write(arguments.out, rows, arguments.threads)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
