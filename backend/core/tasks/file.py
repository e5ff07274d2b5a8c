"""Reads a task file: experiments as data, in TOML; precompute/gemma/tasks/README.md has the table.

```toml
format = 1
title = "What animals say"
noun = "animals"                                # what the subjects are; needed with subjects
tails = ["?", "? Answer in one word, please."]  # what may follow a phrasing; without: nothing
subjects = [{ name = "the cow", sound = "moo" }, { name = "the cat", sound = ["meow", "miaow"] }]
questions.test = [["What do bees make?", "honey"], ["Name a bird{trait}."]]  # text, right answers
questions.fit = [["Name an animal{trait}."]]    # to choose on, not to judge

[prompt]                                        # without it the plain wrapper
wrapper = "few-shot"                            # plain, few-shot or chat
examples = [["What sound does the dog make?", "bark"]]
stop = "\\n"                                     # the answer ends before it

[relations]                                     # relation -> phrasings, {s} is the subject
sound = ["What sound does {s} make"]            # or { fit = […], test = […] }

[traits.Africa]                                 # what an answer may show
words = " from Africa"                          # in a question's {trait}; or asked = "Abroad: {q}"
names = ["lion", "elephant"]                    # or language, or pattern
```

Whatever the format does not know is refused, never skipped.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regex

from backend.core.tasks.fields import Field, TaskError
from backend.core.tasks.rows import (
    ASKED,
    SLOT,
    SPLITS,
    SUBJECT,
    WRAPPERS,
    Example,
    Question,
    Tasks,
    Trait,
    Wrapper,
)

FORMAT = 1
_NAME = regex.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_OWN = ("name", "split")  # keys of a subject that are no relations
_TOP = {
    "format": True,
    "title": True,
    "noun": False,
    "tails": False,
    "subjects": False,
    "questions": False,
    "prompt": False,
    "relations": False,
    "traits": False,
}


def read_tasks(path: Path) -> Tasks:
    """TaskError with file, line or field, and what is allowed, for whatever cannot be used."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"no task file at {path} ({error}): give a .toml file in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{path.name} is not TOML: {error}.") from error
    return parse_tasks(raw, path.name)


