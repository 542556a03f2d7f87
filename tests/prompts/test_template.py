"""Prompt files: checked when they are loaded, filled in one pass, and blind to what values look like."""

from contextlib import nullcontext
from pathlib import Path
from typing import get_args

import pytest

from agents import reviewer
from agents.answers.form import Form
from graph.config.run import RunConfig, parse_config
from graph.context import load_prompts
from prompts.template import ANY, COMMON, FOLDER, FORMS, PromptError, QuestionTemplate, Template
from stores.replacement import write_prompts
from stores.sample import Message, Sample

TURNS = {
    agent.turn_of(key): use.variables
    for agent in RunConfig().agents.by_name().values()
    for key, use in agent.templates.items()
}
EVERY = [(turn, form) for turn in TURNS for form in FORMS]
HOSTILE = [
    "{{ 7*7 }}",
    "{% raw %}",
    "{% for x in range(9) %}",
    "{# a comment #}",
    "{0} {name}",
    "%s %(a)d",
    "$HOME ${x}",
    "<b>&amp;</b>",
    "a\\nb",
]
SAMPLE = Sample(id="s", prompt="Capital of Norway?", response="Oslo", options=("Bergen", "Oslo"))


def written(folder: Path, text: str) -> str:
    file = folder / "mine.md"
    file.write_text(text, encoding="utf-8")
    return str(file)


def values_for(turn: str) -> dict[str, object]:
    """Return a value for each variable of a turn's own; the views are one view by its name."""
    values: dict[str, object] = {variable: f"value-of-{variable}" for variable in TURNS[turn]}
    by_view = {name: {"base": f"value-of-{name}"} for name in ("views", "reasonings")}
    return {**values, **{name: by_view[name] for name in by_view if name in values}}


def test_every_shipped_prompt_file_belongs_to_an_agent() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} <= {*TURNS, "question"}
    assert {file.parent.name for file in FOLDER.glob("*/*.md")} <= set(TURNS)
    assert {file.stem for file in FOLDER.glob("*/*.md")} == {*FORMS, "train"}
    assert get_args(Form) == FORMS


@pytest.mark.parametrize(("turn", "form"), EVERY)
@pytest.mark.parametrize("options", [(), SAMPLE.options, ("Bergen, a town", "Oslo")])
def test_a_shipped_prompt_begins_with_the_question_in_every_form(
    turn: str, form: str, options: tuple[str, ...]
) -> None:
    sample = SAMPLE.model_copy(update={"options": options})
    text = QuestionTemplate(turn, TURNS[turn]).render(sample, form, "code", **values_for(turn))
    assert text.startswith(QuestionTemplate("base").render(sample, "train"))


@pytest.mark.parametrize(("turn", "form"), EVERY)
def test_a_shipped_prompt_without_the_views_of_others_says_nothing_of_none(turn: str, form: str) -> None:
    optional = dict.fromkeys(TURNS[turn]) if turn == "reason" else {}
    text = QuestionTemplate(turn, TURNS[turn]).render(SAMPLE, form, **{**values_for(turn), **optional})
    assert "None" not in text


@pytest.mark.parametrize(("turn", "form"), EVERY)
def test_the_suspect_response_is_shown_by_the_checkers_prompt_alone(turn: str, form: str) -> None:
    sample = SAMPLE.model_copy(update={"response": "Zanzibar-label", "gold": "Quito-gold", "options": ()})
    values = {**values_for(turn), **({"response": sample.response} if turn == "check" else {})}
    text = QuestionTemplate(turn, TURNS[turn]).render(sample, form, **values)
    assert ("Zanzibar-label" in text) == (turn == "check")
    assert "Quito-gold" not in text


