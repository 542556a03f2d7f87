"""`training.args`: what TRL takes is handed through; all else is told by name, before training."""

import ast
import inspect
from typing import Any

import pytest

from stores.errors import InputError
from training.arguments import read_arguments
from training.lora import TrainingConfig
from training.objectives import sft


def read(**args: Any) -> dict[str, Any]:
    return read_arguments(TrainingConfig(args=args))


def test_fields_are_handed_through_in_the_types_of_trls_config() -> None:
    # YAML reads 1e-8 as text.
    assert read(adam_epsilon="1e-8", optim="sgd", neftune_noise_alpha=5, torch_compile=False) == {
        "adam_epsilon": 1e-8,
        "optim": "sgd",
        "neftune_noise_alpha": 5.0,
        "torch_compile": False,
    }
    assert read() == {}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"adam_beta_1": 0.9}, r"trl's SFTConfig has no such field; did you mean 'adam_beta1'\?"),
        ({"learning_rte": 0.1}, "no such field; for learning_rate, use training.learning_rate"),
        ({"quite_unlike": 1}, r"trl's SFTConfig has no such field$"),
        ({"output_dir": "/"}, "the run's directory is `--out`"),
        ({"seed": 3}, r"use run\.seed"),
        ({"per_device_train_batch_size": 4}, r"use training\.batch_size"),
        ({"lr_scheduler_type": "cosine"}, r"use training\.scheduler"),
        ({"save_steps": 10}, "RobustFT writes checkpoints"),
        ({"eval_strategy": "steps"}, r"name data\.test"),
        ({"hub_token": "secret"}, "use `robustft export"),
        ({"trust_remote_code": True}, "a model's own code is never run"),
        ({"packing": True}, "RobustFT makes the tokens itself"),
        ({"fp16": True}, "chooses it by the device"),
        ({"fsdp": True}, r"use training\.processes and training\.parallel"),
        ({"ddp_backend": "gloo"}, r"use training\.processes and training\.parallel"),
        ({"adam_beta1": "high"}, r"input should be a valid number.*\(given: 'high'\)"),
        ({"max_steps": 1.5}, "input should be a valid integer"),
        ({"loss_type": "mse"}, r"one of nll, dft, chunked_nll \(given: 'mse'\)"),
        ({"optim": "no_such"}, "no_such is not a valid OptimizerNames"),
        ({"adam_beta1": 0.8, "optim": "lomo"}, "You need to install `lomo_optim`"),
        ({"lr_scheduler_kwargs": {"no_such": 1}}, "no_such"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name(args: dict[str, Any], message: str) -> None:
    name = list(args)[-1]
    with pytest.raises(InputError, match=rf"^training\.args\.{name}: .*{message}") as error:
        read(**args)
    assert "\n" not in str(error.value)


def test_every_field_that_robustft_sets_is_refused() -> None:
    [call] = (
        node
        for node in ast.walk(ast.parse(inspect.getsource(sft)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "SFTConfig"
    )
    names = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    assert len(names) > 20
    for name in names:
        with pytest.raises(InputError, match=rf"^training\.args\.{name}: [^;]*$"):
            read(**{name: 1})


def test_another_loss_knows_no_weights() -> None:
    config = TrainingConfig(args={"label_smoothing_factor": 0.1}, weighting="soft")
    with pytest.raises(InputError, match=r"^training\.args: loss_type and label_smoothing_factor"):
        read_arguments(config)
