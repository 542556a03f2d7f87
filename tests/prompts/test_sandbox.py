"""Templates from anywhere: whatever one does, it is filled soon or fails with the one typed error."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.template import PromptError, QuestionTemplate, Template
from stores.sample import Sample

SAMPLE = Sample(id="s", prompt="Capital of Norway? " * 30, response="Oslo", options=("Bergen", "Oslo"))
VALUES = frozenset({"views"})

TOO_DEEP = {
    "parentheses": "(" * 5000 + "1" + ")" * 5000,
    "not": "not " * 5000 + "1",
    "lists": "[" * 3000 + "]" * 3000,
    "attributes": "question" + ".a" * 20_000,
    "sums": "1" + "+1" * 20_000,
    "digits": "9" * 5000,
}
TOO_LARGE = {
    "text": "'a' * 10**10",
    "question": "question * 10**8",
    "list": "[0] * 10**10",
    "power": "9 ** 99999",
    "filter": "question | center(10**10)",
    "method": "question.center(10**10)",
    "printf": "'%10000000000d' | format(1)",
    "printf by argument": "'%*d' % (10**10, 1)",
    "format": "'{:10000000000}'.format(1)",
    "format by argument": "'{:{}}'.format(1, 10**10)",
    "indent": "question | indent(10**10)",
    "replace": "question" + " | replace('', question)" * 5,
    "join": "(question * 99) | list | join(question * 99)",
    "missing key": "'%(x)s' | format(y=1)",
    "missing field": "'{}'.format()",
    "empty cycler": "cycler().next()",
    "assertion": "question | truncate(-5, leeway=0)",
    "infinity": "1e999 | int",
    "wrapped": "('a' * 900000) | wordwrap(1)",
    "sorted": "(question * 9999) | list | sort",
    "half a surrogate pair": "'\\ud800'",
}
AT_RANDOM = {
    "random": "options | random",
    "lipsum": "lipsum()",
    "a method": "question.upper",
    "a method in a list": "[question.upper]",
    "a method beside a text": "'a' ~ question.upper",
    "a method as text": "question.upper | string",
    "a method in a format": "'%s' | format(question.upper)",
    "a method in a printf": "'%s' % question.upper",
    "an unfinished list": "options | map('upper')",
}
LONG = "{% set a = 'a' * 9000000 %}"
MANY = "{% for i in range(90000) %}"
TOO_LONG = {
    "ranges": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "questions": "{% for a in question %}" * 6 + "{% endfor %}" * 6,
    "output": "{% for a in range(99999) %}{{ question * 99 }}{% endfor %}",
    "macro without end": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "macro of two": "{% macro a(n) %}{% if n %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    "loop into itself": "{% for a in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
    "block in itself": "{% block b %}{{ question }}{{ self.b() }}{% endblock %}",
    "doubling": "{% set a = question %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "doubling by sum": "{% set a = question %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "looking in a text": LONG + MANY + "{% if 'b' in a %}{% endif %}{% endfor %}",
    "looking in a list": "{% set a = [0] * 9000000 %}" + MANY + "{% if 1 in a %}{% endif %}{% endfor %}",
    "comparing": LONG + MANY + "{% if a is eq a %}{% endif %}{% endfor %}",
    "slicing": LONG + MANY + "{% set b = a[1:] %}{% endfor %}",
    "a long macro": "{% macro m() %}" + "x" * 99_999 + "{% endmacro %}{{ [" + "m()," * 9999 + "] | length }}",
    "constants": "{{ ' ' | center(90000) | replace(' ', '" + "y" * 700 + "') }}" * 300,
    "squaring": "{% set a = 99 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
}


def rendered(text: str, folder: Path) -> str:
    (folder / "base.md").write_text(text)
    return QuestionTemplate("base", VALUES, folder=folder).render(SAMPLE, views={"base": "Oslo"})


@pytest.mark.parametrize("text", TOO_DEEP.values(), ids=TOO_DEEP.keys())
def test_what_python_cannot_compile_is_a_typed_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"base\.md"):
        rendered(f"{{{{ question }}}} {{{{ {text} }}}}", tmp_path)


@pytest.mark.parametrize("text", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_an_expression_that_fails_or_takes_all_memory_is_a_typed_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"base\.md"):
        rendered(f"{{{{ question }}}} {{{{ {text} }}}}", tmp_path)


@pytest.mark.parametrize("text", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_a_template_that_would_not_end_is_a_typed_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"base\.md"):
        rendered(f"{{{{ question }}}} {text}", tmp_path)


@pytest.mark.parametrize("text", AT_RANDOM.values(), ids=AT_RANDOM.keys())
def test_what_would_differ_each_time_is_a_typed_error(text: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"base\.md"):
        rendered(f"{{{{ question }}}} {{{{ {text} }}}}", tmp_path)


def test_a_text_of_the_data_that_looks_like_a_place_in_memory_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "base.md").write_text("{{ question }}{{ prompt | upper }}{{ 'So: ' ~ prompt }}{{ [prompt] }}")
    sample = SAMPLE.model_copy(update={"prompt": "What is <object at 0x7f00>?", "options": ()})
    assert "0x7f00" in QuestionTemplate("base", VALUES, folder=tmp_path).render(sample, views={})


def test_a_file_of_any_size_is_read_no_further_than_a_prompt_can_be_long(tmp_path: Path) -> None:
    with (tmp_path / "base.md").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PromptError, match="is longer than"):
        Template("base", VALUES, folder=tmp_path)
    with pytest.raises(PromptError, match="is longer than"):
        Template(str(tmp_path / "base.md"), VALUES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for o in options %}{{ loop.index }}/{{ loop.length }} {{ o.text }};{% endfor %}",
         "1/2 Bergen;2/2 Oslo;"),
        ("{{ 'Say %s or %5d' | format('yes', 3) }} {{ '{:>4}'.format(2 * 3) }} {{ 2 ** 10 }}",
         "Say yes or     3    6 1024"),
        ("{{ views.base | upper }}{{ ['a', 'b'] | join(', ') }}{{ 'a-b'.replace('-', '+') }}", "OSLOa, ba+b"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m('a' ~ 2) }}", "<1><a2>"),
    ],
)  # fmt: skip
def test_what_prompts_do_is_done(text: str, expected: str, tmp_path: Path) -> None:
    assert rendered(f"{{% set q = question %}}{text}", tmp_path) == expected


PIECES = """question options views 1 10**9 'a' range(9) [] {} loop * ** + ~ % ( ) [0] .x |list |join |format
    |replace('a',question) |center(99) {{ }} {%for a in %} {%endfor%} {%if {%endif%} {%set a= is not - {#"""


@given(st.lists(st.sampled_from(PIECES.split()), max_size=20))
def test_any_template_is_text_or_the_typed_error(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    with suppress(PromptError):
        rendered(" ".join(pieces), tmp_path_factory.getbasetemp())
