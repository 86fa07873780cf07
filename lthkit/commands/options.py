"""The options of `lthkit run`, `lthkit sweep` and their like: where they are alike, they are written once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from lthkit.commands.console import folder, fractions, whole_numbers, words

MODELS = "lenet-300-100 (default), mlp-bn, lenet-5, smallcnn, conv-2, conv-4, conv-6, resnet-20, vgg-16"
RECIPE = ("steps", "lr", "batch_size", "patience", "precision")  # options that are fields of the recipe


def common(sub: argparse.ArgumentParser, *, device: str = "auto") -> None:
    """What every experiment has."""
    sub.add_argument("--seeds", type=whole_numbers, default=(0, 1, 2), help="such as 0,1,2 (default)")
    sub.add_argument("--device", default=device, metavar="DEVICE",
                     help="auto (cuda, else mps, else cpu), cuda, mps or cpu; default %(default)s")  # fmt: skip
    sub.add_argument("--tier", choices=("smoke", "laptop", "gpu", "recorded"), default=None,
                     help="size of the experiment: seconds, minutes, paper scale (default: $LTHKIT_TIER or laptop); "
                     "recorded runs nothing")  # fmt: skip
    out(sub, "run folder, such as runs/mine (default: runs/<name>-<id of the configuration>)")
    minutes(sub)
    dry_run(sub)


def out(sub: argparse.ArgumentParser, text: str) -> None:
    """--out."""
    sub.add_argument("--out", type=folder, default=None, metavar="FOLDER", help=text)


def minutes(sub: argparse.ArgumentParser) -> None:
    """--minutes."""
    sub.add_argument("--minutes", type=float, default=None, metavar="N",
                     help="stop after this time, such as 20, with everything saved (exit status 3); the same command goes on")  # fmt: skip


def dry_run(sub: argparse.ArgumentParser) -> None:
    """--dry-run."""
    sub.add_argument("--dry-run", action="store_true",
                     help="say what it would take, in trainings, updates, time and disk, and do nothing")  # fmt: skip


def engine(sub: argparse.ArgumentParser, *, on: str | None = "local") -> None:
    """--on and --workers."""
    sub.add_argument("--on", default=on, metavar="ENGINE",
                     help="what does the trainings: local (default: processes of this machine), dask (a cluster started "
                     "here), or dask=tcp://HOST:8786 (one that is there)")  # fmt: skip
    sub.add_argument("--workers", type=int, default=None, metavar="N",
                     help="how many trainings side by side, such as 4 (default: one a core, or one a GPU)")  # fmt: skip


def network(sub: argparse.ArgumentParser) -> None:
    """Which network, on which data, trained how."""
    sub.add_argument("--model", default="lenet-300-100", metavar="MODEL",
                     help=f"{MODELS}; or a function of yours that makes a network, such as my.networks:small")  # fmt: skip
    sub.add_argument("--data", default="fashion-mnist", metavar="DATA",
                     help="fashion-mnist (embedded subset, default), fashion-mnist-full, mnist, cifar10; or the path of a "
                     "folder of pictures, with one folder in it for each class (./mnist, if it is called as a set)")  # fmt: skip
    sub.add_argument("--size", type=whole_numbers, default=None,
                     help="of the pictures in a folder: pixels a side, such as 32, or height,width (default: their own, "
                     "where all have one up to 64, else 32)")  # fmt: skip
    sub.add_argument("--precision", default=None, choices=("float32", "medium", "bfloat16", "auto"),
                     help="float32 (equal seeds give equal bits on a CPU); medium: faster matrix products, which may "
                     "round inside; bfloat16; auto: bfloat16 on a GPU that has it (default of tier gpu, else float32)")  # fmt: skip
    for name, kind, text in (
        ("steps", int, "updates a training, such as 2000"),
        ("lr", float, "learning rate, such as 0.001"),
        ("batch-size", int, "images an update, such as 60"),
        ("patience", int, "stop when the validation loss has not fallen for this many updates, such as 400"),
    ):
        sub.add_argument(f"--{name}", type=kind, default=None, metavar="N" if kind is int else "RATE",
                         help=f"{text} (default: as the model and tier have it)")  # fmt: skip


def densities(sub: argparse.ArgumentParser, *, default: tuple[float, ...] | None, told: str) -> None:
    """--densities."""
    sub.add_argument("--densities", type=fractions, default=default, metavar="D,D,...",
                     help=f"fractions kept, such as 0.2,0.05 ({told})")  # fmt: skip


def rounds(sub: argparse.ArgumentParser) -> None:
    """How imp and one-shot go down."""
    sub.add_argument("--rounds", type=int, default=None, metavar="N",
                     help="rounds of pruning after the dense training, such as 8 (default 5)")  # fmt: skip
    sub.add_argument("--fraction", type=float, default=None, metavar="F",
                     help="part of the remaining weights to remove a round (default 0.2)")  # fmt: skip
    sub.add_argument("--control-rounds", type=whole_numbers, default=None,
                     help="rounds at which controls are trained, such as 3,5 (default: all)")  # fmt: skip


def scope(sub: argparse.ArgumentParser) -> None:
    """--scope."""
    sub.add_argument("--scope", default=None, choices=("global", "layerwise"),
                     help="rank weights over all layers (global, default) or in each")  # fmt: skip


def rewinding(sub: argparse.ArgumentParser) -> None:
    """--rewind-step."""
    sub.add_argument("--rewind-step", type=int, default=None, metavar="STEP",
                     help="step to rewind to, such as 500; 0 is initialisation (default)")  # fmt: skip


def controls(sub: argparse.ArgumentParser) -> None:
    """--controls."""
    sub.add_argument("--controls", type=words, default=(), metavar="C,C",
                     help="what to compare with: re-initialised,shuffled (default: none)")  # fmt: skip


def arm(sub: argparse.ArgumentParser) -> None:
    """Of retrain."""
    sub.add_argument("--arm", type=words, default=("lr-rewind",), metavar="ARM,ARM",
                     help="one or more of rewind, lr-rewind (default), fine-tune, re-initialised, shuffled")  # fmt: skip


def score(sub: argparse.ArgumentParser) -> None:
    """Of prune-at-init."""
    sub.add_argument("--score", choices=("snip", "grasp", "synflow", "magnitude", "random"), default="snip",
                     help="the criterion; default %(default)s")  # fmt: skip
    sub.add_argument("--iterations", type=int, default=None, metavar="N",
                     help="score and cut so often, such as 100 (default: 100 for synflow, 1 for the others)")  # fmt: skip
    images(sub)


def images(sub: argparse.ArgumentParser) -> None:
    """--images."""
    sub.add_argument("--images", type=int, default=None, metavar="N",
                     help="training images that SNIP or GraSP sees, such as 200 (default 100)")  # fmt: skip


def stability(sub: argparse.ArgumentParser) -> None:
    """Of early-bird."""
    sub.add_argument("--window", type=int, default=None, metavar="N",
                     help="epochs whose masks are compared, such as 5 (default)")  # fmt: skip
    sub.add_argument("--threshold", type=float, default=None, metavar="D",
                     help="distance below which masks count as stable, such as 0.1 (default)")  # fmt: skip
    sub.add_argument("--rule", choices=("newest", "neighbours"), default=None,
                     help="which distances of the window have to be small; default newest")  # fmt: skip


def hybrid(sub: argparse.ArgumentParser) -> None:
    """Of hybrid."""
    sub.add_argument("--snip-density", type=float, default=None, metavar="D",
                     help="what SNIP keeps before any training, such as 0.5 (default)")  # fmt: skip
    sub.add_argument("--rounds", type=int, default=None, metavar="N",
                     help="rounds of IMP from there to each density, such as 3 (default)")  # fmt: skip
    images(sub)


def tier_of(arguments: argparse.Namespace) -> str:
    """The tier that was chosen. ValueError for recorded, which runs nothing."""
    from lthkit.machine.tiers import tier

    if (chosen := tier(arguments.tier)) == "recorded":
        raise ValueError(
            "tier recorded reads results and runs nothing; choose smoke, laptop or gpu with --tier, or look at a "
            "recorded run: lthkit show winning-ticket."
        )
    return chosen


def recipe_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was asked to change in the recipe."""
    return {name: value for name in RECIPE if (value := getattr(arguments, name)) is not None}


def size_of(arguments: argparse.Namespace) -> Any:
    """--size as `load_data` takes it."""
    size: tuple[int, ...] | None = getattr(arguments, "size", None)
    return size[0] if size and len(size) == 1 else size


def data_name(text: str) -> str:
    """What `load_data` takes for what was given: a name, or "folder:" and a path."""
    from lthkit.data.named import DATA_NAMES, FOLDER

    if text in DATA_NAMES or text.startswith(FOLDER):
        return text
    path = set("/\\") & set(text) or text.startswith((".", "~")) or Path(text).is_dir()
    return FOLDER + text if path else text


def slug(name: str) -> str:
    """The name of a data set, or of a function that makes a network, as a part of a folder's name."""
    from lthkit.data.folders import name_of_folder
    from lthkit.data.named import FOLDER

    if name.startswith(FOLDER):
        text = name_of_folder(name.removeprefix(FOLDER))
    elif ":" in name:
        text = name.rpartition(":")[2]
    else:
        return name
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in text)[:40]
