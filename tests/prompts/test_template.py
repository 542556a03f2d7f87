"""Prompt files: checked when they are loaded, filled in one pass, and blind to what values look like."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from agents import reviewer
from graph.config.run import RunConfig, parse_config
from graph.context import load_prompts
from prompts.template import FOLDER, PromptError, QuestionTemplate, Template
from stores.sample import Sample

SHIPPED = {
    getattr(agent, key): use.variables
    for agent in RunConfig().agents.by_name().values()
    for key, use in agent.templates.items()
}
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


def values_for(name: str) -> dict[str, object]:
    """Return a value for each variable of a shipped prompt; the views are one view by its name."""
    values: dict[str, object] = {variable: f"value-of-{variable}" for variable in SHIPPED[name]}
    return {**values, "views": {"base": "value-of-views"}} if "views" in values else values


def test_every_shipped_prompt_file_belongs_to_an_agent() -> None:
    assert {file.stem for file in FOLDER.glob("*.md")} == {*SHIPPED, "question"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_prompt_takes_its_agents_variables_and_begins_with_the_question(name: str) -> None:
    text = QuestionTemplate(name, SHIPPED[name]).render(SAMPLE, **values_for(name))
    assert text.startswith(QuestionTemplate("base").render(SAMPLE))
    assert all(f"value-of-{variable}" in text for variable in SHIPPED[name])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_prompt_without_the_views_of_others_says_nothing_of_none(name: str) -> None:
    optional = dict.fromkeys(SHIPPED[name]) if name == "reason" else {}
    text = QuestionTemplate(name, SHIPPED[name]).render(SAMPLE, **{**values_for(name), **optional})
    assert "None" not in text


@pytest.mark.parametrize("options", [(), ("Bergen", "Oslo"), ("Bergen, a town", "Oslo")])
def test_the_question_shows_the_prompt_and_every_option(options: tuple[str, ...]) -> None:
    text = QuestionTemplate("base").render(SAMPLE.model_copy(update={"options": options}))
    assert SAMPLE.prompt in text
    assert [option for option in options if option not in text] == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_value_that_looks_like_a_template_comes_out_as_it_is(hostile: str) -> None:
    sample = SAMPLE.model_copy(update={"prompt": hostile, "options": (hostile, "Oslo")})
    text = QuestionTemplate("review", reviewer.VARIABLES).render(
        sample, context_answer=f"A:{hostile}", reasoning_answer=f"B:{hostile}"
    )
    assert text.count(hostile) >= 4
    assert f"A:{hostile}" in text


def test_more_options_than_letters_do_not_break_the_question() -> None:
    sample = SAMPLE.model_copy(update={"options": tuple(f"option, {at}" for at in range(40))})
    assert "option, 25" in QuestionTemplate("base").render(sample)


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
    with pytest.raises(PromptError, match=r"mine\.md: does not use \{\{ question \}\}"):
        QuestionTemplate(name, reviewer.VARIABLES)


def test_a_prompt_may_show_the_question_by_another_name(tmp_path: Path) -> None:
    name = written(tmp_path, "{% set task = question %}{{ task }}")
    assert QuestionTemplate(name).render(SAMPLE) == QuestionTemplate("base").render(SAMPLE)


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
