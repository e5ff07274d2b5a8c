"""Colours of the two schemes, as data: the same values that static/tokens.css gives to the browser.

Figures are drawn on the server and so cannot read CSS variables; a browser test compares both
lists.
"""

from dataclasses import dataclass
from typing import Any, Literal

Scheme = Literal["light", "dark"]

SANS = "'Inter Variable', 'Inter', system-ui, sans-serif"


@dataclass(frozen=True)
class Palette:
    """One scheme's colours, hexadecimal sRGB; every ink reaches 4.5:1 on `bg` and `panel`."""

    bg: str
    panel: str
    ink: str
    muted: str
    line: str
    function: str
    content: str
    special: str
    reactivated: str
    carried: str
    danger: str


PALETTES: dict[Scheme, Palette] = {
    "light": Palette(
        bg="#faf9f7",
        panel="#ffffff",
        ink="#1c1917",
        muted="#5c5650",
        line="#e6e2dd",
        function="#b45309",
        content="#1d4ed8",
        special="#6b6560",
        reactivated="#0f766e",
        carried="#5ba79f",
        danger="#b91c1c",
    ),
    "dark": Palette(
        bg="#131312",
        panel="#1b1a19",
        ink="#edebe8",
        muted="#aaa49d",
        line="#33302d",
        function="#fbbf24",
        content="#93c5fd",
        special="#a19a93",
        reactivated="#2dd4bf",
        carried="#1f8a7d",
        danger="#fca5a5",
    ),
}


def palette(scheme: str | None) -> Palette:
    """Colours for "light" or "dark". None (the browser has not said yet) is light;
    anything else raises ValueError.
    """
    if scheme is None:
        return PALETTES["light"]
    if scheme not in PALETTES:
        raise ValueError(f"scheme: got {scheme!r}, allowed are {', '.join(PALETTES)}")
    return PALETTES["dark" if scheme == "dark" else "light"]


def layer_colours(scheme: str | None, n: int) -> list[str]:
    """n colours from shallow to deep:
    one teal ramp, so that depth reads as depth and not as a class.
    """
    ramp = {
        "light": ["#55aaa0", "#0f766e", "#062f2c"],
        "dark": ["#1f8a7d", "#2dd4bf", "#c2f5ec"],
    }["dark" if scheme == "dark" else "light"]
    if n <= 1:
        return [ramp[1]]
    return [_between(ramp, i / (n - 1)) for i in range(n)]


def layer_marks(n: int) -> list[tuple[str, str, str]]:
    """n times (dash, symbol, the symbol as a letter): layers are told apart without colours."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    symbols = (
        ("circle", "●"),
        ("square", "■"),
        ("diamond", "◆"),
        ("triangle-up", "▲"),
        ("triangle-down", "▼"),
    )
    return [(dashes[i % len(dashes)], *symbols[i % len(symbols)]) for i in range(n)]


def _between(ramp: list[str], at: float) -> str:
    """Linear interpolation through a list of hex colours; `at` in [0, 1]."""
    place = at * (len(ramp) - 1)
    low = min(int(place), len(ramp) - 2)
    share = place - low
    start, end = (bytes.fromhex(c[1:]) for c in ramp[low : low + 2])
    return "#" + bytes(round(a + (b - a) * share) for a, b in zip(start, end, strict=True)).hex()


MANTINE: dict[str, Any] = {
    "primaryColor": "ink",
    "primaryShade": {"light": 8, "dark": 3},
    "colors": {
        "ink": [
            "#eaf6f4",
            "#cdebe7",
            "#9fd9d2",
            "#2dd4bf",
            "#3bb0a4",
            "#239387",
            "#168074",
            "#10776d",
            "#0f766e",
            "#0b5a54",
        ]
    },
    "defaultRadius": 6,
    "focusRing": "auto",
    "cursorType": "pointer",
}
"""What the Mantine controls are drawn with."""
