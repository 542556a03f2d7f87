"""What a reply states as its answer is what follows its last announcement of one."""

import pytest

from agents.answers.stated import find_stated, without_announcements, without_condition


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        ("Let me think. Answer: Paris.", "Paris."),
        ("**Answer:** Paris", "Paris"),
        ("The correct answer is Paris.", "Paris."),
        ("The best answer would be: Paris", "Paris"),
        ("Final Answer\nParis", "Paris"),
        ("**Final Answer**\n\nParis", "Paris"),
        (r"So it is $\boxed{\text{Paris}}$", "Paris}}$"),
        (r"\boxed{\dfrac{3}{4}}", "3/4}"),
        ("ANSWER: Paris\nThat was easy.", "Paris"),
        ("Answer: Rome. No. Answer: Paris", "Paris"),
    ],
)
def test_an_answer_is_what_follows_the_last_announcement(reply: str, line: str) -> None:
    stated = find_stated(reply)
    assert (stated.line, stated.announced) == (line, True)


@pytest.mark.parametrize("reply", ["", "Paris", "I answered Paris.", "Answers: Paris", "Final answer Paris"])
def test_a_reply_without_an_announcement_states_nothing(reply: str) -> None:
    stated = find_stated(reply)
    assert (stated.text, stated.rest, stated.line, stated.announced) == (reply, "", "", False)


def test_an_announcement_with_nothing_behind_it_is_one_still() -> None:
    assert find_stated("I do not know. Answer:")[1:] == ("", "", True)


def test_the_lines_after_the_first_are_kept_beside_it() -> None:
    stated = find_stated("Hm. Answer:\n\n  2 dogs\n  1 cat  \n")
    assert (stated.line, stated.rest) == ("2 dogs", "2 dogs\n  1 cat")


def test_a_fraction_is_read_wherever_it_is_and_stays_where_it_is_none() -> None:
    assert find_stated(r"Half, \frac{1}{2}, or \frac {-1} {x}").text == r"Half, 1/2, or \frac {-1} {x}"


def test_a_text_without_its_announcements_keeps_its_words() -> None:
    assert without_announcements("The answer is Paris, not Rome.") == "Paris, not Rome."
    assert without_announcements("My answers are short.") == "My answers are short."


@pytest.mark.parametrize("hostile", ["the " * 20_000, "answer" + " " * 50_000, "**" * 50_000 + "answer"])
def test_a_long_reply_of_half_announcements_is_read_at_once(hostile: str) -> None:
    assert not find_stated(hostile).announced


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("The function returns `10` for the input `138`.", "The function returns `10`."),
        ("It gives 2.5 for x = 1.5. So it is 3.", "It gives 2.5. So it is 3."),
        ("It prints HAZEL DELTA when called with 3", "It prints HAZEL DELTA"),
        ("It outputs 4 on the provided list\nof words", "It outputs 4\nof words"),
    ],
)
def test_what_a_result_is_of_is_no_part_of_it(reply: str, said: str) -> None:
    assert without_condition(reply) == said


@pytest.mark.parametrize(
    "reply", ["It gives 12 for all 3 boxes.", "10 for the input 138", "It returns 10 and 12.", "returns"]
)
def test_a_text_that_tells_no_call_is_left_as_it_is(reply: str) -> None:
    assert without_condition(reply) == reply
