"""A tokenizer's chat template: what it takes, and the tokens of turns whose text holds control tokens."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from agents.errors import TurnsRefusedError
from agents.models.turn_end import turn_end
from agents.models.turns import Turn, TurnRules, adapt
from stores.errors import WeightsError, first_line
from stores.weights import reading_weights

_LOG = logging.getLogger("robustft")

# Letters and digits alone, without spaces at their ends: no template changes them.
_SYSTEM, _USER, _REPLY, _MORE, _LAST = "Sy7qZ", "Us3rQ", "Xq7Zp", "Mo4rK", "La9sT"
# Of Unicode's private use: no text of a data set is likely to hold it.
_BREAK = "\ue0b7"


class Example(NamedTuple):
    """The tokens of a prompt with its response, and where the response begins."""

    tokens: list[int]
    start: int


class ChatTemplate:
    """Makes tokens of turns, changed into the form that the template takes.

    A control token in the text of a turn is made plain tokens, which read the same: it can neither end its
    turn nor begin another.

    Args:
        tokenizer: has a chat template.
        name: what the model is called, for messages.

    Raises:
        WeightsError: there is no template, it cannot render a user's turn, or nothing names an end token.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        if not tokenizer.chat_template:
            raise WeightsError(f"model '{name}' has no chat template; name an instruct model")
        self._tokenizer = tokenizer
        self._name = name
        self._told = False
        with reading_weights(name, "its tokenizer cannot be used"):
            self._anchor = _find_anchor(tokenizer)
            self.rules = self._find_rules()
            self.end = turn_end(tokenizer)
            """The token that ends an assistant's turn; None where the template has none."""
            self._controls = _find_controls(tokenizer)
        if self.end is None and tokenizer.eos_token_id is None:
            raise WeightsError(
                f"model '{name}': neither its chat template nor its tokenizer nor its config has a token "
                "that ends a turn; set eos_token in tokenizer_config.json"
            )

    def render(self, turns: Sequence[Turn], **options: Any) -> str:
        """Return turns as the template writes them.

        Args:
            turns: they are changed where the template does not take them as they are, which is said once.
            options: of the template, such as `add_generation_prompt` and `tools`.

        Raises:
            TurnsRefusedError: the template cannot render them.
        """
        adapted = adapt(turns, self.rules)
        if adapted != list(turns) and not self._told:
            self._told = True
            _LOG.info(
                "%s: its chat template does not take every turn as it is: %s", self._name, self.rules.said()
            )
        return self._apply(adapted, **options)

    def encode(self, turns: Sequence[Turn], **options: Any) -> list[int]:
        """Return the tokens of turns. Arguments and errors are those of `render`."""
        return next(self._encode([self.render(self._broken(turns), **options)], begins=True))

    def encode_examples(
        self, rows: Sequence[tuple[Sequence[Turn], str, Sequence[Any]]]
    ) -> list[Example | TurnsRefusedError]:
        """Return the tokens that a model is trained on; for turns that cannot be rendered, the reason.

        The prompt is rendered as where the model is asked. The response follows byte for byte, whatever the
        template would trim of it, and then the one token that ends a turn. What the template itself writes
        between the two (an empty thought, with Qwen3) counts as response, since the model has to say it.

        Args:
            rows: the prompt's turns, the response, and the tools that the prompt may call.
        """
        results: list[Example | TurnsRefusedError] = []
        texts: list[tuple[str, str]] = []
        for turns, response, tools in rows:
            try:
                texts.append(self._split(turns, response, tools))
            except TurnsRefusedError as exc:
                texts.append(("", ""))
                results.append(exc)
            else:
                results.append(Example([], 0))
        prompts = self._encode([prompt for prompt, _ in texts], begins=True)
        responses = self._encode([response for _, response in texts], begins=False)
        end = self.end if self.end is not None else self._tokenizer.eos_token_id
        ending = [] if end is None else [end]
        return [
            Example([*prompt, *response, *ending], len(prompt)) if isinstance(result, Example) else result
            for result, prompt, response in zip(results, prompts, responses, strict=True)
        ]

    def _split(self, turns: Sequence[Turn], response: str, tools: Sequence[Any]) -> tuple[str, str]:
        options = {"tools": list(tools)} if tools else {}
        broken = self._broken(turns)
        prompt = self.render(broken, add_generation_prompt=True, **options)
        try:
            whole = self.render([*broken, {"role": "assistant", "content": _REPLY}], **options)
        except TurnsRefusedError:
            whole = ""
        said = self._broken_text(response)
        if _REPLY not in whole:
            return prompt, said
        head = whole[: whole.rindex(_REPLY)]
        prompt = _shared(prompt, head)
        between = head[len(prompt) :]
        if self._controls.search(between):
            # The template does not begin a reply when it is asked to.
            return head, said
        thinks = "<think>" in between and response.lstrip().startswith("<think>")
        return prompt, said if thinks else between + said

    def _encode(self, texts: Sequence[str], *, begins: bool) -> Iterator[list[int]]:
        """Yield the tokens of texts. Those that do not begin a text get no space before them."""
        whole = [text for text in texts if _BREAK not in text]
        tokens = iter(self._tokens(whole, begins=begins))
        for text in texts:
            if _BREAK not in text:
                yield next(tokens)
                continue
            first, *others = text.split(_BREAK)
            pieces = [*self._tokens([first], begins=begins), *self._tokens(others, begins=False)]
            yield [token for piece in pieces for token in piece]

    def _tokens(self, texts: Sequence[str], *, begins: bool) -> list[list[int]]:
        if not texts:
            return []
        before, count = (self._anchor or _Anchor("", 0)) if not begins else _Anchor("", 0)
        anchored = [before + text for text in texts]
        return [list(one[count:]) for one in self._tokenizer(anchored, add_special_tokens=False)["input_ids"]]

    def _broken(self, turns: Sequence[Turn]) -> list[Turn]:
        return [{**turn, "content": self._broken_text(turn["content"])} for turn in turns]

    def _broken_text(self, text: str) -> str:
        """Return a text with a mark within each control token, where its tokens are to be parted."""
        while self._controls.search(text):
            text = self._controls.sub(lambda found: found[0][0] + _BREAK + found[0][1:], text)
        return text

    def _apply(self, turns: Sequence[Turn], **options: Any) -> str:
        try:
            return str(self._tokenizer.apply_chat_template(list(turns), tokenize=False, **options))
        except Exception as exc:
            reason = f"the chat template of {self._name} cannot render these turns: {first_line(exc)}"
            raise TurnsRefusedError(reason) from exc

    def _find_rules(self) -> TurnRules:
        user = {"role": "user", "content": _USER}
        system = {"role": "system", "content": _SYSTEM}
        reply = {"role": "assistant", "content": _REPLY}
        more = {"role": "user", "content": _MORE}
        last = {"role": "assistant", "content": _LAST}
        try:
            text = self._apply([user], add_generation_prompt=True)
        except TurnsRefusedError as exc:
            raise WeightsError(str(exc)) from exc
        if _USER not in text:
            raise WeightsError(f"the chat template of {self._name} leaves out what the user says")
        takes = self._takes
        rules = TurnRules(system=takes([system, user]), assistant_first=takes([reply, user]))
        rules = replace(rules, repeats=takes([user, more]) and takes([user, reply, last, more]))
        if not rules.system:
            return replace(rules, later_system=False)
        later = takes([user, reply, system, more]) and takes([system, {**system, "content": _LAST}, user])
        return replace(rules, later_system=later)

    def _takes(self, turns: Sequence[Turn]) -> bool:
        """Whether the template renders turns, and all that they say: some leave a turn out silently."""
        try:
            text = self._apply(turns, add_generation_prompt=True)
        except TurnsRefusedError:
            return False
        return all(turn["content"] in text for turn in turns)


