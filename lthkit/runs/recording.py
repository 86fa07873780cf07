"""What the scripts of recorded runs share: their command line, the seeds they take, and the folder that they leave."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from lthkit.runs.results import write_results
from lthkit.storage import files, folders, records
from lthkit.storage.records import Row


def check_seeds(seeds: Sequence[int], registered: Sequence[int]) -> None:
    """SystemExit if there are seeds that were not registered."""
    if unknown := sorted(set(seeds) - set(registered)):
        raise SystemExit(f"--seeds {unknown} were given; registered are {list(registered)}.")


def write_record(
    target: Path, folder: Path, seeds: Sequence[int], tables: dict[str, list[Row]], **summary: Any
) -> None:
    """The record of a run in `folder`: its configuration, as it was begun, with the seeds that are complete; tables; summary.

    summary: what `summary.json` says besides the device, the threads and the environment: name, data, minutes.
    """
    target.mkdir(parents=True, exist_ok=True)
    files.write_sealed(target / "config.json", folders.read_config(folder) | {"seeds": list(seeds)})
    common = {"device": "cpu", "execution": {"threads": 1}, "environment": records.environment()}
    write_results(target, summary | common, tables)


def command(
    about: str | None,
    seeds: Sequence[int],
    target: Path,
    train: Callable[[Path, list[int], int], None],
    collect: Callable[[Path, Path], None],
) -> None:
    """Read the command line of a script and do what it says: `train FOLDER` or `collect FOLDER`.

    train: is given the folder, the seeds and how many side by side. collect: the folder and that of the record.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "collect"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", type=Path, default=target, help="of collect: the folder of the record")
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if args.what == "train":
            train(args.folder, args.seeds, args.workers)
        else:
            collect(args.folder, args.to)
    except (
        ValueError,
        OSError,
    ) as error:  # another run's folder, no data, a full disk: the text says what to do
        raise SystemExit(f"{Path(sys.argv[0]).name}: {error}") from None
