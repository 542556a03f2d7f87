"""The models a config can name."""

import math
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from stores.weights import SMOLLM2

# What a server of ours decides itself.
_OWN_ARGUMENTS = ("--model", "--served-model-name", "--host", "--port", "--lora-modules", "--api-key")
OPENAI = "https://api.openai.com/v1"
# What RobustFT puts into a request itself, or reads the reply by.
_OWN_FIELDS = {
    "messages": "the prompts are the agents' (agents.NAME.prompt)",
    "model": "set models.NAME.name",
    "n": "one reply is read",
    "stream": "replies are read whole",
    "stream_options": "replies are read whole",
    "tools": "tools come from the data",
    "tool_choice": "tools are context",
    "max_tokens": "set agents.NAME.max_tokens",
    "max_completion_tokens": "set agents.NAME.max_tokens and models.NAME.max_tokens_key",
    "logprobs": "Eq. 7 needs them",
    "top_logprobs": "choices are read from them",
    "structured_outputs": "choices are asked for with it",
}
_SECRET = re.compile(
    r"(?:^|[_-])(?:api_?key|apikey|key|secret|password|passwd|authorization|auth|credentials?|bearer|"
    r"(?:access|auth|api|id|refresh)_?token|token)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"(?:sk|pk|ghp|hf|xai|gsk)[-_][\w-]{16,}|Bearer\s+\S+|eyJ[\w-]{10,}\.[\w-]+\.[\w-]+"
)
_DEEPEST = 16
# A day, in seconds: nothing answers later.
_LONGEST_WAIT = 86_400
# What JSON parsers take for a whole number (RFC 8259, section 6), and ours writes.
_LARGEST_INTEGER = 2**63
# What the DNS takes (RFC 1035, section 2.3.4).
_LONGEST_LABEL, _LONGEST_HOST = 63, 253

Droppable = Literal["seed", "temperature", "logprobs", "max_tokens", "tools", "tool_choice"]
# What goes with a field that is left out.
_WITH = {"logprobs": "top_logprobs", "tools": "tool_choice"}


class EmbeddedModelConfig(BaseModel):
    """A model that answers inside this process, with transformers."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["embedded"] = "embedded"
    name: str = SMOLLM2
    """An alias, a local folder or a hub id."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` is float32 on a CPU and bfloat16 on a GPU. In float32 an answer does not depend on its batch."""
    batch_size: Annotated[int, Field(gt=0, le=65_536)] | Literal["auto"] = "auto"
    """The most prompts answered at once. `auto` is what the free memory takes on a GPU, and 64 on a CPU."""
    chat_template_kwargs: dict[str, Any] = {}
    """What the chat template is given besides the turns, for example `{enable_thinking: false}`."""


def check_variable(value: str | None) -> str | None:
    """Return the name of an environment variable if it is one.

    Raises:
        ValueError: it is none; it may be the key itself, and is not shown.
    """
    if value is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,99}", value):
        raise ValueError("is no name of an environment variable; the key itself stays out of a config")
    return value


