"""Several inspect requests in one forward pass, each answered as it would be alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend.core.lm.next_tokens import Reading, read_together
from backend.core.sae import Firings
from backend.core.sae.together import encode_together
from backend.routes.live.inspect import InspectWork, bytes_together
from backend.serving.joining import Gone

# Positions of one batch, padding included. Measured on a CPU: more fall out of its cache and gain
# nothing. A GPU takes more; where it stops gaining has not been measured.
CPU_POSITIONS, GPU_POSITIONS = 512, 8192
PADDING = 1.5  # positions run per position asked for, at most


def run_together(plans: Sequence[InspectWork], gone: Gone) -> Iterator[tuple[int, bytes]]:
    """(index, JSON of InspectResponse) as each is made. Blocks: iterate it in the worker thread."""
    here = [index for index in range(len(plans)) if not gone(index)]
    if len(here) == 1:
        yield here[0], plans[here[0]].run_json()
    if len(here) < 2:
        return
    first = plans[here[0]]
    wanted = [plans[index].wanted(plans[index].prompt) for index in here]
    found = read_together(first.prompt.loaded.lm, wanted, first.past())
    readings = {
        index: one.since(plans[index].first) for index, one in zip(here, found, strict=True)
    }
    firings = _firings({index: plans[index] for index in here}, readings)
    plans[here[0]].known.metrics.joined.inc(len(here))
    for index in here:
        if not gone(index):
            plan = plans[index]
            own = {sae.sae_id: firings[sae.sae_id, index] for sae in plan.saes}
            yield index, plan.written(plan.prompt, readings[index], own)


def _firings(
    plans: dict[int, InspectWork], readings: dict[int, Reading]
) -> dict[tuple[str, int], Firings]:
    """By sae_id and index: every SAE runs once, over the prompts that ask for it."""
    found: dict[tuple[str, int], Firings] = {}
    for sae in {sae.sae_id: sae for plan in plans.values() for sae in plan.saes}.values():
        users = [index for index, plan in plans.items() if sae in plan.saes]
        asked = [(readings[index].resid[sae.layer], plans[index].request.theta) for index in users]
        found |= {
            (sae.sae_id, index): one
            for index, one in zip(users, encode_together(sae, asked), strict=True)
        }
    return found


def fits(plans: Sequence[InspectWork], room: int | None) -> bool:
    """Whether reading them together is worth its padding, and takes no more than `room` bytes (None
    = not known).

    What they leave out must be the same: rows of one forward go on from one prefix.
    """
    lm, held = plans[0].prompt.loaded.lm, plans[0].held
    if len({tuple(plan.prompt.token_ids[: plan.held]) for plan in plans}) > 1:
        return False
    lengths = [len(plan.prompt.token_ids) - held for plan in plans]
    padded = len(lengths) * max(lengths)
    most = CPU_POSITIONS if lm.device.type == "cpu" else GPU_POSITIONS
    if padded > most or padded > PADDING * sum(lengths):
        return False
    saes = list({sae.sae_id: sae for plan in plans for sae in plan.saes}.values())
    needed = bytes_together(
        lm, lengths, [bool(plan.request.next_tokens) for plan in plans], saes, past=held
    )
    needed += plans[0].prompt.past_bytes() if held else 0
    return room is None or needed <= room
