"""inspect, steer and the first streamed token, each beside the least that transformers could do."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import generate_arms
from tests.bench.asgi import InProcess
from tests.bench.bare import BareModel
from tests.bench.report import Row, speed_row, time_row
from tests.bench.subject import Subject, prompts
from tests.bench.timing import alternate, seconds

PROMPT_TOKENS = 32
TTFT_PROMPT_TOKENS = 128
NEW_TOKENS = 64
FIRST_TOKEN = b"event: token"


def inspect_vs_bare(
    server: InProcess,
    lm: LanguageModel,
    bare: BareModel,
    subject: Subject,
    rounds: int,
    next_tokens: int | None,
) -> Row:
    """Server time of POST /api/inspect against forward to the deepest layer plus dense encodes.

    `next_tokens` None sends the default request; 0 asks for features only. A new prompt every
    round.
    """
    length = PROMPT_TOKENS if subject.is_lab else 2 * PROMPT_TOKENS
    texts = prompts(lm, length, rounds + 2)
    ids = [lm.tokenize(text) for text in texts]
    request = {"sae_ids": list(subject.saes)} | (
        {} if next_tokens is None else {"next_tokens": next_tokens}
    )

    def ours(number: int) -> float:
        return server.post("/api/inspect", {"prompt": texts[number], **request}).seconds

    def peer(number: int) -> float:
        return seconds(partial(bare.inspect, ids[number]))

    pairs = alternate(ours, peer, rounds=rounds)
    default = next_tokens is None
    asked = "default request, next tokens too" if default else "next_tokens=0, features only"
    row = time_row(
        "inspect_vs_bare" if default else "inspect_vs_bare.features_only",
        pairs,
        target=2.0 if subject.is_lab else 1.3,
        subject=subject.name,
        note=f"Server time of POST /api/inspect ({length} tokens, {len(subject.saes)} "
        f"SAEs, {asked}; JSON in and out counted) against a bare transformers forward to "
        "the deepest SAE layer plus dense encodes.",
    )
    return replace(row, cpu_ratio=pairs.cpu_ratio())


def steer_vs_generate(
    lm: LanguageModel, sae: Sae, bare: BareModel, subject: Subject, rounds: int
) -> Row:
    """Tokens a second of both arms against greedy `generate` of the same prompt
    as a batch of two.
    """
    ids = lm.tokenize(prompts(lm, PROMPT_TOKENS, 1)[0])
    steering = Intervention.on_feature(sae, 0, "add", 1.0, positions=(len(ids) - 1,))

    def ours(number: int) -> float:
        return per_token(
            lambda: sum(
                1 for _ in generate_arms(lm, ids, [[], [steering]], max_new_tokens=NEW_TOKENS)
            )
        )

    def peer(number: int) -> float:
        return per_token(lambda: bare.generate(ids, rows=2, max_new_tokens=NEW_TOKENS))

    return speed_row(
        "steer_vs_generate",
        alternate(ours, peer, rounds=rounds),
        work=1,
        unit="tok/s",
        target=0.9 if subject.is_lab else 1.2,
        subject=subject.name,
        note=f"Baseline and steered arm together, {NEW_TOKENS} greedy tokens each after "
        f"{PROMPT_TOKENS}, against transformers' generate of the same prompt twice in one "
        "batch; every generated token counted on both sides.",
    )


def ttft_vs_prefill(
    server: InProcess, lm: LanguageModel, bare: BareModel, subject: Subject, rounds: int
) -> Row:
    """Request to first `event: token` of POST /api/steer/stream against one bare prefill."""
    texts = prompts(lm, TTFT_PROMPT_TOKENS, rounds + 2)
    ids = [lm.tokenize(text) for text in texts]
    steering = {
        "sae_id": next(iter(subject.saes)),
        "feature_index": 0,
        "mode": "add",
        "value": 1.0,
        "positions": "last",
    }
    request = {"interventions": [steering], "max_new_tokens": 2}

    def ours(number: int) -> float:
        reply = server.post(
            "/api/steer/stream", {"prompt": texts[number], **request}, wait_for=FIRST_TOKEN
        )
        if reply.first_event is None:
            raise RuntimeError(
                f"the stream held no {FIRST_TOKEN!r}: {json.dumps(reply.body.decode())[:500]}"
            )
        return reply.first_event

    def peer(number: int) -> float:
        return seconds(partial(bare.prefill, ids[number]))

    return time_row(
        "ttft_vs_prefill",
        alternate(ours, peer, rounds=rounds),
        target=1.3,
        subject=subject.name,
        note="POST /api/steer/stream to its first token frame (both arms, "
        f"{TTFT_PROMPT_TOKENS}-token prompt) against one bare forward of that prompt, one "
        "row, that fills a cache and unembeds the last position.",
    )


def per_token(generate: Callable[[], int]) -> float:
    """Seconds per generated token. RuntimeError when nothing was generated."""
    start = time.perf_counter()
    made = generate()
    elapsed = time.perf_counter() - start
    if not made:
        raise RuntimeError("no token was generated: the model ended at once")
    return elapsed / made
