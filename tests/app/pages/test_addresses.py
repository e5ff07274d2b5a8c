"""What an address asks for that a page does not have: said with what came and what is allowed."""

import pytest

from app.pages.consolidation import asked as consolidation_asked
from app.pages.consolidation.state import ConsolidationState
from app.pages.coverage.state import read_sort
from app.pages.run import address as run_address
from app.pages.token.lists import listed_words
from app.parts import matrix
from backend import schemas as wire

SAES = ("layer_1", "layer_3")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"order": "bogus"}, "order: got 'bogus', allowed are first, function, often, activation"),
        ({"theta": "2"}, "theta: this page has no such setting"),
        ({"class": "foo"}, "class: got 'foo', allowed are function, content"),
        ({"density": "abc"}, "density: got 'abc', allowed is a number from 0"),
        ({"least": "-3"}, "least: got '-3', allowed is a number from 0"),
        ({"generate": "9999"}, "generate: got '9999', allowed is a whole number from 0 to 128"),
        ({"generate": "3.5"}, "generate: got '3.5', allowed is a whole number from 0 to 128"),
        ({"sae": "nope"}, "sae: got 'nope', allowed are layer_1, layer_3"),
        (
            {"at": "seven"},
            "at: got 'seven', allowed is none, or positions as in 7, 5-8, 3.7-9 or b7",
        ),
        ({"pins": "layer_1:3,x"}, "pins: got 'x', allowed is sae_id:feature_index"),
    ],
)
def test_reactivation_says_what_it_does_not_take(query: dict[str, str], said: str) -> None:
    assert matrix.complaints_of(query, SAES, 128) == [said]


def test_reactivation_takes_what_it_writes() -> None:
    query = {
        "prompt": "a",
        "second": "",
        "sae": "layer_1",
        "generate": "128",
        "at": "3.7-9.b7",
        "prefix": "q\na\n\n",
        "source": "b7",
        "from_source": "1",
        "pins": "layer_1:4",
        "order": "often",
        "locked": "1",
        "class": "content",
        "least": "2",
        "density": "0.9",
        "find": "x",
        "shuffled": "0",
        "set": "1",
    }
    assert matrix.complaints_of(query, SAES, 128) == []
    assert matrix.generate_of(query, 128) == 128


@pytest.mark.parametrize("source", ["7-9", "b", "x", "3.7"])
def test_a_source_is_one_position(source: str) -> None:
    assert matrix.complaints_of({"source": source}, SAES, 128) == [
        f"source: got {source!r}, allowed is none, or a position as in 7 or b7"
    ]


def test_what_is_refused_falls_back_to_the_default() -> None:
    assert matrix.view_of({"order": "bogus"})["order"] == "first"
    assert matrix.generate_of({"generate": "9999"}, 128) == 0


def training() -> tuple[wire.LossResponse, wire.Generations]:
    run = wire.TrainingRun.model_construct(title="one", model="one", seed=1, steps=[0, 8, 64])
    sentence = wire.Sentence.model_construct(text="a")
    losses = wire.LossResponse.model_construct(runs=[run], groups=["start", "continuation"])
    return losses, wire.Generations.model_construct(runs=[run], sentences=[sentence, sentence])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"step": "foo"}, "step: got 'foo', allowed are 0, 8, 64; showing 64"),
        ({"step": "9"}, "step: got '9', allowed are 0, 8, 64; showing 8"),
        ({"compare": "9"}, "compare: got '9', allowed are 0, 8, 64; showing none"),
        ({"run": "1"}, "run: got '1', allowed are 0 to 0; showing 0"),
        ({"sentence": "x"}, "sentence: got 'x', allowed are 0 to 1; showing 0"),
        ({"group": "x"}, "group: got 'x', allowed are start, continuation; showing start"),
        (
            {"from": "9"},
            "from, to: got from '9' to '', allowed are two steps, the smaller first; showing all",
        ),
        (
            {"from": "9", "to": "nan"},
            "from, to: got from '9' to 'nan', allowed are two steps, the smaller first; "
            "showing all",
        ),
    ],
)
def test_consolidation_says_what_its_runs_do_not_have(query: dict[str, str], said: str) -> None:
    assert consolidation_asked.complaints_of(query, *training()) == [said]


def test_consolidation_takes_a_brushed_range() -> None:
    asked = {
        "step": "8",
        "compare": "0",
        "run": "0",
        "sentence": "1",
        "group": "start",
        "from": "0.7",
        "to": "64",
    }
    assert consolidation_asked.complaints_of(asked, *training()) == []
    assert ConsolidationState.read(asked)[1] == []


def test_each_matrix_of_a_run_has_names_of_its_own() -> None:
    query = {
        "order": "often",
        "order.1": "activation",
        "class.1": "foo",
        "order.2": "first",
        "zz": "1",
    }
    assert run_address.at_place(query | {"source": "7"}, 0) == {"order": "often", "source": "7"}
    assert run_address.at_place(query, 1) == {"order": "activation", "class": "foo"}
    assert run_address.complaints(query, 2) == [
        "order.2: this page has no such setting",
        "zz: this page has no such setting",
        "class: got 'foo', allowed are function, content",
    ]


@pytest.mark.parametrize(
    ("asked", "sort"),
    [
        ("degree:desc", ("degree", "desc")),
        ("degree", None),
        ("nope:asc", None),
        ("degree:up", None),
        ("", None),
    ],
)
def test_a_sort_is_a_column_and_a_direction(asked: str, sort: tuple[str, str] | None) -> None:
    assert read_sort({"sort": asked}) == sort


@pytest.mark.parametrize(
    ("n", "kept", "degree", "said"),
    [
        (12, 1500, 1500, "12 of 1,500 listed."),
        (3, 3, 3, "All 3 listed."),
        (0, 0, 0, ""),
        (2, 5, 9, "2 of 9 listed; 4 that fired too seldom to be kept in this build are not."),
    ],
)
def test_a_list_says_how_many_it_leaves_out(n: int, kept: int, degree: int, said: str) -> None:
    edges = [wire.TokenEdge.model_construct(feature_index=i) for i in range(n)]
    layer = wire.TokenLayer.model_construct(edges=edges, degree=degree, n_listed=kept)
    assert listed_words(layer) == said
