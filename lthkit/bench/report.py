"""Run the works that are asked for; the document that holds the results, and its table and description as text."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

import torch

from lthkit.bench import busy, children, kept_only, machine, products, steps, sweeping, whole
from lthkit.bench.rows import TEXTBOOK, Row, Settings
from lthkit.bench.steps import RESIDENT
from lthkit.machine.checks import did_you_mean
from lthkit.machine.devices import resolve_device, tiny_numbers_flushed
from lthkit.machine.load import NOTICED, moment, others_between
from lthkit.machine.tables import Table
from lthkit.storage.records import environment
from lthkit.training.choices import cores

FORMAT = 1
WIDTH = 80
WORKS: dict[str, tuple[str, Callable[[Settings], Iterator[Row]]]] = {
    "lenet": ("LeNet-300-100: a step with a mask", steps.lenet),
    "smallcnn": ("SmallCNN with crop and flip: a step", steps.small),
    "resnet20": ("ResNet-20 with crop and flip: a step", steps.resnet),
    "imp": ("iterative magnitude pruning from end to end", whole.imp_whole),
    "replicates": ("several seeds of a training: in turn, side by side, stacked", whole.replicates),
    "selection": ("an exact global mask from up to 10^8 scores, with peak memory", children.selection),
    "imports": ("from a fresh process to the first update", children.imports),
    "mask": ("a step with a mask beside one without", steps.mask_cost),
    "sparse": ("a ticket trained with its kept weights only beside dense under its mask", kept_only.sparse),
    "saving": ("a search that can go on after a stop beside one that cannot", whole.saving),
    "busy": ("a step beside programs that keep the cores busy", busy.busy),
    "products": ("a step beside its matrix products alone, on one thread", products.products),
    "sweep": ("a grid on two processes beside two plain programs; cells, lists, plans", sweeping.sweep),
}


def run(
    works: Sequence[str] = (),
    *,
    device: str = "auto",
    quick: bool = False,
    settings: Settings | None = None,
    say: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Measure the named works, all of `WORKS` if none is named, and say each table when it is done.

    Args:
        device: "auto", "cpu", "cuda" or "mps".
        quick: a minute or two in all, with few repetitions.
        settings: lengths of your own instead of `quick`'s; its device counts.
        say: takes the lines of the report.

    Returns:
        The document that `lthkit bench --json` writes: plain dictionaries, lists, numbers and text.

    Raises:
        ValueError: a work or device that there is not.
    """
    if unknown := [name for name in works if name not in WORKS]:
        raise ValueError(
            f"There is no work {', '.join(map(repr, unknown))}; expected some of {', '.join(WORKS)}."
            + did_you_mean(unknown[0], WORKS)
        )
    if settings is None:
        settings = Settings(resolve_device(device), textbook=_has_torchvision())
        settings = settings.quick() if quick else settings
    device, begun = str(settings.device), perf_counter()
    names = list(dict.fromkeys(works)) or list(WORKS)
    if not settings.textbook:
        say("torchvision is not installed: the textbook loops are not measured")
    document: dict[str, Any] = {
        "format": FORMAT,
        "quick": quick,
        "device": device,
        "works": names,
        "machine": describe_machine(device),
        "rows": [],
        "peak_memory": {},
        "work_seconds": {},
        "others_use": {},
    }
    say(machine_line(document["machine"]))
    for name in names:
        say(f"\n{textwrap.fill(f'{name}: {WORKS[name][0]}', WIDTH)}")
        rows = _measure(name, settings, document, say)
        say(str(table(rows)))
    compared = [row["agrees"] for row in document["rows"] if row["agrees"] is not None]
    document["agreement"] = all(compared) if compared else None
    document["seconds"] = perf_counter() - begun
    say("\n" + ending(document))
    return document


def _measure(
    name: str, settings: Settings, document: dict[str, Any], say: Callable[[str], object]
) -> list[dict[str, Any]]:
    """The rows of one work; they are in the document then, with its memory, its seconds and what others used.

    say: is told of each part that is measured, if there are more.
    """
    begun, alone = perf_counter(), moment()
    if settings.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(settings.device)
    with tiny_numbers_flushed():  # training turns it on: on for everybody then
        rows: list[dict[str, Any]] = []
        for row in WORKS[name][1](settings):
            if rows and row.case != rows[-1]["case"]:
                say(textwrap.fill(f"measured: {rows[-1]['case']}", WIDTH))
            rows.append(row.plain())
    document["rows"] += rows
    document["peak_memory"][name] = machine.peak_memory(settings.device)
    document["work_seconds"][name] = perf_counter() - begun
    document["others_use"][name] = others_between(alone, moment())
    return rows


