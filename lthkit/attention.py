"""One block of a Transformer whose positions see only those before them, of plain linear layers that a mask can speak about."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalBlock(nn.Module):
    """Self-attention and two linear layers, each behind a layer norm and added to its input.

    Vaswani et al. 2017, sections 3.1 to 3.3, with the masked attention of the decoder, and the norm before each part, not
    behind it. Query, key, value and output are linear layers of their own, so that a mask has each by its name.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, length, width] -> [n, length, width]; position i of the output depends on positions 0 to i of the input."""
        y = self.norm1(x)
        parts = (layer(y).unflatten(-1, (self.heads, -1)) for layer in (self.query, self.key, self.value))
        query, key, value = (part.transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.fc2(torch.relu(self.fc1(self.norm2(x))))


class Embedding(nn.Module):
    """Each token by a learned vector, and its position by another, added."""

    def __init__(self, tokens: int, length: int, width: int) -> None:
        super().__init__()
        self.length = length
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(length, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """int64 [n, length] -> [n, length, width]. ValueError for more tokens in a row than there are positions."""
        if tokens.shape[1] > self.length:
            raise ValueError(
                f"A row of {tokens.shape[1]} tokens was given; expected {self.length} or fewer, for which there are positions."
            )
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.token(tokens) + self.position(places)
