"""The loss job against a bare forward plus cross-entropy,
and what it costs as checkpoints and tokens grow.
"""

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from precompute.building.corpus import Shard
from precompute.consolidation.forward import TokenLoss
from precompute.consolidation.loss import checkpoint_losses, make_losses
from precompute.consolidation.series import Checkpoint, Series
from precompute.consolidation.text import HeldOut
from tests.bench.bare import BareModel
from tests.bench.report import Row, judged, speed_row
from tests.bench.subject import VOCAB_SIZE, Subject
from tests.bench.timing import alternate, median_interval, seconds

ROWS, CTX_LEN, BATCH_ROWS = 16, 256, 4
SPECIAL = (0, 1, 2)
FACTORS = (1, 2, 4)
MOST = 1.15  # times the linear cost


def random_text(n_rows: int) -> HeldOut:
    """Rows of random tokens, BOS first: what a forward costs does not depend on what it reads."""
    tokens = np.random.default_rng(0).integers(3, VOCAB_SIZE, (n_rows, CTX_LEN))
    tokens[:, 0] = 2
    rows = Shard(tokens, np.full(n_rows, CTX_LEN), np.arange(n_rows))
    return HeldOut(rows, SPECIAL, np.arange(n_rows) % 20)


def series_of(subject: Subject, n: int = 1) -> Series:
    """The subject's model as n checkpoints."""
    checkpoints = tuple(Checkpoint(step, str(subject.model), None) for step in range(n))
    return Series("bench", 0, "bench", None, str(subject.model), checkpoints)


def loss_vs_forward(bare: BareModel, subject: Subject, rounds: int) -> Row:
    """Tokens a second of the loss job against transformers' forward and cross-entropy
    at the same batch.
    """
    text, series = random_text(ROWS), series_of(subject)
    loss = TokenLoss(
        series.load(series.checkpoints[0], torch.float32, "cpu"),
        torch.from_numpy(text.rows.tokens[:1]),
    )
    tokens = torch.from_numpy(text.rows.tokens)
    made: dict[str, float] = {}

    def ours(_: int) -> float:
        return seconds(
            lambda: made.__setitem__(
                "ours", float(checkpoint_losses(loss, text, BATCH_ROWS).mean())
            )
        )

    @torch.inference_mode()
    def plain() -> None:
        parts = []
        for batch in tokens.split(BATCH_ROWS):
            # from BOS is not scored
            logits = bare.model(input_ids=batch, use_cache=False).logits[:, 1:-1]
            parts.append(
                cross_entropy(
                    logits.flatten(0, 1).float(), batch[:, 2:].flatten(), reduction="none"
                )
            )
        made["peer"] = float(torch.cat(parts).mean())

    pairs = alternate(ours, lambda _: seconds(plain), rounds=rounds)
    if abs(made["ours"] - made["peer"]) > 1e-4:
        raise ValueError(f"the two losses differ: {made}")
    return speed_row(
        "loss_vs_forward",
        pairs,
        work=int(text.scored().sum()),
        unit="tokens/s",
        target=0.9,
        subject=subject.name,
        note=f"float32, {BATCH_ROWS} rows of {CTX_LEN}: loss of every token, against logits and "
        "cross-entropy.",
    )


def linear_rows(subject: Subject, rounds: int) -> list[Row]:
    """Cost of 2x and 4x as many checkpoints, and tokens, over 2 and 4 times the cost of one."""
    whole = {factor: random_text(ROWS * factor) for factor in FACTORS}

    def run(checkpoints: int, tokens: int) -> Callable[[], None]:
        def job() -> None:
            with tempfile.TemporaryDirectory() as work, contextlib.redirect_stderr(io.StringIO()):
                make_losses(
                    series_of(subject, checkpoints),
                    whole[tokens],
                    Path(work),
                    batch_rows=BATCH_ROWS,
                    dtype="float32",
                    products="float32",
                    device="cpu",
                )

        return job

    def measured(name: str, jobs: dict[int, Callable[[], None]]) -> list[Row]:
        jobs[1]()
        rounds_of = [{factor: seconds(job) for factor, job in jobs.items()} for _ in range(rounds)]
        rows = []
        for factor in FACTORS[1:]:
            times = [one[factor] / (factor * one[1]) for one in rounds_of]
            ratio, interval = median_interval(times)
            holds, rule = judged(ratio, MOST, "<=", "cost per unit")
            note = (
                f"{factor} times as many {name}: seconds over {factor} times the seconds of "
                "one, each round on its own."
            )
            ours, single = (float(np.median([one[f] for one in rounds_of])) for f in (factor, 1))
            rows.append(
                Row(
                    f"loss_linear_in_{name}_{factor}x",
                    ours,
                    "s",
                    factor * single,
                    ratio,
                    MOST,
                    holds,
                    rule,
                    interval,
                    rounds,
                    subject.name,
                    note,
                )
            )
        return rows

    by_checkpoints = measured("checkpoints", {factor: run(factor, 1) for factor in FACTORS})
    return by_checkpoints + measured("tokens", {factor: run(1, factor) for factor in FACTORS})
