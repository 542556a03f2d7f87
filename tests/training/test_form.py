"""The form of a data set's responses, and relabels that are written in it or are of another."""

import pytest

from training.form import DataForm, FormTally, Thoughts, marks_of, split_thoughts


def form_of(*responses: str, clean: bool = True) -> DataForm:
    tally = FormTally()
    for response in responses:
        tally.add(response, clean=clean)
    return tally.form()


THOUGHT = "<think>\nSix sevens are 42.\n</think>\n\n42"

MARKS: list[tuple[str, str, set[str]]] = [
    ("nothing", "Paris is the capital of France.", set()),
    ("empty", "", set()),
    ("think", THOUGHT, {"thoughts"}),
    ("thinking", "<thinking>Hm.</thinking> It is Rome.", {"thoughts"}),
    ("reasoning", "<reasoning>\nHm.\n</reasoning>\nRome", {"thoughts"}),
    ("bare close", "Hm, six sevens.\n</think>\n42", {"thoughts"}),
    ("brackets", "[THINK]Hm.[/THINK]Rome", {"thoughts"}),
    ("long markers", "<|begin_of_thought|>\n\nHm.\n\n<|end_of_thought|>\n\nRome", {"thoughts"}),
    ("an open marker alone", "<think>\nSix sevens are", set()),
    ("thoughts and tags", "<think>Hm.</think>\n<answer>42</answer>", {"thoughts", "tags"}),
    ("thoughts and box", "<think>Hm.</think>So \\boxed{42}.", {"thoughts", "boxed"}),
    ("object", '{"name": "Ada", "born": 1815}', {"json"}),
    ("pretty object", '{\n  "name": "Ada"\n}\n', {"json"}),
    ("array", "[1, 2, 3]", {"json"}),
    ("broken object", '{"name": "Ada"', set()),
    ("a number is JSON, but no object", "42", set()),
    ("fence", "```python\nprint(1)\n```", {"fence"}),
    ("fence later on", "Here it is:\n```python\nprint(1)\n```", set()),
    ("working", "5 boxes of 4 are 20.\n#### 20", {"hash"}),
    ("heading", "#### 20 things to do\nFirst, sleep.", set()),
    ("boxed", "Thus $x = \\boxed{\\frac{1}{2}}$.", {"boxed"}),
    ("answer", "Bees make it.\nAnswer: honey", {"answer"}),
    ("final answer", "Bees make it.\n**Final Answer:** honey", {"answer"}),
    ("the answer is", "Bees make it.\nTherefore, the answer is honey.", {"answer"}),
    ("answered", "Nobody ever answered: that is that", set()),
    ("bullets", "- sleep\n- eat\n- run", {"list"}),
    ("numbers", "1. sleep\n2. eat", {"list"}),
    ("one bullet", "- sleep", set()),
    ("html", "<p>Hello</p>", {"tags"}),
    ("html of several", "<p>Hello</p> you", set()),
]


@pytest.mark.parametrize(("response", "marks"), [row[1:] for row in MARKS], ids=[row[0] for row in MARKS])
def test_a_response_has_these_marks(response: str, marks: set[str]) -> None:
    assert marks_of(response) == marks


@pytest.mark.parametrize(
    ("response", "thoughts", "answer"),
    [
        (THOUGHT, "Six sevens are 42.", "42"),
        ("Hm.</think>42", "Hm.", "42"),
        ("<think></think>42", "", "42"),
        ("<think>a</think>b</think>c", "a</think>b", "c"),
    ],
)
def test_thoughts_are_split_from_what_follows(response: str, thoughts: str, answer: str) -> None:
    parts = split_thoughts(response)
    assert parts is not None
    assert (parts.thoughts, parts.answer) == (thoughts, answer)


@pytest.mark.parametrize(
    ("with_mark", "without", "marks"),
    [
        (5, 0, {"thoughts"}),
        (8, 2, {"thoughts"}),
        (7, 3, set()),
        (4, 1, {"thoughts"}),
        (3, 1, set()),
        (0, 3, set()),
    ],
)
def test_four_responses_in_five_make_a_form(with_mark: int, without: int, marks: set[str]) -> None:
    assert form_of(*[THOUGHT] * with_mark, *["42"] * without).marks == marks


def test_clean_responses_decide_where_there_are_five_and_all_where_there_are_fewer() -> None:
    tally = FormTally()
    for _ in range(5):
        tally.add(THOUGHT, clean=True)
    for _ in range(20):
        tally.add("42", clean=False)
    assert tally.form().marks == {"thoughts"}
    few = FormTally()
    few.add("42", clean=True)
    for _ in range(9):
        few.add(THOUGHT, clean=False)
    assert few.form().marks == {"thoughts"}


def test_nothing_has_no_form() -> None:
    assert form_of() == DataForm()
    assert form_of().write("anything", None) == "anything"


@pytest.mark.parametrize(
    ("data", "response", "thoughts", "written"),
    [
        ([THOUGHT], "48", "Six eights.", "<think>\nSix eights.\n</think>\n\n48"),
        ([THOUGHT], "48", None, None),
        ([THOUGHT], "48", "", None),
        ([THOUGHT], "<think>own</think>48", None, "<think>own</think>48"),
        (["[THINK]Hm.[/THINK]Rome"], "Oslo", "Ah.", "[THINK]Ah.[/THINK]Oslo"),
        (["Hm.\n</think>\n42"], "48", "Ah.", "Ah.\n</think>\n48"),
        (["<think>Hm.</think> <answer>42</answer>"], "48", "Ah.", None),
        (['{"a": 1}'], "It is one.", "Ah.", None),
        (['{"a": 1}'], '{"a": 2}', None, '{"a": 2}'),
        (["```sql\nSELECT 1\n```"], "SELECT 2", None, None),
        (["20 it is.\n#### 20"], "30", None, None),
        (["20 it is.\n#### 20"], "30 it is.\n#### 30", None, "30 it is.\n#### 30"),
        (["- a\n- b"], "First a, then b.", None, None),
        (["Paris."], "Any text at all", None, "Any text at all"),
    ],
)
def test_a_relabel_is_written_in_the_form_of_the_data_or_is_of_another(
    data: list[str], response: str, thoughts: str | None, written: str | None
) -> None:
    assert form_of(*data * 5).write(response, thoughts) == written


def test_thoughts_are_written_as_most_of_the_data_write_them() -> None:
    form = form_of(*["<think>Hm.</think>42"] * 4, THOUGHT)
    assert form.thoughts == Thoughts("<think>", "</think>")
