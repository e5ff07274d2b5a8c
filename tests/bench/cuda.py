"""`--device cuda`: what one GPU allows and what we reach of it,
on random weights of Gemma 2 9B's true shape.

Bounds are measured in the same rounds: copy bandwidth for what reads weights, a square matrix
product for what multiplies. The model's texts mean nothing, and its SAEs' thresholds are set so
that `firings` of their features fire at a position. Generation runs with a dynamic cache and
nothing compiled. The same code runs on a CPU at a tiny shape, which is how it is tested.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import Gemma2ForCausalLM

from backend.core.lm import LanguageModel
from backend.core.lm.interventions import Intervention
from backend.core.presets import load_preset
from backend.core.sae import Sae
from backend.core.sae.config import SaeConfig
from backend.core.steering.generate import generate_arms
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.bench.asgi import InProcess
from tests.bench.live_comparisons import per_token
from tests.bench.report import Row, speed_row, time_row
from tests.bench.subject import prompts
from tests.bench.timing import alternate, seconds
from tests.tiny import tiny_config, tiny_tokenizer

CALIBRATION_COLUMNS = 1 << 16
NO_TARGET = "No target: it is what plain PyTorch and transformers do with the same weights."


@dataclass(frozen=True)
class Shape:
    """A model's and its SAEs' sizes, and how much work to measure with."""

    name: str
    config: dict[str, Any]
    dtype: torch.dtype
    layers: tuple[int, ...]  # one SAE after each
    d_sae: int
    firings: int  # of an SAE per position
    prompt_tokens: int
    new_tokens: int
    edge_rows: int  # sequences of `edge_length` tokens, 16 in a batch
    edge_length: int
    copied_bytes: int  # of the bandwidth's probe
    side: int  # of the matrix product's probe


GEMMA_2_9B = Shape(
    name="RANDOM weights of Gemma 2 9B's shape",
    config={
        "vocab_size": 256_000,
        "hidden_size": 3584,
        "intermediate_size": 14_336,
        "num_hidden_layers": 42,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "max_position_embeddings": 8192,
        "initializer_range": 0.02,
    },
    dtype=torch.bfloat16,
    layers=(9, 20, 31),
    d_sae=1 << 20,
    firings=100,
    prompt_tokens=64,
    new_tokens=64,
    edge_rows=64,
    edge_length=1024,
    copied_bytes=1 << 32,
    side=8192,
)


class Device:
    """A model and SAEs of a shape on one device, and the device's own speeds,
    measured when asked for.
    """

    def __init__(self, shape: Shape, device: str) -> None:
        self.shape, self.device = shape, torch.device(device)
        self.lm = random_model(shape, device)
        self.saes = [random_sae(shape, layer, self.lm) for layer in shape.layers]
        self._copied = [
            torch.zeros(shape.copied_bytes, dtype=torch.uint8, device=device) for _ in range(2)
        ]
        self._factors = [
            torch.randn(shape.side, shape.side, device=device).to(shape.dtype) for _ in range(2)
        ]

    def seconds(self, work: Callable[[], object]) -> float:
        """Wall time until the device has done it."""
        self.wait()
        return seconds(lambda: (work(), self.wait()))

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def bandwidth(self) -> float:
        """Bytes a second, read and written both counted: median of five copies."""
        source, target = self._copied
        return (
            2
            * len(source)
            / statistics.median(self.seconds(lambda: target.copy_(source)) for _ in range(5))
        )

    def matmul_rate(self) -> float:
        """Floating-point operations a second of a square product in the shape's
        dtype: median of five.
        """
        a, b = self._factors
        return (
            2
            * self.shape.side**3
            / statistics.median(self.seconds(lambda: a @ b) for _ in range(5))
        )

    def model_bytes(self, *, whole: bool) -> int:
        """Weights that a forward reads: all of them, or the layers up to the deepest SAE's."""
        parts = [self.lm.model] if whole else list(self.lm.layers[: max(self.shape.layers) + 1])
        return sum(
            weight.numel() * weight.element_size() for part in parts for weight in part.parameters()
        )

    def encoder_bytes(self) -> int:
        return sum(sae.W_enc.numel() * sae.W_enc.element_size() for sae in self.saes)


def random_model(shape: Shape, device: str) -> LanguageModel:
    """Made on the device in its dtype; it never ends a text of its own accord."""
    usual = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(shape.dtype)
    try:
        with torch.device(device):
            model = Gemma2ForCausalLM(tiny_config(**shape.config))
    finally:
        torch.set_default_dtype(usual)
    lm = LanguageModel(model, tiny_tokenizer())
    lm.eos_ids = frozenset()
    return lm


def random_sae(shape: Shape, layer: int, lm: LanguageModel) -> Sae:
    """An encoder without a decoder:
    one threshold, which `firings` features exceed at a position, on average.
    """
    hook = f"blocks.{layer}.hook_resid_post"
    config = SaeConfig(
        "jumprelu",
        lm.d_model,
        shape.d_sae,
        layer,
        hook,
        True,
        "none",
        None,
        False,
        None,
        metadata={},
    )
    on_device = partial(torch.zeros, device=lm.device, dtype=shape.dtype)
    W_enc = torch.empty(lm.d_model, shape.d_sae, device=lm.device, dtype=shape.dtype)
    W_enc.normal_(std=lm.d_model**-0.5, generator=torch.Generator(lm.device).manual_seed(layer))
    sample = torch.randint(
        3, lm.vocab_size, (1, shape.prompt_tokens), generator=torch.Generator().manual_seed(0)
    )
    pre = (
        (lm.resid_post(sample, [layer])[layer][0] @ W_enc[:, :CALIBRATION_COLUMNS])
        .float()
        .flatten()
    )
    threshold = (
        pre.topk(max(1, round(len(pre) * shape.firings / shape.d_sae))).values[-1].clamp(min=0)
    )
    weights = {"W_enc": W_enc, "b_enc": on_device(shape.d_sae), "b_dec": on_device(lm.d_model)}
    weights["threshold"] = threshold.expand(shape.d_sae).clone()
    return Sae(Path("random"), config, weights, f"layer_{layer}")