def check_address(value: str) -> str:
    """Return an endpoint's address if it is one.

    Raises:
        ValueError: it names no host, or holds what may be a password or a key.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address; it begins with http:// or https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; name the key's variable in api_key_env")
    if "?" in value or "#" in value:
        raise ValueError(
            "holds a query or fragment, and ends before it; keys are read from the variable in api_key_env"
        )
    if _SECRET_VALUE.search(value):
        raise ValueError("holds what looks like a key; keys are read from the variable in api_key_env")
    if not value.isprintable() or any(sign.isspace() or sign == "\\" for sign in value):
        raise ValueError("holds a space, a backslash or a control character")
    try:
        parts.hostname.encode("idna")
    except UnicodeError as error:
        raise ValueError("names no host; each part between dots has 1 to 63 characters") from error
    _ = parts.port  # raises ValueError where the port is no number
    _check_host(parts.hostname)
    return value


def _check_host(host: str) -> None:
    """Check that a host's name can be looked up.

    Raises:
        ValueError: a part of it is empty or too long, or is no name.
    """
    try:
        spelled = host.removesuffix(".").encode("idna").decode()
    except UnicodeError as exc:
        raise ValueError(f"has a host that is no name: each part has 1 to {_LONGEST_LABEL} signs") from exc
    if len(spelled) > _LONGEST_HOST:
        raise ValueError(f"has a host of more than {_LONGEST_HOST} signs")


class EndpointModelConfig(BaseModel):
    """What every model behind an OpenAI-compatible endpoint has: how its requests are shaped."""

    model_config = ConfigDict(extra="forbid")

    extra_body: dict[str, Any] = {}
    """More fields of every request, for example `{top_p: 0.9, reasoning_effort: low}`. They are written into
    the run directory, so they hold no key."""
    drop: tuple[Droppable, ...] = ()
    """Fields that the endpoint refuses; they are left out of every request. Without `logprobs`, relabels that
    have no confidence are not ranked among each other (Eq. 7). Without `tools`, the tools of a sample are not
    shown."""
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the most tokens of a reply."""
    chat_template_kwargs: dict[str, Any] = {}
    """What the server gives its chat template besides the turns, for example `{enable_thinking: false}`."""

    @field_validator("extra_body")
    @classmethod
    def _check_fields(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name in _OWN_FIELDS:
                raise ValueError(f"{name} is set by RobustFT: {_OWN_FIELDS[name]}")
        return value

    @field_validator("extra_body", "chat_template_kwargs")
    @classmethod
    def _check_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        _check_json(value)
        _refuse_secrets(value)
        return value

    def shape(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a request as this endpoint takes them; further ones come last and win.

        Args:
            fields: by OpenAI's names, such as `max_tokens`.
        """
        dropped = {*self.drop, *(_WITH[name] for name in self.drop if name in _WITH)}
        shaped = {
            self.max_tokens_key if name == "max_tokens" else name: value
            for name, value in fields.items()
            if name not in dropped
        }
        more = dict(self.extra_body)
        if self.chat_template_kwargs:
            more["chat_template_kwargs"] = {
                **more.get("chat_template_kwargs", {}),
                **self.chat_template_kwargs,
            }
        return {**shaped, **more}


def _check_json(value: Any, depth: int = 0) -> None:
    """Check that a value can be part of a request.

    Raises:
        ValueError: it is no JSON.
    """
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict | list | tuple):
        held = [*value, *value.values()] if isinstance(value, dict) else value
        for part in held:
            _check_json(part, depth + 1)
        if isinstance(value, dict) and not all(isinstance(name, str) for name in value):
            raise ValueError("has a name that is no text; put it in quotes")
    elif isinstance(value, int) and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
        raise ValueError("holds a whole number of more than 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number that is not finite")
    elif not isinstance(value, str | int | float | None):
        raise ValueError(f"holds a {type(value).__name__}, which no request can hold")


def _refuse_secrets(value: Any, depth: int = 0) -> None:
    """Refuse what looks like a key: a config is written into the run directory.

    Raises:
        ValueError: a name or a value does.
    """
    if depth > _DEEPEST:
        raise ValueError("is nested too deeply")
    if isinstance(value, dict):
        for name, item in value.items():
            if _SECRET.search(str(name)) and isinstance(item, str):
                raise ValueError(f"'{name}' looks like a key; keys are read from the variable in api_key_env")
            _refuse_secrets(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_secrets(item, depth + 1)
    elif isinstance(value, str) and _SECRET_VALUE.search(value):
        raise ValueError("holds what looks like a key; keys are read from the variable in api_key_env")


class OpenAIModelConfig(EndpointModelConfig):
    """A model behind an OpenAI-compatible endpoint; without `base_url`, of OpenAI's own service."""

    provider: Literal["openai"]
    name: str
    """The endpoint's name for the model."""
    base_url: str = OPENAI
    """The endpoint's address, for example `http://127.0.0.1:8000/v1`. The default is OpenAI's own service."""
    api_key_env: str | None = None
    """The environment variable that holds the key. The key itself appears in no file. With OpenAI's own
    service the default is `OPENAI_API_KEY`."""
    timeout: float = Field(default=120, gt=0, le=_LONGEST_WAIT, allow_inf_nan=False)
    """Seconds until one request counts as failed."""

    _check_address = field_validator("base_url")(check_address)
    _check_variable = field_validator("api_key_env")(check_variable)

    @model_validator(mode="before")
    @classmethod
    def _own_service(cls, fields: Any) -> Any:
        # Its newer models take `max_completion_tokens` alone, and the older ones both.
        if isinstance(fields, dict) and str(fields.get("base_url", OPENAI)).rstrip("/") == OPENAI:
            return {"api_key_env": "OPENAI_API_KEY", "max_tokens_key": "max_completion_tokens", **fields}
        return fields


class VLLMModelConfig(EndpointModelConfig):
    """A model on a vLLM server. Without `base_url` the run starts the server and stops it."""

    provider: Literal["vllm"]
    name: str = SMOLLM2
    """An alias, a local folder or a hub id. With `base_url`, the server's name for the model."""
    base_url: str | None = None
    """The address of a server that runs already."""
    args: tuple[str, ...] = ()
    """More arguments of `vllm serve`, for example `[--tensor-parallel-size, "2"]`."""
    python: str | None = None
    """The Python that has vLLM. By default, the one that runs RobustFT."""
    start_timeout: float = Field(default=900, gt=0, le=_LONGEST_WAIT, allow_inf_nan=False)
    """Seconds that the server may take to load the model."""
    api_key_env: str | None = None
    """With `base_url`: the environment variable that holds the key."""
    timeout: float = Field(default=300, gt=0, le=_LONGEST_WAIT, allow_inf_nan=False)
    """Seconds until one request counts as failed."""

    _check_variable = field_validator("api_key_env")(check_variable)

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return None if value is None else check_address(value)

    @field_validator("args", mode="before", json_schema_input_type=tuple[str | int | float, ...])
    @classmethod
    def _as_text(cls, value: object) -> object:
        # YAML reads `2` as a number; on a command line everything is text.
        return [str(item) for item in value] if isinstance(value, list | tuple) else value

    @field_validator("args")
    @classmethod
    def _check_arguments(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for argument in value:
            if argument.partition("=")[0] in _OWN_ARGUMENTS:
                raise ValueError(f"{argument} is set by RobustFT; leave it out")
        return value


ModelConfig = Annotated[
    EmbeddedModelConfig | OpenAIModelConfig | VLLMModelConfig, Field(discriminator="provider")
]

# Where a model is and how long to wait for it: nothing that its replies depend on.
_NOT_DECIDING = {
    "base_url",
    "api_key_env",
    "max_tokens_key",
    "timeout",
    "batch_size",
    "python",
    "start_timeout",
}


def rates_tokens(config: ModelConfig) -> bool:
    """Say whether a model is asked for log-probabilities where an agent can use them."""
    return isinstance(config, EmbeddedModelConfig) or "logprobs" not in config.drop


def identify(config: ModelConfig) -> str:
    """Return what tells a model from every other whose replies may differ."""
    return config.model_dump_json(exclude=_NOT_DECIDING)
