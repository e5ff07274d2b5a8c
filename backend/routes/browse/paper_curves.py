"""The paper's own numbers on loss, on the wire."""

from __future__ import annotations

from backend.core.companions.consolidation import paper
from backend.schemas import (
    PaperCurve,
)


def paper_curves() -> list[PaperCurve]:
    """The paper's Figure 9, with the shares that its printed finals imply."""
    made = []
    for model, finals in paper.PRINTED_FINALS.items():
        tokens = paper.group_shares(finals)
        losses = paper.loss_shares(finals, tokens)
        for transition in (*paper.TRANSITIONS, "all"):
            steps, read = paper.curve(model, transition)
            made.append(
                PaperCurve(
                    model=model,
                    transition=transition,  # type: ignore[arg-type]
                    steps=steps,
                    losses=read,
                    printed_final=finals[transition],
                    share_of_tokens=tokens.get(transition, 1.0),
                    share_of_loss=losses.get(transition, 1.0),
                )
            )
    return made
