"""`functionscope precompute eval-lab`: what the lab model knows, and what one feature does to it.

Prints a table, writes `lab/evaluation.json`, and puts the table into the model card between its
markers. Rates carry Wilson 95 % intervals. Needs the shipped model, SAEs and build; the prose loss
also needs the held-out rows of train-lm (`--held-out`), and is left out, saying so, without them.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from backend.core.lm import LanguageModel
from backend.core.reactivation.carry import MOST
from backend.core.sae import Sae
from backend.core.steering.arms import adding, adding_feature, norm_ratio
from backend.core.steering.contrast import difference_of_means
from backend.core.store import Store
from backend.core.token_classes import transitions
from precompute.lab import steering
from precompute.lab.questions import LAB, Language, Question, Split, facts, instruct, questions
from precompute.lab.reactivation import reactivation
from precompute.lab.steering import CHINESE, answers, at, rate
from precompute.models import token_classes

MARKERS = ("<!-- eval-lab -->", "<!-- /eval-lab -->")
SEED = 7
TRANSITIONS = ("ff", "fc", "cf", "cc")


def sample(items: Iterable[Question], n: int) -> list[Question]:
    """At most n of them, drawn with a fixed seed, in a fixed order."""
    pool = list(items)
    order = np.random.default_rng(SEED).permutation(len(pool))
    return [pool[i] for i in order[:n]]


def knowledge(lm: LanguageModel, n: int) -> dict[str, Any]:
    """Greedy exact-match rates on facts: language x split."""
    out = {}
    languages: tuple[Language, ...] = ("en", "zh")
    splits: tuple[Split, ...] = ("train", "held_out")
    for language in languages:
        for split in splits:
            asked = sample(questions(split, language), n)
            texts = answers(lm, [q.prompt for q in asked])
            right = sum(text.strip() == q.answer for text, q in zip(texts, asked, strict=True))
            out[f"{language}, {split.replace('_', '-')} phrasings"] = rate(right, len(asked))
    return out


def language_flip(lm: LanguageModel, n: int, chinese: dict[str, str]) -> dict[str, Any]:
    """Held-out English questions after "Speak Chinese." (trained) and after an
    instruction never trained.
    """
    asked = sample(questions("held_out", "en"), n)
    ways: dict[str, Callable[[Question], str]] = {
        "Speak Chinese. …": lambda q: f"Speak Chinese. {q.prompt}",
        "held-out instruction": lambda q: (
            instruct(q.prompt.rstrip("\n"), "zh", "held_out", len(q.prompt)) + "\n"
        ),
    }
    out = {}
    for name, way in ways.items():
        texts = answers(lm, [way(q) for q in asked])
        out[f"{name}: answer in Chinese"] = rate(
            sum(CHINESE.shown((), text) for text in texts), len(asked)
        )
        right = sum(t.strip() == chinese[q.prompt] for t, q in zip(texts, asked, strict=True))
        out[f"{name}: right Chinese answer"] = rate(right, len(asked))
    return out


def chinese_answers() -> dict[str, str]:
    """The Chinese answer to every English prompt."""
    out: dict[str, str] = {}
    splits: tuple[Split, ...] = ("train", "held_out")
    for split in splits:
        english = questions(split, "en")
        zh_of = {(f.relation, f.answer["en"]): f.answer["zh"] for f in facts()}
        out |= {q.prompt: zh_of[q.relation, q.answer] for q in english}
    return out


def prose_loss(lm: LanguageModel, store: Store, rows: np.ndarray) -> dict[str, Any]:
    """Nats per token on held-out English prose, over all targets and by transition, with n.

    Targets are non-special; the class of a token is the build's. Standard errors are over rows.
    """
    kinds = transitions(token_classes(lm, store), rows.astype(np.int64))
    losses = [
        lm.per_token_loss(torch.from_numpy(part.astype(np.int64))).numpy()
        for part in np.array_split(rows, len(rows) // 16)
    ]
    loss = np.concatenate(losses)
    out: dict[str, Any] = {}
    for name in ("all", *TRANSITIONS):
        mask = kinds != "" if name == "all" else kinds == name
        counts, sums = mask.sum(1), (loss * mask).sum(1)
        mean = sums.sum() / counts.sum()
        error = np.sqrt(((sums - mean * counts) ** 2).sum()) / counts.sum()
        out[name] = {
            "loss": float(mean),
            "standard_error": float(error),
            "n_tokens": int(counts.sum()),
        }
    return out


def steer(
    lm: LanguageModel, saes: Sequence[Sae], store: Store, n: int, chinese: dict[str, str]
) -> dict[str, Any]:
    """Choose the feature on trained phrasings, judge it and its controls on n held-out ones."""
    chosen, trials = steering.choose(lm, saes, sample(questions("train", "en"), 90), chinese)
    sae = next(s for s in saes if s.sae_id == chosen.sae_id)
    asked = sample(questions("held_out", "en"), n)
    arms: dict[str, dict[str, Any]] = {}
    for name, edits in tqdm(_arms(lm, sae, store, chosen).items(), desc="steering arms"):
        totals = [0, 0]
        for part, edit in zip(
            np.array_split(np.arange(len(asked)), len(edits)), edits, strict=True
        ):
            counted = steering.score(lm, [asked[i] for i in part], edit, chinese)
            totals = [totals[0] + counted[0], totals[1] + counted[1]]
        arms[name] = {"chinese": rate(totals[0], len(asked)), "right": rate(totals[1], len(asked))}
    return {"chosen": asdict(chosen), "arms": arms, "trials": [asdict(trial) for trial in trials]}


def _arms(
    lm: LanguageModel, sae: Sae, store: Store, chosen: steering.Chosen
) -> dict[str, list[steering.Edit | None]]:
    """Arms by name; several edits share the questions among them (20 random draws)."""
    f, value, layer = chosen.feature_index, chosen.value, sae.layer
    generator = torch.Generator().manual_seed(SEED)
    own = sae.decoder_rows([f])[0]
    directions = torch.randn(20, lm.d_model, generator=generator)
    others = steering.random_features(sae, f, 20, generator)
    trained = [q.prompt for q in sample(questions("train", "en"), 200)]
    asked = steering.last_resid(lm, [f"Speak Chinese. {p}" for p in trained], [layer])[layer]
    difference = difference_of_means(asked, steering.last_resid(lm, trained, [layer])[layer])
    where = steering.last_content(token_classes(lm, store))
    return {
        "baseline (no intervention)": [None],
        "the feature at the final newline": [at(adding_feature(sae, f, value))],
        "the feature at the last content token": [at(adding_feature(sae, f, value), where)],
        "the feature with its sign flipped": [at(adding_feature(sae, f, -value))],
        "random features, same norm (20)": [
            at(adding_feature(sae, other, float(norm_ratio(own, row, value))))
            for other, row in zip(others, sae.decoder_rows(others), strict=True)
        ],
        "random directions, same norm (20)": [
            at(adding(layer, one, float(norm_ratio(own, one, value)))) for one in directions
        ],
        "difference of means, its own length": [at(adding(layer, difference, 1.0))],
    }


def table(result: dict[str, Any]) -> str:
    """The evaluation as Markdown."""
    lines = [
        "| Greedy answers, exact match | share | 95 % interval | n |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        _rate_row(name, r) for name, r in {**result["knowledge"], **result["language"]}.items()
    ]
    lines += ["", *_steering_rows(result["steering"])]
    if result["prose"]:
        lines += ["", "| Held-out English prose | nats per token | ± s.e. | targets |"]
        lines += [
            "| --- | --- | --- | --- |",
            *(_loss_row(name, r) for name, r in result["prose"].items()),
        ]
    else:
        lines += ["", "Prose loss: not measured here (give the held-out rows with --held-out)."]
    lines += ["", *_reactivation_rows(result["reactivation"])]
    return "\n".join(lines)


def _percent(r: dict[str, Any]) -> str:
    return (
        f"{100 * r['share']:.1f} % | {100 * r['low']:.1f}–{100 * r['high']:.1f} | "
        f"{r['right']}/{r['n']}"
    )


def _rate_row(name: str, r: dict[str, Any]) -> str:
    return f"| {name} | {_percent(r)} |"


def _loss_row(name: str, r: dict[str, Any]) -> str:
    return f"| {name} | {r['loss']:.3f} | {r['standard_error']:.3f} | {r['n_tokens']:,} |"


def _steering_rows(result: dict[str, Any]) -> list[str]:
    chosen = result["chosen"]
    lines = [
        f"Steering: add {chosen['value']:.2f} · W_dec[{chosen['feature_index']}] of "
        f"`{chosen['sae_id']}` at one position of the prompt ({chosen['multiple']:g} × the "
        f"feature's mean rise of {chosen['rise']:.2f}); greedy; held-out phrasings, no "
        "instruction.",
        "",
        "| Arm | in Chinese | 95 % | n | right Chinese answer | 95 % | n |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, arm in result["arms"].items():
        lines.append(f"| {name} | {_percent(arm['chinese'])} | {_percent(arm['right'])} |")
    return lines


def _reactivation_rows(result: dict[str, Any]) -> list[str]:
    lines = [
        "Reactivation at the newline of `What is the capital of …?`: the newline names its "
        "country when, of all countries, its residual is nearest to that of its own country's "
        "name (each less the mean over countries; cosine; 1.6 % by chance); it has a feature of "
        "its own when one fires at the country's name and again there, and at no more than "
        f"{MOST:.0%} of the other countries' newlines. Control: a feature of the next country's "
        "name in the list.",
        "",
        "| SAE | names its country | 95 % | n | own feature | 95 % | n | feature of the next | "
        "95 % | n |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for sae_id, row in result["countries"].items():
        lines.append(f"| {sae_id} | {' | '.join(map(_percent, row.values()))} |")
    for (prompt, answer), name in zip(result["answers"].items(), ("first", "second"), strict=True):
        again = {sae_id: pair[name] for sae_id, pair in result["pair"].items() if pair[name]}
        listed = (
            "; ".join(f"{sae_id}: {', '.join(map(str, ids))}" for sae_id, ids in again.items())
            or "none"
        )
        lines += [
            "",
            f"`{prompt.strip()}` → {answer}. Fires at the name and again at the newline, and not "
            f"in the other prompt: {listed}.",
        ]
    return lines


def write_card(card: Path, text: str) -> None:
    """Put the table between the card's markers; ValueError when they are missing."""
    old = card.read_text("utf-8")
    pattern = re.escape(MARKERS[0]) + ".*?" + re.escape(MARKERS[1])
    if not re.search(pattern, old, re.DOTALL):
        raise ValueError(
            f"{card} lacks the markers {MARKERS[0]} … {MARKERS[1]}; put them where the table "
            "belongs"
        )
    card.write_text(
        re.sub(pattern, lambda _: f"{MARKERS[0]}\n{text}\n{MARKERS[1]}", old, flags=re.DOTALL),
        "utf-8",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `precompute eval-lab`."""
    parser.add_argument(
        "--lab",
        type=Path,
        default=LAB,
        help="folder with model/, saes/ and lab.duckdb (default: the shipped one)",
    )
    parser.add_argument(
        "--held-out", type=Path, help="held_out_english.npy of train-lm's work folder"
    )
    parser.add_argument(
        "--n", type=int, default=600, help="questions a rate (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="one per really free core (default: %(default)s)"
    )
    parser.add_argument(
        "--write", action="store_true", help="write evaluation.json and the model card's table"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the table, and write it with --write."""
    torch.set_num_threads(args.threads)
    lm = LanguageModel.load(args.lab / "model")
    saes = [
        Sae.load(folder)
        for folder in sorted((args.lab / "saes").iterdir())
        if (folder / "cfg.json").exists()
    ]
    store = Store.open(args.lab / "lab.duckdb")
    chinese = chinese_answers()
    result = {
        "knowledge": knowledge(lm, args.n),
        "language": language_flip(lm, args.n, chinese),
        "steering": steer(lm, saes, store, args.n, chinese),
        "prose": prose_loss(lm, store, np.load(args.held_out)) if args.held_out else None,
        "reactivation": reactivation(lm, saes),
    }
    print(table(result))
    if args.write:
        (args.lab / "evaluation.json").write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
        write_card(args.lab / "README.md", table(result))
    return 0
