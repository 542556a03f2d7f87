from typing import get_args

from agents.answers.form import Form
from agents.answers.kind import KINDS


def test_every_kind_is_asked_for_in_a_form_that_has_prompts() -> None:
    assert {kind.form for kind in KINDS} <= set(get_args(Form))