@pytest.mark.parametrize(("form", "options"), [("short", ()), ("choice", ("Bergen", "Oslo"))])
def test_short_answers_and_classes_are_asked_for_in_the_words_that_small_models_were_measured_with(
    form: str, options: tuple[str, ...]
) -> None:
    sample = SAMPLE.model_copy(update={"options": options})
    question = "Options: Bergen, Oslo.\n\nCapital of Norway?" if options else "Capital of Norway?"
    first = {"reasoning": None, "reflection": None}
    assert {
        turn: QuestionTemplate(turn, TURNS[turn]).render(sample, form, **{**values_for(turn), **values})
        for turn, values in (("base", {}), ("reason", first), ("relabel", {}), ("review", {}))
    } == {
        "base": question,
        "reason": f"{question}\n\nExplain your answer in one sentence. End with 'Answer: ' and the answer.",
        "relabel": question,
        "review": f"{question}\n\nFirst answer: value-of-reasoning_answer\n"
        "Second answer: value-of-context_answer\n\n"
        "Reply with only the right answer, in as few words as possible.",
    }


def test_letters_are_listed_after_the_question() -> None:
    sample = SAMPLE.model_copy(update={"options": ("Bergen", "Oslo", "Moss", "Hamar")})
    text = QuestionTemplate("base").render(sample, "choice")
    listed = "Options:\nA. Bergen\nB. Oslo\nC. Moss\nD. Hamar"
    assert text == f"Capital of Norway?\n\n{listed}\n\nAnswer with the letter alone."


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("kind", ["free", "code"])
def test_long_responses_are_not_asked_to_be_short(turn: str, kind: str) -> None:
    text = QuestionTemplate(turn, TURNS[turn]).render(SAMPLE, "long", kind, **values_for(turn))
    for words in ("one sentence", "few words", "a word", "letter", "brief answer", "Answer:"):
        assert words not in text.replace("Name it briefly", "")


@pytest.mark.parametrize("turn", TURNS)
def test_working_is_never_asked_to_be_short_and_ends_with_the_answer(turn: str) -> None:
    text = QuestionTemplate(turn, TURNS[turn]).render(SAMPLE, "working", "number", **values_for(turn))
    assert "one sentence" not in text
    assert "few words" not in text
    assert ("'Answer: '" in text) == (turn in ("reason", "review"))


def test_a_letter_is_asked_for_where_letters_are_listed() -> None:
    listed = SAMPLE.model_copy(update={"options": ("Bergen, a town", "Oslo")})
    many = SAMPLE.model_copy(update={"options": tuple(f"a rather long option {at}" for at in range(27))})
    for turn in ("base", "relabel", "reason", "review"):
        prompt = QuestionTemplate(turn, TURNS[turn])
        texts = [prompt.render(sample, "choice", **values_for(turn)) for sample in (listed, SAMPLE, many)]
        assert ["letter" in text for text in texts] == [True, False, False], turn


def test_the_reviewer_and_the_checker_see_the_reasoning() -> None:
    listed = SAMPLE.model_copy(update={"options": ("Bergen, a town", "Oslo")})
    for sample, form in ((listed, "choice"), (SAMPLE, "working")):
        review = QuestionTemplate("review", TURNS["review"]).render(sample, form, **values_for("review"))
        check = QuestionTemplate("check", TURNS["check"]).render(sample, form, **values_for("check"))
        assert "value-of-reasoning" in review
        assert "value-of-reasonings" in check


@pytest.mark.parametrize("turn", TURNS)
def test_a_users_own_file_is_used_for_every_form_and_sees_every_variable(turn: str, tmp_path: Path) -> None:
    names = sorted({*COMMON, *TURNS[turn]})
    name = written(tmp_path, "".join(f"{at}={{{{ {at} }}}};" for at in names))
    history = (Message(role="system", content="Be kind."), Message(role="user", content="Hello."))
    sample = SAMPLE.model_copy(update={"history": history, "task": "capitals"})
    template = QuestionTemplate(name, TURNS[turn], shipped=turn)
    assert set(template.texts) == {ANY}
    for form in FORMS:
        text = template.render(sample, form, "short", **values_for(turn))
        for shown in (
            "system=Be kind.",
            "Hello.",
            "task=capitals",
            "kind=short",
            f"form={form}",
            "letter='A'",
        ):
            assert shown in text
        assert all(f"value-of-{variable}" in text for variable in TURNS[turn])


