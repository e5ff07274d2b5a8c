"""Many inspect requests at once: read together, against one after the other in the same server."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from backend.core.lm import LanguageModel
from backend.routes.live.inspect_together import run_together
from backend.serving.joining import Joiner
from tests.bench.asgi import InProcess
from tests.bench.report import Row, speed_row
from tests.bench.server import AT_ONCE
from tests.bench.subject import Subject, prompts
from tests.bench.timing import alternate

PROMPT_TOKENS = 32


def inspects_joined(
    server: InProcess, lm: LanguageModel, subject: Subject, rounds: int
) -> list[Row]:
    """Requests a second of AT_ONCE requests sent at one time,
    with default fields and with features only.

    All prompts are of one length and new in every round.
    """
    joining = server.app.state.backend
    alone = replace(joining, joiner=Joiner(run_together, lambda plans: False))
    rows = []
    for what, next_tokens in (("inspects_joined", 10), ("inspects_joined.features_only", 0)):
        texts = prompts(lm, PROMPT_TOKENS, AT_ONCE * (rounds + 2))
        bodies = [
            {"prompt": text, "sae_ids": list(subject.saes), "next_tokens": next_tokens}
            for text in texts
        ]

        def side(parts: object, number: int, bodies: Sequence[dict[str, object]] = bodies) -> float:
            server.app.state.backend = parts
            return all_at_once(server, bodies[number * AT_ONCE : (number + 1) * AT_ONCE])

        pairs = alternate(lambda n: side(joining, n), lambda n: side(alone, n), rounds=rounds)
        note = (
            f"{AT_ONCE} POST /api/inspect at one time ({PROMPT_TOKENS} tokens, "
            f"{len(subject.saes)} SAEs, next_tokens {next_tokens}), read together against one "
            "after the other; JSON in and out counted."
        )
        rows.append(
            speed_row(
                what,
                pairs,
                work=AT_ONCE,
                unit="req/s",
                target=None,
                subject=subject.name,
                note=note,
            )
        )
    server.app.state.backend = joining
    return rows


def all_at_once(server: InProcess, bodies: Sequence[dict[str, object]]) -> float:
    """Seconds until the last of them is answered."""

    async def ask() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(server.request("/api/inspect", body) for body in bodies))
        return time.perf_counter() - start

    return server.runner.run(ask())
