"""The components that show what a set of prompts came to, on its page and in a recorded run."""

from __future__ import annotations

from app.parts.components import LiveComponent


class ReactivationIndex(LiveComponent):
    """The reactivation index by class of tokens, with intervals:
    of the prompts shown, and of a set.

    indices: [{source, index: ReactivationIndex}] or null; request: body for `endpoint`, which
    streams the set once the person (or the address) has asked: measured; cancel: as in SteerStream.
    group: the matrix whose prompts are shuffled; busy: while they are. own: id of a recorded run
    over prompts of one's own, opened here or made here. recorded: the indices are all there is.
    """

    _type = "ReactivationIndex"
    _props = (
        "group",
        "indices",
        "request",
        "endpoint",
        "cancel",
        "measured",
        "busy",
        "own",
        "recorded",
    )


class SteerSetAnswers(LiveComponent):
    """What an edit did over a set. result: of POST /api/steer/set; prompts: those of the
    request.
    """

    _type = "SteerSetAnswers"
    _props = ("result", "prompts")
