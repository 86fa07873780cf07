"""An audit of a run with several seeds: an experiment of `lthkit run`, or a recorded run, of which little but the table is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from lthkit import evidence
from lthkit.evidence import checks
from lthkit.evidence.findings import Finding, cannot_tell, fails, holds, together
from lthkit.evidence.record_checks import seeds_said
from lthkit.models import MODELS, output_layer
from lthkit.pruning.masks import Mask
from lthkit.runs.asked import FILE, KIND, Asked, all_trainings, asked_of, joined, read_again
from lthkit.runs.remade import Given
from lthkit.runs.results import read_results, row_of
from lthkit.runs.run_cells import CELLS
from lthkit.runs.search_audits import audit_search, kept_by_layer
from lthkit.runs.searched import Searched, read_cell, read_search
from lthkit.storage import files
from lthkit.storage.folders import read_config
from lthkit.storage.owners import RunMismatch
from lthkit.storage.records import Row

TICKET = ("dense", "ticket")
TEST = ("test_metric", "test_accuracy")  # the first metric of a task, and of the default one


def audit_experiment(
    folder: Path, config: Mapping[str, Any], given: Given, *, replay: bool = False
) -> dict[str, Finding]:
    """Findings by item of a run with several seeds: its searches seed by seed, then table, seeds, controls."""
    rows, problem = _rows(folder)
    asked: list[Asked] = []
    if config.get("kind") == KIND:
        try:
            asked = _asked(folder)
        except (files.DamagedFile, RunMismatch) as error:
            return {"record": fails("record", " ".join(str(error).split()))}
        if not asked:
            return {"record": fails("record", f"There is no {FILE}, which says how far this run goes.")}
        config = joined(config, asked)
    searches = _searches(folder, config)
    parts = {
        f"seed {seed}": audit_search(
            search,
            given=given,
            replay=replay and seed == min(searches),
            rounds=max((one.rounds for one in asked if seed in one.seeds), default=config.get("rounds")),
        )
        for seed, search in searches.items()
    }
    items = {item for findings in parts.values() for item in findings}
    found = {
        item: together(item, {label: findings[item] for label, findings in parts.items() if item in findings})
        for item in items
    }
    if replay and "rewound" in found:  # one seed is trained again, and speaks for the code that trained all
        found["rewound"] = parts[f"seed {min(searches)}"]["rewound"]
    if not searches:
        found |= _of_masks_alone(folder, config, rows)
    if "test" not in found and rows:
        found["test"] = _tested(rows)
    found["record"] = _record(folder, config, searches, rows, problem, found.get("record"))
    found["seeds"] = _seeds(config, rows, searches, asked)
    found["controls"] = _controls(config, rows)
    return found


def _asked(folder: Path) -> list[Asked]:
    """How far the table goes; of a run that is not finished, how far it was asked to go."""
    try:
        return read_again(files.read_sealed(folder / "summary.json")["asked"])
    except (FileNotFoundError, files.DamagedFile, RunMismatch):
        return asked_of(folder)


def _rows(folder: Path) -> tuple[list[Row], str]:
    """The rows of the table, and what is wrong with it."""
    try:
        summary = files.read_sealed(folder / "summary.json")
    except FileNotFoundError:
        return [], "There is no summary.json: the run is not finished."
    except (files.DamagedFile, RunMismatch) as error:
        return [], str(error)
    try:
        return read_results(folder, "table.csv", summary), ""
    except (files.DamagedFile, RunMismatch, FileNotFoundError) as error:
        return [], str(error)


def _tested(rows: Sequence[Row]) -> Finding:
    """One reading of the test split for each training, as far as a table shows it."""
    if not (column := next((name for name in TEST if name in rows[0]), "")):
        return cannot_tell("test", "The table has no test accuracy, nor another metric of the test split.")
    trainings = [tuple(row.get(name) for name in ("arm", "seed", "round", "density")) for row in rows]
    if twice := [one for one in trainings if "arm" in rows[0] and trainings.count(one) > 1]:
        arm, seed, level, _ = twice[0]
        return fails(
            "test", f"The table has two results for {arm}, seed {seed}, round {level}; expected one."
        )
    name = "accuracy" if column == "test_accuracy" else rows[0].get("metric", "metric")
    return holds("test", f"One test {name} for each of {len(rows)} trainings, as the table has them.")


def _searches(folder: Path, config: Mapping[str, Any]) -> dict[int, Searched]:
    found = {}
    if (folder / CELLS).is_dir():
        return _searches_of_cells(folder, config)
    for seed in config["seeds"]:
        own = folder / f"seed-{seed}"
        if (own / "config.json").exists():
            try:
                found[seed] = read_search(own, read_config(own))
            except (files.DamagedFile, RunMismatch) as error:
                found[seed] = Searched(own, {}, (), (str(error),))
    return found


def _searches_of_cells(folder: Path, config: Mapping[str, Any]) -> dict[int, Searched]:
    found: dict[int, Searched] = {}
    for own in sorted(path.parent for path in (folder / CELLS).glob("*/config.json")):
        try:
            seed = read_config(own)["seed"]
        except (files.DamagedFile, RunMismatch) as error:
            lacking = [seed for seed in config["seeds"] if seed not in found]
            return found | {lacking[0] if lacking else -1: Searched(own, {}, (), (str(error),))}
        if seed in config["seeds"]:
            found[seed] = read_cell(own)
    return dict(sorted(found.items()))


def _record(
    folder: Path,
    config: Mapping[str, Any],
    searches: Mapping[int, Searched],
    rows: Sequence[Row],
    problem: str,
    of_searches: Finding | None,
) -> Finding:
    if of_searches is not None and of_searches.verdict != "holds":
        return of_searches
    if problem:
        return (fails if rows or "not finished" not in problem else cannot_tell)("record", problem)
    if searches and (lacking := [seed for seed in config["seeds"] if seed not in searches]):
        return fails("record", f"There is no folder for seed {lacking[0]}, which the configuration names.")
    for seed, search in searches.items():
        for this in search.rounds:
            arm = "dense" if this.round == 0 else "ticket"
            own = [r for r in rows if (r["arm"], r["seed"], r["round"]) == (arm, seed, this.round)]
            if len(own) != 1:
                return fails(
                    "record",
                    f"The table has {len(own)} rows for {arm}, seed {seed}, round {this.round}; expected one.",
                )
            wanted = row_of(arm, seed, this.round, this.density, this.result)
            if wrong := [name for name, value in wanted.items() if _other(own[0], name, value)]:
                return fails(
                    "record",
                    f"The table has {wrong[0]} = {own[0].get(wrong[0])} for {arm}, seed {seed}, round {this.round}, and the round's "
                    f"file {wanted[wrong[0]]}.",
                )
    kept = "" if searches else " Of the rounds themselves, the files are not kept here."
    return holds(
        "record", f"{len(rows)} rows, of which the table has the checksum that the summary vouches for.{kept}"
    )


def _other(row: Row, name: str, value: Any) -> bool:
    """True if a table has another value than the round's file. A column that it lacks is none, but for the metric's."""
    if name not in row:
        return name in TEST
    written = "" if row[name] is None else row[name]
    return name != "seconds" and written != value and str(written) != str(value)


def _seeds(
    config: Mapping[str, Any],
    rows: Sequence[Row],
    searches: Mapping[int, Searched],
    asked: Sequence[Asked],
) -> Finding:
    said = list(config["seeds"])
    if len(said) < 2:
        return fails("seeds", "One seed: no spread is known, so no difference can be told from luck.")
    if rows and "arm" in rows[0]:
        for arm, level in sorted({(row["arm"], row["round"]) for row in rows}):
            there = sorted(row["seed"] for row in rows if (row["arm"], row["round"]) == (arm, level))
            wanted = sorted({s for r, a, s in all_trainings(asked) if (r, a) == (level, arm)} or said)
            if there != wanted:
                return fails(
                    "seeds",
                    f"{arm} at round {level} has the seeds {there}, and the configuration names {wanted}.",
                )
    starts = {seed: search.config.get("start") for seed, search in searches.items()}
    known = len(starts) == len(said) and None not in starts.values()
    if known and len(set(starts.values())) < len(said):
        twice = [seed for seed, start in starts.items() if list(starts.values()).count(start) > 1]
        return fails(
            "seeds",
            f"Seeds {twice[0]} and {twice[1]} begin with the same weights: the seed does not reach them.",
        )
    if not known and (same := _same_numbers(rows, said)):
        return fails("seeds", same)
    found = seeds_said(len(said), known=known)
    if found.verdict == "cannot be told":
        return cannot_tell(
            "seeds",
            f"{len(said)} different seeds in every arm and round, with different results. Their initial weights are not kept "
            "here, so whether the weights differ was not seen.",
        )
    return found


def _same_numbers(rows: Sequence[Row], seeds: Sequence[int]) -> str:
    """What is wrong if two seeds have the same numbers in all of the table."""
    column = next((name for name in TEST if rows and name in rows[0]), None)
    if column is None:
        return ""
    numbers: dict[tuple[Any, ...], int] = {}
    for seed in seeds:
        own = tuple(
            (row["arm"], row["round"], row[column], row.get("validation_loss"))
            for row in rows
            if row["seed"] == seed
        )
        if own in numbers:
            return f"Seeds {numbers[own]} and {seed} have the same numbers in every row: they are one run."
        numbers[own] = seed
    return ""


def _controls(config: Mapping[str, Any], rows: Sequence[Row]) -> Finding:
    arms = sorted({str(row["arm"]) for row in rows if "arm" in row} - set(TICKET))
    if not rows:
        return cannot_tell("controls", "There is no table yet. Needs the end of the run.")
    if "arm" not in rows[0]:
        return cannot_tell("controls", "The table compares no arms. Needs one with a column arm.")
    if not arms:
        return fails(
            "controls",
            "There is none: what the ticket owes to its mask or to its weights is not known. --controls trains them.",
        )
    if not evidence.levels(rows, "ticket"):
        return cannot_tell(
            "controls",
            f"The arms are {', '.join(arms)}, and none is called ticket. Needs to know which controls which.",
        )
    said = []
    for arm in arms:
        at = evidence.levels(rows, arm)
        for level in at:
            if wrong := _no_control(rows, arm, level):
                return fails("controls", f"{arm} at round {level}: {wrong}")
        said.append(f"{arm} at rounds {', '.join(map(str, at))}")
    return cannot_tell(
        "controls",
        f"The table names these arms as controls: {'; '.join(said)}. They have the ticket's density, and other results than the "
        "ticket. Their masks and weights are not kept here, so whether they are what they are called was not judged. Needs the masks "
        "and starts of the controls.",
    )


def _no_control(rows: Sequence[Row], arm: str, level: int) -> str:
    """What is wrong with a control at one round, as far as a table shows it."""
    own = {row["seed"]: row for row in rows if (row["arm"], row["round"]) == (arm, level)}
    ticket = {row["seed"]: row for row in rows if (row["arm"], row["round"]) == ("ticket", level)}
    if lacking := sorted(own.keys() - ticket.keys()):
        return f"seed {lacking[0]} has no ticket there to compare with."
    for seed, row in own.items():
        if row["density"] != ticket[seed]["density"]:
            return f"it keeps {100 * row['density']:.2f} % of the weights, and the ticket {100 * ticket[seed]['density']:.2f} %."
    compared = [key for key in (*TEST, "validation_loss", "best_step") if key in next(iter(own.values()))]
    if all(row[key] == ticket[seed][key] for seed, row in own.items() for key in compared):
        return "it has the ticket's numbers, digit for digit: it is the ticket."
    return ""


def _of_masks_alone(folder: Path, config: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Finding]:
    """Findings from the masks that a recorded run keeps of some seeds."""
    parts: dict[str, dict[str, Finding]] = {"nested": {}, "empty": {}, "density": {}}
    for own in sorted(folder.glob("seed-*")):
        label = own.name.replace("-", " ")
        try:
            masks = [Mask.load(path) for path in sorted(own.glob("mask-*.npz"))]
        except (files.DamagedFile, RunMismatch) as error:
            parts["nested"][label] = fails("nested", str(error))
            continue
        if masks:
            parts["nested"][label] = checks.nested(masks)
            parts["empty"][label] = checks.empty(masks[-1])
            parts["density"][label] = _counts(masks, config, rows, int(label.partition(" ")[2]))
    note = ""
    if (kept := len(parts["nested"])) < len(config["seeds"]):
        note = f" Masks of {kept} of {len(config['seeds'])} seeds are kept."
    found = {item: together(item, own) for item, own in parts.items() if own}
    return {item: Finding(item, f.verdict, f.text + note) for item, f in found.items()}


def _counts(masks: Sequence[Mask], config: Mapping[str, Any], rows: Sequence[Row], seed: int) -> Finding:
    """Each mask keeps as many weights as the configuration makes it, and as the table says."""
    if config.get("method") != "imp" or config.get("model") not in MODELS:
        return cannot_tell("density", "The configuration does not say how many weights a round removes.")
    slower = config.get("output_fraction")
    layers = {} if slower is None else {output_layer(MODELS[config["model"]](seed=0)): slower}
    for r, (before, mask) in enumerate(pairwise(masks), start=1):
        if config["scope"] == "layerwise":
            wanted = sum(kept_by_layer(before, config["fraction"], layers).values())
        else:
            wanted = before.kept - round(config["fraction"] * before.kept)
        said = [row["density"] for row in rows if row["seed"] == seed and row["round"] == r]
        if mask.kept != wanted:
            return fails(
                "density",
                f"Mask {r} keeps {mask.kept:,} weights, and the configuration makes it {wanted:,}.",
            )
        if any(d != mask.density for d in said):
            return fails(
                "density",
                f"Mask {r} keeps {mask.density:.6f} of the weights, and the table says {said[0]:.6f}.",
            )
    return holds(
        "density",
        f"{masks[-1].kept:,} of {masks[-1].total:,} weights stay in the last of {len(masks)} masks, as configured.",
    )
