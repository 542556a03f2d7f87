"""The chat models behind the agents: which there are, how they are configured, and whether they answer."""

import os
from typing import Annotated, Literal
from urllib.parse import urlsplit

import openai
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from agents.errors import EndpointError
from stores.errors import RobustFTError
from stores.weights import SMOLLM2


class EmbeddedModelConfig(BaseModel):
    """A model that answers inside this process, with transformers."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["embedded"] = "embedded"
    name: str = SMOLLM2
    """An alias, a local folder or a hub id."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` is float32 on a CPU, where it makes answers independent of the batch, and bfloat16 on a GPU."""
    batch_size: int = Field(default=64, gt=0)


class OpenAIModelConfig(BaseModel):
    """A model behind an OpenAI-compatible endpoint, vLLM first of all."""

    model_config = ConfigDict(extra="forbid")

    provider: Literal["openai"]
    name: str
    base_url: str = "http://127.0.0.1:8000/v1"
    api_key_env: str | None = None
    """The environment variable that holds the key; the key itself appears in no file."""
    timeout: float = Field(default=120, gt=0)
    """Seconds until one request counts as failed."""

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no address; it begins with http:// or https:// and names a host")
        if parts.username or parts.password:
            raise ValueError("holds a user name or password; name the key's variable in api_key_env")
        _ = parts.port  # raises ValueError where the port is no number
        return value


ModelConfig = Annotated[EmbeddedModelConfig | OpenAIModelConfig, Field(discriminator="provider")]


def load_model(config: ModelConfig) -> BaseChatModel:
    """Build the chat model of a config entry.

    Raises:
        EndpointError: the key's environment variable is not set.
        WeightsError: an embedded model cannot be found or loaded.
    """
    if isinstance(config, EmbeddedModelConfig):
        # Imported here: torch takes seconds, and a run against an endpoint may not need it.
        from agents.embedded import load_embedded

        return load_embedded(config)
    return _open_endpoint(config)


def _open_endpoint(config: OpenAIModelConfig) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    key = "none"
    if config.api_key_env:
        if config.api_key_env not in os.environ:
            raise EndpointError(
                f"model '{config.name}': the environment variable {config.api_key_env} is not set; "
                "put the endpoint's key there, or leave out api_key_env"
            )
        key = os.environ[config.api_key_env].strip()
        if not key or not key.isascii() or not key.isprintable():
            raise EndpointError(
                f"model '{config.name}': the environment variable {config.api_key_env} holds no usable key"
            )
    return ChatOpenAI(
        model=config.name,
        base_url=config.base_url,
        api_key=SecretStr(key),
        timeout=config.timeout,
        # The graph retries; two layers would multiply.
        max_retries=0,
        # The default client is shared by the whole process and breaks in a second event loop; this one
        # also carries more requests a second.
        http_async_client=openai.DefaultAioHttpClient(timeout=config.timeout),
    )


async def close_model(model: BaseChatModel) -> None:
    """Close a model's connections, where it has any."""
    from langchain_openai import ChatOpenAI

    if isinstance(model, ChatOpenAI) and model.http_async_client is not None:
        await model.http_async_client.aclose()


async def probe(model: BaseChatModel, label: str, *, log_probabilities: bool) -> None:
    """Ask a model for one token, so that a run which cannot work ends before it begins.

    Args:
        model: the chat model.
        label: how the config calls it, for the message.
        log_probabilities: whether the model must return them (Eq. 7 needs those of the relabeler).

    Raises:
        EndpointError: unreachable, an unknown model name, a refused key, or no log-probabilities.
    """
    from agents.expert import Expert

    try:
        reply = await Expert(model, max_tokens=4).ask([HumanMessage("Say yes.")])
    except RobustFTError as exc:
        raise EndpointError(f"{label}: {exc}") from exc
    if log_probabilities and not reply.log_probabilities:
        raise EndpointError(
            f"{label}: returns no log-probabilities, which the relabeler's entropy (Eq. 7) needs; "
            "serve the model with them (vLLM does) or give agents.relabeler another model"
        )
