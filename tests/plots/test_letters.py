"""Names in any script in a figure: lent letters, spelled ones, and no row of empty boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from lthkit.data.datasets import Dataset, Split
from lthkit.plots import letters, samples, save
from lthkit.plots.letters import lettered


@pytest.fixture
def text() -> Text:
    return Figure().text(0.5, 0.5, "")


def test_what_the_font_has_stays_as_it_is(text: Text) -> None:
    """Catches another font, and so another picture, where nothing was missing."""
    for words in ("plain", "Élan ± 3 → θ", ""):
        family = text.get_fontfamily()
        text.set_text(words)
        assert lettered(text).get_text() == words and text.get_fontfamily() == family


def test_a_letter_that_no_font_has_is_spelled(text: Text, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a class name of which a figure shows empty boxes only, all alike."""
    monkeypatch.setattr(letters, "_lenders", lambda missing: ((), missing))
    text.set_text("a 고양이")
    assert lettered(text).get_text() == r"a \uace0\uc591\uc774"


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_letter_that_another_font_has_is_lent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a lent font that is not asked; DejaVu Sans lends to cmr10, which has no Greek."""
    figure = Figure()
    text = figure.text(0.1, 0.5, "cat θ", fontfamily="cmr10")
    assert lettered(text).get_text() == "cat θ" and text.get_fontfamily()[0] == "cmr10"
    assert len(text.get_fontfamily()) == 2
    save(figure, tmp_path / "a", alt="A cat.")


def test_the_font_of_last_resort_lends_nothing() -> None:
    """Catches the font that has a box for every letter, which comes with matplotlib."""
    assert not any(name.startswith("Last Resort") for name in letters._lenders(frozenset("\U000e0041"))[0])
    assert len(fontManager.ttflist) > 1


def test_dollars_are_letters(text: Text) -> None:
    """Catches a folder called a$b$ whose name is set as mathematics."""
    text.set_text("a$b$")
    assert lettered(text).get_text() == "a$b$" and not text.get_parse_math()


@pytest.mark.filterwarnings("error::UserWarning")
def test_samples_of_classes_in_any_script(tmp_path: Path) -> None:
    pixels = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (12, 3, 6, 6)).astype(np.uint8))
    split = Split(pixels, torch.arange(12) % 3)
    parts = {"train": split, "validation": split, "test": split}
    save(
        samples(Dataset.of("own", **parts, classes=("cat", "고양이", "a$b$"))),
        tmp_path / "a",
        alt="Three classes.",
    )
    numbers = Split(pixels, torch.arange(12.0))
    rows = Split(torch.randn(12, 4), torch.arange(12) % 3)
    two = Split(pixels[:, :2], torch.arange(12) % 3)
    for one, classes in ((numbers, ()), (rows, ("a", "b", "c")), (two, ("a", "b", "c"))):
        data = Dataset.of("own", train=one, validation=one, test=one, classes=classes)
        with pytest.raises(ValueError, match="expected images of 1, 3 or 4 channels, each of one class"):
            samples(data)
