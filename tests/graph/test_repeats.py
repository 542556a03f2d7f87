"""A review by a model that is a view already counts for less."""

import pytest

from graph.config.run import parse_config
from graph.repeats import review_repeats
from tests.support.judged_records import record, reviewed


@pytest.mark.parametrize(
    ("model", "reply", "repeats"), [("m", "Oslo", True), ("other", "Oslo", False), ("other", None, True)]
)
def test_a_review_repeats_a_view_where_one_model_gave_both(
    model: str, reply: str | None, repeats: bool
) -> None:
    models = {name: {"provider": "embedded", "name": name} for name in ("m", "other")}
    agents = {name: {"model": "m"} for name in ("base", "reasoner", "checker", "relabeler")}
    config = parse_config(
        {"models": models, "agents": {**agents, "reviewer": {"model": model}}, "training": {"model": "m"}}
    )
    known = reviewed(record("Bergen", "Oslo", "Oslo"), "Oslo")
    assert known.review is not None
    known = known.model_copy(update={"review": known.review.model_copy(update={"reply": reply})})
    assert review_repeats(known, config) is repeats
