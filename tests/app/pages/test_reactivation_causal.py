"""The two panels of Reactivation that ask the model what its states cause: their part of the
address, and code that runs as it stands.
"""

from app.links import reproduce_post, reproduce_stream
from app.pages.reactivation.causal import (
    UNRELATED,
    complaints_of,
    others,
    panels,
    travel_settings,
    words_settings,
)

ASKED = {"words": "1", "travel": "1", "answer_a": "·Moscow", "answer_b": "↵", "unrelated": "Fine."}


def test_an_address_is_read_and_its_other_settings_are_left() -> None:
    assert words_settings(ASKED) == {"words": "1"}
    assert travel_settings(ASKED) == {name: ASKED[name] for name in ASKED if name != "words"}
    assert others(ASKED | {"sae": "layer_3"}) == {"sae": "layer_3"}


def test_nothing_is_asked_where_the_address_says_nothing() -> None:
    nothing = {"travel": "", "answer_a": "", "answer_b": "", "unrelated": None}
    assert (words_settings({}), travel_settings({})) == ({"words": ""}, nothing)


def test_an_emptied_control_is_not_the_usual_one() -> None:
    assert travel_settings({"unrelated": ""})["unrelated"] == ""


def test_what_is_neither_asked_nor_not_asked_is_complained_of() -> None:
    assert complaints_of({"words": "yes", "travel": "0", "answer_a": "x"}) == [
        "words: got 'yes', allowed are 0, 1"
    ]
    assert words_settings({"words": "yes"}) == {"words": ""}


def test_the_panels_open_as_the_address_has_them() -> None:
    words, travel = (panel.children[-1] for panel in panels("reactivation", ASKED))
    assert words.settings == words_settings(ASKED)
    assert travel.settings == travel_settings(ASKED)
    assert travel.usual == UNRELATED
    assert UNRELATED.endswith("\n")  # as the questions do, whose last state it stands in for


def test_the_code_of_a_stream_prints_it_as_it_comes() -> None:
    body = {"prompt_a": "it's A\n", "prompt_b": 'B "quoted"\n'}
    whole = reproduce_post(None, "/api/patch", body)
    code = reproduce_stream(None, "/api/patch", body)
    assert code["curl"] == whole["curl"].replace("curl -s", "curl -sN", 1)
    compile(code["python"], "drawer", "exec")
    assert "json.load(urllib" not in code["python"]
    assert "for line in urllib.request.urlopen(request):" in code["python"]
