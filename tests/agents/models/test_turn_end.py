"""What ends a turn, as chat templates of the usual families end it."""

from typing import Any

import pytest
from tokenizers import AddedToken
from transformers import AutoTokenizer, GenerationConfig
from transformers import PreTrainedTokenizerBase as Tokenizer

from agents.models.turn_end import end_tokens, turn_end
from stores.weights import SMOLLM2, resolve_weights

LOOP = "{% for m in messages %}"
CHATML = LOOP + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
# In the manner of each family: how a turn ends, and how a template writes it.
FAMILIES = {
    "ChatML": ("<|im_end|>", CHATML),
    "Llama 3": (
        "<|eot_id|>",
        LOOP
        + "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}",
    ),
    "Llama 2": (
        "</s>",
        LOOP + "{% if m.role == 'user' %}<s>[INST] {{ m.content }} [/INST]"
        "{% else %} {{ m.content }} </s>{% endif %}{% endfor %}",
    ),
    "Gemma": (
        "<end_of_turn>",
        LOOP + "<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}",
    ),
    "Phi 3": ("<|end|>", LOOP + "<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}<|endoftext|>"),
    "Mistral": (
        "</s>",
        LOOP + "{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]"
        "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}",
    ),
    "Zephyr": ("</s>", LOOP + "<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"),
    "DeepSeek": (
        "<｜end▁of▁sentence｜>",
        LOOP + "{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
        "{% else %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}",
    ),
    "Command": (
        "<|END_OF_TURN_TOKEN|>",
        LOOP + "<|START_OF_TURN_TOKEN|>{{ m.content }}<|END_OF_TURN_TOKEN|>{% endfor %}",
    ),
    "Granite": (
        "<|end_of_text|>",
        LOOP + "<|start_of_role|>{{ m.role }}\n{{ m.content }}<|end_of_text|>\n{% endfor %}",
    ),
    "GLM, whose next turn ends the last": (
        "<|user|>",
        LOOP + "<|{{ m.role }}|>\n{{ m.content }}{% endfor %}",
    ),
    "Qwen 3, with an empty block of thoughts": (
        "<|im_end|>",
        LOOP + "<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
        "{{ m.content }}<|im_end|>\n{% endfor %}",
    ),
    "gpt-oss, which ends the last turn otherwise": (
        "<|return|>",
        LOOP + "<|start|>{{ m.role }}<|message|>{{ m.content }}"
        "{% if loop.last %}<|return|>{% else %}<|end|>{% endif %}{% endfor %}",
    ),
}
TOKENS = sorted({end for end, _ in FAMILIES.values()} | {"<s>", "<|endoftext|>", "<|assistant|>"})


def tokenizer_of(template: str, *, special: bool = True) -> Tokenizer:
    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(resolve_weights(SMOLLM2))
    tokenizer.add_tokens([AddedToken(token, special=special) for token in TOKENS], special_tokens=special)
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.slow
@pytest.mark.parametrize(("end", "template"), FAMILIES.values(), ids=FAMILIES)
def test_the_end_of_a_turn_is_found_in_the_template(end: str, template: str) -> None:
    tokenizer = tokenizer_of(template)
    assert turn_end(tokenizer) == tokenizer.convert_tokens_to_ids(end)


@pytest.mark.slow
def test_an_added_token_that_is_not_called_special_ends_a_turn_too() -> None:
    tokenizer = tokenizer_of(FAMILIES["Llama 3"][1], special=False)
    assert turn_end(tokenizer) == tokenizer.convert_tokens_to_ids("<|eot_id|>")


@pytest.mark.slow
@pytest.mark.parametrize(
    "template",
    [
        LOOP + "{{ m.role }}: {{ m.content }}\n{% endfor %}",
        "nothing of the turns",
        "{{ raise_exception('no') }}",
    ],
    ids=["plain text", "no turn at all", "refuses every turn"],
)
def test_a_template_may_have_no_end_of_its_own(template: str) -> None:
    assert turn_end(tokenizer_of(template)) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([], ["<|im_end|>"]),
        ([GenerationConfig(eos_token_id=2)], ["<|im_end|>"]),
        ([GenerationConfig(eos_token_id=[2, 0])], ["<|im_end|>", "<|endoftext|>"]),
        ([GenerationConfig(), GenerationConfig(eos_token_id=0)], ["<|im_end|>", "<|endoftext|>"]),
        ([GenerationConfig(eos_token_id=None)], ["<|im_end|>"]),
        ([object()], ["<|im_end|>"]),
    ],
)
def test_every_end_that_anything_names_counts(configs: list[Any], expected: list[str]) -> None:
    tokenizer = tokenizer_of(CHATML)
    assert list(end_tokens(tokenizer, *configs)) == tokenizer.convert_tokens_to_ids(expected)


@pytest.mark.slow
def test_a_tokenizer_whose_own_end_is_another_has_both() -> None:
    tokenizer = tokenizer_of(CHATML)
    tokenizer.eos_token = "<|endoftext|>"
    assert list(end_tokens(tokenizer)) == tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])


@pytest.mark.slow
def test_where_nothing_names_an_end_there_is_none() -> None:
    tokenizer = tokenizer_of(LOOP + "{{ m.content }}{% endfor %}")
    tokenizer.eos_token = None
    assert end_tokens(tokenizer, GenerationConfig(eos_token_id=None)) == ()
