"""An encoder that reads texts of any length.

An encoder reads so many tokens and no more: MiniLM 256. A longer text is read in overlapping pieces, and its
vector is their mean. Of a prompt, the end counts as much as all the rest, since the question mostly stands
there. Without it, eight questions about one passage would have one vector.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from stores.pieces import Pieces, Spans, cut_evenly, cut_prompt, embed_pieces


class SentenceEncoder(Embeddings):
    """A sentence-transformers encoder that reads texts of any length; its vectors have length 1.

    Args:
        encoder: reads a window of tokens of each text, and gives vectors of length 1.
        model: its `SentenceTransformer`, which has the tokenizer and says how many tokens it reads.
    """

    def __init__(self, encoder: Embeddings, model: Any) -> None:
        self._encoder = encoder
        # Threads share an encoder, and how long a tokenizer cuts is a state of it.
        self._lock = threading.Lock()
        self.window: int | None = None
        """How many tokens the encoder reads, those that it adds included; None where it does not say."""
        tokenizer, self._room = model.tokenizer, 0
        if model.max_seq_length is not None and getattr(tokenizer, "is_fast", False):
            self.window = model.max_seq_length
            self._room = model.max_seq_length - tokenizer.num_special_tokens_to_add()
            # Its own: how long texts are cut is a state of a tokenizer, and the encoder's must cut them.
            self._tokenizer = copy.deepcopy(tokenizer.backend_tokenizer)
            self._tokenizer.no_truncation()
            self._tokenizer.no_padding()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of prompts; of one longer than the window, the end counts most."""
        return self._embed(texts, cut_prompt)

    def embed_evenly(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of other texts, such as responses, all of which counts alike."""
        return self._embed(texts, cut_evenly)

    def embed_query(self, text: str) -> list[float]:
        """Return one prompt's vector."""
        return self.embed_documents([text])[0]

    def count_longer(self, texts: Sequence[str]) -> int:
        """Return how many texts are longer than the window."""
        return sum(len(self._tokens(text)) > self._room for text in texts)

    def _embed(self, texts: Sequence[str], cut: Callable[[str, Spans, int], Pieces]) -> list[list[float]]:
        with self._lock:
            pieces = [cut(text, self._tokens(text), self._room) for text in texts]
            return embed_pieces(pieces, self._encoder.embed_documents)

    def _tokens(self, text: str) -> Spans:
        """Return the places of a text's tokens in characters; none where the encoder reads all of it."""
        # A token has a byte at least: most texts are so short that they need no look.
        if self.window is None or len(text.encode()) <= self._room:
            return ()
        found: Spans = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return found
