"""From a steer request to interventions on the model:
positions resolved, SAEs found, put into words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.core.lm.interventions import Intervention, Plan
from backend.core.sae import Sae
from backend.routes.live.prompting import Prompt
from backend.routes.request.problems import Refusal, refuse_field
from backend.schemas import Intervention as Asked
from backend.schemas import SteerRequest

NO_CHANGE = "The model as it is, without any intervention."


@dataclass(frozen=True)
class Edit:
    """One intervention of a request with its SAE and its positions."""

    asked: Asked
    sae: Sae
    positions: tuple[int, ...]
    include_generated: bool

    def on_feature(self) -> Intervention:
        """As the model takes it."""
        return Intervention.on_feature(
            self.sae,
            self.asked.feature_index,
            self.asked.mode,
            self.asked.value,
            positions=self.positions,
            include_generated=self.include_generated,
        )

    def effective(self) -> dict[str, Any]:
        """As applied; `rule` is what was asked for, decoder_norm the L2 norm of W_dec[f]."""
        norm = self.sae.decoder_rows([self.asked.feature_index])[0].float().norm()
        return {
            "sae_id": self.sae.sae_id,
            "feature_index": self.asked.feature_index,
            "layer": self.sae.layer,
            "mode": self.asked.mode,
            "value": self.asked.value,
            "rule": self.asked.positions,
            "positions": list(self.positions),
            "decoder_norm": float(norm),
        }


@dataclass(frozen=True)
class Recipe:
    """One arm: its name, what it does to the model, and that in words."""

    name: str
    interventions: tuple[Intervention, ...]
    sentence: str
    positions: tuple[int, ...] = ()  # of the prompt, that it edits

    def with_frozen_attention(self) -> Recipe:
        """Its sentence says so; an arm that edits nothing attends as the baseline anyway."""
        if not self.interventions:
            return self
        return replace(
            self, sentence=f"{self.sentence} In the prompt it attends as the baseline does."
        )


BASELINE = Recipe("baseline", (), NO_CHANGE)


def read_edits(request: SteerRequest, prompt: Prompt) -> list[Edit]:
    """Every intervention checked: SAE, feature, positions,
    and that they do not contradict each other.
    """
    edits = []
    for place, asked in enumerate(request.interventions):
        field = f"interventions.{place}"
        sae = prompt.loaded.saes.get(asked.sae_id)
        if sae is None:
            raise refuse_field(
                f"{field}.sae_id", asked.sae_id, f"one of {sorted(prompt.loaded.saes)}"
            )
        if asked.feature_index >= sae.d_sae:
            raise refuse_field(
                f"{field}.feature_index", asked.feature_index, f"0 to {sae.d_sae - 1}"
            )
        positions = prompt.resolve(asked.positions, f"{field}.positions")
        edits.append(Edit(asked, sae, tuple(positions), request.include_generated))
    try:
        Plan.build([[edit.on_feature() for edit in edits]], len(prompt.token_ids))
    except ValueError as error:
        raise Refusal(
            422, f"interventions: {error}", errors=[_contradiction(edits, error)]
        ) from error
    return edits


def _contradiction(edits: Sequence[Edit], error: ValueError) -> Any:
    asked = [edit.asked.model_dump() for edit in edits]
    return refuse_field("interventions", asked, str(error)).errors[0]


def steered_recipe(edits: Sequence[Edit], prompt: Prompt) -> Recipe:
    """The arm that the request asks for."""
    arm = tuple(edit.on_feature() for edit in edits)
    return Recipe("steered", arm, sentence(edits, prompt), tuple(applied_positions(edits)))


def applied_positions(edits: Sequence[Edit]) -> list[int]:
    """Prompt positions that any edit touches, ascending."""
    return sorted({position for edit in edits for position in edit.positions})


def sentence(edits: Sequence[Edit], prompt: Prompt) -> str:
    """The recipe in plain words."""
    if not edits:
        return NO_CHANGE
    parts = [f"{_verb(edit)} {_where(edit.positions, prompt)}" for edit in edits]
    words = "; ".join(parts)
    if edits[0].include_generated:
        words += "; and at every generated token"
    return words[0].upper() + words[1:] + "."


def _verb(edit: Edit) -> str:
    feature = f"feature {edit.asked.feature_index} of {edit.sae.sae_id}"
    value = f"{edit.asked.value:g}".replace("-", "−")
    return {
        "add": f"add {value} × {feature} (after layer {edit.sae.layer})",
        "clamp": f"set {feature} (after layer {edit.sae.layer}) to {value}",
        "scale": f"multiply {feature} (after layer {edit.sae.layer}) by {value}",
        "ablate": f"switch {feature} (after layer {edit.sae.layer}) off",
    }[edit.asked.mode]


def _where(positions: Sequence[int], prompt: Prompt) -> str:
    if len(positions) == len(prompt.token_ids) - prompt.prefix_length:
        return "at every position of the prompt" + (
            " after its prefix" if prompt.prefix_length else ""
        )
    if len(positions) > 4:
        return f"at {len(positions)} positions of the prompt"
    named = [f"{visible(prompt.tokens[p].text)} (position {p})" for p in positions]
    return "at " + ", ".join(named)


def visible(text: str) -> str:
    """A token's text in quotes, with a newline and a leading space that can be seen."""
    shown = text.replace("\n", "↵")
    return f"“{'·' + shown[1:] if shown.startswith(' ') else shown}”"
