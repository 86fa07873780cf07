"""Exercises of lesson 06, rewinding: what an arm loads, the line between two networks, barriers, stability, a choice."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from statistics import mean, median

import torch
from torch import Tensor

from lthkit import evidence
from lthkit.classroom.exercises.choosing import TABLES, Options, choose, sentences
from lthkit.classroom.exercises.exercise import Case, Exercise, Option, Question, pick, variants

State = Mapping[str, Tensor]
Barriers = Mapping[int, Sequence[float]]


def starting_point(arm: str, k: int, steps: int, tune: int) -> tuple[int, int]:
    """Where a retraining starts: the step of its weights, and the step of the schedule that it begins at.

    Args:
        arm: "weight rewinding", "learning-rate rewinding", "fine-tuning" or "re-initialised".
        k: step to rewind to.
        steps: length of the dense training; its trained weights are those of this step.
        tune: length of a fine-tuning, which is the last part of the schedule.

    Returns:
        (step of the weights, step of the schedule). New random weights count as weights of step 0, and are trained
        with the whole schedule.
    """
    return {
        "weight rewinding": (k, k),
        "learning-rate rewinding": (steps, k),
        "fine-tuning": (steps, steps - tune),
        "re-initialised": (0, 0),
    }[arm]


def interpolate_states(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    """The state dict at `alpha` on the straight line from `a` to `b`: (1 - alpha) a + alpha b.

    Args:
        a, b: state dicts with equal names (in any order), shapes and dtypes; left as they are.
        alpha: 0 is a, 1 is b.

    Returns:
        A new dict of new tensors. Floating-point tensors are interpolated and keep their dtype; all others (counters)
        are copies of those in a, whatever alpha is.
    """
    return {
        name: (1 - alpha) * w + alpha * b[name] if w.is_floating_point() else w.clone()
        for name, w in a.items()
    }


def error_barrier(errors: Sequence[float]) -> float:
    """Highest error on a path, its ends included, minus the mean error of the two ends.

    Args:
        errors: along the path, from the first network to the second; two or more, each from 0 to 1.
    """
    return max(errors) - (errors[0] + errors[-1]) / 2


def smallest_stable_step(barriers: Barriers, threshold: float) -> int | None:
    """The smallest step from which on every measured step is stable.

    A step is stable if the mean of its barriers is below `threshold`.

    Args:
        barriers: step k -> error barriers, one a seed; the steps have no order, and each has its own number of seeds.
        threshold: such as 0.02.

    Returns:
        One of the steps, or None if not even the largest is stable.
    """
    found = None
    for k in sorted(barriers, reverse=True):
        if mean(barriers[k]) >= threshold:
            break
        found = k
    return found


def choose_retraining(options: Options, budget: float) -> str | None:
    """The arm with the fewest steps that is not shown to be worse than the best arm that the budget allows.

    The best arm has the highest mean accuracy of those that take at most `budget` steps. Another one is shown to be
    worse if the 95 % interval of the paired differences, best minus it, lies above 0.

    Args:
        options: arm -> (steps, accuracies); accuracies are in the same order of seeds for every arm.
        budget: the most steps that may be spent.

    Returns:
        An arm, or None if all cost more than the budget.
    """
    allowed = {arm: accuracies for arm, (steps, accuracies) in options.items() if steps <= budget}
    best = max(allowed, key=lambda arm: mean(allowed[arm]), default=None)
    if best is None:
        return None
    able = []
    for arm, accuracies in allowed.items():
        differences = [x - y for x, y in zip(allowed[best], accuracies, strict=True)]
        if evidence.interval(differences).low <= 0:
            able.append(arm)
    return min(able, key=lambda arm: options[arm][0])


# Other right answers, and mistakes that people make


def _start_by_if(arm: str, k: int, steps: int, tune: int) -> tuple[int, int]:
    if arm == "weight rewinding":
        return k, k
    if arm == "learning-rate rewinding":
        return steps, k
    if arm == "fine-tuning":
        return steps, steps - tune
    return 0, 0


def _start_by_parts(arm: str, k: int, steps: int, tune: int) -> tuple[int, int]:
    fresh, trained = arm == "re-initialised", arm in ("learning-rate rewinding", "fine-tuning")
    schedule = 0 if fresh else steps - tune if arm == "fine-tuning" else k
    return (0 if fresh else steps if trained else k), schedule


def _start(arm: str, k: int, steps: int, tune: int, *, mistake: str) -> tuple[int, int]:
    """The right answer but for one arm."""
    wrong = {
        "whole schedule": ("weight rewinding", (k, 0)),
        "always to 0": ("weight rewinding", (0, 0)),
        "weights of 0": ("weight rewinding", (0, k)),
        "0 is false": ("weight rewinding", (k or steps, k)),
        "swapped": ("learning-rate rewinding", (k, steps)),
        "weights of k": ("learning-rate rewinding", (k, k)),
        "rate of 0": ("learning-rate rewinding", (steps, 0)),
        "smaller": ("learning-rate rewinding", (steps, min(k, steps - tune))),
        "no step left": ("fine-tuning", (steps, steps)),
        "length": ("fine-tuning", (steps, tune)),
        "to k": ("fine-tuning", (steps, k)),
        "untrained": ("fine-tuning", (k, steps - tune)),
        "larger": ("fine-tuning", (steps, max(k, steps - tune))),
        "a quarter": ("fine-tuning", (steps, steps * 3 // 4)),
        "all of tune": ("fine-tuning", (steps - tune, steps - tune)),
        "minus": ("fine-tuning", (steps, -tune)),
        "no way back": ("learning-rate rewinding", (steps, steps)),
        "what is left": ("learning-rate rewinding", (steps, steps - k)),
        "left for both": ("weight rewinding", (k, steps - k)),
        "one more": ("fine-tuning", (steps, steps - tune - 1)),
        "one fewer": ("fine-tuning", (steps, steps - tune + 1)),
        "both at k": ("re-initialised", (k, k)),
        "schedule at k": ("re-initialised", (0, k)),
        "step k": ("re-initialised", (k, 0)),
        "trained": ("re-initialised", (steps, 0)),
    }
    own = {key: pair for key, (changed, pair) in wrong.items() if changed == arm}
    place, schedule = pick(mistake, own, starting_point(arm, k, steps, tune))
    return (schedule, place) if mistake == "other order" else (place, schedule)


def _line_with_lerp(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    new = {}
    for name in a:
        new[name] = (
            torch.lerp(a[name], b[name], alpha) if a[name].dtype.is_floating_point else a[name].clone()
        )
    return new


def _line_by_difference(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    new = {name: w.clone() for name, w in a.items()}
    for name, w in new.items():
        if torch.is_floating_point(w):
            w += alpha * (b[name] - w)
    return new


def _line_in_float64(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    new = {}
    for name in sorted(a):
        if torch.is_floating_point(a[name]):
            x, y = a[name].to(torch.float64), b[name].to(torch.float64)
            new[name] = (x - alpha * x + alpha * y).to(a[name].dtype)
        else:
            new[name] = torch.empty_like(a[name]).copy_(a[name])
    return new


def _line(a: State, b: State, alpha: float, *, mistake: str) -> dict[str, Tensor]:
    """The right answer with one thing wrong."""
    if mistake == "shortcut at 0" and alpha == 0:
        return dict(a)
    if mistake == "shortcut at 1" and alpha == 1:
        return {name: w.clone() for name, w in b.items()}
    new = {}
    for name, other in zip(a, b, strict=True):
        w, v = a[name], b[other if mistake == "by order" else name]
        if w.is_floating_point():
            new[name] = _on_the_line(name, w, v, alpha, mistake=mistake)
        elif mistake != "floats only":
            right = (1 - alpha) * w + alpha * v
            counters = {
                "mixed": right,
                "cut": right.to(w.dtype),
                "second": v.clone(),
                "nearer": v.clone() if alpha >= 0.5 else w.clone(),
                "larger": torch.maximum(w, v) if w.dtype != torch.bool else w | v,
                "rounded": right.round().to(w.dtype),
                "shared": w,
            }
            new[name] = pick(mistake, counters, w.clone())
    return new


def _on_the_line(name: str, w: Tensor, v: Tensor, alpha: float, *, mistake: str) -> Tensor:
    right = (1 - alpha) * w + alpha * v
    wrong = {
        "swapped": alpha * w + (1 - alpha) * v,
        "added": w + alpha * v,
        "middle": (w + v) / 2,
        "float32": right.float(),
        "float64": right.double(),
        "by float32": ((1 - alpha) * w.float() + alpha * v.float()).to(w.dtype),
        "by float16": ((1 - alpha) * w.half() + alpha * v.half()).to(w.dtype),
        "float32 only": right if w.dtype == torch.float32 else w.clone(),
        "no float64": right if w.dtype in (torch.float32, torch.float16) else w.clone(),
        "no float16": right if w.dtype in (torch.float32, torch.float64) else w.clone(),
        "no scalars": right if w.dim() > 0 else w.clone(),
        "matrices only": right if w.dim() > 1 else w.clone(),
        "no convolutions": right if w.dim() < 3 else w.clone(),
        "weights only": right if name.endswith(("w", "weight")) else w.clone(),
        "no statistics": w.clone() if name.startswith("running") else right,
        "zeros": right * (w != 0) * (v != 0),
        "equal": w if torch.equal(w, v) else right,
    }
    return pick(mistake, wrong, right)


def _drawn_states(rng: random.Random) -> tuple[dict[str, Tensor], dict[str, Tensor], float]:
    """Two small state dicts and an alpha with few binary digits, so that every way to compute gives the same bits."""
    names = rng.sample(
        ["weight", "bias", "running_mean", "scale", "steps", "flag", "conv", "fc.w"], rng.randint(1, 4)
    )
    a: dict[str, Tensor] = {}
    b: dict[str, Tensor] = {}
    for name in names:
        shape = rng.choice(((), (3,), (2, 3), (2, 1, 2, 2)))
        for state in (a, b):
            numbers = torch.tensor([rng.randint(-32, 32) for _ in range(12)])[
                : max(torch.Size(shape).numel(), 1)
            ]
            state[name] = numbers.reshape(shape)
        kinds = {"steps": torch.int64, "flag": torch.bool}
        kind = kinds.get(name, rng.choice((torch.float32, torch.float32, torch.float64, torch.float16)))
        for state in (a, b):
            state[name] = state[name] > 0 if kind == torch.bool else state[name].to(kind)
            if kind.is_floating_point:
                state[name] = state[name] / 4
    order = rng.sample(names, len(names))
    return a, {name: b[name] for name in order}, rng.randint(0, 8) / 8


def _barrier_step_by_step(errors: Sequence[float]) -> float:
    highest = errors[0]
    for error in errors:
        if error > highest:
            highest = error
    return highest - 0.5 * errors[0] - 0.5 * errors[-1]


def _barrier_sorted(errors: Sequence[float]) -> float:
    ends = [errors[0], errors[len(errors) - 1]]
    return sorted(errors)[-1] - mean(ends)


def _barrier_in_torch(errors: Sequence[float]) -> Tensor:
    path = torch.tensor(errors)
    return path.max() - path[[0, -1]].mean()


def _barrier(errors: Sequence[float], *, mistake: str) -> float:
    """The right answer with one thing wrong: the highest point, what it is compared with, or the difference."""
    first, *inside, last = errors
    if mistake == "inside" and not inside:
        raise ValueError
    along = [i / (len(errors) - 1) for i in range(len(errors))]
    if mistake == "line":
        return max(e - (1 - x) * first - x * last for e, x in zip(errors, along, strict=True))
    tops = {
        "inside": max(inside or errors),
        "middle": errors[len(errors) // 2],
        "inside or 0": max(inside, default=0.0),
        "inside or ends": max(inside or errors),
        "inside, not below 0": max(inside, default=0.0),
        "whole path less ends": mean(errors),
        "median": median(errors),
        "not the last": max(errors[:-1]),
        "not the first": max(errors[1:]),
    }
    compared = {
        "first end": first,
        "last end": last,
        "worse end": max(first, last),
        "better end": min(first, last),
        "lowest": min(errors),
        "whole path": mean(errors),
        "sum": first + last,
        "nothing": 0.0,
        "brackets": first - last / 2,
        "half of the last": first + last / 2,
        "neighbours": (errors[0] + errors[1]) / 2,
    }
    barrier = pick(mistake, tops, max(errors)) - pick(mistake, compared, (first + last) / 2)
    if mistake == "inside, not below 0":
        barrier = max(0.0, barrier)
    results = {
        "two digits": round(barrier, 2),
        "three digits": round(barrier, 3),
        "four digits": round(barrier, 4),
        "five digits": round(barrier, 5),
        "fraction": barrier / ((first + last) / 2),
        "percent": 100 * barrier,
        "sign": -barrier,
    }
    return pick(mistake, results, barrier)


def _stable_by_list(barriers: Barriers, threshold: float) -> int | None:
    ks = sorted(barriers)
    good = [sum(barriers[k]) / len(barriers[k]) < threshold for k in ks]
    return next((k for i, k in enumerate(ks) if all(good[i:])), None)


def _stable_after_the_last_bad(barriers: Barriers, threshold: float) -> int | None:
    bad = [k for k, values in barriers.items() if not mean(values) < threshold]
    return min((k for k in barriers if k > max(bad, default=-1)), default=None)


def _stable(barriers: Barriers, threshold: float, *, mistake: str) -> int | None:
    """The right answer with another measure, another order or another rule."""
    steps = list(barriers)
    if mistake != "given order":
        steps.sort(key=str if mistake == "as words" else None)
    seeds = len(next(iter(barriers.values())))
    measures: dict[str, Callable[[Sequence[float]], float]] = {
        "every seed": max,
        "one seed": min,
        "median": median,
        "one count": lambda values: sum(values) / seeds,
        "percent": lambda values: 100 * mean(values),
        "first seed": lambda values: values[0],
        "last seed": lambda values: values[-1],
        "two seeds": lambda values: mean(values[:2]),
        "slack": lambda values: mean(values) - 0.001,
        "less": lambda values: mean(values) + 0.001,
        "sum": sum,
        "two digits": lambda values: round(mean(values), 2),
        "three digits": lambda values: round(mean(values), 3),
        "four digits": lambda values: round(mean(values), 4),
    }
    usual: Callable[[Sequence[float]], float] = mean
    measure = pick(mistake, measures, usual)
    good = [measure(barriers[k]) < threshold for k in steps]
    if mistake == "equal":
        good = [measure(barriers[k]) <= threshold for k in steps]
    if mistake == "majority":
        good = [sum(x < threshold for x in barriers[k]) > len(barriers[k]) / 2 for k in steps]
    last_bad = max((i for i, g in enumerate(good) if not g), default=-1)
    first_bad = good.index(False) if False in good else -1
    rules = {
        "gaps": [i for i, g in enumerate(good) if g],
        "last": [i for i, g in enumerate(good) if g and good[-1]],
        "next only": [i for i, g in enumerate(good) if g and all(good[i : i + 2])],
        "pooled": [
            i for i in range(len(good)) if mean(x for k in steps[i:] for x in barriers[k]) < threshold
        ],
        "after the first": list(range(first_bad + 1, len(good))),
        "last bad": [last_bad] if last_bad >= 0 else [],
        "last bad or first": [max(last_bad, 0)] if good[-1] else [],
        "largest": [len(good) - 1] if good[-1] else [],
        "from the start": list(range(first_bad if first_bad >= 0 else len(good)))[-1:],
    }
    found = pick(mistake, rules, list(range(last_bad + 1, len(good))))
    answer = next((steps[i] for i in found), None)
    if answer is None:
        return pick(mistake, {"or largest": max(steps), "or 0": 0, "or -1": -1}, None)
    if mistake == "index":
        return steps.index(answer)
    return answer or None if mistake == "0 is none" else answer


def _choose_sorted(options: Options, budget: float) -> str | None:
    arms = sorted((arm for arm in options if options[arm][0] <= budget), key=lambda arm: options[arm][0])
    if not arms:
        return None
    top = max((options[arm][1] for arm in options if arm in arms), key=mean)
    for arm in arms:
        if not evidence.interval([y - x for x, y in zip(top, options[arm][1], strict=True)]).high < 0:
            return arm
    return None


def _choose_in_a_loop(options: Options, budget: float) -> str | None:
    best = found = None
    for arm, (steps, accuracies) in options.items():
        if steps <= budget and (best is None or sum(accuracies) > sum(options[best][1])):
            best = arm
    for arm, (steps, accuracies) in options.items():
        if best is None or steps > budget:
            continue
        band = evidence.interval([x - y for x, y in zip(options[best][1], accuracies, strict=True)])
        if not band.low > 0 and (found is None or steps < options[found][0]):
            found = arm
    return found


def _w(*values: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor(values, dtype=dtype)


_FOUR: Options = {
    "weight rewinding": (900, [0.861, 0.858, 0.865]),
    "learning-rate rewinding": (950, [0.862, 0.857, 0.866]),
    "fine-tuning": (250, [0.841, 0.838, 0.846]),
    "re-initialised": (1000, [0.850, 0.846, 0.855]),
}

EXERCISES = (
    Exercise(
        id="06.1",
        reference=starting_point,
        cases=(
            Case(("weight rewinding", 100, 1000, 250), "Everything goes back to step 100."),
            Case(
                ("learning-rate rewinding", 100, 1000, 250),
                "The weights stay trained; the schedule goes back.",
            ),
            Case(("fine-tuning", 100, 1000, 250), "The last 250 of 1000 steps once more."),
            Case(("re-initialised", 100, 1000, 250), "The weights are new."),
            Case(("weight rewinding", 0, 1000, 250), "Back to the initialisation."),
            Case(("learning-rate rewinding", 0, 1000, 250), "The whole schedule once more."),
            Case(("fine-tuning", 0, 600, 600), "A fine-tuning as long as the training."),
            Case(("fine-tuning", 30, 800, 100), "A short fine-tuning, and k is not 0."),
            Case(("fine-tuning", 900, 1000, 250), "A fine-tuning, and k lies within the last 250 steps."),
            Case(
                ("learning-rate rewinding", 900, 1000, 250),
                "The schedule goes back to k, which lies within the last 250 steps.",
            ),
        ),
        hints=(
            "Ask two questions for each arm: what was the step at which these weights were saved, and how large is the "
            "learning rate of the first update?",
            "Trained weights are those of step `steps`. A fine-tuning of `tune` steps begins `tune` steps before the end.",
            "The four pairs are (k, k), (steps, k), (steps, steps - tune) and (0, 0); a dict or four ifs will do.",
        ),
        misconceptions=variants(
            _start,
            {
                "whole schedule": "You rewind the weights to k but start the schedule at 0; weight rewinding sets both back "
                "to step k.",
                "always to 0": "Your weight rewinding always goes to the initialisation; it goes to step k, and 0 is only "
                "one choice.",
                "weights of 0": "You load the weights of step 0 and start the schedule at k; weight rewinding loads the "
                "weights of step k.",
                "0 is false": "At k = 0 your weight rewinding loads trained weights: Python takes a 0 for false. Step 0 is "
                "a step like any other.",
                "swapped": "You have the pair of learning-rate rewinding the wrong way round: its weights are the trained "
                "ones, and its schedule goes back to k.",
                "weights of k": "Your learning-rate rewinding sets the weights back as well; only the schedule goes back.",
                "rate of 0": "Your learning-rate rewinding always starts the schedule at 0; it starts at step k.",
                "smaller": "Your learning-rate rewinding goes back by `tune` steps at least; `tune` has no part in it.",
                "no step left": "A fine-tuning that starts at the end of the schedule has no step left to do; it repeats "
                "the last `tune` steps.",
                "length": "`tune` is how long the fine-tuning lasts, not the step at which it begins.",
                "to k": "Your fine-tuning goes back to k in the schedule; that is learning-rate rewinding.",
                "untrained": "Your fine-tuning loads the weights of step k; it goes on from the trained ones.",
                "larger": "Your fine-tuning never starts before k; it repeats the last `tune` steps, and k has no part in it.",
                "a quarter": "Your fine-tuning is always a quarter of the training; its length is `tune`.",
                "all of tune": "Your fine-tuning sets the weights back as well; it goes on from the trained weights, those of step "
                "`steps`.",
                "minus": "The schedule of your fine-tuning starts below 0; it starts at steps - tune.",
                "no way back": "Your learning-rate rewinding starts at the end of the schedule; it starts at step k.",
                "what is left": "Your learning-rate rewinding starts the schedule at steps - k, which is how many steps are left; "
                "it starts at step k.",
                "left for both": "Your weight rewinding starts the schedule at steps - k, which is how many steps are left; it "
                "starts at step k.",
                "one more": "Your fine-tuning starts one step too early, and does one step more than `tune`.",
                "one fewer": "Your fine-tuning starts one step too late, and does one step fewer than `tune`.",
                "both at k": "Your re-initialised control starts at step k; new weights have not been trained, so it "
                "starts at 0.",
                "schedule at k": "The re-initialised control skips the first k steps of its schedule; it is trained with "
                "the whole one.",
                "step k": "You count the new weights as weights of step k; they have not been trained, so theirs is step 0.",
                "trained": "Your re-initialised control loads the trained weights; its weights are new and count as step 0.",
                "other order": "You return the two steps in the other order; the step of the weights comes first.",
            },
        ),
        alternatives=(_start_by_if, _start_by_parts),
        difficulty="easy",
        lines=6,
        minutes=6,
        absent={"ties": "nothing is compared or chosen"},
    ),
    Exercise(
        id="06.2",
        reference=interpolate_states,
        cases=(
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 0.0)}, 0.25), "A quarter of the way from a to b."),
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 1.0)}, 0.0), "At 0 it is a."),
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 1.0)}, 1.0), "At 1 it is b."),
            Case(({"w": _w(3.0)}, {"w": _w(3.0)}, 0.5), "The two ends are equal."),
            Case(
                ({"n": torch.tensor(1)}, {"n": torch.tensor(9)}, 1.0),
                "At 1, and the tensor holds an integer.",
            ),
            Case(
                ({"w": _w(0.0), "b": _w(10.0)}, {"b": _w(10.0), "w": _w(4.0)}, 0.5),
                "b has the same names in another order.",
            ),
            Case(
                (
                    {"w": torch.tensor([[1.0, -2.0], [0.0, 4.0]]), "b": _w(-1.0, 3.0)},
                    {"w": torch.tensor([[-3.0, -2.0], [0.0, 0.0]]), "b": _w(1.0, 1.0)},
                    0.75,
                ),
                "Two tensors. A weight that is 0 at one end only is not 0 in between.",
            ),
            Case(
                (
                    {"w": _w(1.0), "running_mean": _w(2.0), "count": torch.tensor(11)},
                    {"w": _w(3.0), "running_mean": _w(6.0), "count": torch.tensor(20)},
                    0.75,
                ),
                "A running mean is a float and is interpolated; the counter is an integer and is that of a.",
            ),
            Case(
                (
                    {"w": _w(1.0), "count": torch.tensor(20), "seen": torch.tensor(3)},
                    {"w": _w(3.0), "count": torch.tensor(11), "seen": torch.tensor(7)},
                    0.25,
                ),
                "Two counters, of which one is larger in a and one in b.",
            ),
            Case(
                (
                    {"w": _w(1.0, -0.5, dtype=torch.float16), "flag": torch.tensor([True, False])},
                    {"w": _w(2.0, 0.5, dtype=torch.float16), "flag": torch.tensor([True, True])},
                    0.5,
                ),
                "float16 stays float16; a bool is no float.",
                point=True,
            ),
            Case(
                ({"scale": torch.tensor(2.0)}, {"scale": torch.tensor(6.0)}, 0.75),
                "A float tensor without dimensions.",
            ),
            Case(
                (
                    {"w": _w(16777217.0, -1.0, dtype=torch.float64)},
                    {"w": _w(-16777216.0, 2.0, dtype=torch.float64)},
                    0.5,
                ),
                "float64: half-way between 16777217 and -16777216 is 0.5.",
            ),
            Case(
                ({"w": _w(1.0, dtype=torch.float64)}, {"w": _w(2.0, dtype=torch.float64)}, 0.3),
                "float64, and an alpha that float32 does not have.",
            ),
            Case(
                ({"w": _w(4097.0)}, {"w": _w(-4096.0)}, 0.5),
                "float32: half-way between 4097 and -4096 is 0.5.",
            ),
            Case(
                (
                    {"conv.weight": torch.arange(12.0).reshape(2, 1, 3, 2)},
                    {"conv.weight": torch.arange(12.0).reshape(2, 1, 3, 2) * -2},
                    0.25,
                ),
                "The weights of a convolution have four dimensions.",
            ),
            Case(
                ({"w": torch.zeros(0, 3), "b": _w(1.0)}, {"w": torch.zeros(0, 3), "b": _w(3.0)}, 0.5),
                "One tensor has no entries.",
            ),
            Case(({}, {}, 0.5), "No tensors at all."),
        ),
        hints=(
            "A state dict holds weights, running statistics and counters. Which of them have a value half-way?",
            "Go through the names of a. tensor.is_floating_point() says whether a tensor can be interpolated.",
            "(1 - alpha) * a[name] + alpha * b[name] if it is floating point, else a[name].clone(); put it into a new dict.",
        ),
        misconceptions=variants(
            _line,
            {
                "swapped": "You have the two ends the wrong way round: alpha 0 is a, and alpha 1 is b.",
                "added": "You add alpha times b to the whole of a; what b gains, a must lose: (1 - alpha) times a.",
                "middle": "This is the point in the middle whatever alpha is; weigh the two ends by alpha.",
                "by order": "You pair the tensors by their places in the two dicts; pair them by name.",
                "mixed": "You interpolate integers too, and they become floats; a tensor that is not floating point is a "
                "copy of a's.",
                "cut": "You interpolate integers and cut the fraction off; a tensor that is not floating point is a copy "
                "of a's.",
                "larger": "You take the larger of the two counters; they come from a.",
                "rounded": "You interpolate integers and round them; a tensor that is not floating point is a copy of a's.",
                "second": "You take the counters from b; they are to come from a.",
                "shortcut at 1": "At alpha 1 you return a copy of b with its counters; counters come from a for every alpha.",
                "shortcut at 0": "At alpha 0 you return the tensors of a themselves, in a new dict; copy them.",
                "shared": "You put the counters of a themselves into the result; copy them, as an update would change both.",
                "equal": "Where a and b are equal you put the tensor of a itself into the result; copy it.",
                "floats only": "You leave out what is not floating point; the result has all names of a.",
                "float32": "Your result is float32; a tensor keeps the dtype that it has in the state dict.",
                "float32 only": "You interpolate float32 only; float16 and the others are floating point, too.",
                "weights only": "You interpolate the weights and leave biases or running statistics as they are in a; every "
                "float is interpolated.",
                "no statistics": "You leave the running statistics as they are in a; they are floats and are interpolated.",
                "zeros": "You set to 0 what is 0 at one end; on the line it is alpha times the value at the other end.",
                "float64": "Your result is float64; a tensor keeps the dtype that it has in the state dict.",
                "by float32": "You compute in float32; a float64 tensor is interpolated with all its digits.",
                "by float16": "You compute in float16, which has only three or four digits; keep the type of the tensor.",
                "no float64": "You interpolate float32 and float16 only; float64 is floating point, too.",
                "no float16": "You interpolate float32 and float64 only; float16 is floating point, too.",
                "no scalars": "You leave tensors without dimensions as they are in a; they are interpolated if they are floats.",
                "matrices only": "You interpolate tensors of two dimensions or more; biases and running statistics are "
                "interpolated too.",
                "no convolutions": "You leave tensors of three dimensions or more as they are in a; every float is interpolated.",
                "nearer": "You take the counters of the nearer end; they come from a for every alpha.",
            },
        ),
        alternatives=(_line_with_lerp, _line_by_difference, _line_in_float64),
        difficulty="medium",
        lines=4,
        minutes=10,
        fresh=True,
        vary=_drawn_states,
        told={
            "0-D, 1-D, 2-D, 4-D, empty tensor": "tensors of any shape",
            "float16, float64": "floating-point tensors",
            "empty dict": "Two state dicts without tensors",
        },
        absent={
            "NaN": "the weights of a trained network are finite",
            "ties": "nothing is compared or chosen",
        },
    ),
    Exercise(
        id="06.3",
        reference=error_barrier,
        cases=(
            Case(([0.1, 0.3, 0.1],), "A hill in the middle, equal ends."),
            Case(([0.1, 0.5, 0.3],), "The ends differ: their mean is 0.2."),
            Case(([0.2, 0.2, 0.2],), "Flat."),
            Case(([0.1, 0.1234567, 0.1],), "A low hill."),
            Case(([0.1, 0.2, 0.6, 0.2, 0.3, 0.1],), "The top of the hill is not in the middle."),
            Case(([0.3, 0.1, 0.3],), "A valley: nothing on the path is higher than its ends."),
            Case(([0.3, 0.2, 0.1],), "It falls all the way, so that the highest point is an end."),
            Case(([0.4, 0.5, 0.2, 0.1],), "The ends differ, and the top is near the higher one."),
            Case(([0.2, 0.4],), "Two points: only the ends."),
            Case(([0.1, 0.4, 0.4, 0.3],), "The highest error is there twice."),
            Case(([0.104, 0.304, 0.104],), "Errors with three digits, and a barrier with one."),
            Case(([0.3, 0.31, 0.32, 0.2, 0.1],), "A low hill near the higher end."),
        ),
        hints=(
            "How far does the highest point of the path rise above its ends?",
            "The two ends may differ: compare with the number half-way between them. The ends are points of the path, too.",
            "max(errors) - (errors[0] + errors[-1]) / 2.",
        ),
        misconceptions=variants(
            _barrier,
            {
                "first end": "You compare with the first end only; compare with the mean of both ends.",
                "worse end": "You compare with the worse of the two ends; compare with their mean.",
                "better end": "You compare with the better of the two ends; compare with their mean.",
                "lowest": "You subtract the lowest error of the path; subtract the mean of the two ends.",
                "whole path": "You subtract the mean of the whole path; subtract the mean of its two ends.",
                "middle": "You look at the middle of the path; the highest point may lie elsewhere.",
                "inside": "You leave the ends out of the path; they belong to it, and of two points nothing would be left.",
                "inside or 0": "You leave the ends out of the path; they belong to it, so that a barrier is never negative.",
                "inside or ends": "You leave the ends out of a path of three points or more; they belong to every path.",
                "inside, not below 0": "You leave the ends out of the path and write 0 for what is negative; with the ends "
                "on the path a barrier is never negative.",
                "sum": "You subtract the sum of the two ends; subtract their mean, half of the sum.",
                "line": "You compare each point with the straight line between the two ends. Some papers do; here all are "
                "compared with one number, the mean of the ends.",
                "last end": "You compare with the last end only; compare with the mean of both ends.",
                "whole path less ends": "You take the mean of the path; take its highest point.",
                "median": "You take the median of the path; take its highest point.",
                "nothing": "This is the highest error of the path; subtract the mean error of its two ends.",
                "percent": "This is 100 times the barrier; errors and barrier are fractions.",
                "sign": "You subtract the other way round; the barrier is the highest error minus the mean of the ends.",
                "two digits": "You round the result to two digits; a small barrier is then lost.",
                "three digits": "You round the result to three digits; return it as it is.",
                "four digits": "You round the result to four digits; return it as it is.",
                "five digits": "You round the result to five digits; return it as it is.",
                "fraction": "You divide by the mean of the ends; the barrier is the difference itself.",
                "not the last": "You leave the last point out of the path; both ends belong to it.",
                "not the first": "You leave the first point out of the path; both ends belong to it.",
                "brackets": "Brackets are missing: you subtract the first end and add half of the last. Subtract "
                "(first + last) / 2.",
                "half of the last": "Brackets are missing: you halve the last end only. Subtract (first + last) / 2.",
                "neighbours": "You take the mean of the first two points; take that of the first and the last.",
            },
        ),
        alternatives=(_barrier_step_by_step, _barrier_sorted, _barrier_in_torch),
        difficulty="easy",
        lines=1,
        minutes=4,
        absent={
            "empty list": "the text says two points or more",
            "NaN": "an error is a fraction from 0 to 1",
            "ties": "the place of the highest error has no part in the result",
        },
    ),
    Exercise(
        id="06.4",
        reference=smallest_stable_step,
        cases=(
            Case(({0: [0.2], 100: [0.01]}, 0.02), "Unstable at 0, stable at 100."),
            Case(({0: [0.01], 100: [0.005]}, 0.02), "Stable from the start."),
            Case(({0: [0.3], 100: [0.1]}, 0.02), "Stable nowhere: the answer is None."),
            Case(({0: [0.2], 100: [0.015, 0.015]}, 0.02), "One seed at step 0, two seeds at step 100."),
            Case(
                ({0: [0.2, 0.3], 50: [0.03, 0.005], 200: [0.01, 0.01]}, 0.02),
                "Two seeds: the mean decides. At 50 it is 0.0175.",
            ),
            Case(
                ({0: [0.2, 0.2, 0.2], 50: [0.01, 0.01, 0.05], 200: [0.01, 0.0, 0.01]}, 0.02),
                "Three seeds. At 50 the mean is above the threshold, because of one of them.",
            ),
            Case(
                ({0: [0.005, 0.1, 0.1], 100: [0.0, 0.0, 0.0]}, 0.02), "At 0 one seed of three has no barrier."
            ),
            Case(
                ({0: [0.015], 20: [0.05], 100: [0.01], 400: [0.0]}, 0.02),
                "Stable at 0, unstable at 20: a gap.",
                point=True,
            ),
            Case(
                ({0: [0.01], 20: [0.01], 100: [0.05], 400: [0.0]}, 0.02),
                "Stable at 0 and at 20, unstable at 100.",
            ),
            Case(({0: [0.3], 10: [0.01], 500: [0.04]}, 0.02), "Not stable at the largest step."),
            Case(({400: [0.0], 0: [0.2], 100: [0.01], 20: [0.05]}, 0.02), "The steps are in no order."),
            Case(({20: [0.05], 0: [0.2], 400: [0.0], 100: [0.01]}, 0.02), "In another order."),
            Case(
                ({0: [0.5], 100: [0.25], 200: [0.125]}, 0.25),
                "A mean equal to the threshold is not below it.",
                tags=("limit",),
            ),
            Case(({7: [0.0]}, 0.02), "One step only."),
            Case(({7: [0.1]}, 0.02), "One step only, and it is not stable."),
            Case(({0: [0.1], 50: [0.0203], 100: [0.01]}, 0.02), "0.0203 is not below the threshold of 0.02."),
            Case(({0: [0.1], 50: [0.03], 100: [0.0193]}, 0.02), "0.0193 is below the threshold of 0.02."),
            Case(
                ({0: [0.1, 0.1], 50: [0.03, 0.021], 100: [0.01, 0.01]}, 0.02),
                "At 50 both seeds are above the threshold, one by little.",
            ),
            Case(
                ({0: [0.2, 0.2, 0.2], 50: [0.01, 0.05, 0.01], 100: [0.01, 0.0, 0.01]}, 0.02),
                "At 50 the second of three seeds is far above the threshold, and the mean is 0.0233.",
            ),
            Case(({0: [0.1], 50: [0.03], 100: [0.019996]}, 0.02), "0.019996 is below the threshold of 0.02."),
            Case(({0: [0.1], 50: [0.0297], 100: [0.01]}, 0.03), "0.0297 is below the threshold of 0.03."),
            Case(({0: [0.1], 50: [0.02998], 100: [0.01]}, 0.03), "0.02998 is below the threshold of 0.03."),
            Case(
                ({0: [0.3, 0.2], 50: [0.0, 0.05], 100: [0.03, 0.0]}, 0.02),
                "At 50 the second seed is unstable, at 100 the first; the means are 0.025 and 0.015.",
            ),
            Case(
                ({0: [0.3, 0.2], 50: [0.05, 0.0], 100: [0.0, 0.03]}, 0.02),
                "At 50 the first seed is unstable, at 100 the second; the means are 0.025 and 0.015.",
            ),
        ),
        hints=(
            "Walk from the largest step to the smallest. When do you stop?",
            "Stop at the first step whose mean barrier is not below the threshold; the answer is the step that you saw before it.",
            "found = None; for k in sorted(barriers, reverse=True): break if the mean is not below; found = k.",
        ),
        misconceptions=variants(
            _stable,
            {
                "gaps": "This is the smallest step that is stable, beyond gaps too; every larger measured step must be "
                "stable as well.",
                "last": "You look at the largest step and at the smallest stable one; every step between them must be "
                "stable as well.",
                "next only": "You look one step ahead; every larger measured step must be stable, not only the next.",
                "after the first": "This is the step after the first one that is not stable; look for the last such one.",
                "last bad": "This is the largest step that is not stable; the answer is the next larger one.",
                "last bad or first": "This is the largest step that is not stable, if a larger one is; the answer is that "
                "larger one.",
                "pooled": "You take one mean over a step and all larger ones; each step must be stable by itself.",
                "every seed": "You ask that every seed is below the threshold; the mean over seeds decides.",
                "one seed": "You are content if one seed is below the threshold; the mean over seeds decides.",
                "majority": "You ask that most seeds are below the threshold; the mean over seeds decides.",
                "median": "You take the median over seeds; the mean decides.",
                "one count": "You divide every sum by the number of seeds of the first step; each step has its own number.",
                "equal": "You count a mean equal to the threshold as stable; it must lie below.",
                "given order": "You walk through the steps in the order of the dict; sort them first.",
                "as words": "You sort the steps as text, where 200 stands before 50; sort them as numbers.",
                "percent": "Your means are 100 times too large for the threshold; barriers and threshold are both fractions.",
                "first seed": "You look at the first seed only; the mean over seeds decides.",
                "last seed": "You look at the last seed only; the mean over seeds decides.",
                "two seeds": "You look at the first two seeds only; all seeds count.",
                "slack": "You allow 0.001 above the threshold; a mean must lie below it.",
                "less": "You ask for 0.001 below the threshold; any mean below it is stable.",
                "sum": "You compare the sum over seeds with the threshold; the mean decides.",
                "two digits": "You round the means to two digits, and one just below the threshold may reach it; compare them "
                "as they are.",
                "three digits": "You round the means to three digits, and one just below the threshold may reach it; compare "
                "them as they are.",
                "four digits": "You round the means to four digits, and one just below the threshold may reach it; compare "
                "them as they are.",
                "largest": "This is the largest measured step, if it is stable; a smaller one may be stable too.",
                "from the start": "You begin at the smallest step and stop at the first unstable one; begin at the largest.",
                "or largest": "Where not even the largest step is stable you return the largest; return None.",
                "or 0": "Where not even the largest step is stable you return 0; return None.",
                "or -1": "Where not even the largest step is stable you return -1; return None.",
                "index": "This is the place of the step in the sorted list; return the step itself.",
                "0 is none": "You return None for step 0, because Python takes a 0 for false; ask `is None` instead.",
            },
        ),
        alternatives=(_stable_by_list, _stable_after_the_last_bad),
        difficulty="medium",
        lines=6,
        minutes=10,
        told={"limit": "A mean equal to the threshold is not below it"},
        absent={
            "empty list": "the text says one or more seeds",
            "empty dict": "the text names no empty dict",
            "NaN": "a barrier is a difference of two errors, which are finite",
            "ties": "the steps are the keys of a dict, so no two are equal",
        },
    ),
    Exercise(
        id="06.5",
        reference=choose_retraining,
        cases=(
            *(Case((t.options, t.budget), t.note, t.tags, t.point) for t in TABLES),
            Case((_FOUR, 1000), "Four arms; the budget allows all of them."),
            Case((_FOUR, 900), "A budget of exactly 900 steps."),
        ),
        hints=(
            "First leave out what costs too much. Which of the rest has the highest mean?",
            "For each arm of the rest take the differences best minus it, seed by seed, and look at evidence.interval(...).low.",
            "Keep the arms whose low is not above 0 (the best itself is one of them), and return the one with the fewest steps.",
        ),
        misconceptions=variants(choose, sentences("arm")),
        alternatives=(_choose_sorted, _choose_in_a_loop),
        difficulty="hard",
        lines=10,
        minutes=15,
        told={"ties": "of equally good ones the first", "limit": "at most budget"},
        absent={
            "empty list": "the text says two seeds or more",
            "empty dict": "the text names no empty table",
            "NaN": "accuracies are finite, and so is the interval of two seeds",
        },
    ),
)

QUESTIONS = (
    Question(
        id="06.Q1",
        text="You load the trained weights and set the learning-rate schedule back to step k. What is this called?",
        options=(
            Option(
                "Fine-tuning",
                False,
                "Fine-tuning goes on at the last, smallest learning rate; here the rate is that of step k again.",
            ),
            Option(
                "Weight rewinding",
                False,
                "Weight rewinding loads the weights of step k; here the weights are those of the end.",
            ),
            Option(
                "Learning-rate rewinding",
                True,
                "Only the learning rate (and with it the number of steps) goes back. The weights stay as trained.",
            ),
        ),
    ),
    Question(
        id="06.Q2",
        text="Learning-rate rewinding takes the weights of step T and the schedule of step k. Which optimizer state does "
        "`lth.retrain` load for it?",
        options=(
            Option(
                "None: the momentum starts at 0",
                True,
                "No state was saved for this pair of weights and step, so `lth.retrain` begins with a new one.",
            ),
            Option(
                "That of step T, because it belongs to the weights",
                False,
                "It belongs to the weights, but it was made at the smallest rate; here the rate is large again. "
                "`lth.retrain` does not load it.",
            ),
            Option(
                "That of step k, because it belongs to the schedule",
                False,
                "Its momentum points where the weights of step k were going. These weights are elsewhere.",
            ),
        ),
    ),
    Question(
        id="06.Q3",
        text="Both arms need the dense training of T steps, which finds the mask. Then the arm that is rewound to 0 "
        "retrains T steps, and the arm that is rewound to k retrains T - k. Which costs less in all?",
        options=(
            Option(
                "The arm that is rewound to 0",
                False,
                "It begins earlier in the schedule, so it retrains k steps more.",
            ),
            Option(
                "The arm that is rewound to k, by k updates",
                True,
                "The dense training is paid in both arms, and its step k costs nothing extra. Yet each weight that is "
                "kept has had T updates in both arms: neither final network has been trained less.",
            ),
            Option(
                "Neither: the k dense steps must be added",
                False,
                "They are part of the T dense steps, which both arms need for the mask; they are counted already.",
            ),
        ),
    ),
    Question(
        id="06.Q4",
        text="Two children of one checkpoint have a barrier of 0.001, one tenth of a point. What may you conclude?",
        options=(
            Option(
                "Along the line between them the error stays low",
                True,
                "That is all it says: the two lie in one valley, at least in this direction.",
            ),
            Option(
                "Their weights are nearly equal",
                False,
                "They may be far apart. The barrier speaks of the error between them, not of their distance.",
            ),
            Option(
                "Training from this checkpoint ends at the least error there is",
                False,
                "Two networks in one poor valley have no barrier either.",
            ),
        ),
    ),
    Question(
        id="06.Q5",
        text="A mask was found by training to the end. Rewound to 0, the network is unstable: other data orders lead to "
        "other valleys. Why should that harm the ticket?",
        options=(
            Option(
                "The mask has the wrong number of weights",
                False,
                "The count is the same in every arm, so it cannot be the cause of a difference between them.",
            ),
            Option(
                "Weights of step 0 are random, and random weights cannot be trained",
                False,
                "Every dense network starts from random weights.",
            ),
            Option(
                "The mask was made in one valley, and the new training need not end in that one",
                True,
                "This is the explanation that Frankle et al. (2020) propose. It fits their data; it is not a proof.",
            ),
        ),
    ),
)
