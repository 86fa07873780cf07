"""`lthkit run --data PATH`: a folder of somebody's own pictures, from the command line to the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lthkit.__main__ import main
from lthkit.storage import records

COUNTS = {"cat": 30, "dog": 18, "고양이": 9, "élan": 6, "zebra": 4}
SMOKE = ["--tier", "smoke", "--seeds", "0", "--rounds", "1", "--device", "cpu"]


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five unbalanced classes, of mixed sizes, kinds and formats."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LTHKIT_RUNS", raising=False)
    monkeypatch.setattr("lthkit.bench.textbook_steps_per_second", lambda *a, **k: 100.0)
    drawn = np.random.RandomState(0)
    for place, (name, count) in enumerate(COUNTS.items()):
        folder = tmp_path / "동물" / name
        folder.mkdir(parents=True)
        for i in range(count):
            height, width = drawn.randint(12, 50, 2)
            pixels = drawn.randint(0, 80, (height, width, 3 + i % 2)).astype(np.uint8)
            pixels[..., place % 3] += np.uint8(40 * place)
            pixels[..., 3:] = 255
            picture = Image.fromarray(pixels)
            picture.save(folder / f"{i}.png") if i % 2 else picture.save(folder / f"{i}.jpg")
    return tmp_path / "동물"


@pytest.mark.filterwarnings("error::UserWarning")  # a letter that the figure's font lacks
def test_five_unbalanced_classes_run_from_the_command_line(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a folder of pictures that needs anything but its path."""
    assert main(["run", "imp", *SMOKE, "--data", str(pictures)]) == 0
    out = capsys.readouterr().out
    assert (
        "47 images to train on (cat 21, dog 14, zebra 2, élan 4, 고양이 6), 7 to validate, 13 to test; 32x32"
        in out
    )
    assert "batches of 47 images, not 60: there are no more to train on" in out
    assert "lenet-300-100 on 동물 (image folder, resized to 32x32, 47 images)" in out
    folder = next((tmp_path / "runs").iterdir())
    assert folder.name.startswith("imp-lenet-300-100-동물-") and (folder / "trade_off.png").stat().st_size > 0
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["data"] == "동물" and config["recipe"]["batch_size"] == 47
    rows = records.read_table(folder / "table.csv")
    assert [row["arm"] for row in rows] == ["dense", "ticket"] and all(
        row["test_accuracy"] > 0.4 for row in rows
    )
    first = (folder / "table.csv").read_bytes()

    assert main(["run", "imp", *SMOKE, "--data", "동물"]) == 0  # the same data, by another path
    assert len(list((tmp_path / "runs").iterdir())) == 1 and (folder / "table.csv").read_bytes() == first
    assert main(["show", folder.name]) == 0


def test_size_and_batches_may_be_asked_for(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--data", f"folder:{pictures}", "--size", "8,12", "--batch-size", "10", "--out", "mine"]
    assert main(["run", "one-shot", *SMOKE, *asked]) == 0
    assert "8x12 pixels, colour" in capsys.readouterr().out
    assert json.loads(Path("mine/config.json").read_text(encoding="utf-8"))["recipe"]["batch_size"] == 10
    assert main(["run", "imp", *SMOKE, "--data", str(pictures), "--batch-size", "48"]) == 2
    assert "batch_size=48 is larger than the training split (47 images)" in capsys.readouterr().err


def test_a_set_is_a_set_and_a_path_is_a_path(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a folder called fashion-mnist that is trained on where the set of that name was meant, or the reverse."""
    pictures.rename(tmp_path / "fashion-mnist")
    assert main(["run", "imp", *SMOKE, "--data", "fashion-mnist"]) == 0
    assert "on Fashion-MNIST (embedded" in capsys.readouterr().out
    assert main(["run", "imp", *SMOKE, "--data", "./fashion-mnist"]) == 0
    assert "on folder fashion-mnist (image folder" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            ["--data", "./nowhere"],
            "There is no folder nowhere; expected one with a folder of pictures for each class",
        ),
        (["--data", "nowhere"], "Unknown data set 'nowhere'; expected one of fashion-mnist"),
        (["--data", "동물/cat"], "if this is the folder of one class, give the folder above it"),
        (["--data", "동물", "--size", "0"], "size=0 was given; expected pixels a side"),
        (["--data", "동물", "--size", "1,2,3"], "size=(1, 2, 3) was given"),
        (["--data", "동물", "--size", "big"], "expected whole numbers"),
        (["--size", "32"], "fashion-mnist has a size of its own"),
        (["--data", "동물", "--model", "vgg-16", "--size", "8"], "vgg-16 cannot take images of 8x8"),
    ],
)
def test_a_slip_is_one_line(
    asked: list[str], says: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main(["run", "imp", *SMOKE, *asked]) == 2
    except SystemExit as stop:
        assert stop.code == 2
    assert says in capsys.readouterr().err and not (tmp_path / "runs").exists()
