"""The arms that a steering effect is compared with: elsewhere, something else, and the other way.

`content_position`: the same interventions at one content token instead, drawn by the request's seed
among those that no edit touches. `random_feature`: at the same
positions an edit of the same size along another, randomly drawn feature's direction.
`sign_flipped`: the same edit subtracted. Where an edit depends on the feature's own activation, its
size is read from the unedited prompt, position by position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from backend.core.lm.interventions import Intervention
from backend.core.steering.arms import (
    Arm,
    FeatureEdit,
    edited_positions,
    norm_ratio,
    other_feature,
    quoted,
    sentence,
)
from backend.core.steering.prompt import ReadPrompt

ARMS = ("content_position", "random_feature", "sign_flipped")
Residuals = Callable[[Sequence[int]], dict[int, Tensor]]  # layers -> see prompt.residuals


def left_out(edits: Sequence[FeatureEdit], prompt: ReadPrompt, seed: int) -> dict[str, str]:
    """The arms that cannot be run, by name, each with the reason; empty when all three can."""
    if not edits:
        return dict.fromkeys(
            ARMS, "there is no intervention that it could be compared with: send one or more"
        )
    if content_position(edits, prompt, seed) is None:
        reason = (
            "the prompt has no content token that no intervention edits: leave one out of positions"
        )
        if not prompt.classified:
            reason = (
                "without a build token classes are unknown: no position is known to hold a "
                "content token"
            )
        return {ARMS[0]: reason}
    return {}


def control_arms(
    edits: Sequence[FeatureEdit],
    prompt: ReadPrompt,
    seed: int,
    *,
    n_layers: int,
    residuals: Residuals,
) -> Iterator[Arm]:
    """The three arms, without those of `left_out`. Blocks. `residuals`: of the unedited prompt, for
    edits whose size hangs on them.
    """
    if not edits:
        return
    position = content_position(edits, prompt, seed)
    if position is not None:
        yield _moved(edits, prompt, position, n_layers)
    sizes = _edit_sizes(edits, prompt, residuals)
    drawn = [other_feature(edit.sae.d_sae, edit.feature_index, seed) for edit in edits]
    randomised = [
        one
        for edit, feature, size in zip(edits, drawn, sizes, strict=True)
        for one in _along(edit, feature, size)
    ]
    listed = ", ".join(
        f"{feature} of {edit.sae.sae_id}" for edit, feature in zip(edits, drawn, strict=True)
    )
    touched = tuple(edited_positions(edits))
    where = " ".join(quoted(prompt.texts[p]) for p in touched[:4])
    yield Arm(
        "random_feature",
        tuple(randomised),
        f"An edit of the same size along a random feature's direction ({listed}), there: {where}.",
        touched,
    )
    flipped = [one for edit, size in zip(edits, sizes, strict=True) for one in _flipped(edit, size)]
    words = "The same edit with its sign turned round, at the same positions."
    yield Arm("sign_flipped", tuple(flipped), words, touched)


def content_position(edits: Sequence[FeatureEdit], prompt: ReadPrompt, seed: int) -> int | None:
    """A content token that no edit touches, the same one for the same seed;
    None when there is none.
    """
    taken = set(edited_positions(edits))
    free = [position for position in prompt.of_class("content") if position not in taken]
    if not free:
        return None
    generator = torch.Generator().manual_seed(seed)
    return free[int(torch.randint(len(free), (1,), generator=generator))]


def _moved(edits: Sequence[FeatureEdit], prompt: ReadPrompt, position: int, n_layers: int) -> Arm:
    """The edits at that position instead."""
    moved = [replace(edit, positions=(position,)) for edit in edits]
    words = f"{sentence(moved, prompt)[:-1]}: the same edit at a content token."
    after_last = all(edit.sae.layer == n_layers - 1 for edit in moved)
    if after_last and position != len(prompt.token_ids) - 1:  # no layer follows to carry it there
        words += (
            " After the last layer only the last position reaches the next token: its KL is 0 by "
            "construction."
        )
    made = tuple(edit.on_feature() for edit in moved)
    return Arm("content_position", made, words, (position,))


def _edit_sizes(
    edits: Sequence[FeatureEdit], prompt: ReadPrompt, residuals: Residuals
) -> list[Tensor]:
    """Per edit the signed multiple of W_dec[f] that it adds, float32 [positions of the edit]."""
    layers = sorted({edit.sae.layer for edit in edits if edit.mode != "add"})
    resid = residuals(layers) if layers else {}
    sizes = []
    for edit in edits:
        value = torch.full((len(edit.positions),), edit.value)
        if edit.mode != "add":
            at = resid[edit.sae.layer][
                [position - prompt.prefix_length for position in edit.positions]
            ]
            held = edit.sae.feature_activation(at, edit.feature_index).float().cpu()
            value = (value - 1.0) * held if edit.mode == "scale" else value - held
        sizes.append(value)
    return sizes


def _along(edit: FeatureEdit, feature_index: int, sizes: Tensor) -> Iterator[Intervention]:
    """Adds the edit's size, in the residual's norm, along the direction of another feature."""
    own, other = edit.sae.decoder_rows([edit.feature_index, feature_index]).float()
    yield from _adds(edit, other, sizes * norm_ratio(own, other).cpu())


def _flipped(edit: FeatureEdit, sizes: Tensor) -> Iterator[Intervention]:
    own = edit.sae.decoder_rows([edit.feature_index])[0].float()
    yield from _adds(edit, own, -sizes)


def _adds(edit: FeatureEdit, direction: Tensor, sizes: Tensor) -> Iterator[Intervention]:
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
