"""A chat model in a role: the one place where agents meet models."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from agents.agent import Recall, Reply, Usage, read_apart
from agents.errors import ModelBusyError, ModelCallError
from agents.models.chat import to_messages, to_turns
from agents.models.content import read_count
from agents.outcomes import withheld_by
from agents.reply import read_letters, read_rating, read_reply
from stores.sample import Message

# How much more room a reply gets that was cut.
_WIDER = 4
# The least room of a reply that is mostly thoughts.
THINKING_ROOM = 2048
# What a reply may say besides its letter, where it is not held to it.
_LETTER_TOKENS = 4


class Chosen(NamedTuple):
    """A letter chosen, and how likely the model finds each.

    `letter` is None where the model was asked in words: `reply` is what it said then. `probabilities` add up
    to 1 over the letters, and are empty where the model does not tell them.
    """

    letter: str | None
    probabilities: dict[str, float]
    reply: Reply


class Role:
    """A chat model with the sampling of one role.

    Args:
        model: any LangChain chat model.
        temperature: 0 for the likeliest answer.
        max_tokens: the room of one reply, in tokens.
        most: the room that a reply which was cut may get when it is asked for again; None for any.
        seed: makes sampling at a temperature above 0 repeatable where the endpoint supports it.
        log_probabilities: whether the role needs them; a reply is several times as long with them.
        recall: finds a reply that was given before; without it everything is asked.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        temperature: float = 0.0,
        max_tokens: int,
        most: int | None = None,
        seed: int = 0,
        log_probabilities: bool = False,
        recall: Recall | None = None,
    ) -> None:
        self._model = model
        self._recall = recall
        self._max_tokens = max_tokens
        self._most = most
        self._sampling: dict[str, Any] = {"temperature": temperature, "seed": seed}
        self._rates = log_probabilities

    async def ask(
        self,
        turns: Sequence[Message],
        *,
        at_most: int | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """Send one conversation and return the reply.

        A reply that was cut is asked for once more with four times the room, within `most`; its usage is that
        of both. One that repeats itself is not: more room would only hold more of it.

        Args:
            turns: the conversation.
            at_most: the most tokens that this reply needs; the role's own `max_tokens` still holds. It does
                not bind a model that thinks before it answers.
            tools: the tools that the conversation may call, as context.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
            EndpointDownError: its endpoint is down for too long.
            StorageError: the reply cannot be stored.
        """
        room = self._max_tokens
        if at_most is not None and not getattr(self._model, "thinks", False):
            room = min(room, at_most)
        more: dict[str, Any] = {"tools": [dict(tool) for tool in tools]} if tools else {}
        if self._rates:
            more["logprobs"] = True
        reply = await self._send(turns, {**more, "max_tokens": room})
        wider = self._wider(room, reply)
        if wider is None:
            return reply
        try:
            again = await self._send(turns, {**more, "max_tokens": wider})
        except ModelBusyError:
            raise
        except ModelCallError:
            # There is no more room: the prompt and the reply fill the model's context.
            return reply
        return again.model_copy(update={"usage": reply.usage + again.usage})

    async def choose(
        self,
        turns: Sequence[Message],
        letters: Sequence[str],
        *,
        at_most: int | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> Chosen:
        """Ask for one of a few letters, and read the probability of each from the reply's first token.

        A vLLM server is held to the letters, and so is an embedded model; any other endpoint that rates
        tokens is read the same way. A model that thinks before it answers, or that rates no letter, is asked
        in words as by `ask`.

        Args:
            turns: the conversation; its last turn asks for a letter alone.
            letters: two or more, of one token each, such as `["A", "B", "C"]`.
            at_most: the room of an answer in words.
            tools: the tools that the conversation may call, as context.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
            EndpointDownError: its endpoint is down for too long.
            StorageError: the reply cannot be stored.
        """
        if not self.rates_letters:
            return Chosen(None, {}, await self.ask(turns, at_most=at_most, tools=tools))
        reply = await self.rate_letters(turns, letters, tools=tools)
        if reply.outcome is not None:
            return Chosen(None, {}, reply)
        if reply.letters:
            shares = {letter: math.exp(value) for letter, value in reply.letters.items()}
            total = math.fsum(shares.values())
            probabilities = {letter: shares.get(letter, 0.0) / total for letter in letters}
            return Chosen(max(letters, key=probabilities.__getitem__), probabilities, reply)
        if (letter := reply.text.strip(" \n().*:")) in letters:
            return Chosen(letter, {}, reply)
        said = await self.ask(turns, at_most=at_most, tools=tools)
        return Chosen(None, {}, said.model_copy(update={"usage": reply.usage + said.usage}))

    @property
    def rates_letters(self) -> bool:
        """Whether the model can be asked for the probability of a letter."""
        thinks = getattr(self._model, "thinks", False)
        return bool(getattr(self._model, "rates_letters", False)) and not thinks

    @property
    def rates_replies(self) -> bool:
        """Whether the model can be asked how likely it finds a reply that is given."""
        thinks = getattr(self._model, "thinks", False)
        return bool(getattr(self._model, "rates_replies", False)) and not thinks

    async def rate(
        self, turns: Sequence[Message], reply: str, *, tools: Sequence[Mapping[str, Any]] = ()
    ) -> Reply | None:
        """Return a reply that is given with the log-probability of each of its tokens, in nats.

        It takes one pass over the prompt and no decoding. None where the model cannot rate a reply.

        Args:
            turns: the conversation that the reply answers.
            reply: the text to rate.
            tools: the tools that the conversation may call, as context.

        Raises:
            ModelBusyError: no answer this time; asking again may help.
            ModelCallError: the model refused the request.
            EndpointDownError: its endpoint is down for too long.
            StorageError: the ratings cannot be stored.
        """
        if not self.rates_replies:
            return None
        more: dict[str, Any] = {"tools": [dict(tool) for tool in tools]} if tools else {}
        return await self._send(turns, {**more, "rated": reply})

    async def rate_letters(
        self,
        turns: Sequence[Message],
        letters: Sequence[str],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """Ask for one of a few letters alone; the reply's `letters` are empty where none is rated.

        The arguments and the errors are those of `choose`.
        """
        more: dict[str, Any] = {"tools": [dict(tool) for tool in tools]} if tools else {}
        more |= {"letters": list(letters), "logprobs": True, "max_tokens": _LETTER_TOKENS}
        return await self._send(turns, more)

    async def _send(self, turns: Sequence[Message], more: Mapping[str, Any]) -> Reply:
        messages = to_messages(turns)
        sampling = {**self._sampling, **more}

        async def send() -> Reply:
            message = await self._model.ainvoke(messages, **sampling)
            if "rated" in sampling:
                return read_rating(message)
            if "letters" in sampling:
                return _read_choice(message, sampling["letters"])
            asked = [turn.content for turn in turns]
            reply = await read_apart(lambda: read_reply(message, asked), (str(message.content), *asked))
            if "logprobs" in sampling and not reply.log_probabilities and reply.outcome is None:
                raise ModelBusyError("the model's reply has no log-probabilities")
            return reply

        if self._recall is None:
            return await send()
        return await self._recall({"messages": to_turns(messages), **sampling}, send)

    def _wider(self, room: int, reply: Reply) -> int | None:
        """Return the room in which a reply is asked for again; None where that cannot help."""
        if reply.outcome != "cut":
            return None
        wider = _WIDER * room
        if not reply.text.strip():
            wider = max(wider, THINKING_ROOM)
        if self._most is not None:
            wider = min(wider, self._most)
        return wider if wider > room else None


def _read_choice(message: Any, letters: Sequence[str]) -> Reply:
    """Return a reply that is a letter. It may go on after the letter, and is no less an answer for that."""
    used = message.usage_metadata or {}
    usage = Usage(
        requests=1,
        prompt_tokens=read_count(used.get("input_tokens")),
        completion_tokens=read_count(used.get("output_tokens")),
    )
    # What was withheld is no answer, however its tokens are rated.
    withheld = withheld_by(message.response_metadata.get("finish_reason"))
    if withheld is not None:
        return Reply(text=str(message.text), outcome=withheld, usage=usage)
    rated = read_letters(message, letters)
    likeliest = max(rated, key=rated.__getitem__) if rated else None
    return Reply(text=likeliest or str(message.text), letters=rated, usage=usage)
