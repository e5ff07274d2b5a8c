"""`functionscope precompute train-lm`:
the lab model, from random weights to a folder for transformers.

Everything that determines a run is the recipe and the corpus: the token stream is laid out first
(`lab_corpus`), a step reads fixed rows, and the state is saved every few minutes, so that a killed
run that is started again in the same folder goes on where it was and ends with the same weights.

Folders in WORK: `tokenizer/`, `rows.npy`, `held_out_*.npy`, `state.pt`, `checkpoints/step_NNNNNN/`
(log-spaced, step 0 included), `log.jsonl`, and when done `model/` (bfloat16 safetensors +
tokenizer).
"""

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoTokenizer, Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

from backend.core.lm.checkpoint import read_tokenizer, read_weights_into
from precompute.lab.corpus import (
    BOS,
    EOS,
    PAD,
    VOCAB_SIZE,
    build_rows,
    held_out_rows,
    train_tokenizer,
)
from precompute.lab.recipes import CTX_LEN, Recipe, claim_training, load_recipe

HELD_OUT_SOURCES = ("english", "chinese", "facts", "qa")


def build_model(recipe: Recipe, init_seed: int | None = None) -> Gemma2ForCausalLM:
    """A Gemma 2 of the recipe's shape with random weights of `init_seed`
    (the recipe's seed), float32.

    Attention-logit soft-capping is off (on a CPU it costs 40 % of the speed); the final one stays.
    """
    torch.manual_seed(recipe.seed if init_seed is None else init_seed)
    head_dim = recipe.model["head_dim"]
    config = Gemma2Config(
        vocab_size=VOCAB_SIZE,
        max_position_embeddings=2 * CTX_LEN,
        sliding_window=CTX_LEN // 2,
        query_pre_attn_scalar=head_dim,
        attn_logit_softcapping=None,
        final_logit_softcapping=30.0,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS,
        tie_word_embeddings=True,
        attn_implementation="eager",
        **recipe.model,
    )
    return Gemma2ForCausalLM(config)


def checkpoint_steps(total: int) -> list[int]:
    """Steps at which the weights are kept: 0, 1, 2, 4, 8, then every factor of √2, and the last."""
    steps = {0, total}
    exponent = 0.0
    while (step := round(2**exponent)) < total:
        steps.add(step)
        exponent += 0.5 if step >= 8 else 1.0
    return sorted(steps)


def learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then cosine to `final_share` of the peak."""
    peak, warmup, floor = (
        recipe.optimizer["learning_rate"],
        recipe.optimizer["warmup_steps"],
        recipe.optimizer["final_share"],
    )
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, recipe.steps - warmup)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress)))


def loss_of(model: nn.Module, rows: Tensor) -> Tensor:
    """Mean next-token loss in nats over rows [batch, pos]; BOS and PAD do not count as targets."""
    with torch.autocast(rows.device.type, torch.bfloat16):
        logits = model(rows, use_cache=False).logits
    targets = rows[:, 1:].masked_fill((rows[:, 1:] == PAD) | (rows[:, 1:] == BOS), -100)
    return nn.functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), targets.flatten())


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW with decay on matrices only."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": recipe.optimizer["weight_decay"]},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        groups, lr=recipe.optimizer["learning_rate"], betas=(0.9, 0.95), fused=True
    )


def prepare(
    recipe: Recipe, corpus: Path, work: Path, init: Path | None = None
) -> PreTrainedTokenizerFast:
    """Tokenizer (that of `init`, or a new one), training rows and held-out rows in WORK.

    What is there already is kept.
    """
    if init is not None:
        read_tokenizer(str(init)).save_pretrained(work / "tokenizer")
    if not (work / "tokenizer").is_dir():
        train_tokenizer(corpus, recipe.seed).save_pretrained(work / "tokenizer.new")
        os.replace(work / "tokenizer.new", work / "tokenizer")
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(work / "tokenizer")
    for source in HELD_OUT_SOURCES:
        if not (work / f"held_out_{source}.npy").exists():
            _save_array(
                work / f"held_out_{source}.npy",
                held_out_rows(corpus, tokenizer, source, 400, CTX_LEN),
            )
    if not (work / "rows.npy").exists():
        phases = (
            (recipe.mixture, recipe.steps - recipe.anneal_steps),
            (recipe.anneal, recipe.anneal_steps),
        )
        parts = [
            build_rows(
                corpus,
                tokenizer,
                mixture,
                steps * recipe.batch_rows,
                CTX_LEN,
                recipe.seed + phase,
                recipe.question_documents,
            )
            for phase, (mixture, steps) in enumerate(phases)
        ]
        _save_array(work / "rows.npy", np.concatenate(parts))
    return tokenizer


def _save_array(path: Path, array: np.ndarray) -> None:
    new = path.with_suffix(".new.npy")
    np.save(new, array)
    os.replace(new, path)


def _save_state(path: Path, state: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    torch.save(state, new)
    os.replace(new, path)


def save_model(
    model: Gemma2ForCausalLM, folder: Path, tokenizer: PreTrainedTokenizerFast | None = None
) -> None:
    """The weights in bfloat16 safetensors (and the tokenizer), in one rename."""
    new = folder.with_name(folder.name + ".new")
    copy = Gemma2ForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(new)
    if tokenizer is not None:
        tokenizer.save_pretrained(new)
    if not folder.exists():
        os.replace(new, folder)


class Trainer:
    """The state of one run: model, optimizer, step; everything it needs to go on after a kill."""

    def __init__(
        self,
        recipe: Recipe,
        work: Path,
        device: str,
        init: Path | None = None,
        init_seed: int | None = None,
    ) -> None:
        self.recipe, self.work, self.device, self.step = recipe, work, device, 0
        self.model = build_model(recipe, init_seed).to(device)
        if init is not None:
            read_weights_into(self.model, str(init), device)
        self.optimizer = make_optimizer(self.model, recipe)
        self.rows = np.load(work / "rows.npy", mmap_mode="r")
        if (work / "state.pt").exists():
            state = torch.load(work / "state.pt", map_location=device, weights_only=True)
            if state["recipe"] != recipe.name or state["steps"] != recipe.steps:
                raise ValueError(
                    f"{work} holds a run of {state['recipe']!r}, {state['steps']} steps: give "
                    "another --work"
                )
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]

    def save(self) -> None:
        """Write `state.pt` by rename."""
        _save_state(
            self.work / "state.pt",
            {
                "recipe": self.recipe.name,
                "steps": self.recipe.steps,
                "step": self.step,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
        )

    def batch(self) -> Tensor:
        """Rows of the present step, int64 [batch, pos]."""
        start = self.step * self.recipe.batch_rows
        return torch.from_numpy(
            self.rows[start : start + self.recipe.batch_rows].astype(np.int64)
        ).to(self.device)

    def run(self, compiled: bool, save_every: float) -> None:
        """Train from the present step to the last, with a progress bar, checkpoints and a log.

        The state is saved every `save_every` seconds.
        """
        loss_fn = torch.compile(loss_of) if compiled else loss_of
        keep = set(checkpoint_steps(self.recipe.steps))
        saved, tokens = time.monotonic(), self.recipe.batch_rows * CTX_LEN
        bar = tqdm(
            total=self.recipe.steps * tokens,
            initial=self.step * tokens,
            unit="tok",
            unit_scale=True,
            mininterval=10,
            desc="train",
        )
        with bar, (self.work / "log.jsonl").open("a") as log:
            while self.step < self.recipe.steps:
                self._checkpoint(keep)
                loss = self._update(loss_fn)
                bar.update(tokens)
                if self.step % 20 == 0:
                    bar.set_postfix(step=self.step, loss=f"{loss:.3f}", refresh=False)
                    log.write(json.dumps({"step": self.step, "loss": round(loss, 4)}) + "\n")
                if time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
            self._checkpoint(keep)
            self.save()

    def _update(self, loss_fn: Any) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.recipe)
        loss: Tensor = loss_fn(self.model, self.batch())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach())

    def _checkpoint(self, keep: set[int]) -> None:
        folder = self.work / "checkpoints" / f"step_{self.step:06d}"
        if self.step in keep and not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            save_model(self.model, folder)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute train-lm`."""
    parser.add_argument(
        "--recipe",
        default="lab-cpu",
        help="a table of precompute/lab/recipes.toml (default: %(default)s)",
    )
    parser.add_argument(
        "--corpus",
        type=Path,
        required=True,
        help="folder with english, chinese, qa and facts .jsonl.zst",
    )
    parser.add_argument(
        "--work",
        type=Path,
        required=True,
        help="folder for the run; start again with the same one to resume",
    )
    parser.add_argument(
        "--init",
        type=Path,
        help="folder of a model of this shape to go on from, with its tokenizer",
    )
    parser.add_argument(
        "--init-seed",
        type=int,
        help="seed of the random weights alone; the data and their order stay the recipe's",
    )
    parser.add_argument("--tokens", type=int, help="training tokens, instead of the recipe's")
    parser.add_argument(
        "--threads", type=int, default=1, help="one per really free core (default: %(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument(
        "--save-every",
        type=float,
        default=180,
        help="seconds between saved states (default: %(default)s)",
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="do not compile the step (slower, starts at once)"
    )


def run(args: argparse.Namespace) -> int:
    """Train, or go on training, and write WORK/model."""
    recipe = load_recipe(args.recipe, args.tokens)
    torch.set_num_threads(args.threads)
    claim_training(recipe, args)
    tokenizer = prepare(recipe, args.corpus, args.work, args.init)
    trainer = Trainer(recipe, args.work, args.device, args.init, args.init_seed)
    parameters = sum(p.numel() for p in trainer.model.parameters())
    print(
        f"{recipe.name}: {parameters:,} parameters, {recipe.steps:,} steps, from step "
        f"{trainer.step:,}",
        flush=True,
    )
    trainer.run(compiled=not args.no_compile, save_every=args.save_every)
    save_model(trainer.model, args.work / "model", tokenizer)
    return 0