def _shared(left: str, right: str) -> str:
    """Return what two texts begin with."""
    if right.startswith(left):
        return left
    pairs = zip(left, right, strict=False)
    return left[: next((at for at, (one, other) in enumerate(pairs) if one != other), len(right))]


def _find_controls(tokenizer: Any) -> re.Pattern[str]:
    """Return what matches a control token in a text."""
    added = tokenizer.added_tokens_decoder.values()
    special = {*tokenizer.all_special_tokens, *(str(token.content) for token in added if token.special)}
    names = sorted((re.escape(name) for name in special if len(name) > 1), key=len, reverse=True)
    return re.compile("|".join(names) if names else r"(?!)")


class _Anchor(NamedTuple):
    """A text that another can follow without a change to either's tokens, and how many tokens it is."""

    text: str
    tokens: int


def _find_anchor(tokenizer: Any) -> _Anchor | None:
    """Return what a text can follow as if it followed a prompt.

    Tokenizers of SentencePiece put a space before what begins a text, some also after a special token. Other
    special tokens swallow the space after them.
    """
    added = tokenizer.added_tokens_decoder.values()
    special = [str(token.content) for token in added if token.special and not token.rstrip]
    for text in [*special, "\n"]:
        alone, followed = tokenizer([text, f"{text}x"], add_special_tokens=False)["input_ids"]
        pieces = tokenizer.convert_ids_to_tokens(followed[len(alone) :])
        if alone and followed[: len(alone)] == alone and pieces and pieces[0].startswith("x"):
            return _Anchor(text, len(alone))
    return None
