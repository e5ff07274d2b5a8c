"""Which dictionaries are compared, by the names that they are given, and how much is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.core.sae import Sae
from precompute.experiments.demonstrating.run import Sizes
from precompute.fetching.given import sae_folders
from precompute.job import BadInput

Named = tuple[Path, str]  # folder, name


@dataclass(frozen=True)
class Extent:
    """`k` most frequent tokens; a feature is dense above `dense` of the positions; `subjects` of a
    file at most (None: all); traits by name (None: all); `steering`: what is tried.
    """

    k: int
    dense: float
    subjects: int | None
    traits: tuple[str, ...] | None
    steering: Sizes

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"steering": self.steering.as_json()}


def named(given: Sequence[str], dtype: str) -> list[Named]:
    """Of NAME=FOLDER or NAME=RELEASE:ID, which is fetched where it is not here. BadInput for what
    is neither, one dictionary alone, or a name that comes twice.
    """
    pairs = [text.partition("=") for text in given]
    for text, (name, _, where) in zip(given, pairs, strict=True):
        if not name.strip() or not where:
            raise BadInput(f"--sae is {text!r}; allowed: NAME=FOLDER or NAME=RELEASE:ID.")
    names = [name.strip() for name, _, _ in pairs]
    for name in (name for name in names if names.count(name) > 1):
        raise BadInput(f"two dictionaries are called {name!r}: name them differently.")
    if len(names) < 2:
        raise BadInput("--sae names one dictionary; needed: two or more, to compare them.")
    folders = sae_folders([where for _, _, where in pairs], (), dtype)
    return list(zip(folders, names, strict=True))


def check_layer(saes: Sequence[Named], layer: int) -> None:
    """BadInput for a dictionary that cannot be read, or is of another layer."""
    for folder, name in saes:
        try:
            found = Sae.check(folder).layer
        except ValueError as error:
            raise BadInput(f"{name}: {error}") from error
        if found != layer:
            raise BadInput(
                f"{name} ({folder}) reads the residual stream after layer {found}; --layer is "
                f"{layer}: all dictionaries must be of that layer."
            )
