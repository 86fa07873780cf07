"""The text that comes with lthkit, as windows of characters: which character comes next?"""

from __future__ import annotations

import torch

from lthkit.data.sources import own_file
from lthkit.data.splits import Split

TEXT = "lesson-text"
WINDOW = 64  # characters that a network sees, at most
STRIDE = 16  # from one window of the training split to the next


def text_splits() -> tuple[dict[str, Split], tuple[str, ...]]:
    """Train, validation and test of the lessons' text, and its characters in the order of their numbers.

    A row is a window of 64 characters, int64, and its targets are the same window one character later, so that position i
    has the characters up to i and asks for the next one. The three passages are disjoint paragraphs, and each is cut by
    itself, so no window reaches from one split into another. In the training split a window begins at every sixteenth
    character, so neighbours overlap; in the other two none do, and each character is asked for once.

    Raises:
        DataError: the file is missing, or its checksum is not the one in SHA256SUMS.
    """
    passages = own_file("lesson-text.txt").decode("ascii").split("\f")
    characters = tuple(sorted(set("".join(passages))))
    number = {character: i for i, character in enumerate(characters)}
    parts = dict(zip(("train", "validation", "test"), passages, strict=True))
    splits = {}
    for part, passage in parts.items():
        codes = torch.tensor([number[character] for character in passage])
        windows = codes.unfold(0, WINDOW + 1, STRIDE if part == "train" else WINDOW + 1)
        splits[part] = Split(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())
    return splits, characters
