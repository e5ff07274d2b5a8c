"""A prefix that is run once, patching and reading in words, each beside the plain way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from backend.core.lm import LanguageModel
from tests.bench.asgi import InProcess
from tests.bench.bare import BareModel
from tests.bench.report import Row, time_row
from tests.bench.subject import Subject, prompts
from tests.bench.timing import alternate, seconds

# tokens before the prompt -> target, of a real model: the lab's is too small to gain by it
PREFIXES = {44: 0.45, 505: 0.1}
PROMPT_TOKENS = 14
NEW_TOKENS = 4
PATCHED = 12  # positions that differ, or follow a difference
LENS_TOKENS = 64


def steer_behind_prefix(
    server: InProcess, lm: LanguageModel, subject: Subject, rounds: int
) -> list[Row]:
    """A steering request with its controls behind a prefix that is kept, against the same text sent
    as one prompt. A new prompt every round, one prefix.
    """
    sae_id = next(iter(subject.saes))
    edit = {"sae_id": sae_id, "feature_index": 0, "mode": "add", "value": 1.0, "positions": "last"}
    asked = {"interventions": [edit], "max_new_tokens": NEW_TOKENS, "controls": True}
    room = (lm.max_positions or 10**6) - 2 * PROMPT_TOKENS
    rows = []
    for length, target in PREFIXES.items():
        if length > room:
            continue
        prefix = prompts(lm, length - 1, 1)[0] + "\n"
        texts = [f"{text[1:]}\n" for text in prompts(lm, PROMPT_TOKENS, rounds + 2)]

        def ours(number: int, prefix: str = prefix, texts: list[str] = texts) -> float:
            body = {"prefix": prefix, "prompt": texts[number], **asked}
            return server.post("/api/steer", body).seconds

        def peer(number: int, prefix: str = prefix, texts: list[str] = texts) -> float:
            return server.post("/api/steer", {"prompt": prefix + texts[number], **asked}).seconds

        note = (
            f"Server time of POST /api/steer with controls (up to five arms, {NEW_TOKENS} tokens "
            f"each) for a prompt of about {PROMPT_TOKENS} tokens behind a prefix of {length} that "
            "was run before, against the same text sent as one prompt."
        )
        rows.append(
            time_row(
                f"steer_behind_prefix.{length}",
                alternate(ours, peer, rounds=rounds),
                target=None if subject.is_lab else target,
                subject=subject.name,
                note=note,
            )
        )
    return rows


def patch_vs_hooks(
    server: InProcess, lm: LanguageModel, bare: BareModel, subject: Subject, rounds: int
) -> list[Row]:
    """The whole map of POST /api/patch against transformers with a hook, a batch of all positions a
    layer.
    """
    both = prompts(lm, PATCHED + 1, 2 * (rounds + 2))
    pairs = [
        (first, second)
        for first, second in zip(both[::2], both[1::2], strict=True)
        if len(lm.tokenize(first)) == len(lm.tokenize(second))
    ]
    ids = [(lm.tokenize(first), lm.tokenize(second)) for first, second in pairs]

    def ours(number: int) -> float:
        first, second = pairs[number]
        return server.post("/api/patch", {"prompt_a": first, "prompt_b": second}).seconds

    def peer(number: int) -> float:
        return seconds(partial(patched_plainly, bare, *ids[number]))

    note = (
        f"Server time of POST /api/patch ({PATCHED} positions, every layer, sets and sham too) "
        "against transformers: both prompts once, then per layer one batch with a row a position "
        "and a hook that puts A's state there."
    )
    return [
        time_row(
            "patch_vs_hooks",
            alternate(ours, peer, rounds=rounds),
            target=1.0,
            subject=subject.name,
            note=note,
        )
    ]


@torch.inference_mode()
def patched_plainly(bare: BareModel, a: Sequence[int], b: Sequence[int]) -> list[Tensor]:
    """Logits [position, vocab] of each layer, with A's state at one position of B at a time."""
    states = bare.model(
        torch.tensor([a]), output_hidden_states=True, use_cache=False, logits_to_keep=1
    ).hidden_states
    places = torch.arange(1, len(b))
    batch = torch.tensor([b]).expand(len(places), -1)
    found = []
    for layer, block in enumerate(bare.model.base_model.layers):

        def put(_: object, __: object, output: Tensor, layer: int = layer) -> Tensor:
            made = output.clone()
            made[torch.arange(len(places)), places] = states[layer + 1][0, places]
            return made

        handle = block.register_forward_hook(put)
        found.append(bare.model(batch, use_cache=False, logits_to_keep=1).logits[:, -1])
        handle.remove()
    return found


def lens_vs_plain(
    server: InProcess, lm: LanguageModel, bare: BareModel, subject: Subject, rounds: int
) -> Row:
    """POST /api/lens of a prompt's last position against all hidden states, norm, unembedding."""
    texts = prompts(lm, LENS_TOKENS, rounds + 2)
    ids = [lm.tokenize(text) for text in texts]

    def ours(number: int) -> float:
        body = {"prompt": texts[number], "positions": [len(ids[number]) - 1]}
        return server.post("/api/lens", body).seconds

    def peer(number: int) -> float:
        return seconds(partial(read_plainly, bare, ids[number]))

    return time_row(
        "lens_vs_plain",
        alternate(ours, peer, rounds=rounds),
        target=1.3,
        subject=subject.name,
        note=f"Server time of POST /api/lens of the last of {LENS_TOKENS} positions after every "
        "layer against transformers: hidden states of one forward, final norm, unembedding, ten "
        "most probable.",
    )


@torch.inference_mode()
def read_plainly(bare: BareModel, ids: Sequence[int]) -> Tensor:
    """Ids [layer, 10] of the tokens that the last position promotes after each layer."""
    output = bare.model(
        torch.tensor([ids]), output_hidden_states=True, use_cache=False, logits_to_keep=1
    )
    rows = torch.stack([one[0, -1] for one in output.hidden_states[1:]])
    logits = bare.model.get_output_embeddings()(bare.model.base_model.norm(rows))
    return torch.softmax(logits.float(), -1).topk(10).indices
