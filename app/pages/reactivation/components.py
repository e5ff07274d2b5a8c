"""The components that ask the model what its states cause: one prompt's in another's run, and what
they promote in words.
"""

from app.parts.components import LiveComponent


class ResidualWords(LiveComponent):
    """What the residual stream at the locked position promotes, layer by layer, per prompt.

    group: the matrix whose lock is followed; endpoint: POST /api/lens. ran: {prompts, prefix} that
    the matrix shows. Written by the person: settings {words: "1" once it was asked for}; `bodies`:
    the requests that were sent, A first.
    """

    _type = "ResidualWords"
    _props = ("group", "endpoint", "ran", "settings", "bodies")


class PatchTravel(LiveComponent):
    """Prompt A's states in prompt B's run: a map of layers by positions, streamed as it fills.

    group, ran: as in ResidualWords; endpoint: POST /api/patch; cancel: as in SteerStream. usual:
    the control's prompt where none was typed. Written by the person: settings {travel: "1" once it
    was run, answer_a, answer_b, unrelated (null = the usual one)} and `body`, the request that was
    sent.
    """

    _type = "PatchTravel"
    _props = ("group", "endpoint", "cancel", "ran", "usual", "settings", "body")