def test_a_users_folder_takes_the_place_of_the_forms_that_it_has_files_for(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("Mine: {{ question }}", encoding="utf-8")
    mine, shipped = QuestionTemplate(str(tmp_path), shipped="base"), QuestionTemplate("base")
    assert mine.render(SAMPLE, "long").startswith("Mine: ")
    assert mine.render(SAMPLE, "choice") == shipped.render(SAMPLE, "choice")
    assert mine.source != shipped.source


@pytest.mark.parametrize(
    ("file", "told"), [("longer.md", "'longer.md' is for no form"), ("a.txt", "no prompt")]
)
def test_a_users_folder_with_a_file_for_no_form_is_refused(tmp_path: Path, file: str, told: str) -> None:
    (tmp_path / file).write_text("{{ question }}", encoding="utf-8")
    with pytest.raises(PromptError, match=f"{told}.* choice, long, short, train, working"):
        QuestionTemplate(str(tmp_path), shipped="base")


def test_a_runs_own_prompts_are_read_whole_or_refused(tmp_path: Path) -> None:
    write_prompts(tmp_path / "kept", load_prompts(RunConfig()).texts)
    assert QuestionTemplate("base", folder=tmp_path / "kept").texts == QuestionTemplate("base").texts
    (tmp_path / "kept" / "base" / "long.md").unlink()
    with pytest.raises(PromptError, match="'base/long' is missing"):
        QuestionTemplate("base", folder=tmp_path / "kept")
    (tmp_path / "kept" / "base").rename(tmp_path / "elsewhere")
    (tmp_path / "kept" / "base").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PromptError, match="no plain file"):
        QuestionTemplate("base", folder=tmp_path / "kept")


@pytest.mark.parametrize("options", [(), ("Bergen", "Oslo"), ("Bergen, a town", "Oslo")])
def test_the_question_shows_the_prompt_and_every_option(options: tuple[str, ...]) -> None:
    text = QuestionTemplate("base").render(SAMPLE.model_copy(update={"options": options}), "choice")
    assert SAMPLE.prompt in text
    assert [option for option in options if option not in text] == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_value_that_looks_like_a_template_comes_out_as_it_is(hostile: str) -> None:
    sample = SAMPLE.model_copy(update={"prompt": hostile, "options": (hostile, "Oslo")})
    text = QuestionTemplate("review", reviewer.VARIABLES).render(
        sample, "choice", context_answer=f"A:{hostile}", reasoning_answer=f"B:{hostile}", reasoning=None
    )
    assert text.count(hostile) >= 4
    assert f"A:{hostile}" in text


def test_more_options_than_letters_do_not_break_the_question() -> None:
    sample = SAMPLE.model_copy(update={"options": tuple(f"option, {at}" for at in range(40))})
    assert "option, 39" in QuestionTemplate("base").render(sample, "choice")


def test_a_users_own_file_may_use_options_and_name_things_of_its_own(tmp_path: Path) -> None:
    name = written(
        tmp_path,
        "{{ question[:1] }}{% set first = options[0] %}"
        "{% for option in options %}{{ loop.index }}{{ option.text }} "
        "{% endfor %}{{ first.letter }} {% if true %}{% set inner = 'yes' %}{{ inner }}{% endif %}",
    )
    assert QuestionTemplate(name).render(SAMPLE) == "O1Bergen 2Oslo A yes"


def test_a_file_in_any_script_is_read_as_utf_8(tmp_path: Path) -> None:
    assert Template(written(tmp_path, "答え: {{ x }} é"), frozenset({"x"})).render(x="ü") == "答え: ü é"


