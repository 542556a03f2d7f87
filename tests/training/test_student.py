"""A model that cannot be tuned is found before anything is paid for; one that can be trains."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stores.errors import InputError, RobustFTError, WeightsError
from stores.records import TrainingRow
from tests.support.tiny_models import CHATML, NO_SYSTEM, bytes_tokenizer, save_tiny_model
from training.finetune import train_adapter
from training.lora import LoraSettings, TrainingConfig
from training.student import check_student

TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
ROWS = [
    {
        "id": str(number),
        "prompt": TURNS,
        "completion": [{"role": "assistant", "content": f"    {number}\n"}],
        "source": "original",
    }
    for number in range(4)
]
REFUSES = "{% for m in messages %}{% if 'brief' in m['content'] %}{{ raise_exception('Not so') }}{% endif %}"


def check(folder: Path, config: TrainingConfig | None = None) -> str:
    rows = [TrainingRow.model_validate(row) for row in ROWS]
    return check_student(str(folder), config or TrainingConfig(), rows)


# Folders that many people have, and what they lack.
STUDENTS: dict[str, dict[str, Any]] = {
    "usual": {},
    "no system turn": {"template": NO_SYSTEM + CHATML},
    "no end token": {"eos": None},
    "no padding token": {"pad": None},
    "padding token": {"pad": "<|im_start|>"},
    "end token of the template alone": {"eos": None, "special": ("<|im_start|>", "<|im_end|>")},
    "end token of the tokenizer alone": {
        "template": "{% for m in messages %}{{ m['content'] }}\n{% endfor %}",
    },
}


@pytest.mark.parametrize("name", STUDENTS)
def test_a_student_that_passes_can_be_trained(tmp_path: Path, name: str) -> None:
    folder = save_tiny_model(tmp_path / "model", **STUDENTS[name])
    assert "chat template and layers fit" in check(folder)
    file = tmp_path / "training.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    outcome = train_adapter(
        file,
        str(folder),
        tmp_path / "adapter",
        TrainingConfig(epochs=1, batch_size=2),
        seed=0,
        report=lambda _: None,
        stop=threading.Event(),
    )
    assert (outcome.samples, outcome.dropped) == (4, ())
    assert (tmp_path / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("tokenizer", "reason"),
    [
        ({"template": None}, "has no chat template"),
        ({"template": "{% for m in messages %}{{ m }"}, "cannot render"),
        ({"template": REFUSES + CHATML + "{% endfor %}"}, "no sample can be trained on: .*Not so"),
        ({"template": "{% for m in messages %}{{ m['content'] }}{% endfor %}", "eos": None}, "ends a turn"),
        ({"special": tuple(f"<|{number}|>" for number in range(99))}, "tokenizer has 355 tokens"),
    ],
    ids=["none", "broken", "refuses these", "no end", "another tokenizer"],
)
def test_a_tokenizer_or_template_that_does_not_do_is_told(
    tmp_path: Path, tokenizer: dict[str, Any], reason: str
) -> None:
    folder = save_tiny_model(tmp_path / "model", **{"eos": None, **tokenizer})
    if reason == "tokenizer has 355 tokens":
        bytes_tokenizer(CHATML, tokenizer["special"], eos="<|1|>").save_pretrained(folder)
    with pytest.raises(RobustFTError, match=reason) as error:
        check(folder)
    assert "\n" not in str(error.value)


def test_layers_that_the_model_does_not_have_are_told(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    with pytest.raises(InputError, match=r"training\.lora\.target_modules"):
        check(folder, TrainingConfig(lora=LoraSettings(target_modules=("nowhere",))))


def test_a_model_larger_than_the_machine_is_refused_and_one_larger_than_what_is_free_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save_tiny_model(tmp_path / "model")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    memory = SimpleNamespace(available=10, total=2**40)
    monkeypatch.setattr("training.memory.psutil.virtual_memory", lambda: memory)
    told = check(folder)
    assert "training takes about 0.0 GiB at its peak" in told
    assert (
        "and 0.0 GiB of memory are free; it may not fit: tune a smaller model, set training.quant"
        in caplog.text
    )
    memory.available = 2**40
    caplog.clear()
    check(folder)
    assert not caplog.text
    memory.available = 10
    memory.total = 10
    with pytest.raises(WeightsError, match=r"this machine has 0\.0 GiB of memory; tune a smaller"):
        check(folder)


def test_a_sample_that_is_too_long_is_told_before_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check(save_tiny_model(tmp_path / "model"), TrainingConfig(max_length=8))
    assert "training.max_length is 8" in caplog.text


def test_arguments_and_a_quantisation_that_cannot_be_used_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny_model(tmp_path / "model")
    with pytest.raises(InputError, match=r"^training\.args\.seed: use run\.seed"):
        check(folder, TrainingConfig(args={"seed": 1}))
    monkeypatch.setattr("transformers.quantizers.quantizer_bnb_8bit.is_bitsandbytes_available", lambda: False)
    with pytest.raises(InputError, match=r"^training\.quantization: 8bit needs bitsandbytes"):
        check(folder, TrainingConfig(quantization="8bit"))


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_what_each_of_several_processes_takes_is_told(tmp_path: Path, parallel: Any) -> None:
    folder = save_tiny_model(tmp_path / "model")
    told = check(folder, TrainingConfig(processes=2, parallel=parallel))
    assert f"each of 2 processes ({parallel}) takes about 0.0 GiB at its peak" in told
    assert "GiB of memory are free for each" in told


def test_processes_without_a_gpu_each_are_refused_before_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny_model(tmp_path / "model")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(InputError, match=r"^training\.processes: 2 need a GPU each, and 1 in sight"):
        check(folder, TrainingConfig(processes=2))
