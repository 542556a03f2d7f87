"""What the children of the torture need, imported once in the process that they are forked from."""

import torch

import robustft.api
from stores.encoder import EncoderConfig, load_encoder

# A thread pool does not outlive a fork; with one thread there is none.
torch.set_num_threads(1)
load_encoder(EncoderConfig())

__all__ = ["robustft"]
