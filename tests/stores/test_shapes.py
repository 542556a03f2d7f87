"""Raw rows of every shape become the same samples, and unusable ones say which field is to blame."""

import pytest

from stores.fields import RowError
from stores.layouts import find_layout
from stores.sample import Message, Sample
from stores.shapes import content_hash, given_id
from stores.shapes import to_sample as read_row

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "What is the capital of France?"}
ASSISTANT = {"role": "assistant", "content": "Paris"}
COLOURS = ["red", "green", "blue"]


WHOLE: dict[str, dict[str, object]] = {
    "prompt-completion": {"prompt": "p", "completion": "c"},
    "messages": {"messages": [USER, ASSISTANT]},
    "alpaca": {"instruction": "i", "output": "o"},
    "sharegpt": {"conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]},
    "question-answer": {"question": "q", "answer": "a"},
}


def to_sample(row: dict[str, object], shape: str, *, noisy: bool = False) -> Sample:
    """Read a row of a file that has a whole row of its shape, too."""
    whole = {} if shape == "prompt-completion" and "response" in row else WHOLE[shape]
    return read_row(row, find_layout([whole, row]), noisy=noisy)


def turns(*roles: str) -> list[dict[str, str]]:
    return [{"role": role, "content": f"{role} {place}"} for place, role in enumerate(roles)]


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"prompt": USER["content"], "completion": "Paris"}, "prompt-completion"),
        ({"prompt": USER["content"], "response": "Paris"}, "prompt-completion"),
        ({"prompt": [USER], "completion": [ASSISTANT]}, "prompt-completion"),
        ({"prompt": [USER], "completion": "Paris"}, "prompt-completion"),
        ({"messages": [USER, ASSISTANT]}, "messages"),
        ({"instruction": USER["content"], "input": "", "output": "Paris", "system": None}, "alpaca"),
        (
            {
                "conversations": [
                    {"from": "human", "value": USER["content"]},
                    {"from": "gpt", "value": "Paris"},
                ]
            },
            "sharegpt",
        ),
        (
            {
                "conversations": [
                    {"from": "user", "value": USER["content"]},
                    {"from": "assistant", "value": "Paris"},
                ]
            },
            "sharegpt",
        ),
        ({"question": USER["content"], "answer": "Paris"}, "question-answer"),
    ],
)
def test_every_shape_says_the_same_thing_alike(row: dict[str, object], shape: str) -> None:
    sample = to_sample(row, shape)
    assert (sample.prompt, sample.response, sample.history) == (USER["content"], "Paris", ())
    assert sample.id == content_hash((), "What is the capital of France?", (), "Paris")


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"prompt": [SYSTEM, USER], "completion": [ASSISTANT]}, "prompt-completion"),
        ({"messages": [SYSTEM, USER, ASSISTANT]}, "messages"),
        ({"instruction": USER["content"], "output": "Paris", "system": "Be brief."}, "alpaca"),
        (
            {
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "human", "value": USER["content"]},
                    {"from": "gpt", "value": "Paris"},
                ]
            },
            "sharegpt",
        ),
    ],
)
def test_a_system_turn_becomes_history(row: dict[str, object], shape: str) -> None:
    sample = to_sample(row, shape)
    assert sample.history == (Message(role="system", content="Be brief."),)
    assert sample.prompt == USER["content"]


def test_the_last_exchange_is_the_sample_and_what_came_before_is_history() -> None:
    sample = to_sample({"messages": turns("system", "user", "assistant", "user", "assistant")}, "messages")
    assert [turn.content for turn in sample.history] == ["system 0", "user 1", "assistant 2"]
    assert (sample.prompt, sample.response) == ("user 3", "assistant 4")


def test_alpaca_input_follows_the_instruction_and_history_pairs_become_turns() -> None:
    row = {"instruction": "Add", "input": "1 and 2", "output": 3, "history": [["Hello", "Hi"]]}
    sample = to_sample(row, "alpaca")
    assert (sample.prompt, sample.response) == ("Add\n\n1 and 2", "3")
    assert [(turn.role, turn.content) for turn in sample.history] == [("user", "Hello"), ("assistant", "Hi")]


