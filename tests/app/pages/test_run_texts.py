"""A recorded steering's texts, token by token."""

from typing import Any

from app.pages.run.texts import as_written, next_table
from backend.schemas import Arm, NextToken, Run, SteerResponse

REQUEST = {"temperature": 0.0, "samples": 1, "seed": 0}


def arm(text: str, ids: list[int], **changes: Any) -> Arm:
    following = [NextToken(position=1, token_id=ids[0], text=text[:1], probability=0.75)]
    made = {
        "texts": [text],
        "token_ids": [ids],
        "probabilities": [[0.5] * len(ids)],
        "next_tokens": following,
    }
    return Arm.model_validate({**made, "kl": 0.0, "sentence": "", **changes})


def answer(steered: Arm) -> SteerResponse:
    return SteerResponse.model_construct(
        tokens=[],
        baseline=arm("ab", [1, 2]),
        steered=steered,
        controls={"sign_flipped": arm("b", [2])},
    )


RUN = Run.model_construct(run_id="5f", request=REQUEST)


def test_every_token_has_its_text_and_probability() -> None:
    run = as_written(RUN, answer(arm("b", [2, 9])), {1: "a", 2: "b", 9: ""})
    assert run is not None
    assert run["passes"][0]["arms"]["steered"]["texts"] == [
        [
            {"token_id": 2, "text": "b", "probability": 0.5},
            {"token_id": 9, "text": "", "probability": 0.5},
        ]
    ]
    assert list(run["passes"][0]["arms"]) == ["baseline", "steered", "sign_flipped"]


def test_texts_stay_whole_where_their_tokens_are_not_known() -> None:
    assert as_written(RUN, answer(arm("b", [2])), {2: "b"}) is None  # token 1 is not known
    assert as_written(RUN, answer(arm("b", [2])), {1: "a", 2: "c"}) is None  # of another tokenizer
    # of an older version
    assert as_written(RUN, answer(arm("b", [2], probabilities=[])), {1: "a", 2: "b"}) is None


def test_an_arm_that_does_not_list_a_token_gives_its_bound_and_saves_nothing() -> None:
    shown = str(next_table(answer(arm("b", [2]))))
    assert "< 75.00" in shown
    assert shown.count("'data-value': ''") + shown.count("data-value=''") >= 1


def test_a_saved_row_names_its_token_by_id() -> None:
    shown = str(next_table(answer(arm("b", [2]))))
    assert '["token_id", "next token"]' in shown
    assert '[2, "b"]' in shown
