"""inspect, steer and sweep, each beside the same thing done with sae-lens's bridge;
answers are compared first.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.generate import generate_arms, kl
from backend.core.steering.sweep import Grid, baseline, sweep
from tests.bench.asgi import InProcess
from tests.bench.live_comparisons import NEW_TOKENS, PROMPT_TOKENS
from tests.bench.report import Row, speed_row, time_row
from tests.bench.saelens import VARIANTS, SaeLensPeer
from tests.bench.subject import Subject, prompts
from tests.bench.timing import alternate, seconds

STRENGTHS = (-8.0, -4.0, 4.0, 8.0, 16.0, 32.0)
SWEEP_PROMPT_TOKENS = 16
ALPHA = 8.0
NO_TARGET = "No target: the bridge is what people use today, not a bound."


def inspect_vs_saelens(
    server: InProcess, lm: LanguageModel, peer: SaeLensPeer, subject: Subject, rounds: int
) -> Row:
    """Server time of POST /api/inspect against the bridge's run_with_cache_with_saes
    with its error term.
    """
    texts = prompts(lm, PROMPT_TOKENS, rounds + 2)
    tokens = [torch.tensor([lm.tokenize(text)]) for text in texts]
    request = {"sae_ids": list(subject.saes), "next_tokens": 0}

    def ours(number: int) -> float:
        return server.post("/api/inspect", {"prompt": texts[number], **request}).seconds

    def theirs(number: int) -> float:
        return seconds(partial(peer.run, tokens[number], VARIANTS[0]))

    pairs = alternate(ours, theirs, rounds=rounds)
    note = (
        f"Server time of POST /api/inspect ({PROMPT_TOKENS} tokens, {len(subject.saes)} SAEs, "
        "JSON counted) against SAETransformerBridge.run_with_cache_with_saes of the same prompt. "
        f"{NO_TARGET}"
    )
    row = time_row("inspect_vs_saelens", pairs, target=None, subject=subject.name, note=note)
    return replace(row, cpu_ratio=pairs.cpu_ratio())


def steer_vs_saelens(
    lm: LanguageModel, sae: Sae, peer: SaeLensPeer, subject: Subject, rounds: int
) -> Row:
    """Both arms' tokens a second against the bridge's generate with a hook,
    both arms in one batch there too.
    """
    ids = lm.tokenize(prompts(lm, PROMPT_TOKENS, 1)[0])
    steering = Intervention.on_feature(sae, 0, "add", ALPHA, positions=(len(ids) - 1,))
    direction = sae.decoder_rows([0])[0]

    def ours() -> list[list[int]]:
        made: list[list[int]] = [[], []]
        for step in generate_arms(lm, ids, [[], [steering]], max_new_tokens=NEW_TOKENS):
            made[step.arm].append(step.token_id)
        return made

    def theirs() -> list[list[int]]:
        return bridge_generate(peer, residual_hook(peer), ids, direction * ALPHA)

    agreement = _agreement(ours(), theirs())
    n_tokens = sum(map(len, ours()))
    pairs = alternate(
        lambda _: seconds(ours) / n_tokens,
        lambda _: seconds(theirs) / (2 * NEW_TOKENS),
        rounds=rounds,
        warmup=1,
    )
    note = (
        f"Baseline and steered arm, {NEW_TOKENS} greedy tokens after {PROMPT_TOKENS}, against "
        "the bridge's generate of both as one batch with a hook that adds the same vector at the "
        f"same position. {agreement} {NO_TARGET}"
    )
    return speed_row(
        "steer_vs_saelens",
        pairs,
        work=1,
        unit="tok/s",
        target=None,
        subject=subject.name,
        note=note,
    )


def sweep_vs_saelens(
    lm: LanguageModel, sae: Sae, peer: SaeLensPeer, subject: Subject, rounds: int
) -> list[Row]:
    """A grid of next-token KL against run_with_hooks, one forward a cell, and one a column."""
    ids = lm.tokenize(prompts(lm, SWEEP_PROMPT_TOKENS, 1)[0])
    grid = Grid(
        STRENGTHS,
        tuple(range(len(ids))),
        lambda strength, position: Intervention.on_feature(
            sae, 0, "add", strength, positions=(position,)
        ),
    )
    direction = sae.decoder_rows([0])[0]

    def ours() -> list[float]:
        base = baseline(lm, ids, 0)
        cells = [cell for batch in sweep(lm, ids, grid, max_new_tokens=0) for cell in batch]
        return [kl(cell.log_probs, base.log_probs) for cell in cells]

    mine = torch.tensor(ours())
    found = []
    for suffix, together in (("", False), (".columns_batched", True)):
        theirs = partial(bridge_sweep, peer, residual_hook(peer), ids, direction, together=together)
        apart = float((mine - torch.tensor(theirs())).abs().max())
        pairs = alternate(
            lambda _: seconds(ours), lambda _, run=theirs: seconds(run), rounds=rounds, warmup=1
        )
        note = (
            f"{len(STRENGTHS)} strengths × {len(ids)} positions, next-token KL, against the "
            "bridge's run_with_hooks, "
            f"{'one batch a position' if together else 'one forward a cell'}. Largest difference "
            f"of a cell's KL: {apart:.1e} nats. {NO_TARGET}"
        )
        name = "sweep_vs_saelens" + suffix
        found.append(
            speed_row(
                name,
                pairs,
                work=grid.n_cells,
                unit="cells/s",
                target=None,
                subject=subject.name,
                note=note,
            )
        )
    return found


@torch.inference_mode()
def bridge_generate(
    peer: SaeLensPeer, hook_name: str, ids: list[int], vector: Tensor
) -> list[list[int]]:
    """Greedy tokens of [baseline, steered] by the bridge."""

    def add(value: Tensor, hook: Any) -> Tensor:
        if value.shape[1] == len(ids):  # the prompt, not a later step
            value = value.clone()
            value[1, -1] += vector
        return value

    tokens = torch.tensor([ids, ids])
    with peer.bridge.hooks(fwd_hooks=[(hook_name, add)]):
        made = peer.bridge.generate(
            tokens,
            max_new_tokens=NEW_TOKENS,
            stop_at_eos=False,
            do_sample=False,
            return_type="tokens",
            verbose=False,
        )
    return [row[len(ids) :] for row in made.tolist()]


@torch.inference_mode()
def bridge_sweep(
    peer: SaeLensPeer, hook_name: str, ids: list[int], direction: Tensor, *, together: bool
) -> list[float]:
    """KL of every cell, column by column, by the bridge."""
    tokens = torch.tensor([ids])
    base = peer.bridge(tokens)[0, -1].float().log_softmax(-1)
    found = []
    for position in range(len(ids)):
        parts = [STRENGTHS] if together else [(strength,) for strength in STRENGTHS]
        for part in parts:

            def add(
                value: Tensor, hook: Any, at: int = position, strengths: tuple[float, ...] = part
            ) -> Tensor:
                value = value.clone()
                value[:, at] += torch.tensor(strengths)[:, None] * direction
                return value

            logits = peer.bridge.run_with_hooks(
                tokens.expand(len(part), -1), fwd_hooks=[(hook_name, add)]
            )
            found += [kl(row.float().log_softmax(-1), base) for row in logits[:, -1]]
    return found


def _agreement(ours: list[list[int]], theirs: list[list[int]]) -> str:
    """RuntimeError when the two sides do not write the same;
    one that ended early is compared that far.
    """
    for own, other in zip(ours, theirs, strict=True):
        if own != other[: len(own)]:
            raise RuntimeError(f"the bridge writes other tokens: {own[:8]} against {other[:8]}")
    return "Both sides write the same tokens."


def residual_hook(peer: SaeLensPeer) -> str:
    """The bridge's name for the residual after the first SAE's layer;
    the SAE's own hook is a point inside it.
    """
    return str(peer.names[0]).removesuffix(".hook_sae_acts_post")


def peer_of(subject: Subject, scratch: Path) -> SaeLensPeer:
    """The bridge with the subject's SAEs."""
    return SaeLensPeer(subject.model, subject.saes, scratch)
