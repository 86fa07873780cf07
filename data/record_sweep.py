"""Record a sweep of `data/sweeps`: what its cells came to, as `data/results/NAME`.

Run by hand, with the data sets in $LTHKIT_DATA:

    lthkit sweep data/sweeps/NAME.toml --out FOLDER
    python data/record_sweep.py NAME FOLDER

Nothing is trained here. The seeds of which every level of the grid is published are taken; seeds that were recorded before, from
another folder, stay. So a long sweep is recorded seed by seed. config.json has the grid, what is the same in all rows, and the
digests of the claims that the sweep's folder was begun with; table.csv has one row a training.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

from lthkit.data.named import load_data
from lthkit.machine.checks import did_you_mean
from lthkit.runs import results
from lthkit.storage import files, records
from lthkit.storage.records import Row, read_table
from lthkit.sweeps.grids import Grid, read_grid
from lthkit.sweeps.planning import plan
from lthkit.sweeps.published import ordered, padded, rows
from lthkit.sweeps.records import claims_of

HERE = Path(__file__).resolve().parent
COMMON = ("data_fingerprint", "task", "device")  # columns that go to config.json, as those of the recipe


def main(name: str, folder: Path, *, target: Path = HERE / "results", sweeps: Path = HERE / "sweeps") -> Path:
    """Record the complete seeds of a sweep.

    Raises:
        SystemExit: there is no such grid; the folder was begun without its claims, or with other texts; no seed is complete; a
            record that is there is of another grid.
    """
    grid_file = sweeps / f"{name}.toml"
    known = sorted(path.stem for path in sweeps.glob("*.toml"))
    if name not in known:
        raise SystemExit(f"there is no grid {name!r} in {sweeps}.{did_you_mean(name, known)}")
    grid = read_grid(grid_file)
    if claims_of(folder) != dict(grid.claims):
        raise SystemExit(
            f"{folder} was begun with the claims {claims_of(folder)}, and {grid_file} has {dict(grid.claims)}; expected a folder that "
            "was begun with these."
        )
    seeds = complete_seeds(grid, folder)
    if not seeds:
        raise SystemExit(
            f"{folder} has no complete seed yet. Go on with: lthkit sweep {grid_file} --out {folder}"
        )
    wanted = set(seeds)
    found = [row for row in rows(folder) if row["seed"] in wanted]
    place = target / name
    config = config_of(name, grid_file, grid, found)
    before: list[Row] = []
    minutes = sum(row["seconds"] for row in found) / 60
    if (place / "config.json").exists():
        was, summary = files.read_sealed(place / "config.json"), files.read_sealed(place / "summary.json")
        same = {key: value for key, value in config.items() if key != "seeds"}
        if any(was.get(key) != value for key, value in same.items()):
            raise SystemExit(
                f"{place} is of another grid, other data or other claims; expected the same, or no record there."
            )
        before = [row for row in read_table(place / "table.csv") if row["seed"] not in wanted]
        minutes += summary["minutes"] * (len({row["seed"] for row in before}) / max(1, len(was["seeds"])))
    drop = {*COMMON, *(key for row in found for key in row if key.startswith("recipe_")), "seconds"}
    table = ordered(padded([*before, *({k: v for k, v in row.items() if k not in drop} for row in found)]))
    place.mkdir(parents=True, exist_ok=True)
    files.write_sealed(place / "config.json", config | {"seeds": sorted({row["seed"] for row in table})})
    summary = {
        "name": name,
        "data": [load_data(one, download=False).label for one in grid.data_names],
        "device": config["device"],
        "minutes": round(minutes, 1),
        "trainings": len(table),
        "environment": records.environment(),
    }
    results.write_results(place, summary, {"table.csv": table})
    return place


def complete_seeds(grid: Grid, folder: Path) -> list[int]:
    """The seeds of which all is published that the grid asks for."""
    missing: dict[int, int] = {}
    for one in plan(grid, folder).cells:
        seed = one.asked.cell.seed
        missing[seed] = missing.get(seed, 0) + len(one.missing)
    return [seed for seed, left in missing.items() if left == 0]


def config_of(name: str, grid_file: Path, grid: Grid, found: list[Row]) -> dict[str, Any]:
    """All that decides the numbers, and the registered texts that they will judge."""
    return {
        "name": name,
        "kind": "recorded sweep",
        "tier": "recorded",
        "grid": tomllib.loads(grid_file.read_text(encoding="utf-8")),
        "seeds": [],
        "data_fingerprint": {row["data"]: row["data_fingerprint"] for row in found},
        "device": found[0]["device"],
        "recipe": {
            key.removeprefix("recipe_"): value for key, value in found[0].items() if key.startswith("recipe_")
        },
        "claims": dict(grid.claims),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of a grid in data/sweeps, such as lenet")
    parser.add_argument("folder", type=Path, help="of the sweep")
    args = parser.parse_args()
    print(main(args.name, args.folder))
