"""What a run needs is looked at before anything is asked, and `doctor` looks at the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.models.pool import ModelPool
from graph.config.run import load_config, parse_config
from graph.context import load_prompts
from graph.readiness import Needs, check_needs, encodes, try_prompts
from graph.state import RunInput
from prompts.template import PromptError
from stores.errors import RobustFTError
from stores.run_directory import holds_run
from stores.sample import Sample
from tests.support.cases import script, write_run
from tests.support.endpoint import Endpoint
from tests.support.stages import load_run_of
from tests.support.tiny_models import CHATML, save_tiny_model


def cut(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-9])


def lying(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content.replace(b'"F32"', b'"Q99"', 1))


def edited(name: str, **settings: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **settings}))

    return edit


REFUSES = "{% for m in messages %}{{ raise_exception('Not so') }}{% endfor %}"
STUDENTS: dict[str, tuple[dict[str, Any], Callable[[Path], None], tuple[str, ...], str]] = {
    "weights cut off": ({}, cut, (), "is cut off"),
    "weights of no kind": ({}, lying, (), "cannot be loaded"),
    "another width": ({}, edited("config.json", hidden_size=32), (), "another shape"),
    "a billion layers": ({}, edited("config.json", num_hidden_layers=10**9), (), "num_hidden_layers"),
    "a tokenizer's length that is text": (
        {}, edited("tokenizer_config.json", model_max_length="x"), (), "tokenizer cannot be used"
    ),
    "no chat template": ({"template": None}, lambda folder: None, (), "no chat template"),
    "a template that refuses": ({"template": REFUSES}, lambda folder: None, (), "Not so"),
    "an unknown layer": ({}, lambda folder: None, ('training.lora.target_modules=["x"]',), "target_modules"),
    "an unknown argument": ({}, lambda folder: None, ("training.args={optim: nope}",), "training.args.optim"),
    "quantisation that is not there": (
        {}, lambda folder: None, ("training.quantization=4bit",), "training.quantization"
    ),
    "a bad setting of the template": (
        {"template": "{% if wild %}{{ wild.x.y }}{% endif %}" + CHATML},
        lambda folder: None,
        ("models.tuned.chat_template_kwargs={wild: 1}",),
        "chat_template_kwargs",
    ),
}  # fmt: skip


def request_of(folder: Path, endpoint: Endpoint, *settings: str, until: Any = "train") -> RunInput:
    config = load_config(write_run(folder, script(endpoint).url), settings)
    return RunInput(config=config.model_dump(mode="json"), directory=str(folder / "run"), until=until)


@pytest.mark.parametrize("name", STUDENTS)
async def test_a_student_that_will_not_do_is_told_and_nothing_was_asked(
    name: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    tokenizer, damage, settings, told = STUDENTS[name]
    if name.startswith("quantisation") and _has_bitsandbytes():
        pytest.skip("bitsandbytes is here")
    folder = save_tiny_model(tmp_path / "student", **tokenizer)
    damage(folder)
    named = (f"models.tuned={{provider: embedded, name: '{folder}'}}", "training.model=tuned")
    with pytest.raises(RobustFTError, match=told):
        await load_run_of(request_of(tmp_path, endpoint, *named, *settings))
    assert endpoint.requests == []
    assert not holds_run(tmp_path / "run")


def _has_bitsandbytes() -> bool:
    from importlib.util import find_spec

    return find_spec("bitsandbytes") is not None


async def test_a_template_that_takes_no_system_turn_is_no_reason_to_refuse(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    refuses = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system') }}{% endif %}"
    folder = save_tiny_model(tmp_path / "student", template=refuses + CHATML)
    named = (f"models.tuned={{provider: embedded, name: '{folder}'}}", "training.model=tuned")
    await load_run_of(request_of(tmp_path, endpoint, *named))
    assert holds_run(tmp_path / "run")


FAILS = {
    "base": "{{ question }} {{ history[7].content }}",
    "reasoner": "{{ question }} {{ reasoning.strip() }}",
    "checker": "{{ question }} {{ views.nobody }}",
    "relabeler": "{{ question }} {{ neighbours[0].prompt }}",
    "reviewer": "{{ question }} {{ 1 // 0 }}",
}


@pytest.mark.parametrize("agent", FAILS)
async def test_a_prompt_that_fails_when_it_is_filled_is_told_and_nothing_was_asked(
    agent: str, tmp_path: Path, endpoint: Endpoint
) -> None:
    (tmp_path / "mine.md").write_text(FAILS[agent])
    with pytest.raises(PromptError, match=r"mine\.md"):
        await load_run_of(
            request_of(tmp_path, endpoint, f"agents.{agent}.prompt={tmp_path / 'mine.md'}", until="select")
        )
    assert endpoint.requests == []
    assert not (tmp_path / "run").exists()


async def test_a_resumed_run_tries_its_new_prompts_before_it_asks(tmp_path: Path, endpoint: Endpoint) -> None:
    request = request_of(tmp_path, endpoint, until="select")
    await load_run_of(request)
    asked = len(endpoint.requests)
    (tmp_path / "mine.md").write_text("{{ question }} {{ 1 // 0 }}")
    changed = request_of(tmp_path, endpoint, f"agents.base.prompt={tmp_path / 'mine.md'}", until="select")
    with pytest.raises(PromptError, match=r"mine\.md"):
        await load_run_of(changed)
    assert len(endpoint.requests) == asked


def test_a_prompt_that_no_agent_asks_with_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("{{ question }} {{ 1 // 0 }}")
    config = parse_config(
        {"agents": {"reviewer": {"policy": "context", "prompt": str(tmp_path / "mine.md")},
                    "reasoner": {"max_reflections": 0, "reflect_prompt": str(tmp_path / "mine.md")}}}
    )  # fmt: skip
    try_prompts(config, load_prompts(config), [Sample(id="a", prompt="Capital of Peru?", response="Lima")])


async def test_what_costs_nothing_is_looked_at_before_what_is_a_request(endpoint: Endpoint) -> None:
    model = {"provider": "openai", "name": "scripted", "base_url": endpoint.url}
    config = parse_config({"models": {"default": model, "tuned": {"provider": "embedded"}},
                           "training": {"model": "tuned"}})  # fmt: skip
    needs = Needs(config, lambda: load_prompts(config), lambda: ())
    async with ModelPool() as pool:
        names = [check.name for check in needs.checks(pool)]
        assert names == ["prompts", "training.model", "encoder", "models"]
        few = Needs(config, needs.prompts, needs.samples, "select", encodes=False, asks=False)
        assert [check.name for check in few.checks(pool)] == ["prompts"]
        await check_needs(few, pool)
    assert endpoint.requests == []
    assert encodes(config, "detect")
