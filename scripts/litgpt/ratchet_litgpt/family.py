"""What families do around LitGPT's blocks: its own forward in parts, so that a loss needs no logits of every place."""

import torch
from litgpt.lora import GPT


def embed(gpt: GPT, tokens: torch.Tensor) -> torch.Tensor:
    """Return the embeddings of token ids, (B, T, n_embd), scaled where the family does."""
    x = gpt.transformer.wte(tokens)
    return x * torch.tensor(gpt.config.n_embd**0.5, dtype=x.dtype) if gpt.config.scale_embeddings else x


def positions_of(gpt: GPT, layer: int, table: torch.Tensor) -> torch.Tensor:
    """Return a layer's cosines or sines, (…, size), of a table that may have those of local layers beside."""
    indices = gpt.config.rope_indices
    return table if indices is None else table[..., indices[layer]]
