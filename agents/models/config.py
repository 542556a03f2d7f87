"""The models a config can name."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stores.weights import SMOLLM2

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
_NOT_DECIDING = {"base_url", "api_key_env", "timeout", "batch_size", "python", "start_timeout"}


def identify(config: ModelConfig) -> str:
    """Return what tells a model from every other whose replies may differ."""
    return config.model_dump_json(exclude=_NOT_DECIDING)
