"""Task files: what they say, what is refused and in which words, and a hash of their meaning."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from backend.core.tasks import TaskError, read_tasks
from backend.core.tasks import file as task_file
from backend.core.tasks.file import parse_tasks
from backend.core.tasks.rows import Question, Trait, as_word

TEXT = """
format = 1
title = "Capitals"
noun = "countries"
tails = ["?", "? Answer briefly, please."]
subjects = [
    { name = "Russia", capital = "Moscow", river = ["Volga", "the Volga"] },
    { name = "Italy", capital = "Rome", split = "fit" },
]
questions.test = [["Name a composer{trait}."]]
[prompt]
wrapper = "few-shot"
examples = [
    ["What is the capital of France?", "Paris"],
    ["What is the capital of Spain?", "Madrid"],
]
stop = "\\n"
[relations]
capital = ["What is the capital of {s}"]
river = ["Name a river of {s}"]
[traits.Russia]
words = " from Russia"
names = ["Russia", "Moscow"]
[traits.Chinese]
asked = "In Chinese: {q}"
examples = [["What is the capital of France?", "巴黎"]]
language = "zh"
"""


def raw(**changes: Any) -> dict[str, Any]:
    """The file above with some keys replaced; None takes one away."""
    made = tomllib.loads(TEXT) | changes
    return {key: value for key, value in made.items() if value is not None}


def test_questions_are_every_relation_of_every_subject_with_the_first_tail() -> None:
    tasks = parse_tasks(raw(), "capitals.toml")
    assert (tasks.name, tasks.noun, tasks.tails) == (
        "capitals",
        "countries",
        ("?", "? Answer briefly, please."),
    )
    assert [(q.text, q.answers, q.split, q.relation) for q in tasks.questions] == [
        ("What is the capital of Russia?", ("Moscow",), "test", "capital"),
        ("Name a river of Russia?", ("Volga", "the Volga"), "test", "river"),
        ("What is the capital of Italy?", ("Rome",), "fit", "capital"),
        ("Name a composer.", (), "test", ""),
    ]
    assert [q.subject for q in tasks.about_subjects()] == ["Russia", "Russia", "Italy"]
    assert [q.text for q in tasks.of("fit")] == ["What is the capital of Italy?"]


def test_a_prompt_is_the_examples_then_the_question() -> None:
    tasks = parse_tasks(raw(), "capitals.toml")
    few = "What is the capital of France?\nParis\n\nWhat is the capital of Spain?\nMadrid\n\n"
    assert tasks.plain(tasks.questions[0]) == f"{few}What is the capital of Russia?\n"
    assert tasks.prompt.stop == "\n"
    plain = parse_tasks(raw(prompt=None, traits=None), "capitals.toml")
    assert plain.plain(plain.questions[0]) == "What is the capital of Russia?\n"
    chat = parse_tasks(raw(prompt={"wrapper": "chat"}, traits=None), "capitals.toml")
    assert (chat.prompt.chat, chat.plain(chat.questions[0])) == (
        True,
        "What is the capital of Russia?",
    )


def test_traits_are_asked_for_in_their_place_in_words_or_by_examples() -> None:
    tasks = parse_tasks(raw(), "capitals.toml")
    russia, chinese = tasks.traits["Russia"], tasks.traits["Chinese"]
    capital, composer = tasks.questions[0], tasks.questions[-1]
    assert tasks.asking(composer, [russia]).endswith("Madrid\n\nName a composer from Russia.\n")
    assert tasks.asking(capital, [russia]) == tasks.plain(capital)  # no place: it cannot be asked
    few = "What is the capital of France?\n巴黎\n\n"
    assert tasks.asking(composer, [chinese]) == f"{few}In Chinese: Name a composer.\n"
    assert (
        tasks.asking(composer, [chinese, russia])
        == f"{few}In Chinese: Name a composer from Russia.\n"
    )


@pytest.mark.parametrize(
    ("trait", "shows", "shows_not"),
    [
        (Trait("t", language="zh"), ["莫斯科", "莫斯科。"], ["Moscow", "莫斯科 Moscow", ""]),
        (
            Trait("t", names=("UK", "英国")),
            ["the UK.", "uk", "在英国吗"],
            ["UKULELE", "Ukraine", "BUK"],
        ),
        (Trait("t", pattern="^[0-9]+$"), ["42"], ["42 cats"]),
    ],
)
def test_what_shows_a_trait(trait: Trait, shows: list[str], shows_not: list[str]) -> None:
    assert all(trait.shown(text) for text in shows)
    assert not any(trait.shown(text) for text in shows_not)


def test_a_name_of_many_ends_where_its_word_ends() -> None:
    assert as_word(["UK", "英国"]) == r"(?i)(?<!\p{Latin})(?:UK)(?!\p{Latin})|英国"


def test_right_answers_are_compared_without_case_and_final_stop() -> None:
    question = Question("q", ("Moscow", "莫斯科"))
    assert all(question.right(text) for text in ("Moscow", " moscow.\n", "莫斯科。"))
    assert not any(question.right(text) for text in ("Moscow, Russia", "", "Mos"))
    assert not Question("q", ()).right("")


def test_the_hash_is_of_what_is_said_not_of_the_layout() -> None:
    own = parse_tasks(raw(), "a.toml").sha256
    turned = dict(reversed(list(raw().items())))
    assert parse_tasks(turned, "b.toml").sha256 == own
    assert len(own) == 64
    assert parse_tasks(raw(title="Capital cities"), "a.toml").sha256 != own


def test_the_example_in_the_documentation_is_a_task_file() -> None:
    text = (task_file.__doc__ or "").split("```toml")[1].split("```")[0]
    tasks = parse_tasks(tomllib.loads(text), "animals.toml")
    assert tasks.questions[0].text == "What sound does the cow make?"


SUBJECTS = [{"name": "Russia", "capital": "Moscow"}]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"format": 2}, "t.toml: format is 2; allowed: 1."),
    ({"title": None}, "t.toml: title is missing; needed: format, title."),
    ({"colour": "red"}, "t.toml: colour is unknown; allowed: format, title, noun, "),
    ({"title": ""}, "t.toml: title is ''; allowed: a text that is not empty."),
    ({"noun": None}, "t.toml: noun is missing"),
    ({"tails": ["?", "?"]}, "allowed: each tail once"),
    ({"tails": "?"}, "t.toml: tails is '?'; allowed: a list of 1 or more."),
    ({"relations": None}, "t.toml: relations is missing: subjects and relations need each other."),
    (
        {"subjects": [{"name": "Russia"}]},
        "t.toml: subjects[0] has no answer; needed: one or more of capital, river.",
    ),
    (
        {"subjects": [{"name": "X", "capital": 5}]},
        "t.toml: subjects[0].capital is 5; allowed: a text or a list of texts.",
    ),
    (
        {"subjects": [{"name": "X", "mayor": "Y"}]},
        "t.toml: subjects[0].mayor is unknown; allowed: name, split, capital, river.",
    ),
    ({"subjects": SUBJECTS * 2}, "t.toml: subjects[1].name is 'Russia'; allowed: each name once."),
    (
        {"subjects": [SUBJECTS[0] | {"split": "train"}]},
        "subjects[0].split is 'train'; allowed: 'fit', 'test'.",
    ),
    (
        {"relations": {"capital": ["Capital?"]}},
        "t.toml: relations.capital[0] is 'Capital?'; allowed: a text that holds {s} once.",
    ),
    ({"relations": {"capital": {"fit": ["{s}?"]}}}, "t.toml: relations.capital.test is missing"),
    (
        {"relations": {"name": ["{s}?"]}, "subjects": [{"name": "X"}]},
        "cannot be called name or split",
    ),
    ({"questions": {"train": [["x"]]}}, "t.toml: questions.train is unknown; allowed: fit, test."),
    ({"questions": {"test": [["Where is {s}?"]]}}, "a question without {s}"),
    (
        {"questions": {"test": [["What is the capital of Russia?", "Moscow"]]}},
        "t.toml asks 'What is the capital of Russia?' twice",
    ),
    (
        {"questions": {"test": [["What is the capital of France?", "Paris"]]}},
        "which is one of prompt.examples",
    ),
    (
        {"questions": {"test": [["Name a composer."]]}},
        "t.toml: traits.Russia.words has no place: no question holds {trait}.",
    ),
    (
        {"prompt": {"wrapper": "few"}},
        "t.toml: prompt.wrapper is 'few'; allowed: 'plain', 'few-shot', 'chat'.",
    ),
    ({"prompt": {"wrapper": "few-shot"}}, "t.toml: prompt.examples is missing"),
    (
        {"prompt": {"wrapper": "few-shot", "examples": [["q"]]}},
        "t.toml: prompt.examples[0] is ['q']; allowed: a pair",
    ),
    ({"prompt": {"wrapper": "plain", "examples": [["q", "a"]]}}, "nothing with wrapper 'plain'"),
    ({"prompt": {"wrapper": "chat", "end": "x"}}, "the template ends the turn"),
    (
        {"traits": {"T": {"words": " x"}}},
        "t.toml: traits.T has none; needed: one of language, names, pattern.",
    ),
    (
        {"traits": {"T": {"words": " x", "language": "fr"}}},
        "t.toml: traits.T.language is 'fr'; allowed: 'zh', 'en'.",
    ),
    ({"traits": {"T": {"words": " x", "pattern": "("}}}, "a regular expression"),
    (
        {"traits": {"T": {"asked": "Now.", "language": "zh"}}},
        "t.toml: traits.T.asked is 'Now.'; allowed: a text that holds {q} once.",
    ),
    ({"traits": {"T": {"language": "zh"}}}, "t.toml: traits.T cannot be asked for"),
    ({"subjects": SUBJECTS}, "t.toml has traits; needed: questions of both splits, fit and test."),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_refusals_name_the_field_and_what_is_allowed(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError) as refused:
        parse_tasks(raw(**changes), "t.toml")
    assert said in str(refused.value)


def test_phrasings_split_instead_of_subjects() -> None:
    relations = {"capital": {"fit": ["Capital of {s}"], "test": ["The capital of {s} is"]}}
    changes = {
        "subjects": SUBJECTS,
        "relations": relations,
        "questions": None,
        "traits": None,
        "tails": None,
    }
    tasks = parse_tasks(raw(**changes), "t.toml")
    assert [(q.text, q.split) for q in tasks.questions] == [
        ("Capital of Russia", "fit"),
        ("The capital of Russia is", "test"),
    ]
    with pytest.raises(TaskError, match="the phrasings of this file are split already"):
        parse_tasks(raw(**changes | {"subjects": [SUBJECTS[0] | {"split": "fit"}]}), "t.toml")


def test_a_file_is_read_or_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "capitals.toml"
    path.write_text(TEXT, "utf-8")
    assert read_tasks(path).questions == parse_tasks(raw(), "capitals.toml").questions
    path.write_text("format = 1\ntitle = \n", "utf-8")
    with pytest.raises(TaskError, match=r"capitals.toml is not TOML: .*line 2"):
        read_tasks(path)
    with pytest.raises(TaskError, match="no task file at"):
        read_tasks(tmp_path / "none.toml")
    (tmp_path / "my tasks.toml").write_text(TEXT, "utf-8")
    with pytest.raises(TaskError, match="letters, digits, - and _"):
        read_tasks(tmp_path / "my tasks.toml")