@contextmanager
def served(device: Device, scratch: Path) -> Iterator[InProcess]:
    """The API over the model, without a build."""
    saes = {sae.sae_id: sae for sae in device.saes}
    loaded = Loaded(device.lm, saes, "random", dict.fromkeys(saes, "random"))
    live = Live(lambda: loaded, waiting=1)
    settings = Settings(
        build=scratch / "none.duckdb", runs=scratch / "runs.sqlite", device=str(device.device)
    )
    with InProcess(create_api(None, live, settings, preset=load_preset("lab"))) as server:
        live.ready.wait(60)
        yield server


def cuda_inspect(device: Device, rounds: int, scratch: Path) -> list[Row]:
    """POST /api/inspect against reading the weights once,
    and against a plain forward with dense encodes.
    """
    shape, rows = device.shape, []
    texts = prompts(device.lm, shape.prompt_tokens, rounds + 2)
    ids = [device.lm.tokenize(text) for text in texts]
    what = (
        f"{shape.prompt_tokens} tokens, {len(device.saes)} SAEs of width {shape.d_sae:,}, "
        "JSON in and out counted"
    )
    with served(device, scratch) as server:
        for name, k in (("cuda_inspect_vs_read", 10), ("cuda_inspect_vs_read.features_only", 0)):
            read = device.model_bytes(whole=k > 0) + device.encoder_bytes()
            ours = partial(_inspect, server, texts, k)
            pairs = alternate(ours, lambda _, read=read: read / device.bandwidth(), rounds=rounds)  # type: ignore[misc]
            note = (
                f"Server time of POST /api/inspect ({what}, next_tokens {k}) against reading the "
                f"{read / 1e9:.3g} GB of weights that it needs once, at the copy bandwidth "
                "measured in the same round."
            )
            rows.append(time_row(name, pairs, target=2.0, subject=shape.name, note=note))
        plain = partial(_plain_inspect, device, ids)
        pairs = alternate(partial(_inspect, server, texts, 0), plain, rounds=rounds)
    note = (
        f"The same without next tokens ({what}) against a plain forward and dense encodes. "
        f"{NO_TARGET}"
    )
    return [
        *rows,
        time_row("cuda_inspect_vs_plain", pairs, target=None, subject=shape.name, note=note),
    ]


def _inspect(server: InProcess, texts: Sequence[str], next_tokens: int, number: int) -> float:
    return server.post(
        "/api/inspect", {"prompt": texts[number], "next_tokens": next_tokens}
    ).seconds


@torch.inference_mode()
def _plain_inspect(device: Device, ids: Sequence[list[int]], number: int) -> float:
    """All layers, all hidden states; activations dense, as [position, feature]."""
    tokens = torch.tensor([ids[number]], device=device.device)

    def run() -> list[Tensor]:
        hidden = device.lm.model.base_model(
            tokens, use_cache=False, output_hidden_states=True
        ).hidden_states
        found = []
        for sae in device.saes:
            pre = (hidden[sae.layer + 1][0] - sae.b_dec) @ sae.W_enc + sae.b_enc
            found.append((pre * (pre > sae.threshold)).nonzero())
        return found

    return device.seconds(run)


def cuda_steer(device: Device, rounds: int) -> list[Row]:
    """Both arms' tokens a second against the bandwidth bound,
    and against transformers' generate.
    """
    shape, lm = device.shape, device.lm
    ids = lm.tokenize(prompts(lm, shape.prompt_tokens, 1)[0])
    direction = torch.randn(lm.d_model, generator=torch.Generator().manual_seed(0)).to(lm.device)
    edit = Intervention.on_direction(shape.layers[1], direction, 1.0, positions=(len(ids) - 1,))
    read = device.model_bytes(whole=True)

    def ours(_: int) -> float:
        return per_token(
            lambda: sum(
                1 for _ in generate_arms(lm, ids, [[], [edit]], max_new_tokens=shape.new_tokens)
            )
        )

    def generate(_: int) -> float:
        tokens = torch.tensor([ids] * 2, device=lm.device)
        options = {
            "do_sample": False,
            "max_new_tokens": shape.new_tokens,
            "min_new_tokens": shape.new_tokens,
        }
        mask = torch.ones_like(tokens)
        made = partial(
            lm.model.generate, tokens, attention_mask=mask, disable_compile=True, **options
        )
        return device.seconds(made) / (2 * shape.new_tokens)

    row = partial(speed_row, work=1, unit="tok/s", subject=shape.name)
    what = (
        f"Baseline and steered arm in one batch, {shape.new_tokens} greedy tokens each, "
        "dynamic cache, not compiled"
    )
    bound = alternate(ours, lambda _: read / device.bandwidth() / 2, rounds=rounds)
    note = (
        f"{what}, against two tokens for every reading of all {read / 1e9:.3g} GB of weights "
        "at copy bandwidth."
    )
    plain = (
        f"{what}, against transformers' generate of two equal rows with the same modules. "
        f"{NO_TARGET}"
    )
    return [
        row("cuda_steer_vs_bound", bound, target=0.6, note=note),
        row(
            "cuda_steer_vs_generate",
            alternate(ours, generate, rounds=rounds),
            target=None,
            note=plain,
        ),
    ]
