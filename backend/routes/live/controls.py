"""The arms that a steering effect is compared with: elsewhere, something else, and the other way.

`content_position`: the same interventions at one content token instead, drawn by the request's seed
among those that no edit touches. `random_feature`: at the same
positions an edit of the same size along another, randomly drawn feature's direction.
`sign_flipped`: the same edit subtracted. Where an edit depends on the feature's own activation, its
size is read from the unedited prompt, position by position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from backend.core.lm.interventions import Intervention
from backend.routes.live.prompting import Prompt
from backend.routes.live.recipes import Edit, Recipe, applied_positions, sentence, visible

ARMS = ("content_position", "random_feature", "sign_flipped")


def left_out(edits: Sequence[Edit], prompt: Prompt, seed: int) -> dict[str, str]:
    """The arms that cannot be run, by name, each with the reason; empty when all three can."""
    if not edits:
        return dict.fromkeys(
            ARMS, "there is no intervention that it could be compared with: send one or more"
        )
    if content_position(edits, prompt, seed) is None:
        reason = (
            "the prompt has no content token that no intervention edits: leave one out of positions"
        )
        if prompt.store is None:
            reason = (
                "without a build token classes are unknown: no position is known to hold a "
                "content token"
            )
        return {ARMS[0]: reason}
    return {}


def control_recipes(edits: Sequence[Edit], prompt: Prompt, seed: int) -> Iterator[Recipe]:
    """The three arms, without those of `left_out`. Blocks."""
    if not edits:
        return
    touched = tuple(applied_positions(edits))
    position = content_position(edits, prompt, seed)
    if position is not None:
        moved = [replace(edit, positions=(position,)) for edit in edits]
        words = f"{sentence(moved, prompt)[:-1]}: the same edit at a content token."
        if _is_cut_off(moved, prompt):
            words += (
                " After the last layer only the last position reaches the next token: its "
                "KL is 0 by construction."
            )
        yield Recipe(
            "content_position", tuple(edit.on_feature() for edit in moved), words, (position,)
        )
    sizes = _edit_sizes(edits, prompt)
    drawn = [_other_feature(edit, seed) for edit in edits]
    randomised = [
        one
        for edit, feature, size in zip(edits, drawn, sizes, strict=True)
        for one in _along(edit, feature, size)
    ]
    listed = ", ".join(
        f"{feature} of {edit.sae.sae_id}" for edit, feature in zip(edits, drawn, strict=True)
    )
    where = " ".join(visible(prompt.tokens[p].text) for p in applied_positions(edits)[:4])
    yield Recipe(
        "random_feature",
        tuple(randomised),
        f"An edit of the same size along a random feature's direction ({listed}), there: {where}.",
        touched,
    )
    flipped = [one for edit, size in zip(edits, sizes, strict=True) for one in _flipped(edit, size)]
    words = "The same edit with its sign turned round, at the same positions."
    yield Recipe("sign_flipped", tuple(flipped), words, touched)


def content_position(edits: Sequence[Edit], prompt: Prompt, seed: int) -> int | None:
    """A content token that no edit touches, the same one for the same seed;
    None when there is none.
    """
    taken = set(applied_positions(edits))
    free = [p for p, one in enumerate(prompt.token_classes) if one == "content" and p not in taken]
    if not free:
        return None
    generator = torch.Generator().manual_seed(seed)
    return free[int(torch.randint(len(free), (1,), generator=generator))]


def _is_cut_off(edits: Sequence[Edit], prompt: Prompt) -> bool:
    """No layer follows that could carry the edits from their positions to the prompt's last one."""
    last_layer, last = prompt.loaded.lm.n_layers - 1, len(prompt.token_ids) - 1
    return all(edit.sae.layer == last_layer and last not in edit.positions for edit in edits)


def _edit_sizes(edits: Sequence[Edit], prompt: Prompt) -> list[Tensor]:
    """Per edit the signed multiple of W_dec[f] that it adds, float32 [positions of the edit]."""
    reading = [edit for edit in edits if edit.asked.mode != "add"]
    layers = sorted({edit.sae.layer for edit in reading})
    resid = prompt.residuals(layers) if layers else {}
    sizes = []
    for edit in edits:
        value = torch.full((len(edit.positions),), edit.asked.value)
        if edit.asked.mode != "add":
            at = resid[edit.sae.layer][
                [position - prompt.prefix_length for position in edit.positions]
            ]
            held = edit.sae.feature_activation(at, edit.asked.feature_index).float().cpu()
            value = (value - 1.0) * held if edit.asked.mode == "scale" else value - held
        sizes.append(value)
    return sizes


def _other_feature(edit: Edit, seed: int) -> int:
    """Any other feature of the same SAE, the same one for the same seed."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + edit.asked.feature_index) % 2**63)
    drawn = int(torch.randint(max(edit.sae.d_sae - 1, 1), (1,), generator=generator))
    return drawn + 1 if drawn >= edit.asked.feature_index else drawn


def _along(edit: Edit, feature_index: int, sizes: Tensor) -> Iterator[Intervention]:
    """Adds the edit's size, in the residual's norm, along the direction of another feature."""
    own, other = edit.sae.decoder_rows([edit.asked.feature_index, feature_index]).float()
    yield from _adds(edit, other, sizes * (own.norm() / other.norm().clamp(min=1e-12)).cpu())


def _flipped(edit: Edit, sizes: Tensor) -> Iterator[Intervention]:
    own = edit.sae.decoder_rows([edit.asked.feature_index])[0].float()
    yield from _adds(edit, own, -sizes)


def _adds(edit: Edit, direction: Tensor, sizes: Tensor) -> Iterator[Intervention]:
    """One add per distinct size. Generated positions, whose own size is unknown,
    get that of the last one.
    """
    by_size: dict[float, list[int]] = {}
    for position, size in zip(edit.positions, sizes.tolist(), strict=True):
        by_size.setdefault(size, []).append(position)
    final = sizes.tolist()[-1]
    for size, positions in by_size.items():
        yield Intervention.on_direction(
            edit.sae.layer,
            direction,
            size,
            positions=tuple(positions),
            include_generated=edit.include_generated and size == final,
        )
