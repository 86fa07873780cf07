"""Every figure of the package, drawn from small made-up tables: what tests of their looks go through."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from matplotlib.figure import Figure

import lthkit as lth
from lthkit import evidence, plots
from lthkit.bench import Timing
from tests.plots import sweep_rows as made

STAMP = (
    "lenet-300-100, Fashion-MNIST (embedded, 10,000 images), 5 seeds, at most 3,000 steps, tier laptop, cpu"
)
METHODS = ("SNIP", "GraSP", "SynFlow", "magnitude", "random", "IMP ticket", "SNIP, 10 rounds")


def curve_rows(seeds: int = 5) -> list[dict]:
    return [
        {
            "arm": arm,
            "seed": seed,
            "round": r,
            "density": 0.8**r,
            "test_accuracy": 0.85 + 0.004 * seed - 0.002 * r * (1 + i),
            "accuracy": 0.85 + 0.004 * seed - 0.02 * r * (1 + i),
            "best_step": 900 + 40 * seed + 60 * r * (1 + i),
            "still_improving": arm == "shuffled" and r == 15,
        }
        for i, (arm, rounds) in enumerate(
            {
                "ticket": range(1, 21),
                "shuffled": [7, 15, 20],
                "re-initialised": [7, 15, 20],
                "dense": [0],
            }.items()
        )
        for r in rounds
        for seed in range(seeds)
    ]


def _pruned() -> Figure:
    rows = [row for row in curve_rows(3) if row["arm"] != "dense"]
    return plots.pruned_accuracy(rows, dense=[0.85, 0.86, 0.87], stamp=STAMP)


def _gap() -> Figure:
    rows = [row for row in curve_rows(3) if row["round"] in (7, 15, 20)]
    return plots.paired_gap(rows, "ticket", "shuffled", stamp=STAMP)


def _criteria() -> Figure:
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "round": r,
            "density": 0.05 / r,
            "test_accuracy": 0.87 - 0.004 * i * r + 0.002 * seed * (-1) ** i,
            "still_improving": i == 1,
        }
        for i, arm in enumerate(METHODS)
        for r in (1, 2)
        for seed in range(5)
    ]
    return plots.by_criterion(
        [*rows, *(r for r in curve_rows() if r["arm"] == "dense")],
        title="Seven ways to a sparse network",
        stamp=STAMP,
    )


def _collapse() -> Figure:
    rows = [
        {"arm": arm, "seed": seed, "density": d, "smallest": max(0, round(1000 * d * (5 - i) - 3 * i - seed))}
        for i, arm in enumerate(METHODS)
        for d in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
        for seed in range(3)
    ]
    return plots.collapse_curve(rows, stamp=STAMP)


def _sanity() -> Figure:
    rows = [
        {
            "criterion": name,
            "arm": arm,
            "seed": seed,
            "test_accuracy": 0.8 + 0.01 * j * (i - 1) + 0.002 * seed * j,
        }
        for i, name in enumerate(METHODS[:5])
        for j, arm in enumerate(("as is", "shuffled", "re-initialised"))
        for seed in range(5)
    ]
    return plots.sanity_checks(rows, stamp=STAMP)


def _budget(column: str) -> Figure:
    rows = [
        {
            "arm": arm,
            "budget": b,
            "seed": s,
            "steps": b,
            "gflop": b * (i + 1),
            "test_accuracy": 0.8 + 0.02 * i + b / 1e5 + 0.003 * s,
        }
        for i, arm in enumerate(("SNIP alone", "IMP, 2 rounds", "IMP, 5 rounds", "hybrid"))
        for b in (600, 1500, 3600)
        for s in range(5)
    ]
    return plots.budget_curve(rows, column=column, xlabel="steps", stamp=STAMP)


def _differences() -> Figure:
    gaps = {
        "an early rewind - none, 600 steps": [0.2, 0.5, 0.3, 0.8, 0.6],
        "a long last training": [-0.2, 0.5, 0.3, -0.8, 0.6],
    }
    return plots.paired_differences(gaps, stamp=STAMP)


def _leak() -> Figure:
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "step": step,
            "share": leak * step / 100,
            "size": leak * (step + seed) / 1000,
        }
        for arm, leak in (("mask applied once", 0.98), ("gradients only", 0.3), ("kept by lthkit", 0.0))
        for seed in range(3)
        for step in range(10, 101, 10)
    ]
    return plots.mask_leak(rows, stamp=STAMP)


def _retrained() -> Figure:
    rows = [
        {"arm": arm, "seed": seed, "test_accuracy": 0.8 - 0.01 * i + 0.003 * seed * (-1) ** i}
        for i, arm in enumerate(("rewound to k", "rewound to 0", "fine-tuning", "re-initialised"))
        for seed in range(5)
    ]
    return plots.retrained(rows, against="rewound to k", stamp=STAMP)


def _between() -> Figure:
    paths = {
        name: [[(a / 10, 0.1 + h * a * (10 - a) / 100 + 0.01 * s) for a in range(11)] for s in range(3)]
        for name, h in (("LeNet, SGD 0.1", 0.1), ("LeNet, Adam", 0.4), ("Conv-2, SGD", 1.2))
    }
    return plots.between_networks(paths, title="Between two children of the initialisation", stamp=STAMP)


def _instability() -> Figure:
    rows = [
        {"net": net, "seed": s, "k": k, "barrier": h / (1 + k / 50) + 0.002 * s}
        for net, h in (("LeNet, SGD", 0.01), ("LeNet, Adam", 0.05), ("Conv-2", 0.2))
        for k in (0, 20, 100, 400)
        for s in range(3)
    ]
    return plots.instability(rows, stamp=STAMP)


def _rewound() -> Figure:
    rows = [row | {"arm": {"ticket": "rewound to k"}.get(row["arm"], row["arm"])} for row in curve_rows(3)]
    return plots.rewound(rows, title="ResNet-20: rewound to 0 or to k = 200", stamp=STAMP)


def rescue_rows() -> tuple[list[dict], list[dict]]:
    own, control = ("recorded, ten seeds", "here, five seeds"), "re-initialised, recorded"
    gaps = [
        {"line": line, "seed": s, "k": k, "gap": -1.0 / (1 + k / 20) + 0.1 * s - 0.3 * i}
        for i, line in enumerate(own)
        for k in (0, 50, 250)
        for s in range(5)
    ]
    gaps += [{"line": control, "seed": s, "k": None, "gap": -1.1 + 0.1 * s} for s in range(5)]
    barriers = [
        {"line": line, "seed": s, "k": k, "barrier": 15 / (1 + k / 20) + s + i}
        for i, line in enumerate(own)
        for k in (0, 50, 250)
        for s in range(5)
    ]
    return gaps, barriers


def _rescue() -> Figure:
    return plots.rescue(*rescue_rows(), title="From which step on the ticket is good", stamp=STAMP)


def _distances() -> Figure:
    apart = torch.arange(10.0)
    matrix = (apart[:, None] - apart).abs() / 40
    return plots.mask_distances(
        {"connections, 10 %": matrix, "channels": matrix / 2},
        {"connections, 10 %": 0.18, "channels": 0.4},
        stamp=STAMP,
    )


def _window() -> Figure:
    rows = [
        {"arm": arm, "seed": s, "epoch": e, "worst": 0.5 * null / e + 0.002 * s, "null": null}
        for arm, null in (("connections, 50 %", 0.5), ("connections, 10 %", 0.18), ("channels, 50 %", 0.45))
        for e in range(5, 15)
        for s in range(3)
    ]
    return plots.window_curves(rows, stamp=STAMP)


def _arm_gaps() -> Figure:
    gaps = {
        group: {
            f"early-bird - {other}": evidence.interval([0.1 * i * s - 0.3 for s in range(5)])
            for i, other in enumerate(("late mask", "shuffled", "re-initialised", "dense trained on"))
        }
        for group in ("50 % of the weights", "10 % of the weights")
    }
    return plots.arm_gaps(gaps, stamp=STAMP)


def _break_even() -> Figure:
    rows = [
        {"batch": b, "density": d, "name": n, "seed": s, "ratio": r, "low": 0.9 * r, "high": 1.1 * r}
        for b in (1, 256)
        for n in ("CSR", "compacted")
        for d in (1.0, 0.3, 0.1, 0.03, 0.016)
        for s in range(3)
        for r in [(8 * d**0.7 + 0.1 * s) * (1 if b == 1 else 4) * (1 if n == "CSR" else 0.3)]
    ]
    return plots.break_even(rows, stamp=STAMP)


def _sizes() -> Figure:
    ways = {"dense": 1, "bool mask": 0.6, "CSR": 2.0, "packed bits": 1.03}
    sizes = {
        d: {n: 1.06e6 * (f * d if n != "dense" else 1) for n, f in ways.items()} for d in (1.0, 0.1, 0.016)
    }
    return plots.file_sizes(sizes, stamp=STAMP)


def timings() -> list[Timing]:
    names = ("textbook loop", "data as tensors", "and no copies to the host", "a stack of three", "lth.train")
    return [Timing(n, (0.01 / (i + 1), 0.011 / (i + 1)), (i + 1.0, i + 1.2)) for i, n in enumerate(names)]


def _speed() -> Figure:
    rows = [
        {
            "case": case,
            "name": name,
            "ratio_to": "textbook",
            "ratio": {"median": 1.7 * i + 1, "low": 1.5 * i + 0.9, "high": 1.9 * i + 1.1},
        }
        for case in ("LeNet-300-100, batch 60, one training", "Conv-2, batch 60", "ResNet-20, 10 trainings")
        for i, name in enumerate(("as tensors", "lth.train", "compiled", "stacked", "masked", "side by side"))
    ]
    return plots.speed(rows, stamp=STAMP)


def _predicted() -> Figure:
    points = [
        ("ticket - dense", -2.0, evidence.interval([0.5, 0.7, 0.6, 0.9, 0.4])),
        ("ticket - re-initialised", 1.0, evidence.interval([1.5, 1.7])),
        ("not predicted", None, evidence.interval([1.0, 2.0, 1.4])),
    ]
    return plots.predicted(points, unit="points of test accuracy", stamp=STAMP)


def _predicted_percent() -> Figure:
    points = [("random", 50.0, evidence.interval([80.0, 99.0, 100.0, 100.0], within=evidence.PERCENT))]
    return plots.predicted(points, unit="smallest density (%) that costs two points or less", stamp=STAMP)


def masks(seeds: int = 3) -> dict[str, list[lth.Mask]]:
    """A pattern in the middle that every seed has, and the same shuffled in its layer."""
    found = []
    for seed in range(seeds):
        draw = torch.Generator().manual_seed(seed)
        chance = torch.full((28, 28), 0.02)
        chance[8:20, 8:20] = 0.06
        found.append(lth.Mask({"fc1.weight": torch.rand(300, 784, generator=draw) < chance.reshape(-1)}))
    return {"ticket": found, "shuffled": [m.shuffled(seed=i) for i, m in enumerate(found)]}


def _class_masks() -> Figure:
    classes = ["T-shirt/top", "Trouser", "Sandal", "Bag", "Ankle boot"]
    some = masks(5)
    return plots.class_masks(
        {name: torch.rand(28, 28, generator=torch.Generator().manual_seed(0)) for name in classes},
        {
            "pixels 0 to 1": dict(zip(classes, some["ticket"], strict=True)),
            "normalised": dict(zip(classes, some["shuffled"], strict=True)),
        },
        stamp=STAMP,
    )


def _density() -> Figure:
    model = lth.models.lenet_300_100(seed=0)
    whole = lth.Mask.ones(model)
    made = {n: lth.prune(whole, lth.random(model, seed=i), 0.9) for i, n in enumerate(METHODS[:4])}
    return plots.layer_density(made, stamp=STAMP)


def seed_differences() -> dict[str, list[float]]:
    return {
        f"ticket - {arm}": [mean + 0.5 * math.sin(2.7 * s) for s in range(40)]
        for arm, mean in (("dense", 0.9), ("re-initialised", 0.3), ("dense, other order", 0.0))
    }


def _looks() -> Figure:
    at = list(range(3, 21))
    shares = [0.05 + 0.01 * i for i in range(len(at))]
    return plots.looks(
        {
            "after each seed": (at, shares),
            "once": ([20], [0.05]),
            "each with 5 % / 18": (at, [0.02] * len(at)),
        },
        stamp=STAMP,
    )


def stop_curves() -> dict[str, list[dict]]:
    return {
        arm: [
            {"seed": s, "step": step, "validation_loss": 0.4 + ((step - at - 90 * s) / 3000) ** 2 + 0.003 * s}
            for s in range(6)
            for step in range(100, 2001, 100)
        ]
        for arm, at in (("dense", 900), ("ticket", 500))
    }


def _before_and_after() -> Figure:
    was = torch.randn(784, 300, generator=torch.Generator().manual_seed(0)) * 0.05
    return plots.before_and_after(was, torch.where(was < 0, was, 1.2 * was + 0.01), stamp=STAMP)


def _subset_errors() -> Figure:
    return plots.subset_errors(
        {2: [0.3, 0.2, 0.4], 6: [0.02, 0.03, 0.01], 10: [1e-3, 2e-3, 3e-3]}, stamp=STAMP
    )


def _restarted() -> Figure:
    curves = {f"training {i + 1}": [10 + 70 * (i > 0), *(60 + 4 * j + i for j in range(5))] for i in range(7)}
    return plots.restarted(curves, steps=50, stamp=STAMP)


def _readings() -> Figure:
    return plots.readings([10 + 1.5 * math.sin(i) for i in range(40)], 11.5, stamp=STAMP)


FIGURES: dict[str, Callable[[], Figure]] = {
    "chances": lambda: plots.chances(seed_differences(), stamp=STAMP),
    "looks": _looks,
    "stopping": lambda: plots.stopping(stop_curves(), stamp=STAMP),
    "trade_off": lambda: plots.trade_off(curve_rows(), stamp=STAMP),
    "trade_off of three": lambda: plots.trade_off(curve_rows(3), stamp=STAMP),
    "early_stop": lambda: plots.early_stop(curve_rows(), stamp=STAMP),
    "pruned_accuracy": _pruned,
    "paired_gap": _gap,
    "by_criterion": _criteria,
    "class_masks": _class_masks,
    "collapse_curve": _collapse,
    "sanity_checks": _sanity,
    "budget_curve": partial(_budget, "steps"),
    "budget_curve of prices": partial(_budget, "gflop"),
    "paired_differences": _differences,
    "mask_leak": _leak,
    "retrained": _retrained,
    "between_networks": _between,
    "instability": _instability,
    "rewound": _rewound,
    "rescue": _rescue,
    "mask_distances": _distances,
    "window_curves": _window,
    "arm_gaps": _arm_gaps,
    "break_even": _break_even,
    "file_sizes": _sizes,
    "speed": _speed,
    "speed_steps": lambda: plots.speed_steps(timings(), stamp=STAMP),
    "predicted": _predicted,
    "predicted of percent": _predicted_percent,
    "first_layer": lambda: plots.first_layer(masks(), stamp=STAMP),
    "layer_density": _density,
    "before_and_after": _before_and_after,
    "restarted": _restarted,
    "subset_errors": _subset_errors,
    "readings": _readings,
    "sweep": lambda: plots.sweep(made.sweep_rows(), stamp=STAMP),
    "sweep of few": lambda: plots.sweep(made.sweep_rows(("imp", "one-shot"), models=("lenet",)), stamp=STAMP),
    "sweep of errors": lambda: plots.sweep(made.error_rows(), stamp=STAMP),
    "sweep of holes": lambda: plots.sweep(made.holey_rows(), stamp=STAMP),
    "sweep of many lines": lambda: plots.sweep(made.arm_rows(), stamp=STAMP),
    "sweep of one seed": lambda: plots.sweep(made.sweep_rows(seeds=1), stamp=STAMP),
    "sweep of one density": lambda: plots.sweep(made.sweep_rows(densities=(0.107,)), stamp=STAMP),
    "sweep_matrix": lambda: plots.sweep_matrix(made.sweep_rows(), density=0.055, stamp=STAMP),
    "sweep_matrix of errors": lambda: plots.sweep_matrix(made.error_rows(), stamp=STAMP),
    "sweep_matrix of holes": lambda: plots.sweep_matrix(made.holey_rows(), density=0.018, stamp=STAMP),
    "sweep_matrix of many lines": lambda: plots.sweep_matrix(made.arm_rows(), stamp=STAMP),
    "sweep_matrix of one seed": lambda: plots.sweep_matrix(made.sweep_rows(seeds=1), stamp=STAMP),
    "sweep_costs": lambda: plots.sweep_costs(made.sweep_rows(), stamp=STAMP),
    "sweep_costs of errors": lambda: plots.sweep_costs(made.error_rows(), stamp=STAMP),
    "sweep_costs of holes": lambda: plots.sweep_costs(made.holey_rows(), stamp=STAMP),
    "sweep_costs of many lines": lambda: plots.sweep_costs(made.arm_rows(), stamp=STAMP),
    "samples": lambda: plots.samples(lth.load_data("fashion-mnist")),
}
