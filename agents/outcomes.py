"""Why a reply is no answer, told from its text and from what its endpoint says of its end."""

from collections.abc import Iterable
from typing import Literal

from agents.loops import is_loop
from agents.refusals import is_refusal
from agents.thoughts import Said
from stores.records import ReplyOutcome

# By what OpenAI, vLLM, Azure, Anthropic, Gemini, Mistral, DeepSeek, Cohere, Ollama and others call it.
_CUT = {
    "length",
    "max_tokens",
    "max_output_tokens",
    "max_completion_tokens",
    "model_length",
    "model_context_window_exceeded",
    "context_length",
    "context_length_exceeded",
    "token_limit",
    "limit",
    "incomplete",
    "abort",
    "cancelled",
    "user_cancelled",
    "time_limit",
    "timeout",
    "error",
    "error_limit",
    "other",
    # A call of a tool is a turn that goes on after the tool's result.
    "tool_calls",
    "tool_call",
    "tool_use",
    "function_call",
    "malformed_function_call",
    "unexpected_tool_call",
    "insufficient_system_resource",
}
_FILTERED = {
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "safety",
    "image_safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "sensitive",
    "language",
    "risk",
    "moderation",
    "error_toxic",
    "eos_toxic",
}
_LOOPED = {"repetition", "repeat", "malformed_repetition"}
_REFUSED = {"refusal", "refused"}


def outcome_of(
    said: Said, finish: object, *, refusal: bool = False, asked: Iterable[str] = ()
) -> ReplyOutcome | None:
    """Return why a reply is no answer; None where it may be one.

    Args:
        said: the reply's text, apart from its thoughts.
        finish: the endpoint's `finish_reason`; what is not known says nothing.
        refusal: whether the endpoint calls it a refusal.
        asked: the texts of the conversation; what they hold is quoted, and no refusal.
    """
    withheld = withheld_by(finish)
    if withheld is not None:
        return withheld
    if refusal:
        return "refused"
    reason = _reason_in(finish)
    cut = reason in _CUT or not said.ended
    # Thoughts that run in circles are why no text follows them.
    if reason in _LOOPED or is_loop(said.text or said.thoughts or "", ended=not cut):
        return "looped"
    if cut:
        return "cut"
    return "refused" if is_refusal(said.text, asked) else None


def withheld_by(finish: object) -> Literal["filtered", "refused"] | None:
    """Return how an endpoint withheld a reply, by its `finish_reason`; None where it did not."""
    reason = _reason_in(finish)
    if reason in _FILTERED:
        return "filtered"
    return "refused" if reason in _REFUSED else None


def _reason_in(finish: object) -> str:
    """Return a reason by one name; some proxies write it as `FinishReason.MAX_TOKENS`."""
    if not isinstance(finish, str):
        return ""
    name = finish.strip().casefold().rpartition(".")[2]
    return name.replace("-", "_").replace(" ", "_").removeprefix("finish_reason_")
