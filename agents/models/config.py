"""The models a config can name, and whether one answers."""

import asyncio
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.errors import EndpointError, ModelBusyError
from stores.errors import RobustFTError
from stores.weights import SMOLLM2

# How often a model is asked whether it answers, and the seconds between.
_TRIES = 3
_PAUSE = 0.5
# What a server of ours decides itself.
_OWN_ARGUMENTS = ("--model", "--served-model-name", "--host", "--port", "--lora-modules", "--api-key")


class EmbeddedModelConfig(BaseModel):
    """A model that answers inside this process, with transformers."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["embedded"] = "embedded"
    name: str = SMOLLM2
    """An alias, a local folder or a hub id."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` is float32 on a CPU and bfloat16 on a GPU. In float32 an answer does not depend on its batch."""
    batch_size: int = Field(default=64, gt=0)
    """Prompts answered at once."""


def check_address(value: str) -> str:
    """Return an endpoint's address if it is one.

    Raises:
        ValueError: it names no host, or holds a password.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no address; it begins with http:// or https:// and names a host")
    if parts.username or parts.password:
        raise ValueError("holds a user name or password; name the key's variable in api_key_env")
    _ = parts.port  # raises ValueError where the port is no number
    return value


class OpenAIModelConfig(BaseModel):
    """A model behind an OpenAI-compatible endpoint."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["openai"]
    name: str
    """The endpoint's name for the model."""
    base_url: str = "http://127.0.0.1:8000/v1"
    """The endpoint's address."""
    api_key_env: str | None = None
    """The environment variable that holds the key. The key itself appears in no file."""
    timeout: float = Field(default=120, gt=0, allow_inf_nan=False)
    """Seconds until one request counts as failed."""

    _check_address = field_validator("base_url")(check_address)


class VLLMModelConfig(BaseModel):
    """A model on a vLLM server. Without `base_url` the run starts the server and stops it."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["vllm"]
    name: str = SMOLLM2
    """An alias, a local folder or a hub id. With `base_url`, the server's name for the model."""
    base_url: str | None = None
    """The address of a server that runs already."""
    args: tuple[str, ...] = ()
    """More arguments of `vllm serve`, for example `[--tensor-parallel-size, "2"]`."""
    python: str | None = None
    """The Python that has vLLM. By default, the one that runs RobustFT."""
    start_timeout: float = Field(default=900, gt=0, allow_inf_nan=False)
    """Seconds that the server may take to load the model."""
    api_key_env: str | None = None
    """With `base_url`: the environment variable that holds the key."""
    timeout: float = Field(default=300, gt=0, allow_inf_nan=False)
    """Seconds until one request counts as failed."""

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str | None) -> str | None:
        return None if value is None else check_address(value)

    @field_validator("args", mode="before")
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
_NOT_DECIDING = {"base_url", "api_key_env", "timeout", "batch_size", "python", "start_timeout"}


def identify(config: ModelConfig) -> str:
    """Return what tells a model from every other whose replies may differ."""
    return config.model_dump_json(exclude=_NOT_DECIDING)


async def probe(model: BaseChatModel, label: str, *, log_probabilities: bool) -> None:
    """Ask a model for one token, so that a run which cannot work ends before it begins.

    Args:
        model: the chat model.
        label: how the config calls it, for the message.
        log_probabilities: whether the model must return them (Eq. 7 needs those of the relabeler).

    Raises:
        EndpointError: unreachable, an unknown model name, a refused key, or no log-probabilities.
    """
    sampling: dict[str, Any] = {"temperature": 0.0, "max_tokens": 4}
    if log_probabilities:
        sampling["logprobs"] = True
    for left in reversed(range(_TRIES)):
        try:
            # Not as an agent asks: a model that thinks first says nothing within a few tokens.
            reply = await model.ainvoke([HumanMessage("Say yes.")], **sampling)
            break
        except RobustFTError as exc:
            if not left or not isinstance(exc, ModelBusyError):
                raise EndpointError(f"{label}: {exc}") from exc
            await asyncio.sleep(_PAUSE)
    if log_probabilities and not (reply.response_metadata.get("logprobs") or {}).get("content"):
        raise EndpointError(
            f"{label}: returns no log-probabilities, which the relabeler's entropy (Eq. 7) needs; "
            "serve the model with them (vLLM does) or give agents.relabeler another model"
        )
