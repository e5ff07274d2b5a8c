"""Which position answers to which, worked by hand on letters."""

import pytest

from backend.core.patching import align, from_the_end


def ids(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def test_prompts_of_one_length_answer_position_by_position() -> None:
    found = align(ids("the Rx?"), ids("the Uk?"))
    assert found.pairs == ((4, 4), (5, 5), (6, 6))
    assert (found.start, found.subject, found.unmatched) == (4, (4, 5), ())
    assert align(ids("aXbYc"), ids("aPbQc")).subject == (1, 3)


def test_a_longer_subject_answers_from_the_right_and_its_surplus_to_nothing() -> None:
    found = align(ids("of R?!"), ids("of xyU?!"))
    # of_xyU?!        B: x 3, y 4, U 5, ? 6, ! 7
    # of_R?!          A: R 3, ? 4, ! 5
    assert found.pairs == ((5, 3), (6, 4), (7, 5))
    assert (found.start, found.subject, found.unmatched) == (3, (5,), (3, 4))
    assert found.positions == (5, 6, 7)


def test_a_shorter_subject_takes_the_last_tokens_of_the_longer() -> None:
    found = align(ids("of xyU?!"), ids("of R?!"))
    assert found.pairs == ((3, 5), (4, 6), (5, 7))
    assert (found.start, found.subject, found.unmatched) == (3, (3,), ())


def test_a_subject_that_ends_in_the_tokens_behind_it_is_not_counted_twice() -> None:
    # "aab" within "aaab": the tokens before and behind would overlap
    with pytest.raises(ValueError, match="only has tokens more"):
        align(ids("aab"), ids("aaab"))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ("same", "same", "nothing differs"),
        ("of R?", "of xyz", "end differently"),
        ("of ?", "of R?", "only has tokens more"),
        ("of R, now S?", "of xy, now z?", "more than one place"),
    ],
)
def test_what_cannot_be_aligned_is_refused_in_words(a: str, b: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        align(ids(a), ids(b))


def test_an_unrelated_prompt_answers_from_its_end_and_never_with_its_first_token() -> None:
    assert from_the_end(ids("_xyz"), ids("abcde"), (2, 3, 4)) == ((2, 1), (3, 2), (4, 3))
    with pytest.raises(ValueError, match="has 3 tokens; 4 are needed"):
        from_the_end(ids("_yz"), ids("abcde"), (2, 3, 4))
