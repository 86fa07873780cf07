"""Exercises of lesson 06, rewinding: what an arm loads, the line between two networks, barriers, stability, a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, median

import torch
from torch import Tensor

from lthkit import analysis
from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question

State = Mapping[str, Tensor]
Barriers = Mapping[int, Sequence[float]]
Options = Mapping[str, tuple[int, Sequence[float]]]


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
        a, b: state dicts with equal names, shapes and dtypes; left as they are.
        alpha: 0 is a, 1 is b.

    Returns:
        A new dict, names in the order of a. Floating-point tensors are interpolated and keep their dtype; all others
        (counters) are copies of those in a.
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
        barriers: step k -> error barriers, one a seed; the steps have no order.
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


def choose_retraining(options: Options, budget: int) -> str | None:
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
        if analysis.interval(differences).low <= 0:
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


def _start(
    arm: str,
    k: int,
    steps: int,
    tune: int,
    *,
    changed: Mapping[str, tuple[int, int]],
) -> tuple[int, int]:
    """The right answer but for the arms in `changed`."""
    return changed.get(arm) or starting_point(arm, k, steps, tune)


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


def _line(a: State, b: State, alpha: float, *, whole: str = "first", only: str = "") -> dict[str, Tensor]:
    """The right answer with another treatment of whole numbers, or of what is no weight."""
    new = {}
    for name, w in a.items():
        mixed = (1 - alpha) * w + alpha * b[name]
        if not w.is_floating_point():
            mixed = {
                "first": w,
                "mixed": mixed,
                "cut": mixed.to(w.dtype),
                "second": b[name],
                "near": w if alpha < 0.5 else b[name],
            }[whole].clone()
        elif only and not name.endswith(only):
            mixed = w.clone()
        new[name] = mixed
    return new


def _line_swapped(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    return {n: alpha * w + (1 - alpha) * b[n] if w.is_floating_point() else w.clone() for n, w in a.items()}


def _line_added(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    return {n: w + alpha * b[n] if w.is_floating_point() else w.clone() for n, w in a.items()}


def _line_middle(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    return {n: (w + b[n]) / 2 if w.is_floating_point() else w.clone() for n, w in a.items()}


def _line_in_float32(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    return {
        n: (1 - alpha) * w.float() + alpha * b[n].float() if w.is_floating_point() else w.clone()
        for n, w in a.items()
    }


def _line_keeping_zeros(a: State, b: State, alpha: float) -> dict[str, Tensor]:
    return {n: w * (a[n] != 0) * (b[n] != 0) for n, w in interpolate_states(a, b, alpha).items()}


def _barrier_step_by_step(errors: Sequence[float]) -> float:
    highest = errors[0]
    for error in errors:
        if error > highest:
            highest = error
    return highest - 0.5 * errors[0] - 0.5 * errors[-1]


def _barrier_sorted(errors: Sequence[float]) -> float:
    ends = [errors[0], errors[len(errors) - 1]]
    return sorted(errors)[-1] - mean(ends)


def _stable_by_list(barriers: Barriers, threshold: float) -> int | None:
    ks = sorted(barriers)
    good = [sum(barriers[k]) / len(barriers[k]) < threshold for k in ks]
    return next((k for i, k in enumerate(ks) if all(good[i:])), None)


def _stable_after_the_last_bad(barriers: Barriers, threshold: float) -> int | None:
    bad = [k for k, values in barriers.items() if not mean(values) < threshold]
    return min((k for k in barriers if k > max(bad, default=-1)), default=None)


def _stable_from(barriers: Barriers, threshold: float, *, by: str = "mean") -> int | None:
    found = None
    for k in sorted(barriers, reverse=True):
        values = barriers[k]
        value = {"mean": mean(values), "max": max(values), "min": min(values), "median": median(values)}[by]
        if value >= threshold:
            break
        found = k
    return found


def _stable_first(barriers: Barriers, threshold: float) -> int | None:
    return min((k for k, values in barriers.items() if mean(values) < threshold), default=None)


def _stable_ties(barriers: Barriers, threshold: float) -> int | None:
    return min(
        (k for k in barriers if all(mean(barriers[j]) <= threshold for j in barriers if j >= k)), default=None
    )


def _stable_in_given_order(barriers: Barriers, threshold: float) -> int | None:
    found = None
    for k in reversed(list(barriers)):
        if mean(barriers[k]) >= threshold:
            break
        found = k
    return found


def _stable_last_bad(barriers: Barriers, threshold: float) -> int | None:
    return max((k for k, values in barriers.items() if mean(values) >= threshold), default=None)


def _stable_in_points(barriers: Barriers, threshold: float) -> int | None:
    return smallest_stable_step(barriers, threshold / 100)


def _choose_sorted(options: Options, budget: int) -> str | None:
    arms = sorted((arm for arm in options if options[arm][0] <= budget), key=lambda arm: options[arm][0])
    if not arms:
        return None
    top = options[max(arms, key=lambda arm: mean(options[arm][1]))][1]
    for arm in arms:
        if not analysis.interval([y - x for x, y in zip(top, options[arm][1], strict=True)]).high < 0:
            return arm
    return None


def _choose_in_a_loop(options: Options, budget: int) -> str | None:
    best = found = None
    for arm, (steps, accuracies) in options.items():
        if steps <= budget and (best is None or sum(accuracies) > sum(options[best][1])):
            best = arm
    for arm, (steps, accuracies) in options.items():
        if best is None or steps > budget:
            continue
        band = analysis.interval([x - y for x, y in zip(options[best][1], accuracies, strict=True)])
        if not band.low > 0 and (found is None or steps < options[found][0]):
            found = arm
    return found


def _choose(options: Options, budget: int, *, rule: str) -> str | None:
    """The right answer with another rule for who is out."""
    allowed = {arm: accs for arm, (steps, accs) in options.items() if steps <= budget}
    pool = {arm: accs for arm, (_, accs) in options.items()} if rule == "any best" else allowed
    if not allowed:
        return None
    best = max(pool, key=lambda arm: mean(pool[arm]))
    able = []
    for arm, accs in allowed.items():
        band = analysis.interval([x - y for x, y in zip(pool[best], accs, strict=True)])
        mine, top = analysis.interval(accs), analysis.interval(pool[best])
        out = {
            "any best": band.low > 0,
            "overlap": mine.high < top.low,
            "points": band.mean > 0.005,
            "reversed": band.low <= 0 and arm != best,
        }[rule]
        if not out:
            able.append(arm)
    return min(able, key=lambda arm: options[arm][0], default=None)


def _choose_best(options: Options, budget: int) -> str | None:
    return max(
        (arm for arm in options if options[arm][0] <= budget),
        key=lambda arm: mean(options[arm][1]),
        default=None,
    )


def _choose_cheapest(options: Options, budget: int) -> str | None:
    return min(
        (arm for arm in options if options[arm][0] <= budget), key=lambda arm: options[arm][0], default=None
    )


def _choose_below(options: Options, budget: int) -> str | None:
    return choose_retraining(options, budget - 1)


def _choose_without_budget(options: Options, budget: int) -> str | None:
    return choose_retraining(options, max(steps for steps, _ in options.values()))


def _w(*values: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor(values, dtype=dtype)


_FOUR: dict[str, tuple[int, Sequence[float]]] = {
    "weight rewinding": (900, [0.861, 0.858, 0.865]),
    "learning-rate rewinding": (950, [0.862, 0.857, 0.866]),
    "fine-tuning": (250, [0.841, 0.838, 0.846]),
    "re-initialised": (1000, [0.850, 0.846, 0.855]),
}
_UNEVEN: dict[str, tuple[int, Sequence[float]]] = {
    "a": (400, [0.80, 0.90, 0.85]),
    "b": (100, [0.79, 0.89, 0.84 - 0.0005]),
    "c": (300, [0.84, 0.83, 0.86]),
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
            Case(("re-initialised", 100, 1000, 250), "New weights know no step 100."),
            Case(("weight rewinding", 0, 1000, 250), "Back to the initialisation."),
            Case(("learning-rate rewinding", 0, 1000, 250), "The whole schedule once more."),
            Case(("fine-tuning", 0, 600, 600), "A fine-tuning as long as the training."),
            Case(("fine-tuning", 30, 800, 100), "A short fine-tuning, and k is not 0."),
        ),
        hints=(
            "Ask two questions for each arm: what was the step at which these weights were saved, and how large is the "
            "learning rate of the first update?",
            "Trained weights are those of step `steps`. A fine-tuning of `tune` steps begins `tune` steps before the end.",
            "The four pairs are (k, k), (steps, k), (steps, steps - tune) and (0, 0); a dict or four ifs will do.",
        ),
        misconceptions=(
            Misconception(
                lambda arm, k, steps, tune: _start(
                    arm, k, steps, tune, changed={"learning-rate rewinding": (k, steps)}
                ),
                "You have the pair of learning-rate rewinding the wrong way round: its weights are the trained ones, "
                "and its schedule goes back to k.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"weight rewinding": (k, 0)}),
                "You rewind the weights to k but start the schedule at 0; weight rewinding sets both back to step k.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"weight rewinding": (0, 0)}),
                "Your weight rewinding always goes to the initialisation; it goes to step k, and 0 is only one choice.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"weight rewinding": (0, k)}),
                "You load the weights of step 0 and start the schedule at k; weight rewinding loads the weights of step k.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(
                    arm, k, steps, tune, changed={"fine-tuning": (steps, steps)}
                ),
                "A fine-tuning that starts at the end of the schedule has no step left to do; it repeats the last `tune` steps.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(
                    arm, k, steps, tune, changed={"fine-tuning": (steps, tune)}
                ),
                "`tune` is how long the fine-tuning lasts, not the step at which it begins.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"fine-tuning": (steps, k)}),
                "Your fine-tuning goes back to k in the schedule; that is learning-rate rewinding.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"re-initialised": (k, k)}),
                "Your re-initialised control starts at step k; new weights have not been trained, so it starts at 0.",
            ),
            Misconception(
                lambda arm, k, steps, tune: _start(arm, k, steps, tune, changed={"re-initialised": (0, k)}),
                "The re-initialised control skips the first k steps of its schedule; it is trained with the whole one.",
            ),
        ),
        alternatives=(_start_by_if, _start_by_parts),
        difficulty="easy",
        lines=6,
        minutes=6,
    ),
    Exercise(
        id="06.2",
        reference=interpolate_states,
        cases=(
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 0.0)}, 0.25), "A quarter of the way from a to b."),
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 1.0)}, 0.0), "At 0 it is a."),
            Case(({"w": _w(0.0, 2.0)}, {"w": _w(4.0, 1.0)}, 1.0), "At 1 it is b."),
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
                    {"w": _w(1.0, -0.5, dtype=torch.float16), "flag": torch.tensor([True, False])},
                    {"w": _w(2.0, 0.5, dtype=torch.float16), "flag": torch.tensor([True, True])},
                    0.5,
                ),
                "float16 stays float16; a bool is no float.",
            ),
            Case(({}, {}, 0.5), "No tensors at all."),
        ),
        hints=(
            "A state dict holds weights, running statistics and counters. Which of them have a value half-way?",
            "Go through the names of a. tensor.is_floating_point() says whether a tensor can be interpolated.",
            "(1 - alpha) * a[name] + alpha * b[name] if it is floating point, else a[name].clone(); put it into a new dict.",
        ),
        misconceptions=(
            Misconception(
                _line_swapped, "You have the two ends the wrong way round: alpha 0 is a, and alpha 1 is b."
            ),
            Misconception(
                _line_added,
                "You add alpha times b to the whole of a; what b gains, a must lose: (1 - alpha) times a.",
            ),
            Misconception(
                _line_middle,
                "This is the point in the middle whatever alpha is; weigh the two ends by alpha.",
            ),
            Misconception(
                lambda a, b, alpha: _line(a, b, alpha, whole="mixed"),
                "You interpolate integers too, and they become floats; a tensor that is not floating point is a copy of a's.",
            ),
            Misconception(
                lambda a, b, alpha: _line(a, b, alpha, whole="cut"),
                "You interpolate integers and cut the fraction off; a tensor that is not floating point is a copy of a's.",
            ),
            Misconception(
                lambda a, b, alpha: _line(a, b, alpha, whole="second"),
                "You take the counters from b; they are to come from a.",
            ),
            Misconception(
                lambda a, b, alpha: _line(a, b, alpha, only="w"),
                "You interpolate the weights and leave biases or running statistics as they are in a; every float is interpolated.",
            ),
            Misconception(
                _line_in_float32,
                "Your result is float32; a tensor keeps the dtype that it has in the state dict.",
            ),
            Misconception(
                _line_keeping_zeros,
                "You set to 0 what is 0 at one end; on the line it is alpha times the value at the other end.",
            ),
        ),
        alternatives=(_line_with_lerp, _line_by_difference),
        difficulty="medium",
        lines=4,
        minutes=10,
        fresh=True,
    ),
    Exercise(
        id="06.3",
        reference=error_barrier,
        cases=(
            Case(([0.1, 0.3, 0.1],), "A hill in the middle, equal ends."),
            Case(([0.1, 0.5, 0.3],), "The ends differ: their mean is 0.2."),
            Case(([0.2, 0.2, 0.2],), "Flat."),
            Case(([0.1, 0.2, 0.6, 0.2, 0.3, 0.1],), "The top of the hill is not in the middle."),
            Case(([0.3, 0.1, 0.3],), "A valley: nothing on the path is higher than its ends."),
            Case(([0.3, 0.2, 0.1],), "It falls all the way, so that the highest point is an end."),
            Case(([0.2, 0.4],), "Two points: only the ends."),
        ),
        hints=(
            "How far does the highest point of the path rise above its ends?",
            "The two ends may differ: compare with the number half-way between them. The ends are points of the path, too.",
            "max(errors) - (errors[0] + errors[-1]) / 2.",
        ),
        misconceptions=(
            Misconception(
                lambda errors: max(errors) - errors[0],
                "You compare with the first end only; compare with the mean of both ends.",
            ),
            Misconception(
                lambda errors: max(errors) - max(errors[0], errors[-1]),
                "You compare with the worse of the two ends; compare with their mean.",
            ),
            Misconception(
                lambda errors: max(errors) - min(errors[0], errors[-1]),
                "You compare with the better of the two ends; compare with their mean.",
            ),
            Misconception(
                lambda errors: max(errors) - min(errors),
                "You subtract the lowest error of the path; subtract the mean of the two ends.",
            ),
            Misconception(
                lambda errors: max(errors) - mean(errors),
                "You subtract the mean of the whole path; subtract the mean of its two ends.",
            ),
            Misconception(
                lambda errors: errors[len(errors) // 2] - (errors[0] + errors[-1]) / 2,
                "You look at the middle of the path; the highest point may lie elsewhere.",
            ),
            Misconception(
                lambda errors: max([*errors[1:-1], 0.0]) - (errors[0] + errors[-1]) / 2,
                "You leave the ends out of the path; they belong to it, so that a barrier is never negative.",
            ),
            Misconception(
                lambda errors: max(errors) - errors[0] - errors[-1],
                "You subtract the sum of the two ends; subtract their mean, half of the sum.",
            ),
        ),
        alternatives=(_barrier_step_by_step, _barrier_sorted),
        difficulty="easy",
        lines=1,
        minutes=4,
    ),
    Exercise(
        id="06.4",
        reference=smallest_stable_step,
        cases=(
            Case(({0: [0.2], 100: [0.01]}, 0.02), "Unstable at 0, stable at 100."),
            Case(({0: [0.01], 100: [0.005]}, 0.02), "Stable from the start."),
            Case(({0: [0.3], 100: [0.1]}, 0.02), "Stable nowhere: the answer is None."),
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
            ),
            Case(({0: [0.3], 10: [0.01], 500: [0.04]}, 0.02), "Not stable at the largest step."),
            Case(({400: [0.0], 0: [0.2], 100: [0.01], 20: [0.05]}, 0.02), "The steps are in no order."),
            Case(({20: [0.05], 0: [0.2], 400: [0.0], 100: [0.01]}, 0.02), "In another order."),
            Case(
                ({0: [0.5], 100: [0.25], 200: [0.125]}, 0.25),
                "A mean equal to the threshold is not below it.",
            ),
            Case(({7: [0.0]}, 0.02), "One step only."),
        ),
        hints=(
            "Walk from the largest step to the smallest. When do you stop?",
            "Stop at the first step whose mean barrier is not below the threshold; the answer is the step that you saw before it.",
            "found = None; for k in sorted(barriers, reverse=True): break if the mean is not below; found = k.",
        ),
        misconceptions=(
            Misconception(
                _stable_first,
                "This is the smallest step that is stable, beyond gaps too; every larger measured step must be stable as well.",
            ),
            Misconception(
                lambda barriers, threshold: _stable_from(barriers, threshold, by="max"),
                "You ask that every seed is below the threshold; the mean over seeds decides.",
            ),
            Misconception(
                lambda barriers, threshold: _stable_from(barriers, threshold, by="min"),
                "You are content if one seed is below the threshold; the mean over seeds decides.",
            ),
            Misconception(
                lambda barriers, threshold: _stable_from(barriers, threshold, by="median"),
                "You take the median over seeds; the mean decides.",
            ),
            Misconception(
                _stable_ties, "You count a mean equal to the threshold as stable; it must lie below."
            ),
            Misconception(
                _stable_in_given_order,
                "You walk through the steps in the order of the dict; sort them first.",
            ),
            Misconception(
                _stable_last_bad,
                "This is the largest step that is not stable; the answer is the next larger one.",
            ),
            Misconception(
                _stable_in_points,
                "You divide the threshold by 100; barriers and threshold are both fractions already.",
            ),
        ),
        alternatives=(_stable_by_list, _stable_after_the_last_bad),
        difficulty="medium",
        lines=6,
        minutes=10,
    ),
    Exercise(
        id="06.5",
        reference=choose_retraining,
        cases=(
            Case(
                ({"a": (100, [0.80, 0.81]), "b": (300, [0.90, 0.91])}, 300),
                "b is better by the same amount for both seeds.",
            ),
            Case(
                ({"a": (100, [0.90, 0.89]), "b": (300, [0.90, 0.91])}, 300),
                "b is better on average, but its two seeds do not agree on it.",
            ),
            Case(
                ({"a": (100, [0.80, 0.81]), "b": (300, [0.90, 0.91])}, 200), "b costs more than the budget."
            ),
            Case(
                ({"a": (100, [0.80, 0.81]), "b": (300, [0.90, 0.91])}, 50),
                "Nothing is within the budget: None.",
            ),
            Case((_FOUR, 1000), "Four arms; the budget allows all of them."),
            Case((_FOUR, 500), "The budget allows fine-tuning only."),
            Case((_FOUR, 900), "A budget of exactly 900 steps."),
            Case(
                (_UNEVEN, 400),
                "Seeds differ much, and pairs agree: b is worse than a by nearly the same amount for every seed.",
            ),
            Case((_UNEVEN, 350), "The best of all, a, costs too much: the best that is left counts."),
            Case(
                ({"a": (200, [0.880, 0.902, 0.90]), "b": (500, [0.90, 0.90, 0.90])}, 600),
                "The mean of a is 0.6 points lower; the interval decides, not half a point.",
            ),
        ),
        hints=(
            "First leave out what costs too much. Which of the rest has the highest mean?",
            "For each arm of the rest take the differences best minus it, seed by seed, and look at analysis.interval(...).low.",
            "Keep the arms whose low is not above 0 (the best itself is one of them), and return the one with the fewest steps.",
        ),
        misconceptions=(
            Misconception(
                _choose_best,
                "This is the arm of the highest mean; a cheaper one that is not shown to be worse is to be preferred.",
            ),
            Misconception(
                _choose_cheapest,
                "This is the cheapest arm, even where it is shown to be worse than the best.",
            ),
            Misconception(
                _choose_without_budget, "You do not look at the budget; leave out the arms that cost more."
            ),
            Misconception(
                _choose_below, "An arm that costs exactly the budget is allowed: at most `budget` steps."
            ),
            Misconception(
                lambda options, budget: _choose(options, budget, rule="any best"),
                "You compare with the best of all arms, one beyond the budget too; compare with the best that is allowed.",
            ),
            Misconception(
                lambda options, budget: _choose(options, budget, rule="overlap"),
                "You ask whether two intervals overlap; the arms share their seeds, so take the interval of the differences.",
            ),
            Misconception(
                lambda options, budget: _choose(options, budget, rule="points"),
                "You allow half a point of difference; whether an arm is worse is for the interval to say.",
            ),
            Misconception(
                lambda options, budget: _choose(options, budget, rule="reversed"),
                "You keep the arms that are shown to be worse and drop the others; it is the other way round.",
            ),
        ),
        alternatives=(_choose_sorted, _choose_in_a_loop),
        difficulty="hard",
        lines=10,
        minutes=15,
    ),
)

QUESTIONS = (
    Question(
        id="06.Q1",
        text="You load the trained weights and set the learning-rate schedule back to step k. What is this called?",
        options=(
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
            Option(
                "Fine-tuning",
                False,
                "Fine-tuning goes on at the last, smallest learning rate; here the rate is that of step k again.",
            ),
        ),
    ),
    Question(
        id="06.Q2",
        text="Learning-rate rewinding takes the weights of step T and the schedule of step k. Which optimizer state fits?",
        options=(
            Option(
                "That of step T, because it belongs to the weights",
                False,
                "It would be the memory of tiny last steps, or of another learning rate; lthkit does not load it there.",
            ),
            Option(
                "That of step k, because it belongs to the schedule",
                False,
                "Its momentum points where the weights of step k were going. These weights are elsewhere.",
            ),
            Option(
                "None: it starts at 0",
                True,
                "No state was saved for this pair, so retrain starts a new one. What matters is that the policy is named.",
            ),
        ),
    ),
    Question(
        id="06.Q3",
        text="Two children of one checkpoint have a barrier of 0.001, one tenth of a point. What may you conclude?",
        options=(
            Option(
                "Their weights are nearly equal",
                False,
                "They may be far apart. The barrier speaks of the error between them, not of their distance.",
            ),
            Option(
                "Along the line between them the error stays low",
                True,
                "That is all it says: the two lie in one valley, at least in this direction.",
            ),
            Option(
                "Training from this checkpoint ends at the least error there is",
                False,
                "Two networks in one poor valley have no barrier either.",
            ),
        ),
    ),
    Question(
        id="06.Q4",
        text="A mask was found by training to the end. Rewound to 0, the network is unstable: other data orders lead to "
        "other valleys. Why should that harm the ticket?",
        options=(
            Option(
                "The mask has the wrong number of weights",
                False,
                "The count is the same in every arm, so it cannot be the cause of a difference between them.",
            ),
            Option(
                "The mask was read off one valley, and the new training need not end in that one",
                True,
                "This is the explanation that Frankle et al. (2020) propose. It fits their data; it is not a proof.",
            ),
            Option(
                "Weights of step 0 are random, and random weights cannot be trained",
                False,
                "Every dense network starts from random weights.",
            ),
        ),
    ),
    Question(
        id="06.Q5",
        text="An arm is rewound to step k, so it has k steps fewer to train than the arm rewound to 0. Is it cheaper?",
        options=(
            Option(
                "Yes, by k steps, and nothing else counts",
                False,
                "Its weights had k steps of training before, with all weights in place.",
            ),
            Option(
                "No: the k steps were done, by the whole network",
                True,
                "Whoever counts the price from nothing counts them. In both arms each weight has had the same number of updates.",
            ),
            Option(
                "It cannot be said, because k is not known",
                False,
                "For any k, the k steps were done by the dense network before.",
            ),
        ),
    ),
)