@pytest.mark.parametrize(
    ("messages", "field", "message"),
    [
        ("hello", "messages", "must be a list of turns, not str"),
        (None, "messages", "not null"),
        ([], "messages", "no assistant turn"),
        (turns("user"), "messages", "no assistant turn"),
        (turns("system", "assistant"), "messages", "no user turn before"),
        (turns("user", "assistant", "user"), "messages", "goes on after the last assistant turn"),
        (turns("user", "system", "assistant"), "messages", "has another turn (system) between"),
        (turns("user", "assistant", "assistant"), "messages", "has another turn (assistant) between"),
        ([1], "messages[0]", "must be an object"),
        ([USER, {"role": "narrator", "content": "x"}], "messages[1].role", "'narrator' is not one of"),
        ([{"content": "x"}], "messages[0].role", "is missing"),
        ([{"role": ["user"], "content": "x"}], "messages[0].role", "is not one of"),
        ([{"role": "user", "content": [{"type": "text"}]}], "messages[0].content[0]", "only text is read"),
        ([USER, {"role": "assistant", "content": None}], "messages[1]", "is empty"),
        ([USER, {"role": "assistant", "content": " "}], "messages[1]", "is empty"),
        ([{"role": "user", "content": ""}, ASSISTANT], "messages[0]", "is empty"),
    ],
)
def test_a_conversation_without_a_last_exchange_is_refused(
    messages: object, field: str, message: str
) -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"messages": messages}, "messages")
    assert caught.value.field == field
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("row", "shape", "field", "message"),
    [
        (
            {"prompt": [USER, ASSISTANT], "completion": "c"},
            "prompt-completion",
            "prompt",
            "end with a user turn",
        ),
        ({"prompt": [], "completion": "c"}, "prompt-completion", "prompt", "end with a user turn"),
        ({"prompt": "p", "completion": [USER]}, "prompt-completion", "completion", "one assistant turn"),
        ({"prompt": "p", "response": []}, "prompt-completion", "response", "one assistant turn"),
        ({"prompt": "p"}, "prompt-completion", "completion", "is missing"),
        ({"question": "q"}, "question-answer", "answer", "is missing"),
        ({"instruction": "i", "output": "o", "system": 1}, "alpaca", "system", "must be text, not int"),
        ({"instruction": "i", "output": "o", "input": True}, "alpaca", "input", "must be text, not bool"),
        ({"instruction": "i", "output": "o", "history": "x"}, "alpaca", "history", "not str"),
        ({"instruction": "i", "output": "o", "history": [["x"]]}, "alpaca", "history[0]", "pair"),
        (
            {"conversations": [{"from": "narrator", "value": "x"}]},
            "sharegpt",
            "conversations[0].from",
            "'narrator' is not one of system, developer, user, human",
        ),
    ],
)
def test_a_row_that_breaks_its_shape_is_refused(
    row: dict[str, object], shape: str, field: str, message: str
) -> None:
    with pytest.raises(RowError) as caught:
        to_sample(row, shape)
    assert caught.value.field == field
    assert message in caught.value.message


@pytest.mark.parametrize("empty", [None, "", " \n\t"])
@pytest.mark.parametrize("field", ["question", "answer"])
def test_an_empty_prompt_or_response_is_refused(field: str, empty: str | None) -> None:
    with pytest.raises(RowError, match="is empty") as caught:
        to_sample({"question": "q", "answer": "a", field: empty}, "question-answer")
    assert caught.value.field == field


@pytest.mark.parametrize(("answer", "text"), [(4, "4"), (2.5, "2.5"), (0, "0"), (-1, "-1")])
def test_a_number_as_response_becomes_its_text(answer: float, text: str) -> None:
    assert to_sample({"question": "q", "answer": answer}, "question-answer").response == text


@pytest.mark.parametrize("answer", [[["a"]], {"a": 1}, b"a", float("inf")])
def test_a_response_that_is_neither_text_nor_a_number_is_refused(answer: object) -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"question": "q", "answer": answer}, "question-answer")
    assert caught.value.field == "answer"


def test_a_number_as_prompt_is_refused() -> None:
    with pytest.raises(RowError, match="must be text, not int"):
        to_sample({"question": 4, "answer": "a"}, "question-answer")


@pytest.mark.parametrize("bad", ["nul \x00 here", "half \ud83d here"])
@pytest.mark.parametrize("field", ["question", "answer", "id", "task", "gold"])
def test_text_that_is_not_text_is_refused_in_every_field(field: str, bad: str) -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"question": "q", "answer": "a", field: bad}, "question-answer")
    assert caught.value.field == field


def test_text_that_is_not_text_is_refused_in_options_and_history() -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"question": "q", "answer": "A", "options": ["a", "b\x00"]}, "question-answer")
    assert caught.value.field == "options[1]"
    with pytest.raises(RowError) as caught:
        to_sample({"messages": [{"role": "system", "content": "\udc00"}, USER, ASSISTANT]}, "messages")
    assert caught.value.field == "messages[0].content"


@pytest.mark.parametrize("answer", ["B", "b", " B ", "green", " green", "GREEN"])
def test_a_letter_or_a_text_becomes_the_options_text(answer: str) -> None:
    row = {"question": "q", "answer": answer, "options": [" red", "green ", "blue"], "gold": answer}
    sample = to_sample(row, "question-answer")
    assert sample.options == ("red", "green", "blue")
    assert sample.response == sample.gold == "green"


def test_an_option_whose_text_is_a_letter_counts_before_the_letter() -> None:
    row = {"prompt": "q", "completion": "B", "options": ["B", "A"], "gold": "a"}
    sample = to_sample(row, "prompt-completion")
    assert (sample.response, sample.gold) == ("B", "A")