def test_an_unknown_variable_is_named_with_its_file_and_the_known_ones(tmp_path: Path) -> None:
    name = written(tmp_path, "{{ question }} {{ reponse }}")
    with pytest.raises(PromptError, match=r"mine\.md: unknown variable 'reponse'.* question, response"):
        QuestionTemplate(name, frozenset({"response"}))


def test_another_agents_variable_is_unknown(tmp_path: Path) -> None:
    name = written(tmp_path, "{{ question }} {{ response }}")
    with pytest.raises(PromptError, match="unknown variable 'response'"):
        QuestionTemplate(name, reviewer.VARIABLES)


@pytest.mark.parametrize("text", ["", "Answer in one word.", "{# {{ question }} #}", "{{ options[0].text }}"])
def test_a_prompt_that_does_not_show_the_question_is_refused(tmp_path: Path, text: str) -> None:
    name = written(tmp_path, text)
    with pytest.raises(PromptError, match=r"mine\.md: does not use .*\{\{ question \}\}"):
        QuestionTemplate(name, reviewer.VARIABLES)


def test_a_prompt_may_show_the_question_by_another_name(tmp_path: Path) -> None:
    name = written(tmp_path, "{% set task = question %}{{ task }}")
    assert QuestionTemplate(name).render(SAMPLE) == QuestionTemplate("base").render(SAMPLE, "train")


@pytest.mark.parametrize(
    ("text", "usable"),
    [("Is this right? {{ reasoning }}", True), ("{{ answer }}?", True), ("Is this right?", False)],
)
def test_a_critique_shows_the_question_or_what_was_said_to_it(
    tmp_path: Path, text: str, usable: bool
) -> None:
    config = parse_config({"agents": {"reasoner": {"reflect_prompt": written(tmp_path, text)}}})
    with nullcontext() if usable else pytest.raises(PromptError, match=r"use \{\{ answer \}\} or "):
        load_prompts(config)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{{ question }}\n\n{% if question %}\nno end", 4),
        ("{{ question }}\n{{ question", 2),
        ("{% nonsense %}", 1),
        ("fine\n{{ question | nosuchfilter }}", 2),
    ],
)
def test_a_syntax_error_is_named_with_its_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    name = written(tmp_path, text)
    with pytest.raises(PromptError, match=rf"mine\.md, line {line}: "):
        QuestionTemplate(name)


def test_a_file_that_is_not_there_is_named_with_the_shipped_ones() -> None:
    with pytest.raises(PromptError, match=r"'no/such\.md': neither one of base, check, .* nor a readable"):
        QuestionTemplate("no/such.md")


@pytest.mark.parametrize("content", [b"\xff\xfe\xff", None])
def test_what_is_no_text_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mine.md").write_bytes(content)
    with pytest.raises(PromptError, match="nor a readable text file"):
        Template(str(tmp_path / "mine.md" if content else tmp_path), frozenset())


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ question.__class__.__base__.__subclasses__() }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}",
        "{{ options.append(1) }}",
        "{{ range(10 ** 9) }}",
    ],
)
def test_a_template_that_reaches_out_of_its_sandbox_fails(tmp_path: Path, text: str) -> None:
    template = QuestionTemplate(written(tmp_path, f"{{{{ question }}}} {text}"))
    with pytest.raises(PromptError, match=r"mine\.md: "):
        template.render(SAMPLE)


@pytest.mark.parametrize(
    "text", ["{% include 'base.md' %}", "{% import 'os' as os %}", "{{ options[9].text }}"]
)
def test_a_template_that_fails_on_its_values_names_its_file(tmp_path: Path, text: str) -> None:
    template = QuestionTemplate(written(tmp_path, f"{{{{ question }}}} {text}"))
    with pytest.raises(PromptError, match=r"mine\.md: "):
        template.render(SAMPLE)


def test_the_source_of_a_role_holds_the_question_block_too(tmp_path: Path) -> None:
    source = QuestionTemplate(written(tmp_path, "my own words: {{ question }}")).source
    assert "my own words: " in source
    assert (FOLDER / "question.md").read_text(encoding="utf-8") in source
