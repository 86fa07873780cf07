"""`lthkit bench`: how fast this package is here."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lthkit.commands.console import say


def add(commands: Any) -> None:
    """The parser of `bench`."""
    bench = commands.add_parser(
        "bench",
        help="measure how fast this package is here, beside a textbook loop",
        description="Times this package in turns with the loop that most tutorials write, and against what the "
        "machine can do at most. Accuracies are compared: the exit status is 1 if they disagree.",
    )
    bench.add_argument("works", nargs="*", metavar="WORK",
                       help="lenet, smallcnn, resnet20, imp, replicates, selection, imports, mask, sparse, saving, busy, products, sweep; all if none is given")  # fmt: skip
    bench.add_argument("--quick", action="store_true", help="a minute or two, with few repetitions")
    bench.add_argument("--device", default="auto", help="auto (cuda, else mps, else cpu), cuda, mps or cpu")
    bench.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write all numbers to this file"
    )
    bench.add_argument("--out", type=Path, default=None, metavar="FOLDER",
                       help="write bench.json and the chart (bench.png, bench.svg) to this folder")  # fmt: skip
    bench.set_defaults(command=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from lthkit import bench
    from lthkit.storage import files

    for path in filter(None, (arguments.json and arguments.json.parent, arguments.out)):
        path.mkdir(parents=True, exist_ok=True)  # an unwritable place shows now, not after minutes
    try:
        document = bench.run(arguments.works, device=arguments.device, quick=arguments.quick, say=say)
    except KeyboardInterrupt:
        say("\nStopped. Nothing was written.", file=sys.stderr)
        return 130
    targets = [arguments.json, arguments.out and arguments.out / "bench.json"]
    for target in filter(None, targets):
        say(f"numbers {files.write_json(target, document)}")
    if arguments.out:
        _draw_bench(document, arguments.out)
    return bench.exit_status(document)


def _draw_bench(document: dict[str, Any], folder: Path) -> None:
    from lthkit import bench, plots

    if not bench.has_ratios(document):
        say("no chart: nothing was compared with the textbook loop")
        return
    figure = plots.speed(document["rows"], stamp=bench.stamp(document))
    say(f"figure {plots.save(figure, folder / 'bench', alt=bench.describe(document))[0]}")
