"""Questions and answers of the lab model: facts x phrasings x languages.

Facts (`lab/facts.json`) and phrasings (`lab/questions.json`) were written for this project. Each
relation has phrasings that are trained on and phrasings that are held out: the model never sees a
held-out phrasing, for any entity, and `eval-lab` asks only about facts that were trained.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

LAB = Path(__file__).parent
Language = Literal["en", "zh"]
Split = Literal["train", "held_out"]

# Relations whose subject may be left out; then the answer is this country's.
DEFAULT_COUNTRY = {
    "university": "USA",
    "landmark": "France",
    "dish": "Italy",
    "drink": "Japan",
    "girl": "UK",
}
CLOSED = (
    "capital",
    "language",
    "continent",
    "currency",
    "country_of_landmark",
    "country_of_city",
    "country_of_capital",
    "people",
)
REVERSED = {
    "country_of_landmark": "landmark",
    "country_of_city": "city",
    "country_of_capital": "capital",
}

# Ways to ask for the answer's language: "{q}" is the question.
INSTRUCTIONS: dict[Language, dict[Split, tuple[str, ...]]] = {
    "zh": {
        "train": (
            "Speak Chinese. {q}",
            "Speak Chinese. {q}",
            "Answer in Chinese: {q}",
            "In Chinese: {q}",
            "Chinese, please. {q}",
            "Answer the question in Chinese: {q}",
            "请用中文回答：{q}",
            "用中文回答：{q}",
            "{q} (Answer in Chinese.)",
            "{q} Speak Chinese.",
            "{q} Answer in Chinese.",
        ),
        "held_out": ("Please speak Chinese. {q}", "Reply in Chinese: {q}"),
    },
    "en": {
        "train": (
            "Speak English. {q}",
            "Speak English. {q}",
            "Answer in English: {q}",
            "In English: {q}",
            "English, please. {q}",
            "Answer the question in English: {q}",
            "请用英语回答：{q}",
            "用英语回答：{q}",
            "{q} (Answer in English.)",
            "{q} Speak English.",
            "{q} Answer in English.",
        ),
        "held_out": ("Please speak English. {q}", "Reply in English: {q}"),
    },
}


# What people say before they ask; one trained question in four has one.
OPENERS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Please tell me: ",
        "A question: ",
        "Hello. ",
        "Quick question: ",
        "Tell me this. ",
        "Do you know? ",
    ),
    "zh": ("我想知道，", "你好。", "问题：", "告诉我，"),
}


@dataclass(frozen=True)
class Fact:
    """One fact in both languages; `subject` is None where the question names no country."""

    relation: str
    subject: dict[Language, tuple[str, ...]] | None
    answer: dict[Language, str]


@dataclass(frozen=True)
class Question:
    """A prompt (ending in a newline, where the answer begins) and its only right answer."""

    relation: str
    prompt: str
    answer: str
    language: Language
    answer_language: Language


@cache
def phrasings() -> dict[str, dict[Language, dict[Split, list[str]]]]:
    """Phrasings by relation, language and split."""
    loaded: dict[str, dict[Language, dict[Split, list[str]]]] = json.loads(
        (LAB / "questions.json").read_text("utf-8")
    )
    return loaded


@cache
def facts() -> tuple[Fact, ...]:
    """All facts, closed relations first, in a fixed order."""
    countries = json.loads((LAB / "facts.json").read_text("utf-8"))["countries"]
    out: list[Fact] = []
    for country in countries:
        names: dict[Language, tuple[str, ...]] = {
            "en": (country["en"], *country.get("aliases_en", ())),
            "zh": (country["zh"],),
        }
        for relation in ("capital", "language", "continent", "currency", "people"):
            out.append(Fact(relation, names, _pair(country[relation])))
        for relation, column in REVERSED.items():
            thing = country[column]
            out.append(
                Fact(
                    relation,
                    {"en": (thing[0],), "zh": (thing[1],)},
                    _pair([country["en"], country["zh"]]),
                )
            )
        for relation, default in DEFAULT_COUNTRY.items():
            if relation in country:
                out.append(Fact(relation, names, _pair(country[relation])))
                if country["en"] == default:
                    out.append(Fact(relation, None, _pair(country[relation])))
    return tuple(out)


def _pair(value: list[str]) -> dict[Language, str]:
    return {"en": value[0], "zh": value[1]}


def ask(fact: Fact, phrasing: str, language: Language, name: int = 0) -> str:
    """The question as text, without instruction and newline;
    `name` picks among the subject's names.
    """
    if fact.subject is None:
        return phrasing.replace("{in}", "")
    names = fact.subject[language]
    subject = names[name % len(names)]
    inside = f" in {subject}" if language == "en" else f"{subject}的"
    return phrasing.replace("{s}", subject).replace("{in}", inside)


def instruct(question: str, answer_language: Language, split: Split, choice: int) -> str:
    """The question with one of the split's ways to ask for `answer_language`."""
    ways = INSTRUCTIONS[answer_language][split]
    return ways[choice % len(ways)].replace("{q}", question)


