"""What a task file holds: questions with their right answers, traits, and how a prompt is put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import regex

from backend.core.steering.targets import LanguageTarget, RegexTarget, Target

Split = Literal["fit", "test"]
WrapperKind = Literal["plain", "few-shot", "chat"]
SPLITS, WRAPPERS = get_args(Split), get_args(WrapperKind)
SUBJECT, SLOT, ASKED = "{s}", "{trait}", "{q}"
Example = tuple[str, str]  # a question and its answer


@dataclass(frozen=True)
class Wrapper:
    """From a question to a prompt. `stop`: the answer ends before it; None: where the text ends."""

    kind: WrapperKind = "plain"
    examples: tuple[Example, ...] = ()
    separator: str = "\n\n"  # after an example's answer
    end: str = "\n"  # after the question, where the answer begins; "" in a chat, which has turns
    stop: str | None = None

    @property
    def chat(self) -> bool:
        """Whether the text is a user's turn of the tokenizer's chat template."""
        return self.kind == "chat"

    def text(self, question: str, examples: Sequence[Example] | None = None) -> str:
        """The prompt; `examples` stand in for the wrapper's own."""
        shown = self.examples if examples is None else examples
        few = "".join(f"{asked}{self.end}{answer}{self.separator}" for asked, answer in shown)
        return f"{few}{question}{self.end}"


@dataclass(frozen=True)
class Question:
    """`template` may hold the subject's place {s}, once, and one for a trait's words, {trait}."""

    template: str
    answers: tuple[str, ...]  # the answer, then what else counts as right; () where anything may
    split: Split = "test"
    relation: str = ""
    subject: str = ""
    tail: str = ""  # what follows the phrasing

    @property
    def text(self) -> str:
        """As asked when no trait is asked for."""
        return self.with_words("")

    def with_words(self, words: str) -> str:
        """The question with a trait's words in their place; they are left out where there is no
        place.
        """
        return self.template.replace(SLOT, words).replace(SUBJECT, self.subject) + self.tail

    def until_subject(self) -> str:
        """The text before the subject. ValueError for a question that names none."""
        if not self.subject:
            raise ValueError(f"{self.text!r} names no subject")
        return self.template[: self.template.index(SUBJECT)].replace(SLOT, "")

    def right(self, answer: str) -> bool:
        """Whether it is one of the answers: case, space around it and a final full stop do not
        count.
        """
        return _bare(answer) in {_bare(one) for one in self.answers}


@dataclass(frozen=True)
class Trait:
    """What an answer may show, and how it is asked for in words.

    Of `language`, `names` and `pattern` one is given: the script of a language, a name as a word of
    its own, a regular expression.
    """

    name: str
    asked: str = ASKED  # {q} is the question
    words: str = ""  # in the question's own {trait}
    examples: tuple[Example, ...] | None = (
        None  # few-shot pairs that show it; None: the wrapper's own
    )
    language: Literal["zh", "en"] | None = None
    names: tuple[str, ...] = ()
    pattern: str | None = None

    @property
    def target(self) -> Target:
        """What an answer is judged by."""
        if self.language is not None:
            return LanguageTarget(self.language)
        return RegexTarget(self.pattern if self.pattern is not None else as_word(self.names))

    def shown(self, answer: str) -> bool:
        """Whether the answer shows the trait."""
        return self.target.shown((), answer)


def as_word(names: Sequence[str]) -> str:
    """A pattern for any of the names, in any case, that is no part of a longer word; Han names need
    no edges.
    """
    latin = [regex.escape(name) for name in names if regex.search(r"\p{Latin}", name)]
    other = [regex.escape(name) for name in names if not regex.search(r"\p{Latin}", name)]
    edged = [rf"(?<!\p{{Latin}})(?:{'|'.join(latin)})(?!\p{{Latin}})"] if latin else []
    return "(?i)" + "|".join(edged + other)


@dataclass(frozen=True)
class Tasks:
    """One file. `sha256` is of what it says, not of its layout: comments and order of keys do not
    count.
    """

    file: str  # its name, without folders
    sha256: str
    title: str
    noun: str  # what its subjects are, in the plural
    prompt: Wrapper
    tails: tuple[str, ...]  # what may follow a phrasing; the first is what questions are asked with
    questions: tuple[Question, ...]  # with the first tail
    traits: dict[str, Trait] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its ending: what its results are called."""
        return self.file.removesuffix(".toml")

    def of(self, split: Split) -> list[Question]:
        """Questions to choose on, or to judge on."""
        return [one for one in self.questions if one.split == split]

    def about_subjects(self) -> list[Question]:
        """Questions that name a subject."""
        return [one for one in self.questions if one.subject]

    def asking(self, question: Question, traits: Sequence[Trait]) -> str:
        """The prompt that asks for the traits in words; that of the question itself where it cannot
        ask.
        """
        text = question.with_words("".join(trait.words for trait in traits))
        for trait in traits:
            text = trait.asked.replace(ASKED, text)
        given = [trait.examples for trait in traits if trait.examples is not None]
        return self.prompt.text(text, given[0] if given else None)

    def plain(self, question: Question) -> str:
        """The prompt that asks for nothing but the answer."""
        return self.prompt.text(question.text)


def _bare(answer: str) -> str:
    return answer.strip().rstrip(".。").strip().casefold()
