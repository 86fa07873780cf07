"""The text that comes with lthkit: windows, passages, and what is refused."""

from __future__ import annotations

import pytest
import torch

from lthkit.data import sources
from lthkit.data.file_formats import DataError
from lthkit.data.named import load_data
from lthkit.data.texts import STRIDE, WINDOW


def read(data, part: str, row: int) -> str:
    split = getattr(data, part)
    return "".join(data.classes[i] for i in [*split.inputs[row].tolist(), int(split.targets[row, -1])])


def test_the_text_is_the_one_that_was_measured() -> None:
    """Catches a text that was made anew, another order of characters, another cut."""
    data = load_data("lesson-text")
    assert (data.kind, data.shape, len(data.classes)) == ("tokens", (64,), 80)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [6776, 278, 271]
    assert data.fingerprint.startswith("43ca0181e881a7cb")
    assert read(data, "train", 0).startswith("You will check that this machine can do the course")


def test_a_target_is_the_next_character() -> None:
    """Catches targets that are the inputs, or two characters on."""
    data = load_data("lesson-text")
    for split in (data.train, data.validation, data.test):
        assert torch.equal(split.targets[:, :-1], split.inputs[:, 1:])
    first, second = read(data, "train", 0), read(data, "train", 1)
    assert first[STRIDE:] == second[: WINDOW + 1 - STRIDE]


def test_no_window_reaches_into_another_split() -> None:
    """Catches windows drawn from one pool: neighbours that overlap would stand on both sides."""
    data = load_data("lesson-text")
    passages = sources.own_file("lesson-text.txt").decode().split("\f")
    for part, passage in zip(("train", "validation", "test"), passages, strict=True):
        split, step = getattr(data, part), STRIDE if part == "train" else WINDOW + 1
        texts = [read(data, part, row) for row in range(len(split))]
        assert texts == [passage[i : i + WINDOW + 1] for i in range(0, len(passage) - WINDOW, step)]
    seen = passages[0] + passages[1]
    assert not any(read(data, "test", row)[:40] in seen for row in range(len(data.test)))


def test_a_damaged_text_and_a_split_of_ones_own_are_refused(tmp_path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="validation=10 was given, and lesson-text is cut into passages"):
        load_data("lesson-text", validation=10)
    folder = sources.data_folder()
    for name in ("SHA256SUMS", "lesson-text.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "lesson-text.txt").write_bytes(b"x" + (folder / "lesson-text.txt").read_bytes()[1:])
    monkeypatch.setattr(sources, "data_folder", lambda: tmp_path)
    with pytest.raises(DataError, match="lesson-text.txt is damaged"):
        load_data("lesson-text")
