"""The study's own sets: what is said to be right is right, and they are the same every time."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from own_sets import SETS, write_set
from sets.drawn import draw_samples

from agents.answers.kind import sample_kind
from stores.dataset import read_samples
from stores.sample import Sample
from training.noise import inject_noise

NAMES = sorted(SETS)


def drawn(name: str) -> list[Sample]:
    return draw_samples(name, SETS[name], 450)


def returned(prompts: list[str]) -> list[str]:
    """Return what Python says that the prompts' calls return, as text, from a process of its own."""
    programs = []
    for prompt in prompts:
        found = re.fullmatch(r"What does `(.+)` return\?\n\n```python\n(.+)\n```", prompt, re.S)
        assert found is not None
        programs.append(f"{found[2]}\nsaid.append(str({found[1]}))\n")
    script = "import json\nsaid = []\n" + "".join(programs) + "print(json.dumps(said))\n"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    answers: list[str] = json.loads(done.stdout)
    return answers


def test_a_function_returns_what_its_row_says() -> None:
    asked = [sample for sample in drawn("code") if sample.task != "expression"]
    assert len(asked) > 300
    assert returned([sample.prompt for sample in asked]) == [sample.gold for sample in asked]


def test_one_expression_alone_has_the_value_that_is_asked_for() -> None:
    asked = [sample for sample in drawn("code") if sample.task == "expression"]
    assert len(asked) > 80
    script = ""
    for sample in asked:
        found = re.fullmatch(r"Which .+ the value (\d+) where `(items = .+)`\?", sample.prompt)
        assert found is not None
        script += f"{found[2]}\nassert [{', '.join(sample.options)}].count({found[1]}) == 1\n"
        script += f"assert {sample.gold} == {found[1]}\n"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert all(len(set(sample.options)) == 4 and sample.gold in sample.options for sample in asked)


def test_a_number_of_maths_is_whole_and_above_nothing() -> None:
    assert all(sample.response.isdecimal() and int(sample.response) > 0 for sample in drawn("maths"))


def test_a_sum_comes_out_as_worked_out_by_hand() -> None:
    found = next(sample for sample in drawn("maths") if "adults" in sample.prompt)
    adult, child, adults, children = map(int, re.findall(r"\d+", found.prompt))
    assert int(found.response) == adult * adults + child * children


def test_what_is_extracted_stands_in_the_passage() -> None:
    for sample in drawn("extraction"):
        assert sample.response in sample.prompt.partition("\n\n")[0]


def test_a_letter_holds_every_fact_that_is_listed() -> None:
    for sample in drawn("letters"):
        for line in sample.prompt.partition("\n\n")[2].splitlines():
            fact = line.partition(": ")[2].removeprefix("up to ")
            assert fact in sample.response


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_the_same_every_time_and_has_no_prompt_twice(name: str) -> None:
    samples = draw_samples(name, SETS[name], 700)
    assert samples == draw_samples(name, SETS[name], 700)
    assert len({sample.prompt for sample in samples}) == 700


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_read_back_with_right_responses(name: str, tmp_path: Path) -> None:
    write_set(name, tmp_path / name, 60, 20)
    labeled = list(read_samples(str(tmp_path / name / "labeled.jsonl")))
    test = list(read_samples(str(tmp_path / name / "test.jsonl")))
    assert (len(labeled), len(test)) == (60, 20)
    assert not {sample.prompt for sample in labeled} & {sample.prompt for sample in test}
    assert all(sample.gold == sample.response for sample in labeled)
    comparable = {sample_kind(sample).comparable for sample in [*labeled, *test]}
    assert comparable == {name != "letters"}


@pytest.mark.parametrize("name", NAMES)
def test_noise_can_be_made_of_a_set(name: str) -> None:
    noisy = inject_noise(draw_samples(name, SETS[name], 100), 0.3, seed=0)
    assert sum(sample.response != sample.gold for sample in noisy) == 30
    for sample in noisy:
        if sample.response != sample.gold:
            assert sample_kind(sample).agree(sample.response, sample.gold, sample.options) is not True


def test_a_set_that_is_too_small_says_so() -> None:
    with pytest.raises(ValueError, match="one of its templates holds fewer questions"):
        draw_samples("code", SETS["code"][11:12], 100)
