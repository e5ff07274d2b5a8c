"""A tiny training run on disk: three saved models, a corpus, training rows;
and its consolidation results.

Made by the jobs themselves, but for the SAEs, which are random ones of `tests.tiny`: training needs
sae-lens, which takes seconds to import.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, Gemma2ForCausalLM, PreTrainedTokenizerBase

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from precompute.consolidation.baselines import make_baselines
from precompute.consolidation.features import Plan, Trainer, basis_of, make_sample
from precompute.consolidation.loss import make_losses
from precompute.consolidation.publish import publish
from precompute.consolidation.sae_training import Activations, SaeSettings, collect
from precompute.consolidation.series import Series, claim_run, folder_checkpoints
from precompute.consolidation.stages import make_stages
from precompute.consolidation.text import HeldOut, TextSettings, load_text, make_text
from tests.tiny import BOS, EOS, tiny_config, tiny_sae_dir, tiny_tokenizer

STEPS = (0, 5, 20)
CTX_LEN = 96
WORDS = (
    *(
        "the",
        "cat",
        "sat",
        "on",
        "mat",
        "and",
        "dog",
        "door",
        "Russia",
        "Moscow",
        "is",
        "capital",
        "of",
        "What",
    ),
    *("London", "你好", "世界", "1984", ".", ",", "?", "\n"),
)


@dataclass(frozen=True)
class Case:
    """Folders of a tiny run."""

    folder: Path
    tokenizer: PreTrainedTokenizerBase

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def rows(self) -> Path:
        return self.folder / "rows.npy"

    @property
    def corpus(self) -> Path:
        return self.folder / "corpus.jsonl"

    @property
    def model(self) -> Path:
        """The tokenizer's folder."""
        return self.folder / "tokenizer"

    def series(self, name: str = "tiny", seed: int = 0) -> Series:
        return Series(
            name, seed, f"{name} {seed}", 64, str(self.model), folder_checkpoints(self.checkpoints)
        )

    def text(self, work: Path, n_tokens: int = 6000) -> HeldOut:
        settings = TextSettings((self.corpus,), (1.0,), n_tokens, CTX_LEN)
        return make_text(self.tokenizer, self.rows, settings, work)


def make_case(folder: Path) -> Case:
    """Write everything but results. The first half of the documents is in the training rows."""
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    rng = np.random.default_rng(0)
    documents = [" ".join(rng.choice(WORDS, int(rng.integers(90, 160)))) for _ in range(160)]
    (folder / "corpus.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in documents), "utf-8"
    )
    trained = [[BOS, *ids, EOS] for ids in tokenizer(documents[:80])["input_ids"]]
    stream = [token for ids in trained for token in ids]
    n = len(stream) // CTX_LEN * CTX_LEN
    np.save(folder / "rows.npy", np.array(stream[:n], np.uint16).reshape(-1, CTX_LEN))
    for step in STEPS:
        with torch.random.fork_rng():
            torch.manual_seed(step)
            model = Gemma2ForCausalLM(
                tiny_config(len(tokenizer), num_hidden_layers=2, attn_logit_softcapping=None)
            )
        model.save_pretrained(folder / "checkpoints" / f"step_{step:06d}")
    return Case(folder, AutoTokenizer.from_pretrained(folder / "tokenizer"))


def make_work(case: Case, work: Path) -> None:
    """Text, baselines, losses and stages of two runs; features of the first."""
    text = case.text(work)
    make_baselines(case.rows, text, len(case.tokenizer), work)
    for seed in (0, 1):
        make_losses(
            case.series(seed=seed),
            text,
            work,
            batch_rows=4,
            dtype="float32",
            products="float32",
            device="cpu",
        )
        make_stages(case.series(seed=seed), text, work, dtype="float32", device="cpu")
    count_random_saes(case, text, work)


def count_random_saes(case: Case, text: HeldOut, work: Path) -> None:
    """What the feature job writes, for SAEs that nobody trained."""
    series, plan = case.series(), Plan(SaeSettings(d_sae=96, k=8.0), layer=1, rows_per_shard=2)
    sample, score_rows = make_sample(text, plan.rows_per_shard, 4)
    folder = claim_run(series, work)
    basis = basis_of(text, case.rows, "float32")
    for checkpoint in series.checkpoints:
        lm = series.load(checkpoint, torch.float32, "cpu")
        resid = collect(lm, sample.rows, plan.layer)
        loaded = (lm, Activations(resid, resid, resid))
        one = Trainer(
            partial(_same, loaded),
            sample,
            score_rows,
            plan,
            folder / "saes",
            checkpoint.step,
            basis,
        )
        for seed in (0, 1):
            made = tiny_sae_dir(work / "random" / str(seed), 1, seed=seed + checkpoint.step)
            Sae.check(made)
            one._count(
                folder / "saes" / f"{one.sae_id('fixed', plan.settings, seed)}.npz",
                "fixed",
                plan.settings,
                seed,
                made,
            )


def _same(loaded: tuple[LanguageModel, Activations]) -> tuple[LanguageModel, Activations]:
    return loaded


def publish_case(case: Case, work: Path, out: Path) -> Path:
    publish(work, case.tokenizer, case.rows, out)
    return out


def held_out(work: Path) -> HeldOut:
    return load_text(work)