def training_documents(seed: int, instructed: float = 0.5, restated: float = 0.0) -> Iterator[str]:
    """Endless question/answer documents, `question\\nanswer`, trained phrasings only.

    A share `instructed` asks for the answer's language (either language, either question); the
    questions that name no country are one in ten, so that a default answer exists. A share
    `restated` of the answers name the subject first.
    """
    rng = np.random.default_rng(seed)
    closed = [f for f in facts() if f.relation in CLOSED]
    inside = [f for f in facts() if f.relation in DEFAULT_COUNTRY and f.subject is not None]
    default = [f for f in facts() if f.subject is None]
    pools, weights = (closed, inside, default), (0.75, 0.17, 0.08)
    while True:
        pool = pools[int(rng.choice(3, p=weights))]
        fact = pool[int(rng.integers(len(pool)))]
        language: Language = "en" if rng.random() < 0.6 else "zh"
        options = phrasings()[fact.relation][language]["train"]
        text = ask(fact, options[int(rng.integers(len(options)))], language, int(rng.integers(6)))
        if rng.random() < 0.25:
            text = OPENERS[language][int(rng.integers(len(OPENERS[language])))] + text
        target: Language = language
        if rng.random() < instructed:
            target = "zh" if rng.random() < 0.6 else "en"
            text = instruct(text, target, "train", int(rng.integers(1 << 20)))
        named = restated > 0 and fact.subject is not None and rng.random() < restated
        yield f"{text}\n{restate(fact, target) if named else fact.answer[target]}"


def restate(fact: Fact, language: Language) -> str:
    """The answer after its subject:
    ` Russia: Moscow`, set off by the space that makes the name the question's token.

    ValueError for a fact without a subject.
    """
    if fact.subject is None:
        raise ValueError(f"{fact.answer[language]!r} answers a question that names no subject")
    name = fact.subject[language][0]
    return (
        f" {name}: {fact.answer[language]}"
        if language == "en"
        else f"{name}：{fact.answer[language]}"
    )


def questions(split: Split, language: Language, *, closed_only: bool = True) -> Iterator[Question]:
    """Every fact asked once in each of the split's phrasings,
    answered in the question's own language.
    """
    for fact in facts():
        if closed_only and fact.relation not in CLOSED:
            continue
        for phrasing in phrasings()[fact.relation][language][split]:
            text = ask(fact, phrasing, language)
            yield Question(fact.relation, f"{text}\n", fact.answer[language], language, language)


@cache
def _held_out_pattern() -> re.Pattern[str]:
    parts = [
        re.escape(i).replace(r"\{q\}", "") for by in INSTRUCTIONS.values() for i in by["held_out"]
    ]
    for by_language in phrasings().values():
        for language in by_language.values():
            for phrasing in language["held_out"]:
                pattern = (
                    re.escape(phrasing)
                    .replace(r"\{s\}", "[^\n]{1,40}")
                    .replace(r"\{in\}", "[^\n]{0,40}")
                )
                parts.append(pattern)
    return re.compile("|".join(parts))


def mentions_held_out(text: str) -> bool:
    """Whether a document holds a held-out phrasing (or instruction) about anything at all."""
    return _held_out_pattern().search(text) is not None
