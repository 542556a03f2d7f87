"""Models, tokenizers and adapters of users: whatever another library raises on them is one message."""

import json
from pathlib import Path
from typing import Any

import pytest

from stores.errors import WeightsError
from stores.pretrained import (
    check_adapter,
    check_vocabulary,
    load_causal_model,
    load_outline,
    load_tokenizer,
    put_adapter,
)
from stores.weights import reading_weights
from tests.support.tiny_models import bytes_tokenizer, save_tiny_adapter, save_tiny_model


def edited(folder: Path, file: str = "config.json", **settings: Any) -> Path:
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**content, **settings}))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_tiny_model(tmp_path / "model")


def test_an_outline_has_no_numbers_and_all_layers(model: Path) -> None:
    outline = load_outline(str(model))
    assert {weight.device.type for weight in outline.parameters()} == {"meta"}
    assert load_causal_model(str(model)).num_parameters() == outline.num_parameters()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"hidden_size": 32}, r"another shape than its config says.*\[300, 16\].*\[300, 32\]"),
        ({"num_hidden_layers": 3}, "9 weights are in none of its files"),
        ({"vocab_size": 301}, "another shape"),
        ({"num_attention_heads": 3}, "."),
        ({"hidden_act": "nope"}, "nope"),
        ({"hidden_size": "wide"}, "."),
        ({"rope_parameters": 5}, "."),
        ({"model_type": "gpt2"}, "."),
        ({"model_type": "nowhere"}, "nowhere"),
        ({"head_dim": 2**31}, r"head_dim: 2,147,483,648; no model has more than 67,108,864"),
        ({"max_position_embeddings": 2**40}, "no model has more than 67,108,864"),
        ({"num_hidden_layers": 2**31}, "no model has more than 10,000"),
        (
            {"model_type": "own", "auto_map": {"AutoConfig": "c.C", "AutoModelForCausalLM": "m.M"}},
            "Python code of its own, which RobustFT does not run",
        ),
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_its_weights_is_told_before_and_when_they_are_loaded(
    model: Path, settings: dict[str, Any], reason: str
) -> None:
    edited(model, **settings)
    for load in (load_outline, load_causal_model):
        with pytest.raises(WeightsError, match=reason) as error:
            load(str(model))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "package"),
    [
        ("gptq", "optimum"),
        ("awq", "gptqmodel"),
        ("bitsandbytes", "bitsandbytes"),
        ("compressed-tensors", "compressed-tensors"),
        ("aqlm", "aqlm"),
        ("auto-round", "auto-round"),
        ("eetq", "kernels"),
        ("hqq", "(?i)hqq"),
        ("quanto", "optimum-quanto"),
        ("vptq", "vptq"),
        ("torchao", "torchao"),
    ],
)
def test_a_quantised_folder_names_the_package_that_reads_it(model: Path, method: str, package: str) -> None:
    settings = {"quant_method": method, "bits": 4, "group_size": 32, "weights": "int8", "quant_type": "int4"}
    if method == "bitsandbytes":
        settings = {"quant_method": method, "load_in_4bit": True}
    edited(model, quantization_config=settings)
    for load in (load_outline, load_causal_model):
        with pytest.raises(WeightsError, match=package) as error:
            load(str(model))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer.json", "{}"),
        ("tokenizer.json", "["),
        ("tokenizer.json", ""),
        ("tokenizer.json", '{"model": 5}'),
        ("tokenizer_config.json", "["),
        (
            "tokenizer_config.json",
            '{"tokenizer_class": "NoSuchTokenizer", "auto_map": {"AutoTokenizer": ["a.B", null]}}',
        ),
        ("tokenizer_config.json", "[1]"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_told_in_one_line(model: Path, file: str, content: str) -> None:
    (model / file).write_text(content)
    with pytest.raises(WeightsError) as error:
        load_tokenizer(str(model))
    assert "\n" not in str(error.value)


def test_a_folder_without_a_tokenizer_says_so(model: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (model / name).unlink(missing_ok=True)
    with pytest.raises(WeightsError, match=r"its tokenizer cannot be read: it holds none"):
        load_tokenizer(str(model))


@pytest.mark.parametrize("named_in", ["config.json", "generation_config.json"])
def test_an_end_token_comes_from_the_configs_where_the_tokenizer_names_none(
    tmp_path: Path, named_in: str
) -> None:
    folder = save_tiny_model(tmp_path / "model", eos=None)
    end = bytes_tokenizer().convert_tokens_to_ids("<|im_end|>")
    edited(folder, named_in, eos_token_id=[end, 7])
    tokenizer = load_tokenizer(str(folder))
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")


def test_without_an_end_or_padding_token_any_token_pads(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(save_tiny_model(tmp_path / "model", eos=None)))
    assert tokenizer.eos_token is None
    assert tokenizer.pad_token_id == 0


def test_a_tokenizer_of_more_tokens_than_the_model_knows_is_refused(tmp_path: Path) -> None:
    many = tuple(f"<|extra_{number}|>" for number in range(80))
    folder = save_tiny_model(
        tmp_path / "model", special=("<|im_start|>", "<|im_end|>", "<|endoftext|>", *many)
    )
    with pytest.raises(WeightsError, match="339 tokens and its weights know 300"):
        check_vocabulary("m", load_tokenizer(str(folder)), load_outline(str(folder)))


def test_an_adapter_of_this_base_fits(model: Path, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter")
    assert any("lora_A" in name for name in check_adapter(adapter))
    put_adapter(load_outline(str(model)), adapter)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [({"hidden": 32}, r"size mismatch.*\[2, 32\].*\[2, 16\]"), ({"layers": 3}, "14 of its matrices")],
)
def test_an_adapter_of_another_base_does_not_fit(
    model: Path, tmp_path: Path, shape: dict[str, int], reason: str
) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter", **shape)
    for base in (load_outline(str(model)), load_causal_model(str(model))):
        with pytest.raises(WeightsError, match=f"this adapter does not fit the model.*{reason}") as error:
            put_adapter(base, adapter)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"r": 4}, "size mismatch"),
        ({"r": 0}, "."),
        ({"peft_type": "NOPE"}, "NOPE"),
        ({"target_modules": ["nowhere"]}, "nowhere"),
        ({"target_modules": "all-nothing"}, "."),
        ({"r": "many"}, "."),
        ({"task_type": "NOPE"}, "."),
        ({"peft_type": "PREFIX_TUNING"}, "."),
    ],
    ids=str,
)
def test_an_adapter_whose_settings_are_wrong_is_told_in_one_line(
    model: Path, tmp_path: Path, settings: dict[str, Any], reason: str
) -> None:
    adapter = edited(save_tiny_adapter(tmp_path / "adapter"), "adapter_config.json", **settings)
    with pytest.raises(WeightsError, match=reason) as error:
        put_adapter(load_outline(str(model)), adapter)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_adapter_says_what_it_is(model: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="it holds a whole model"):
        check_adapter(model)
    with pytest.raises(WeightsError, match="there is no such folder"):
        check_adapter(tmp_path / "nowhere")
    save_tiny_adapter(tmp_path / "run" / "adapter")
    with pytest.raises(WeightsError, match=r"did you mean .*run/adapter"):
        check_adapter(tmp_path / "run")
    adapter = save_tiny_adapter(tmp_path / "pickled")
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(WeightsError, match=r"pickled adapter_model\.bin is not read"):
        check_adapter(adapter)
    (tmp_path / "run" / "adapter" / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="names no peft_type"):
        check_adapter(tmp_path / "run" / "adapter")


class OutOfMemoryError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (KeyError("layers"), "KeyError 'layers'"),
        (ValueError(""), "ValueError"),
        (RuntimeError("\n\n  first.\nsecond"), "first"),
        (RuntimeError("Error in loading:\n\tsize mismatch"), "Error in loading: size mismatch"),
        (MemoryError(), "does not fit into the memory"),
        (OutOfMemoryError("CUDA out of memory"), "does not fit into the memory"),
        (ValueError("set trust_remote_code=True"), "Python code of its own"),
        (AttributeError("'NoneType' has no x"), "'NoneType' has no x"),
    ],
)
def test_what_another_library_raises_is_one_line_with_its_cause(raised: Exception, told: str) -> None:
    with pytest.raises(WeightsError) as error, reading_weights("m"):
        raise raised
    assert str(error.value).startswith("model 'm': cannot be loaded: ")
    assert told in str(error.value)
    assert error.value.__cause__ is raised


def test_a_user_who_stops_is_not_told_of_weights() -> None:
    with pytest.raises(KeyboardInterrupt), reading_weights("m"):
        raise KeyboardInterrupt
