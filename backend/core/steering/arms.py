"""Arms of an experiment on the model: what each does to it, and that in words.

An edit names a feature; an arm has a name and the interventions that edits come to. What a control
draws, and how large it is made, stands here once for requests and jobs alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from backend.core.lm.interventions import Intervention
from backend.core.sae import Sae
from backend.core.steering.prompt import ReadPrompt

NO_CHANGE = "The model as it is, without any intervention."
FeatureMode = Literal["add", "clamp", "scale", "ablate"]
At = Callable[[int], Intervention]  # a position -> what is done there


@dataclass(frozen=True)
class FeatureEdit:
    """One feature of an SAE edited at positions of a prompt."""

    sae: Sae
    feature_index: int
    mode: FeatureMode
    value: float
    positions: tuple[int, ...]
    include_generated: bool = False

    def on_feature(self) -> Intervention:
        """As the model takes it."""
        return Intervention.on_feature(
            self.sae,
            self.feature_index,
            self.mode,
            self.value,
            positions=self.positions,
            include_generated=self.include_generated,
        )


@dataclass(frozen=True)
class Arm:
    """`interventions`: what it does to the model; `sentence`: that in words; `positions`: those of
    the prompt that it edits.
    """

    name: str
    interventions: tuple[Intervention, ...]
    sentence: str
    positions: tuple[int, ...] = ()

    def with_frozen_attention(self) -> Arm:
        """Its sentence says so; an arm that edits nothing attends as the baseline anyway."""
        if not self.interventions:
            return self
        return replace(
            self, sentence=f"{self.sentence} In the prompt it attends as the baseline does."
        )


BASELINE = Arm("baseline", (), NO_CHANGE)


def steered_arm(edits: Sequence[FeatureEdit], prompt: ReadPrompt) -> Arm:
    """All edits together."""
    made = tuple(edit.on_feature() for edit in edits)
    return Arm("steered", made, sentence(edits, prompt), tuple(edited_positions(edits)))


def edited_positions(edits: Sequence[FeatureEdit]) -> list[int]:
    """Prompt positions that any edit touches, ascending."""
    return sorted({position for edit in edits for position in edit.positions})


def adding(layer: int, direction: Tensor, times: float) -> At:
    """Adds times · `direction` [d_model] after the layer."""
    return lambda position: Intervention.on_direction(
        layer, direction, times, positions=(position,)
    )


def adding_feature(sae: Sae, feature_index: int, times: float) -> At:
    """Adds times · W_dec[f]; its call is a ValueError where the SAE cannot be steered with."""
    return lambda position: Intervention.on_feature(
        sae, feature_index, "add", times, positions=(position,)
    )


def other_feature(d_sae: int, feature_index: int, seed: int) -> int:
    """Any other of d_sae features, the same one for the same seed."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + feature_index) % 2**63)
    drawn = int(torch.randint(max(d_sae - 1, 1), (1,), generator=generator))
    return drawn + 1 if drawn >= feature_index else drawn


def norm_ratio(own: Tensor, other: Tensor, times: float = 1.0) -> Tensor:
    """What `other` [d_model] is multiplied by to be `times` as long as `own`."""
    ratio: Tensor = times * own.norm() / other.norm().clamp(min=1e-12)
    return ratio


def taken_away(sae: Sae, features: Tensor, activations: Tensor) -> Tensor:
    """float32 [d_model]: what ablating these features takes from one residual, Σ a_f W_dec[f]."""
    if not len(features):
        return torch.zeros(sae.d_model)
    return activations.float() @ sae.decoder_rows(features.tolist()).float()


def sentence(edits: Sequence[FeatureEdit], prompt: ReadPrompt) -> str:
    """The edits in plain words."""
    if not edits:
        return NO_CHANGE
    words = "; ".join(f"{edit_words(edit)} {_where(edit.positions, prompt)}" for edit in edits)
    if edits[0].include_generated:
        words += "; and at every generated token"
    return words[0].upper() + words[1:] + "."


def edit_words(edit: FeatureEdit) -> str:
    """What is done, without where."""
    feature = f"feature {edit.feature_index} of {edit.sae.sae_id}"
    value = f"{edit.value:g}".replace("-", "−")
    return {
        "add": f"add {value} × {feature} (after layer {edit.sae.layer})",
        "clamp": f"set {feature} (after layer {edit.sae.layer}) to {value}",
        "scale": f"multiply {feature} (after layer {edit.sae.layer}) by {value}",
        "ablate": f"switch {feature} (after layer {edit.sae.layer}) off",
    }[edit.mode]


def _where(positions: Sequence[int], prompt: ReadPrompt) -> str:
    if len(positions) == len(prompt.token_ids) - prompt.prefix_length:
        return "at every position of the prompt" + (
            " after its prefix" if prompt.prefix_length else ""
        )
    if len(positions) > 4:
        return f"at {len(positions)} positions of the prompt"
    named = [f"{quoted(prompt.texts[p])} (position {p})" for p in positions]
    return "at " + ", ".join(named)


def quoted(text: str) -> str:
    """A token's text in quotes, with a newline and a leading space that can be seen."""
    shown = text.replace("\n", "↵")
    return f"“{'·' + shown[1:] if shown.startswith(' ') else shown}”"
