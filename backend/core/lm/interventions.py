"""Edits of the residual stream after a decoder layer, at absolute positions.

**Modes**, on the residual h after the layer, with a = the feature's activation on h:
add h + value·W_dec[f] · clamp h + (value - a)·W_dec[f] · scale h + (value - 1)·a·W_dec[f] ·
ablate = clamp to 0 · replace = the given state in h's place, bit for bit. Clamp, scale and ablate
keep everything that the SAE does not explain (its error term), so clamping a feature to the
activation that it has changes nothing.

**Several on one layer** do not depend on their order: every activation is read from h as it
enters the edit, and the edits are summed. So an add is not seen by a clamp of the same
feature beside it (the feature is set to the clamp's value, then the add comes on top), and two
clamps of different features do not correct for each other's overlap. Two of clamp, scale and
ablate on one feature at one position contradict each other and are refused, and so is anything but
an add beside a replace; an add comes on top of the state. Edits at deeper layers see the stream
that shallower edits left.

**Positions** are absolute (BOS is 0), taken from the `position_ids` that reach the layer; so
they are right with a KV cache, in a sliding window and with left padding. "all" means every
position of the prompt. With `include_generated` every position after the prompt is edited too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from typing import Literal, get_args

import torch
from torch import Tensor

from backend.core.sae import Sae

Mode = Literal["add", "clamp", "scale", "ablate", "replace"]
Positions = tuple[int, ...] | Literal["all"]


@dataclass(frozen=True, eq=False)
class Intervention:
    """One edit. `direction` is W_dec[f], float [d_model]; for replace it holds the states, one a
    position in the order of `positions`, [n_positions, d_model]. `read` maps residuals [n,
    d_model] to the feature's activation [n], and is None for add and replace, which need none."""

    layer: int
    mode: Mode
    value: float
    positions: Positions
    include_generated: bool
    direction: Tensor
    read: Callable[[Tensor], Tensor] | None = None
    sae_id: str | None = None
    feature_index: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise ValueError(f"mode is {self.mode!r}; allowed: {', '.join(get_args(Mode))}.")
        if not isfinite(self.value):
            raise ValueError(f"value is {self.value}; allowed: finite numbers.")
        if self.positions != "all" and any(position < 0 for position in self.positions):
            raise ValueError(f"positions are {list(self.positions)}; allowed: 0 and above.")
        if self.mode == "replace":
            self._check_states()
        elif self.direction.dim() != 1:
            raise ValueError(
                f"The direction has shape {tuple(self.direction.shape)}; needed: [d_model]."
            )
        elif self.mode != "add" and self.read is None:
            raise ValueError(
                f"mode {self.mode!r} needs an SAE feature to read; a bare direction can only be "
                "added."
            )

    def _check_states(self) -> None:
        if (
            self.positions == "all"
            or self.include_generated
            or list(self.positions) != sorted(set(self.positions))
        ):
            raise ValueError(
                f"positions are {self.positions}; a replace takes ascending positions of the "
                "prompt."
            )
        if self.direction.dim() != 2 or len(self.direction) != len(self.positions):
            raise ValueError(
                f"The states have shape {tuple(self.direction.shape)}; needed: one row for each of "
                f"{len(self.positions)} positions."
            )

    @classmethod
    def on_feature(
        cls,
        sae: Sae,
        feature_index: int,
        mode: Mode,
        value: float = 0.0,
        *,
        positions: Positions,
        include_generated: bool = False,
    ) -> "Intervention":
        """On one feature of an SAE, at the SAE's own layer. `value`: α, the activation to clamp to,
        or the factor; ignored by ablate. ValueError for an SAE that rescales its input per token,
        whose W_dec is not in the residual stream's units."""
        if sae.normalize_activations != "none":
            raise ValueError(
                f"{sae.sae_id} normalises its input ({sae.normalize_activations}): it can be "
                "read but not steered with."
            )
        return cls(
            layer=sae.layer,
            mode=mode,
            value=0.0 if mode == "ablate" else float(value),
            positions=positions if positions == "all" else tuple(positions),
            include_generated=include_generated,
            direction=sae.decoder_rows([feature_index])[0],
            read=None if mode == "add" else sae.reader(feature_index),
            sae_id=sae.sae_id,
            feature_index=feature_index,
        )

    @classmethod
    def on_direction(
        cls,
        layer: int,
        direction: Tensor,
        value: float,
        *,
        positions: Positions,
        include_generated: bool = False,
    ) -> "Intervention":
        """Adds value·direction: for controls (a random direction, a difference of means)."""
        return cls(layer, "add", float(value), positions, include_generated, direction)

    @classmethod
    def replacing(cls, layer: int, positions: Sequence[int], states: Tensor) -> "Intervention":
        """Puts `states` [n_positions, d_model] in the place of the residuals at `positions`, which
        ascend."""
        return cls(layer, "replace", 0.0, tuple(positions), False, states)

    def first_position(self, prompt_length: int) -> int:
        """The first position that it edits; `prompt_length` when it edits generated text only."""
        return 0 if self.positions == "all" else min(self.positions, default=prompt_length)

    def covers(self, position_ids: Tensor, prompt_length: int) -> Tensor:
        """bool, the shape of `position_ids`: where the edit applies."""
        generated = position_ids >= prompt_length
        if self.positions == "all":
            return torch.ones_like(generated) if self.include_generated else ~generated
        wanted = torch.tensor(self.positions, dtype=torch.long, device=position_ids.device)
        prompt = torch.isin(position_ids, wanted) & ~generated
        return prompt | generated if self.include_generated else prompt

    def delta(self, resid: Tensor) -> Tensor:
        """[n, d_model] unedited residuals -> [n, d_model] to be added, in float32."""
        direction = self.direction.to(resid.device, torch.float32)
        if self.read is None:
            return (self.value * direction).expand(resid.shape)
        activation = self.read(resid).to(resid.device, torch.float32)
        change = (
            self.value - activation if self.mode != "scale" else (self.value - 1.0) * activation
        )
        return change[:, None] * direction

    def states_at(self, position_ids: Tensor) -> Tensor:
        """[n, d_model]: of a replace, the state for each of the absolute positions [n], which it
        must have."""
        own = torch.tensor(self.positions, dtype=torch.long, device=position_ids.device)
        return self.direction.to(position_ids.device)[torch.searchsorted(own, position_ids)]


