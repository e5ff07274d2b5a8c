"""What a trait search is asked, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from backend.core.steering.targets import Target

MULTIPLES = (1.0, 2.0, 4.0, 8.0, 16.0)  # of the largest activation at the layer: the default α
Stage = Literal["layers", "features", "strength", "arms"]


@dataclass(frozen=True)
class Spot:
    """A prompt and the position of its last function token, where everything is added and read."""

    token_ids: list[int]
    position: int


@dataclass(frozen=True)
class Trait:
    """What is looked for, on what. `asking`: each prompt with the instruction in it, [] without
    one.

    `until`: an answer ends before the first of these strings.
    """

    trait: Spot
    contrast: list[Spot]
    test: list[Spot]
    success: Target
    asking_contrast: list[Spot] = field(default_factory=list)
    asking_test: list[Spot] = field(default_factory=list)
    alphas: tuple[float, ...] | None = None
    induces: float = 0.5
    max_new_tokens: int = 12
    until: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Share:
    """Prompts whose answer shows the trait."""

    successes: int
    n: int

    @property
    def share(self) -> float:
        return self.successes / self.n


@dataclass(frozen=True)
class LayerTried:
    sae_id: str
    layer: int
    success: Share
    n_active: int


@dataclass(frozen=True)
class SetTried:
    alpha: float
    k: int
    success: Share


@dataclass(frozen=True)
class StrengthTried:
    """The found feature alone, on the contrast prompts."""

    alpha: float
    success: Share


@dataclass(frozen=True)
class ArmJudged:
    """`name`: none, features, feature, random_feature, difference_of_means or asking."""

    name: str
    success: Share
    texts: list[str]


@dataclass(frozen=True)
class Progress:
    """After each batch of answers.

    At most one of the last four is set: what the batch completed.
    """

    stage: Stage
    done: int
    most: int
    layer: LayerTried | None = None
    trial: SetTried | None = None
    strength: StrengthTried | None = None
    arm: ArmJudged | None = None


@dataclass
class Finding:
    """What the search found so far; `k` is None while, or when, nothing induces the trait."""

    layers: list[LayerTried] = field(default_factory=list)
    trials: list[SetTried] = field(default_factory=list)
    strengths: list[StrengthTried] = field(default_factory=list)
    arms: list[ArmJudged] = field(default_factory=list)
    sae_id: str = ""
    layer: int = -1
    alpha: float | None = None
    k: int | None = None
    feature_index: int | None = None
    feature_activation: float | None = None
    feature_alpha: float | None = None
