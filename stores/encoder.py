"""The sentence encoder behind the example store (Eq. 4)."""

from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from stores.errors import WeightsError
from stores.model_hub import fetchable_weights
from stores.weights import MINILM, reading_weights

if TYPE_CHECKING:
    from stores.sentence_encoder import SentenceEncoder

# What the vectors depend on beside the encoder. Another way of reading makes other vectors.
_READS = "in pieces, the end counts half"


class EncoderConfig(BaseModel):
    """The sentence encoder that tells which prompts are similar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = MINILM
    """An alias, a local folder or a hub id of a sentence-transformers model."""
    # More would only hold more of the texts in memory at once.
    batch_size: int = Field(default=32, gt=0, le=65_536)
    """Prompts encoded at once. On a CPU, 8 to 32 are a third faster than 64."""


def identify_encoder(config: EncoderConfig) -> str:
    """Return what tells the vectors of one encoder from another's: its name, and how it reads long texts."""
    return f"{config.name}, {_READS}"


@lru_cache(maxsize=1)
def load_encoder(config: EncoderConfig) -> "SentenceEncoder":
    """Load a sentence-transformers encoder whose vectors have length 1; the last one loaded is kept.

    Raises:
        WeightsError: the encoder cannot be found or loaded.
    """
    # Imported here: sentence-transformers takes seconds, and detection alone does not need it.
    from langchain_huggingface import HuggingFaceEmbeddings

    from stores.sentence_encoder import SentenceEncoder

    try:
        with reading_weights(config.name, "cannot be loaded as an encoder"):
            encoder = HuggingFaceEmbeddings(
                model_name=fetchable_weights(config.name),
                model_kwargs={"trust_remote_code": False},
                encode_kwargs={"normalize_embeddings": True, "batch_size": config.batch_size},
            )
            return SentenceEncoder(encoder, encoder._client)
    except WeightsError as exc:
        raise WeightsError(f"encoder.name: {exc}; give an alias, a folder or a hub id") from exc