def describe_machine(device: str) -> dict[str, Any]:
    """The environment, and the limits that are measured here; speeds in operations and bytes a second."""
    threads = torch.get_num_threads()
    precisions = ["float32", "medium"] + (["bfloat16"] if machine.has_bfloat16(device) else [])
    return {
        "environment": environment(),
        "threads": threads,
        "usable_cores": cores(),
        "matrix_peaks": {p: machine.matrix_peak(device, threads=threads, precision=p) for p in precisions},
        "copy_speed": machine.copy_speed(device),
        "medium_is_float32": machine.medium_is_exact() if device == "cpu" else None,
    }


def machine_line(limits: Mapping[str, Any]) -> str:
    """Processor, versions and limits in a few lines."""
    about = limits["environment"]
    peaks = ", ".join(f"{name} {peak / 1e9:,.0f}" for name, peak in limits["matrix_peaks"].items())
    where = about["processor"] + (f", {about['gpu']}" if about["gpu"] else "")
    text = (
        f"{where}, {limits['threads']} threads, torch {about['torch']}, lthkit {about['lthkit']}. "
        f"Measured limits: matrix products {peaks} GFLOP/s; memory copy "
        f"{limits['copy_speed'] / 1e9:,.0f} GB/s read and written. Medians, quartiles in brackets, of turns that "
        "alternate; 'floor' is how many times the time is of what its matrix products take at that limit (of one "
        "copy of the scores, in selection, where the memory in copies of the scores stands beside it)."
    )
    return textwrap.fill(text, WIDTH)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of a document as text of at most 80 columns: a block for each case, then what was chosen, then the notes."""
    return "\n".join(
        _block([row for row in rows if (row["work"], row["case"]) == key])
        for key in dict.fromkeys((row["work"], row["case"]) for row in rows)
    )


def ending(document: Mapping[str, Any]) -> str:
    """Whether the accuracies agree, what other programs used meanwhile, time and memory."""
    wrong = [f"{r['work']}, {r['case']}, {r['name']}" for r in document["rows"] if r["agrees"] is False]
    lines = []
    if wrong:
        lines.append("ACCURACIES DISAGREE by more than noise, so these times compare different things:")
        lines += [f"  {line}" for line in wrong]
    elif document["agreement"]:
        lines.append("All accuracies agree within 3 binomial standard errors.")
    else:
        lines.append("No accuracies were compared.")
    if others := beside(document):
        lines.append(textwrap.fill(f"Not alone, so times are longer than they would be: {others}.", WIDTH))
    used = [bytes_ for bytes_ in document["peak_memory"].values() if bytes_ is not None]
    memory = f"{max(used) / 2**20:,.0f} MiB" if used else "not measured"
    lines.append(f"{document['seconds']:.0f} s in all; peak memory of this process {memory}")
    return "\n".join(lines)


def beside(document: Mapping[str, Any]) -> str:
    """What other programs used while this was measured, on average over a work; "" if nothing that counts."""
    told = {name: used for name, used in document.get("others_use", {}).items() if (used or 0) > NOTICED}
    if not told:
        return ""
    return f"other programs used {', '.join(f'{used:.1f} cores in {name}' for name, used in told.items())}"


def describe(document: Mapping[str, Any]) -> str:
    """A text alternative for the chart, made from the numbers themselves."""
    parts = [
        f"{row['case']}, {row['name']}: {row['ratio']['median']:.3g}"
        for row in document["rows"]
        if row["ratio"] and row["ratio_to"] == TEXTBOOK
    ]
    return (
        "Dot chart, how many times as fast as the textbook loop, medians with quartiles. "
        + "; ".join(parts)
        + "."
    )


def has_ratios(document: Mapping[str, Any]) -> bool:
    """True if something was compared with the textbook loop, so that there is a chart to draw."""
    return any(row["ratio"] and row["ratio_to"] == TEXTBOOK for row in document["rows"])


def stamp(document: Mapping[str, Any]) -> str:
    """Small print of the chart: processor, threads, versions, repetitions, and what else went on."""
    limits, environment_ = document["machine"], document["machine"]["environment"]
    turns = sorted({row["ratio"]["n"] for row in document["rows"] if row["ratio"]})
    what = (
        f"{turns[0]} to {turns[-1]} turns" if len(turns) > 1 else f"{turns[0]} turns" if turns else "no turns"
    )
    others = f"; {alone}" if (alone := beside(document)) else ""
    machine_ = environment_["gpu"] if document["device"].startswith("cuda") else environment_["processor"]
    return (
        f"{machine_}, {limits['threads']} threads, torch {environment_['torch']}, lthkit {environment_['lthkit']}, "
        f"medians and quartiles of {what}{', quick' if document['quick'] else ''}{others}"
    )


def summary(document: Mapping[str, Any]) -> str:
    """A Markdown table: how many times as fast as the textbook loop, medians with quartiles, for each case."""

    def cell(case: str, name: str) -> str:
        for row in document["rows"]:
            if (row["case"], row["name"], row["ratio_to"]) == (case, name, TEXTBOOK) and row["ratio"]:
                return f"{row['ratio']['median']:.1f} [{row['ratio']['low']:.1f}, {row['ratio']['high']:.1f}]"
        return "–"

    ours = {"replicates": "lthkit, side by side"}
    cases = {
        row["case"]: ours.get(row["work"], "lthkit")
        for row in document["rows"]
        if row["work"] in ("lenet", "smallcnn", "resnet20", "imp", "replicates")
    }
    every = f"lthkit, {document['machine']['threads']} threads"
    lines = [
        "| | `lthkit` | on every core | plain path | textbook step, data in tensors |",
        "|---|---|---|---|---|",
    ]
    for case, name in cases.items():
        cells = [cell(case, which) for which in (name, every, "lthkit, plain path", RESIDENT)]
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return "\n".join(lines)


def exit_status(document: Mapping[str, Any]) -> int:
    """1 if some accuracies disagree, else 0."""
    return 1 if document["agreement"] is False else 0


def _block(rows: Sequence[Mapping[str, Any]]) -> str:
    """One case: a table of what was measured, with the notes on it."""
    table_ = {
        "": [row["name"] for row in rows],
        rows[0]["unit"]: [_number(row["time"]["median"]) if row["time"] else None for row in rows],
        "quartiles": [_quartiles(row["time"]) for row in rows],
        "times as fast": [_number(row["ratio"]["median"]) if row["ratio"] else None for row in rows],
        "its quartiles": [_quartiles(row["ratio"]) for row in rows],
        "floor": [_number(row["floor_multiple"]) if row["floor_multiple"] else None for row in rows],
        "copies": [
            f"{row['memory_copies']:.1f}" if row["memory_copies"] is not None else None for row in rows
        ],
        "accuracy (%)": [_accuracy(row) for row in rows],
    }
    heads = [head for i, head in enumerate(table_) if i < 3 or any(table_[head])]
    cells = zip(*(table_[head] for head in heads), strict=True)
    text = Table(heads, cells, title=rows[0]["case"]).text(WIDTH - 2, "ascii").split("\n")
    text = [line if i == 0 else f"  {line}".rstrip() for i, line in enumerate(text)]
    notes = {f"{row['name']}: {note}": None for row in rows for note in row["notes"]}
    for row in rows:
        if cost := row["cost"]:
            interval = f"[{_number(cost['low'])}, {_number(cost['high'])}], n = {cost['n']}"
            notes[
                f"{row['name']}: {_number(cost['median'])} {interval} times the time of {row['ratio_to']}"
            ] = None
    if odd := {row["ratio_to"] for row in rows} - {None, TEXTBOOK}:
        notes[f"'times as fast' compares with {', '.join(sorted(odd))}"] = None
    for row in rows:
        if row["choice"]:
            notes[f"{row['name']}: {_choice(row)}"] = None
    for note in notes:
        text.append(textwrap.fill(note, WIDTH, initial_indent="  - ", subsequent_indent="    "))
    return "\n".join(text)


def _quartiles(spread: Mapping[str, float] | None) -> str | None:
    return f"[{_number(spread['low'])}, {_number(spread['high'])}]" if spread else None


def _accuracy(row: Mapping[str, Any]) -> str | None:
    if row["accuracy"] is None:
        return None
    return f"{100 * row['accuracy']:.1f}" + (" !!" if row["agrees"] is False else "")


def _choice(row: Mapping[str, Any]) -> str:
    """Threads, workers, and the ways of executing that are in use."""
    choice = row["choice"]
    ways = [name.replace("_", " ") for name, value in choice.items() if value is True]
    workers = row["workers"] or choice["workers"]
    return (
        f"{row['threads']} {'thread' if row['threads'] == 1 else 'threads'}, {workers} side by side, "
        f"{row['precision']}, {', '.join(ways) or 'the plain path'}"
    )


def _number(value: float) -> str:
    """Three digits that count, and no more than there are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 0.01 else f"{value:.2g}"


def _has_torchvision() -> bool:
    return importlib.util.find_spec("torchvision") is not None