@dataclass(frozen=True, eq=False)
class _Edit:
    """One intervention and the rows of the batch that it is for."""

    intervention: Intervention
    rows: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """What to edit in one batch, by layer."""

    n_rows: int
    prompt_length: int
    edits: dict[int, tuple[_Edit, ...]]

    @classmethod
    def build(cls, rows: Sequence[Sequence[Intervention]], prompt_length: int) -> "Plan":
        """A list of interventions per row; an object in several rows is computed once for all.

        ValueError for a position outside the prompt or for contradicting interventions.
        """
        users: dict[tuple[int, int], tuple[Intervention, list[int]]] = {}
        for index, row in enumerate(rows):
            _check_row(row, prompt_length)
            for place, one in enumerate(row):
                again = sum(other is one for other in row[:place])  # twice in a row acts twice
                users.setdefault((id(one), again), (one, []))[1].append(index)
        edits: dict[int, tuple[_Edit, ...]] = {}
        states_first = sorted(users.values(), key=lambda user: user[0].mode != "replace")
        for one, used_in in states_first:  # what is added comes on top of a state
            edits[one.layer] = (*edits.get(one.layer, ()), _Edit(one, tuple(used_in)))
        return cls(len(rows), prompt_length, edits)

    def touches(self, layer: int) -> bool:
        return layer in self.edits

    def apply(self, layer: int, hidden: Tensor, position_ids: Tensor | None) -> Tensor:
        """[batch, pos, d_model] -> the same, edited; untouched positions keep their exact bits.

        ValueError when the layer was not told its positions or the batch has another size.
        """
        if position_ids is None:
            raise ValueError(f"Layer {layer} was given no position_ids: interventions need them.")
        if hidden.shape[0] != self.n_rows:
            raise ValueError(
                f"The batch has {hidden.shape[0]} rows, the interventions {self.n_rows}."
            )
        edited = hidden
        where = position_ids.expand(hidden.shape[:2])
        for edit in self.edits[layer]:
            rows = torch.tensor(edit.rows, device=hidden.device)
            chosen, column = edit.intervention.covers(where[rows], self.prompt_length).nonzero(
                as_tuple=True
            )
            if chosen.numel() == 0:
                continue
            at = (rows[chosen], column)
            edited = hidden.clone() if edited is hidden else edited
            if edit.intervention.mode == "replace":
                edited[at] = edit.intervention.states_at(where[at]).to(hidden.dtype)
                continue
            delta = edit.intervention.delta(hidden[at])
            edited[at] = (edited[at].float() + delta).to(hidden.dtype)
        return edited


_PLAN: ContextVar[Plan | None] = ContextVar("intervention_plan", default=None)


def current_plan() -> Plan | None:
    """The plan of the running thread or task; None when nothing is to be edited."""
    return _PLAN.get()


@contextmanager
def planned(plan: Plan) -> Iterator[None]:
    """Makes it the plan of this thread or task, and of no other, inside the block."""
    token = _PLAN.set(plan)
    try:
        yield
    finally:
        _PLAN.reset(token)


def _check_row(row: Sequence[Intervention], prompt_length: int) -> None:
    for one in row:
        if one.positions != "all" and any(p >= prompt_length for p in one.positions):
            raise ValueError(
                f"positions are {list(one.positions)}; this prompt has positions 0 to "
                f"{prompt_length - 1}."
            )
    setting = [one for one in row if one.mode != "add"]
    for a, b in combinations(setting, 2):
        if "replace" in (a.mode, b.mode) and a.layer == b.layer and _overlap(a, b):
            raise ValueError(
                f"{a.mode} and {b.mode} after layer {a.layer} at the same position contradict "
                "each other: keep one."
            )
        same = (a.layer, a.sae_id, a.feature_index) == (b.layer, b.sae_id, b.feature_index)
        if same and _overlap(a, b):
            raise ValueError(
                f"{a.mode} and {b.mode} on feature {a.feature_index} of {a.sae_id} at the same "
                "position contradict each other: keep one."
            )


def _overlap(a: Intervention, b: Intervention) -> bool:
    if a.include_generated and b.include_generated:
        return True
    if a.positions == "all":
        return b.positions == "all" or bool(b.positions)
    return bool(a.positions) if b.positions == "all" else bool(set(a.positions) & set(b.positions))
