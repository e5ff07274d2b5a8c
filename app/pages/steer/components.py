"""The component of Steering alone: the page's edit on a set of prompts."""

from app.parts.components import LiveComponent


class SteerSet(LiveComponent):
    """The page's edit tried on prompts of one's own, streamed and recorded as a run.

    cancel: as in SteerStream; request: the page's settings. Written by the person: settings
    {open_set, set: id of the run that is shown, set_success} and `body`, the request of what is
    shown; `code` {curl, python} reproduces it.
    """

    _type = "SteerSet"
    _props = ("cancel", "request", "settings", "body", "code")
