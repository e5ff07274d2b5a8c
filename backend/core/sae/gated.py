"""A gated SAE is a JumpReLU: both multiply the input once, and the gate is a threshold.

sae-lens' gate is open where p = x·W_enc has p + b_gate > 0, and the magnitude is
relu(p · exp(r_mag) + b_mag). In units of the magnitude m = p · exp(r_mag) + b_mag the gate is open
where m > b_mag - b_gate · exp(r_mag): an encoder with scaled columns, and that threshold. Exact.
"""

from __future__ import annotations

from torch import Tensor

ARRAYS = ("b_gate", "b_mag", "r_mag")  # [d_sae] each, instead of b_enc


def ungated(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The other arrays, b_enc and threshold; `scale` is what each column of W_enc is to be
    multiplied by. The gate's arrays are float32, and so are threshold and scale.
    """
    b_gate, b_mag, r_mag = (weights[name] for name in ARRAYS)
    scale = r_mag.exp()
    kept = {name: array for name, array in weights.items() if name not in ARRAYS}
    return kept | {
        "b_enc": b_mag.to(weights["b_dec"].dtype),
        "threshold": b_mag - b_gate * scale,
        "scale": scale,
    }