def test_the_answer_of_the_question_answer_shape_is_a_letter_first() -> None:
    row = {"question": "q", "answer": "C", "options": ["C", "NO2", "O2"], "gold": "A"}
    sample = to_sample(row, "question-answer")
    assert (sample.response, sample.gold) == ("O2", "C")


def test_more_options_than_letters_are_told_by_their_texts() -> None:
    row = {"question": "q", "answer": "intent 30", "options": [f"intent {number}" for number in range(77)]}
    sample = to_sample(row, "question-answer")
    assert (len(sample.options), sample.response) == (77, "intent 30")


def test_options_may_be_a_json_list_in_text_and_hold_numbers() -> None:
    row = {"question": "q", "answer": 3, "options": "[1, 2, 3]"}
    assert to_sample(row, "question-answer").response == "3"


@pytest.mark.parametrize("options", [None, "", "  "])
def test_blank_options_are_no_options(options: str | None) -> None:
    sample = to_sample({"question": "q", "answer": "A", "options": options}, "question-answer")
    assert (sample.options, sample.response) == ((), "A")


def test_any_shape_may_have_options() -> None:
    row = {"messages": [USER, {"role": "assistant", "content": "b"}], "options": ["Rome", "Paris"]}
    assert to_sample(row, "messages").response == "Paris"


@pytest.mark.parametrize(
    ("options", "field", "message"),
    [
        ("red, green", "options", "not a JSON list"),
        ("[" * 100_000, "options", "not a JSON list"),
        ('"red"', "options", "not a JSON list"),
        ({"A": "red"}, "options", "at least 2"),
        (7, "options", "must be a list, or an object of labels and texts, not int"),
        ([], "options", "at least 2"),
        (["red"], "options", "at least 2"),
        (["red", " red"], "options", "the same option twice"),
        (["red", " "], "options[1]", "is empty"),
        (["red", None], "options[1]", "is empty"),
        (["red", ["green"]], "options[1]", "must be text"),
    ],
)
def test_unusable_options_are_refused(options: object, field: str, message: str) -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"question": "q", "answer": "A", "options": options}, "question-answer")
    assert caught.value.field == field
    assert message in caught.value.message


@pytest.mark.parametrize("field", ["answer", "gold"])
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("D", "the letter 'D' lies outside the 3 options"),
        ("pink", "'pink' is neither the letter nor the text"),
    ],
)
def test_an_answer_that_is_no_option_is_refused(field: str, answer: str, message: str) -> None:
    with pytest.raises(RowError) as caught:
        to_sample({"question": "q", "answer": "A", "options": COLOURS, field: answer}, "question-answer")
    assert caught.value.field == field
    assert message in caught.value.message


@pytest.mark.parametrize("answer", ["D", "pink", "gre"])
def test_a_noisy_response_may_be_no_option_but_gold_must_be(answer: str) -> None:
    row = {"question": "q", "answer": answer, "options": COLOURS, "gold": "A"}
    sample = to_sample(row, "question-answer", noisy=True)
    assert (sample.response, sample.gold) == (answer, COLOURS[0])
    with pytest.raises(RowError):
        to_sample({**row, "gold": answer}, "question-answer", noisy=True)


def test_options_that_differ_in_case_alone_need_an_exact_answer() -> None:
    row = {"question": "q", "answer": "Mg", "options": ["mg", "Mg"]}
    assert to_sample(row, "question-answer").response == "Mg"
    with pytest.raises(RowError, match="differ in case alone"):
        to_sample({**row, "answer": "MG"}, "question-answer")


def test_id_task_and_gold_are_taken_along() -> None:
    row = {"question": "q", "answer": "a", "id": 7, "task": "topic", "gold": 4}
    sample = to_sample(row, "question-answer")
    assert (sample.id, sample.task, sample.gold) == ("7", "topic", "4")


def test_blank_id_task_and_gold_are_absent() -> None:
    row = {"question": "q", "answer": "a", "id": " ", "task": "", "gold": " "}
    sample = to_sample(row, "question-answer")
    assert sample.id == content_hash((), "q", (), "a")
    assert (sample.task, sample.gold) == (None, None)


@pytest.mark.parametrize("value", [True, 1.5, ["x"]])
def test_an_id_that_is_neither_text_nor_a_whole_number_is_refused(value: object) -> None:
    with pytest.raises(RowError) as caught:
        given_id({"id": value})
    assert caught.value.field == "id"


def test_the_content_hash_tells_every_part_apart() -> None:
    turn = Message(role="user", content="a")
    hashes = {
        content_hash((), "p", (), "r"),
        content_hash((), "p", (), "s"),
        content_hash((), "p", ()),
        content_hash((), "q", (), "r"),
        content_hash((), "p", ("r", "s"), "r"),
        content_hash((turn,), "p", (), "r"),
    }
    assert len(hashes) == 6
    assert all(len(text) == 16 for text in hashes)
