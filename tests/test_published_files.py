"""Files in the columns and dialects of published data sets are read right, or refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.answers import kind as answers
from stores.column_names import KINDS
from stores.dataset import read_samples
from stores.errors import DataError
from stores.sample import Sample

TWO = ("a", "b")


def read(folder: Path, content: str | list[dict[str, Any]]) -> list[Sample]:
    if not isinstance(content, str):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
    file = folder / "data"
    file.write_text(content, encoding="utf-8")
    return list(read_samples(file, noisy=True))


def choice(answer: object, options: object) -> dict[str, Any]:
    return {"question": f"Which is {answer}?", "options": options, "answer": answer}


@pytest.mark.parametrize(
    ("content", "prompts", "responses"),
    [
        (
            "id,tweet_text,sentiment\n1,sunny,good\n2,wet,bad\n3,dry,good\n4,cold,bad\n",
            "sunny",
            "good bad good bad",
        ),
        ("Category,Message\nham,hello\nspam,win\nham,bye\nspam,gold\n", "hello", "ham spam ham spam"),
        ("pregunta,respuesta\nColor?,azul\n", "Color?", "azul"),
        ("Frage;Antwort\nFarbe?;1,5\n", "Farbe?", "1,5"),
        ("\ufeffquestion;answer\nHow much?;1,5\nAnd?;2,25\n", "How much?", "1,5 2,25"),
        ("question,answer,,\nColour?,blue,,\n,,,\n", "Colour?", "blue"),
        ("question,options,answer\nWhich?,red|blue,blue\nSo?,on|off,A\n", "Which?", "blue on"),
        ([{"题目": "天空？", "选项": {"A": "红", "B": "蓝"}, "答案": "B"}], "天空？", "蓝"),
        ([{"指示": "要約", "入力": "文", "出力": "短"}], "要約\n\n文", "短"),
        ([{"背景": "背", "问题": "草？", "答案": "绿"}], "背\n\n草？", "绿"),
        ([{"质": 1, "问题": "草？", "答案": "绿"}], "草？", "绿"),
        ([{"질문": "색?", "답변": "파랑"}], "색?", "파랑"),
        ([{"السؤال": "لون؟", "الجواب": "أزرق"}], "لون؟", "أزرق"),
        ([{"вопрос": "Цвет?", "ответ": "синий"}], "Цвет?", "синий"),
        ([{"text_input": "Hi", "output": "Yo"}], "Hi", "Yo"),
        ([{"input_text": "Hi", "output_text": "Yo"}], "Hi", "Yo"),
        ([{"statement": "Sky is blue.", "label": True}], "Sky is blue.", "yes"),
        (
            [{"body": "Tom has 3.", "question": "And 2?", "answer": "5 (pens)"}],
            "Tom has 3.\n\nAnd 2?",
            "5 (pens)",
        ),
        ([{"question": "Sum?", "answer": None, "answer_number": 5}], "Sum?", "5"),
        ([{"query": "Hot?", "choices": ["ice", "fire"], "gold": 1}], "Hot?", "fire"),
        ([{"kind": "Poem", "input": "Write.", "target": "Rose"}], "Write.", "Rose"),
        (
            [choice("red", ["red.", "blue."]), choice("blue", ["red.", "blue."])],
            "Which is red?",
            "red. blue.",
        ),
        ([choice("blue", ["1) red", "2) blue"])], "Which is blue?", "2) blue"),
        ([choice("A", ["B. red", "A. blue"])], "Which is A?", "A. blue"),
        ([choice("b", "a ) 3 , b ) 4 , c ) 5")], "Which is b?", "4"),
        ([choice("A", "A. red\nB. blue")], "Which is A?", "A. red"),
        ([choice("p.m.", ["a.m.", "p.m."]), choice("B", ["a.m.", "p.m."])], "Which is p.m.?", "p.m. p.m."),
        ([choice(value, ["1.5", "2.7", "9.5"]) for value in ("1.5", "5")], "Which is 1.5?", "1.5 5"),
        ([choice("0", TWO), choice("1", TWO)], "Which is 0?", "a b"),
        ([choice("option_b", list(TWO))], "Which is option_b?", "b"),
        ([choice("b", ["b", "a"]), choice("a", ["b", "a"])], "Which is b?", "b a"),
        (
            [{"question": "Blood?", "correct_answer": "B", "distractor1": "O", "distractor2": "A"}],
            "Blood?",
            "B",
        ),
        (
            [{"question": "Sum?", "correct_answer": "2", "distractor1": "1", "distractor2": "10"}],
            "Sum?",
            "2",
        ),
    ],
)
def test_columns_are_read_as_they_are_meant(
    content: str | list[dict[str, Any]], prompts: str, responses: str, tmp_path: Path
) -> None:
    samples = read(tmp_path, content)
    assert samples[0].prompt == prompts
    assert " ".join(sample.response for sample in samples) == responses


TURN = {"role": "user", "parts": [{"text": "Hi"}]}, {"role": "model", "parts": [{"text": "Yo"}]}
SAID = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}


@pytest.mark.parametrize(
    "row",
    [
        {"contents": TURN, "systemInstruction": {"role": "system", "parts": [{"text": "S"}]}},
        {"messages": SAID, "system": [{"type": "text", "text": "S"}]},
        {"messages": SAID, "system": "S"},
        {"messages": [{"role": "System", "content": "S"}, *SAID]},
        {
            "system": [{"text": "S"}],
            "messages": [{**turn, "content": [{"text": turn["content"]}]} for turn in SAID],
        },
        {"conversations": [{"role": "system", "content": "S"}, *SAID]},
        {"chat_history": [{"role": "SYSTEM", "message": "S"}], "message": "Hi", "response": "Yo"},
        {
            "chosen": [{"role": "system", "content": "S"}, *SAID],
            "rejected": [{"role": "system", "content": "S"}],
        },
        {"prompt": "Hi", "system": "S", "chosen": "Yo", "rejected": "No"},
    ],
)
def test_a_conversation_is_the_same_in_every_dialect(row: dict[str, Any], tmp_path: Path) -> None:
    for sample in read(tmp_path, [row, row]):
        said = [(turn.role, turn.content) for turn in sample.history]
        assert (said, sample.prompt, sample.response) == ([("system", "S")], "Hi", "Yo")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            [{"prompt": "P", "completion": "C", "label": truth} for truth in (True, False)],
            "which responses are right",
        ),
        (
            [{"question": "Q", "answer": "A", "is_correct": mark} for mark in (1, 0)],
            "which responses are right",
        ),
        ([{"chosen": "Human: Hi", "rejected": "Human: Ho"}], "hold whole dialogues as text"),
        ([{"tokens": ["Tom"], "ner_tags": [1]}], "each token has a label of its own"),
        ([{"question_id": 1, "turns": ["Write.", "Again."]}] * 2, "there is no prompt"),
        ([choice("A,C", ["x", "y", "z"])], "names several options at once"),
        ([choice("AC", ["x", "y", "z"])], "names several options at once"),
        ([choice("A and B", ["x", "y", "z"])], "names several options at once"),
        ([choice("A", "x;y;z")], "is text, but not a JSON list"),
        ([choice("A", ["x", "y", "x"])], "the same option twice"),
        ([choice({"label": "B", "text": "y"}, ["x", "y"])], "must be text, not dict"),
        ([{"question": "Q", "answer": "A", "db_table": "B"}], "looks as if it belonged to the question"),
        ([{"question": "Q", "answer": "A"}, {"Question": "Q", "Answer": "A"}], "is missing"),
        ([{"instruction": "I", "instances": [{"input": "i", "output": "o"}]}], "there is no response"),
        ([{"question": {"text": "Q"}, "answer": "A"}], "must be text, not dict"),
        ([{"id": 1, "query": "Q", "answers": '[{"name": "w"}]', "tools": "[]"}], "not a list of dict"),
        ('[["Q", "A"], ["R", "B"]]', "must be a JSON object, not list"),
        ('// mine\n{"question": "Q", "answer": "A"}\n', "looks like plain text"),
        ("What is it?,A dog\nWho is it?,Tom\n", "there is no prompt and no response"),
        ("v1,v2\nham,hello\n", "there is no prompt and no response"),
    ],
)
def test_what_cannot_be_told_stops_with_one_message(
    content: str | list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "column", ["pubid", "task_id", "query_id", "example_id", "unique_id", "question_id", "uuid", "prompt-id"]
)
def test_a_column_that_names_every_row_gives_the_ids(column: str, tmp_path: Path) -> None:
    rows = [{column: f"n/{place}", "question": f"{place}?", "answer": "x"} for place in range(3)]
    assert [sample.id for sample in read(tmp_path, rows)] == ["n/0", "n/1", "n/2"]


def test_a_column_with_the_same_name_twice_gives_no_ids(tmp_path: Path) -> None:
    rows = [{"task_id": 1, "question": f"{place}?", "answer": "x"} for place in range(3)]
    assert not {"1"} & {sample.id for sample in read(tmp_path, rows)}


def test_an_id_goes_before_other_names(tmp_path: Path) -> None:
    rows = [{"id": "own", "question_id": "other", "question": "?", "answer": "x"}]
    assert [sample.id for sample in read(tmp_path, rows)] == ["own"]


def test_prompts_say_that_a_passage_may_hold_no_answer_where_one_holds_none(tmp_path: Path) -> None:
    rows = [{"context": "C", "question": "Q", "answers": {"text": text}} for text in (["C"], [])]
    samples = read(tmp_path, rows)
    assert [sample.response for sample in samples] == ["C", "unanswerable"]
    assert all('"unanswerable"' in sample.prompt for sample in samples)
    assert read(tmp_path, rows[:1])[0].prompt == "C\n\nQ"


def test_a_column_of_kinds_is_known_by_the_kinds_that_there_are() -> None:
    assert set(KINDS) == {kind.name for kind in answers.KINDS}
