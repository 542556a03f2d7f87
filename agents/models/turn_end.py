"""The tokens that end an assistant's turn: a model may have several, and the tokenizer names one at most."""

from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase as Tokenizer

# Letters and digits alone, without spaces at its ends: no template changes it.
_MARK = "Xq7Zp"
_QUESTION = {"role": "user", "content": "Hello"}


def turn_end(tokenizer: Tokenizer) -> int | None:
    """Return the token with which a chat template ends an assistant's turn; None where it has none.

    It is the first special token after the text of a turn that the template renders. Templates such as
    ChatML's end a turn with `<|im_end|>`, whatever the tokenizer calls its end token (with Qwen's base
    models: `<|endoftext|>`). Where nothing follows the last turn (GLM), the token that begins the next one
    ends it.

    Args:
        tokenizer: has a chat template, which takes a user's and an assistant's turn.
    """
    said = {"role": "assistant", "content": _MARK}
    for turns in ([_QUESTION, said], [_QUESTION, said, _QUESTION]):
        if (token := _first_control(tokenizer, _after_mark(tokenizer, turns))) is not None:
            return token
    return None


def end_tokens(tokenizer: Tokenizer, *configs: Any) -> tuple[int, ...]:
    """Return every token that ends a reply, the template's own first; empty where nothing names one.

    Args:
        tokenizer: the model's.
        configs: its configurations, that of generation first; each may name one token or a list.

    Example:
        Llama 3's tokenizer names `<|end_of_text|>`; its generation config `<|eom_id|>` and `<|eot_id|>` too.
    """
    named = [turn_end(tokenizer), tokenizer.eos_token_id]
    for config in configs:
        ends = getattr(config, "eos_token_id", None)
        named += ends if isinstance(ends, list | tuple) else [ends]
    # Not True or a text: a folder's files hold anything.
    return tuple(dict.fromkeys(token for token in named if type(token) is int and token >= 0))


def _after_mark(tokenizer: Tokenizer, turns: list[dict[str, str]]) -> str:
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except (TemplateError, ValueError, TypeError):
        # What else is wrong with a template is told where the model is loaded.
        return ""
    return text.rpartition(_MARK)[2] if _MARK in text else ""


def _first_control(tokenizer: Tokenizer, text: str) -> int | None:
    if not text:
        return None
    added = tokenizer.added_tokens_decoder
    special = {*tokenizer.all_special_ids, *(token for token, known in added.items() if known.special)}
    tokens = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    control = next((token for token in tokens if token in special), None)
    if control is not None:
        return control
    # A token that was added for the template without being called special; not one that is only space.
    return next((token for token in tokens if token in added and added[token].content.strip()), None)
