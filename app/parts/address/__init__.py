"""The settings of a page, each declared once.

A page's state is a frozen dataclass of settings: `cut: int = choice("Function cut, %", CUTS, 40)`.
From that follow how an address is read and written, the bar of controls, what the browser holds
(static/js/shared/controls.js) and what is said of a value that is not there.

A field's own default is what the page opens with; `opens` where the build or the preset says that.
"""

from app.parts.address.kinds import (
    Choice,
    Offer,
    PageNumber,
    Several,
    Typed,
    choice,
    declare,
    layer,
)
from app.parts.address.settings import Settings, anything, register_address

__all__ = [
    "Choice",
    "Offer",
    "PageNumber",
    "Settings",
    "Several",
    "Typed",
    "anything",
    "choice",
    "declare",
    "layer",
    "register_address",
]