def parse_tasks(raw: dict[str, Any], file: str) -> Tasks:
    """`raw` as tomllib gives it; `file` is what messages and results call it."""
    top = Field(f"{file}:", raw).table(_TOP)
    if top["format"].value != FORMAT:
        raise top["format"].refuse(str(FORMAT))
    if not _NAME.fullmatch(file.removesuffix(".toml")):
        raise TaskError(
            f"{file}: its results are called by its name; allowed: letters, digits, - and _."
        )
    prompt = _wrapper(top.get("prompt"))
    tails = top["tails"].texts(empty=True) if "tails" in top else ("",)
    if len(set(tails)) < len(tails):
        raise top["tails"].refuse("each tail once")
    if "subjects" in top and "noun" not in top:
        raise TaskError(f"{file}: noun is missing: it says what the subjects are, in the plural.")
    questions = (*_about_subjects(top, file, tails[0]), *_own_questions(top.get("questions")))
    if not questions:
        raise TaskError(f"{file} asks nothing; needed: questions, or subjects and relations.")
    traits = dict(_traits(top["traits"], prompt)) if "traits" in top else {}
    _check_questions(file, questions, prompt, traits)
    noun = top["noun"].text() if "noun" in top else "questions"
    text = json.dumps(raw, sort_keys=True, ensure_ascii=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Tasks(file, digest, top["title"].text(), noun, prompt, tails, questions, traits)


def _wrapper(given: Field | None) -> Wrapper:
    if given is None:
        return Wrapper()
    keys = dict.fromkeys(("examples", "separator", "end", "stop"), False)
    found = given.table({"wrapper": True, **keys})
    kind = found["wrapper"].one_of(WRAPPERS)
    texts = {
        name: found[name].text(empty=name == "end")
        for name in ("separator", "end", "stop")
        if name in found
    }
    for name in ("separator", "examples") if kind != "few-shot" else ():
        if name in found:
            raise found[name].refuse(f"nothing with wrapper {kind!r}: only few-shot has it")
    if kind == "few-shot" and "examples" not in found:
        raise TaskError(
            f"{given.where}.examples is missing: wrapper 'few-shot' needs [question, answer] pairs."
        )
    if kind == "chat" and "end" in found:
        raise found["end"].refuse("nothing with wrapper 'chat': the template ends the turn")
    examples = (
        tuple(_example(one) for one in found["examples"].items()) if "examples" in found else ()
    )
    ends = {"end": ""} if kind == "chat" else {}
    return Wrapper(kind, examples, **ends, **texts)  # type: ignore[arg-type]


def _example(one: Field) -> Example:
    pair = one.texts()
    if len(pair) != 2:
        raise one.refuse("a pair, [question, answer]")
    return pair[0], pair[1]


def _about_subjects(top: dict[str, Field], file: str, tail: str) -> Iterator[Question]:
    if ("subjects" in top) != ("relations" in top):
        lacking = "relations" if "subjects" in top else "subjects"
        raise TaskError(f"{file}: {lacking} is missing: subjects and relations need each other.")
    if "subjects" not in top:
        return
    relations = {name: list(_phrasings(one)) for name, one in top["relations"].entries()}
    for name in relations.keys() & set(_OWN):
        raise TaskError(
            f"{file}: relations.{name}: a relation cannot be called {' or '.join(_OWN)}."
        )
    split_phrasings = any(split for phrasings in relations.values() for _, split in phrasings)
    seen: set[str] = set()
    for one in top["subjects"].items():
        found = one.table({"name": True, "split": False} | dict.fromkeys(relations, False))
        name = found["name"].text()
        if name in seen:
            raise found["name"].refuse("each name once")
        seen.add(name)
        if "split" in found and split_phrasings:
            raise found["split"].refuse(
                "nothing here: the phrasings of this file are split already"
            )
        split = found["split"].one_of(SPLITS) if "split" in found else "test"
        asked = [relation for relation in relations if relation in found]
        if not asked:
            raise TaskError(
                f"{one.where} has no answer; needed: one or more of {', '.join(relations)}."
            )
        for relation in asked:
            answers = found[relation].text_or_texts()
            for phrasing, own in relations[relation]:
                yield Question(phrasing, answers, own or split, relation, name, tail)  # type: ignore[arg-type]


def _phrasings(given: Field) -> Iterator[tuple[str, str]]:
    """(phrasing, its split, "" where phrasings are not split)."""
    by_split = (
        {"": given} if isinstance(given.value, list) else given.table(dict.fromkeys(SPLITS, True))
    )
    for split, listed in by_split.items():
        for one in listed.items():
            if one.text().count(SUBJECT) != 1:
                raise one.refuse(f"a text that holds {SUBJECT} once")
            yield one.text(), split


def _own_questions(given: Field | None) -> Iterator[Question]:
    for split, listed in (
        given.table(dict.fromkeys(SPLITS, False)).items() if given is not None else ()
    ):
        for one in listed.items():
            text, *answers = one.texts()
            if SUBJECT in text:
                raise one.refuse(f"a question without {SUBJECT}: it names no subject")
            yield Question(text, tuple(answers), split)  # type: ignore[arg-type]


def _traits(given: Field, prompt: Wrapper) -> Iterator[tuple[str, Trait]]:
    keys = dict.fromkeys(("asked", "words", "examples", "language", "names", "pattern"), False)
    for name, one in given.entries():
        found = one.table(keys)
        if not _NAME.fullmatch(name):
            raise TaskError(f"{one.where}: a trait's name is letters, digits, - and _.")
        judged = [key for key in ("language", "names", "pattern") if key in found]
        if len(judged) != 1:
            raise TaskError(
                f"{one.where} has {judged or 'none'}; needed: one of language, names, pattern."
            )
        asked = found["asked"].text() if "asked" in found else ASKED
        if asked.count(ASKED) != 1:
            raise found["asked"].refuse(f"a text that holds {ASKED} once")
        examples = None
        if "examples" in found:
            if prompt.kind != "few-shot":
                raise found["examples"].refuse(
                    f"nothing with wrapper {prompt.kind!r}: only few-shot has it"
                )
            examples = tuple(_example(pair) for pair in found["examples"].items())
        if asked == ASKED and "words" not in found and examples is None:
            raise TaskError(f"{one.where} cannot be asked for; needed: asked, words or examples.")
        yield (
            name,
            Trait(
                name,
                asked,
                found["words"].text() if "words" in found else "",
                examples,
                **_judged(found),
            ),
        )


def _judged(found: dict[str, Field]) -> dict[str, Any]:
    if "language" in found:
        return {"language": found["language"].one_of(("zh", "en"))}
    if "names" in found:
        return {"names": found["names"].texts()}
    try:
        regex.compile(found["pattern"].text())
    except regex.error as error:
        raise found["pattern"].refuse(f"a regular expression ({error})") from error
    return {"pattern": found["pattern"].text()}


def _check_questions(
    file: str, questions: tuple[Question, ...], prompt: Wrapper, traits: dict[str, Trait]
) -> None:
    shown = {asked for asked, _ in prompt.examples}
    seen: set[str] = set()
    for one in questions:
        if one.text in seen:
            raise TaskError(
                f"{file} asks {one.text!r} twice; allowed: each question once, in one split."
            )
        if one.text in shown:
            raise TaskError(
                f"{file} asks {one.text!r}, which is one of prompt.examples: its answer is shown."
            )
        seen.add(one.text)
    if traits and len({one.split for one in questions}) < len(SPLITS):
        raise TaskError(
            f"{file} has traits; needed: questions of both splits, {' and '.join(SPLITS)}."
        )
    slots = any(SLOT in one.template for one in questions)
    for trait in traits.values():
        if trait.asked == ASKED and trait.examples is None and not slots:
            raise TaskError(
                f"{file}: traits.{trait.name}.words has no place: no question holds {SLOT}."
            )
