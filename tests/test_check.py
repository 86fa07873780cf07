"""Checks, hints and `use`: wrong answers are refused with a reason, right ones in any style pass, nothing ever raises."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lthkit.classroom import check, hint, use
from lthkit.classroom.check import difference, judge, show
from lthkit.classroom.exercises import Case, Exercise, find, lessons, of_lesson

ROOT = Path(__file__).resolve().parents[1]
EVERY = [exercise for lesson in lessons() for exercise in of_lesson(lesson).values()]
ids = [exercise.id for exercise in EVERY]


def said(capsys: pytest.CaptureFixture[str], exercise_id: str, function: Any) -> str:
    assert check(exercise_id, function) is None  # type: ignore[func-returns-value]
    return capsys.readouterr().out


# Right answers in other styles


def density_by_count(mask: Tensor) -> float:
    return int(torch.count_nonzero(mask)) / mask.numel()


def density_by_mean(mask: Tensor) -> float:
    return mask.float().mean().item()


def density_in_numpy(mask: Tensor) -> Any:
    return np.mean(mask.numpy())  # a numpy float


def density_in_a_loop(mask: Tensor) -> float:
    entries = mask.flatten().tolist()
    return sum(1 for kept in entries if kept) / len(entries)


def matching_by_takewhile(densities: list[float], ticket: list[float], dense: float) -> float:
    pairs = takewhile(lambda p: p[1] >= dense - 0.005, zip(densities, ticket, strict=True))
    return min((d for d, _ in pairs), default=1.0)


def matching_in_numpy(densities: list[float], ticket: list[float], dense: float) -> Any:
    matches = np.logical_and.accumulate(np.array(ticket) >= dense - 0.005)
    return np.float32(densities[matches.sum() - 1]) if matches.any() else 1


def matching_from_the_end(densities: list[float], ticket: list[float], dense: float) -> float:
    for i in range(len(densities), 0, -1):
        if all(a + 0.005 >= dense for a in ticket[:i]):
            return densities[i - 1]
    return 1.0


def drawn_by_normal(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    g = torch.Generator()
    g.manual_seed(seed)
    new = {}
    for name in theta_0:
        new[name] = torch.empty_like(theta_0[name]).normal_(generator=g).mul_(theta_0[name].std().item())
        if name in mask:
            new[name][~mask[name]] = 0
    return new


def drawn_with_where(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    draws = [torch.std(w) * torch.randn(*w.shape, generator=g) for w in theta_0.values()]
    keep = [mask.get(name, torch.ones(w.shape).bool()) for name, w in theta_0.items()]
    return {n: torch.where(k, d, torch.tensor(0.0)) for n, k, d in zip(theta_0, keep, draws, strict=True)}


RIGHT: list[tuple[str, Callable[..., Any]]] = [
    ("00.1", density_by_count),
    ("00.1", density_by_mean),
    ("00.1", density_in_numpy),
    ("00.1", density_in_a_loop),
    ("05.2", matching_by_takewhile),
    ("05.2", matching_in_numpy),
    ("05.2", matching_from_the_end),
    ("05.1", drawn_by_normal),
    ("05.1", drawn_with_where),
]


@pytest.mark.parametrize("exercise_id, function", RIGHT, ids=lambda v: getattr(v, "__name__", v))
def test_right_answers_in_another_style_pass(
    capsys: pytest.CaptureFixture[str], exercise_id: str, function: Callable[..., Any]
) -> None:
    assert said(capsys, exercise_id, function) == f"{exercise_id} {find(exercise_id).name}: passed.\n"


@pytest.mark.parametrize("exercise", EVERY, ids=ids)
def test_the_reference_passes_and_does_not_change_its_arguments(exercise: Exercise) -> None:
    outcome = judge(exercise, exercise.reference)
    assert outcome.state == "passed", outcome.lines


@pytest.mark.parametrize("exercise", EVERY, ids=ids)
def test_every_case_says_what_is_special_and_there_are_hints(exercise: Exercise) -> None:
    assert all(case.note for case in exercise.cases) and len(exercise.hints) >= 2
    assert "Args:" in (exercise.reference.__doc__ or "") or len(exercise.cases[0].arguments) == 1


# Wrong answers, each a mistake that people make


def redrawn(
    theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int, **wrong: Any
) -> dict[str, Tensor]:
    """A right answer with one thing wrong."""
    g = torch.Generator().manual_seed(wrong.get("other_seed", seed))
    pooled = torch.cat([w.flatten() for w in theta_0.values()]).std()
    new = {}
    for name in wrong.get("order", list)(theta_0):
        w = theta_0[name]
        if wrong.get("again"):
            g.manual_seed(seed)
        fresh = (
            torch.randn(w.shape, generator=g)
            if not wrong.get("uniform")
            else torch.rand(w.shape, generator=g)
        )
        fresh = fresh * (pooled if wrong.get("pooled") else 1.0 if wrong.get("unscaled") else w.std())
        fresh = fresh + (w.mean() if wrong.get("mean") else 0.0)
        keep = mask.get(name, torch.ones_like(w).bool())
        if wrong.get("inverted"):
            keep = ~keep if name in mask else keep
        new[name] = fresh * keep if not wrong.get("unmasked") else fresh
    return new if not wrong.get("masked_only") else {name: new[name] for name in mask}


def in_place(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    for name, w in redrawn(theta_0, mask, seed).items():
        theta_0[name].copy_(w)
    return theta_0


def same_dict(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    theta_0.update(redrawn(theta_0, mask, seed))
    return theta_0


def shuffled(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return {
        n: (w.flatten()[torch.randperm(w.numel(), generator=g)].reshape(w.shape)) * mask.get(n, True)
        for n, w in theta_0.items()
    }


def global_seed(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    g = torch.Generator()
    torch.manual_seed(seed)
    return {n: torch.randn(w.shape, generator=g) * w.std() * mask.get(n, True) for n, w in theta_0.items()}


def redraw(**wrong: Any) -> Callable[..., dict[str, Tensor]]:
    return lambda theta_0, mask, seed: redrawn(theta_0, mask, seed, **wrong)


def answers_at_the_cliff_only(densities: list[float], ticket: list[float], dense: float) -> float:
    for i, accuracy in enumerate(ticket):
        if accuracy < dense - 0.005:
            return densities[i - 1] if i else 1.0
    return 1.0


WRONG: dict[str, tuple[str, Callable[..., Any], str]] = {
    "sparsity": ("00.1", lambda m: 1 - m.float().mean().item(), "expected 0.25   got 0.75"),
    "count": ("00.1", lambda m: float(m.sum()), "got 1.0"),
    "rows": ("00.1", lambda m: m.sum().item() / len(m), "any number of dimensions"),
    "tensor": ("00.1", lambda m: m.float().mean(), ".item() makes a Python number of it"),
    "percent": ("00.1", lambda m: 100 * m.float().mean().item(), "got 25.0"),
    "rounded": ("00.1", lambda m: round(m.float().mean().item(), 2), "got 0.33"),
    "half": ("00.1", lambda m: m.half().mean().item(), "got 0.333252"),
    "no return": ("00.1", lambda m: None, "is a `return` missing?"),
    "first dimension": (
        "00.1",
        lambda m: m.float().mean(0)[0].item() if m.ndim > 1 else m.float().mean().item(),
        "",
    ),
    "any match": (
        "05.2",
        lambda d, t, a: min([x for x, y in zip(d, t, strict=True) if y >= a - 0.005], default=1.0),
        "a gap ends it",
    ),
    "no tolerance": ("05.2", lambda d, t, a: matching_by_takewhile(d, t, a + 0.005), "by less than 0.005"),
    "more tolerance": (
        "05.2",
        lambda d, t, a: matching_by_takewhile(d, t, a - 0.005),
        "by more than 0.005",
    ),
    "first failing": (
        "05.2",
        lambda d, t, a: next((x for x, y in zip(d, t, strict=True) if y < a - 0.005), d[-1]),
        "",
    ),
    "best": ("05.2", lambda d, t, a: d[t.index(max(t))], ""),
    "largest if none": (
        "05.2",
        lambda d, t, a: matching_by_takewhile(d, t, a) if t[0] >= a - 0.005 else d[0],
        "the answer is 1.0",
    ),
    "after the best": (
        "05.2",
        lambda d, t, a: matching_by_takewhile(d, t, max(*t, a)),
        "not with the ticket's best",
    ),
    "answers at the cliff only": ("05.2", answers_at_the_cliff_only, "It matches everywhere"),
    "index": ("05.2", lambda d, t, a: sum(y >= a - 0.005 for y in t) - 1, ""),
    "percentage points": ("05.2", lambda d, t, a: matching_by_takewhile(d, t, a - 0.495), ""),
    "sorted in place": (
        "05.2",
        lambda d, t, a: (matching_by_takewhile(d, t, a), d.sort())[0],
        "changes its argument `densities` in place",
    ),
    "seed again": ("05.1", redraw(again=True), "one generator for both"),
    "seed ignored": ("05.1", redraw(other_seed=0), "another seed"),
    "standard normal": ("05.1", redraw(unscaled=True), "w"),
    "one deviation for all": ("05.1", redraw(pooled=True), "a standard deviation of its own"),
    "old mean": ("05.1", redraw(mean=True), "mean of the new weights is 0"),
    "uniform": ("05.1", redraw(uniform=True), "half of it kept"),
    "mask inverted": ("05.1", redraw(inverted=True), "half of it kept"),
    "mask forgotten": ("05.1", redraw(unmasked=True), "half of it kept"),
    "sorted names": ("05.1", redraw(order=sorted), "order of theta_0"),
    "only masked names": ("05.1", redraw(masked_only=True), "missing ['fc1.bias']"),
    "in place": ("05.1", in_place, "changes its argument `theta_0` in place"),
    "same dict": ("05.1", same_dict, "changes its argument `theta_0` in place"),
    "old weights": ("05.1", lambda t, m, s: {n: w * m.get(n, True) for n, w in t.items()}, ""),
    "shuffled": ("05.1", shuffled, ""),
    "global seed": ("05.1", global_seed, ""),
    "almost zero": (
        "05.1",
        lambda t, m, s: {n: w + 1e-9 * ~m.get(n, torch.tensor(True)) for n, w in redrawn(t, m, s).items()},
        "should be 0",
    ),
    "double": (
        "05.1",
        lambda t, m, s: {n: w.double() for n, w in redrawn(t, m, s).items()},
        "the dtype should be",
    ),
}


@pytest.mark.parametrize("exercise_id, function, sentence", WRONG.values(), ids=WRONG.keys())
def test_wrong_answers_are_refused_with_a_reason(
    capsys: pytest.CaptureFixture[str], exercise_id: str, function: Callable[..., Any], sentence: str
) -> None:
    text = said(capsys, exercise_id, function)
    assert text.startswith(f"{exercise_id} {find(exercise_id).name}: not yet.\n")
    assert sentence in text
    assert text.endswith(f'Next: hint("{exercise_id}")\n')
    assert text.isascii()


def test_cases_earn_their_place() -> None:
    """Most cases are the smallest that shows some mistake above; what none needs is only time."""
    for exercise_id in ("05.1", "05.2"):
        texts = ["\n".join(judge(find(i), f).lines) for i, f, _ in WRONG.values() if i == exercise_id]
        idle = [c.note for c in find(exercise_id).cases if not any(c.note in text for text in texts)]
        assert len(idle) <= 2, idle


# Nothing that a student writes raises


def leave(*arguments: Any) -> None:
    sys.exit("bye")


def stop(*arguments: Any) -> None:
    raise KeyboardInterrupt


def loop(*arguments: Any) -> Any:
    return loop(*arguments)


def divide(*arguments: Any) -> float:
    nothing = 0
    return 1 / nothing


def unsupported(*arguments: Any) -> Any:
    raise NotImplementedError("\"abs\" not implemented for 'Bool'")  # torch's own, not a blank


class Nasty:
    """An object that resists being looked at."""

    def __repr__(self) -> str:
        raise SystemExit

    def __eq__(self, other: object) -> bool:
        raise SystemExit

    __hash__ = None  # type: ignore[assignment]


class NastyError(Exception):
    def __str__(self) -> str:
        raise ValueError


def fail_nastily(*arguments: Any) -> None:
    raise NastyError


NEVER_RAISES: list[tuple[Any, str]] = [
    (leave, "SystemExit: bye"),
    (stop, "KeyboardInterrupt"),
    (loop, "RecursionError"),
    (divide, "ZeroDivisionError: division by zero (line 3 of the function, `return 1 / nothing`)"),
    (unsupported, "NotImplementedError"),
    (fail_nastily, "NastyError"),
    (lambda: 1, "TypeError"),
    (lambda *a: Nasty(), "of type Nasty"),
    (lambda *a: {"w": Nasty()}, "expected"),
    (lambda *a: (i for i in range(3)), "of type generator"),
    (lambda *a: torch.zeros(2, dtype=torch.complex64), "Tensor"),
    (lambda *a: torch.zeros(3, device="meta"), "Tensor"),
    (lambda *a: torch.eye(3).to_sparse(), "Tensor"),
    (lambda *a: float("nan"), ""),
    (0.5, "Give the function itself"),
    (None, "Give the function itself"),
    (torch.ones(2), "Give the function itself"),
    (Nasty(), "Give the function itself"),
]


@pytest.mark.parametrize("exercise", EVERY, ids=ids)
@pytest.mark.parametrize("function, sentence", NEVER_RAISES, ids=range(len(NEVER_RAISES)))
def test_check_and_use_never_raise(
    capsys: pytest.CaptureFixture[str], exercise: Exercise, function: Any, sentence: str
) -> None:
    text = said(capsys, exercise.id, function)
    assert text.startswith(f"{exercise.id} {exercise.name}: not yet.") and sentence.split(" (")[0] in text
    assert use(exercise.id, function) is exercise.reference


def test_the_failing_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "00.1", divide)
    assert (
        "It stopped with ZeroDivisionError: division by zero (line 3 of the function, `return 1 / nothing`)."
        in text
    )


def test_a_tensor_result_of_the_right_kind_can_be_nasty_too(capsys: pytest.CaptureFixture[str]) -> None:
    for nasty in (
        torch.zeros(4, device="meta"),
        torch.zeros(4).to_sparse(),
        torch.zeros(4, requires_grad=True),
    ):
        assert "not yet" in said(capsys, "05.1", lambda t, m, s, w=nasty: {"w": w})


def test_an_unknown_exercise_is_named_and_check_does_not_raise(capsys: pytest.CaptureFixture[str]) -> None:
    assert "lesson 05 has 05.1, 05.2" in said(capsys, "05.9", divide)
    assert "lessons: 00" in said(capsys, "five", divide)
    check(5.1, divide)  # type: ignore[arg-type]
    hint("05.9")
    assert "there is no exercise" in capsys.readouterr().out
    with pytest.raises(ValueError, match="there is no exercise '05.9'; lesson 05 has 05.1, 05.2"):
        use("05.9", divide)


def blank(*arguments: Any) -> None:
    raise NotImplementedError("05.2: your code goes here")


def test_a_blank_is_not_attempted_yet_and_the_reference_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    for exercise in EVERY:
        assert said(capsys, exercise.id, blank).startswith(
            f"{exercise.id} {exercise.name}: not attempted yet"
        )
        assert use(exercise.id, blank) is exercise.reference
        assert "the reference is used" in capsys.readouterr().out


def test_use_gives_the_students_function_back_once_it_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert use("00.1", density_by_count) is density_by_count
    assert capsys.readouterr().out == "00.1 density: from here on your function is used.\n"


def test_a_check_leaves_the_global_random_state_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_rng_state()
    check("05.1", global_seed)
    check("00.1", lambda m: torch.rand(1).item())
    assert torch.equal(before, torch.get_rng_state())


def test_a_result_that_is_an_argument_is_no_copy() -> None:
    exercise = Exercise("99.1", lambda w: w.clone(), (Case((torch.ones(2),)),), fresh=True)
    assert "shares memory" in judge(exercise, lambda w: w).lines[-1]
    assert judge(exercise, lambda w: w.clone()).state == "passed"


def test_hints_go_one_step_further_and_end_at_the_solution(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("lthkit.classroom.check"), "_hints_given", {})
    shown = []
    for _ in range(6):
        hint("05.2")
        shown.append(capsys.readouterr().out)
    assert [line[:16] for line in shown[:4]] == [f"05.2 hint {i} of 4" for i in (1, 2, 3, 4)]
    assert len(set(shown)) == 4 and "solution" in shown[3] and shown[3] == shown[4] == shown[5]


# Comparing


def close(expected: Any, got: Any) -> str:
    return difference(expected, got, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "expected, got",
    [
        (1.0, 1),
        (1.0, np.float32(1)),
        (0.1, 0.1 + 1e-9),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        (3, np.int64(3)),
        (True, np.bool_(True)),
        ((1, [2.0]), [1, (2.0,)]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("a", "a"),
        (None, None),
        (torch.tensor([1.0, float("nan")]), torch.tensor([1.0, float("nan")])),
        (torch.tensor([0.0]), torch.tensor([-0.0])),
        (torch.tensor(True), torch.tensor(True)),
        (torch.zeros(0, 3), torch.zeros(0, 3)),
        (torch.ones(2), torch.ones(2, requires_grad=True)),
        (torch.arange(6).reshape(2, 3), torch.arange(6).reshape(3, 2).reshape(2, 3)),
    ],
)
def test_equal_values_have_no_difference(expected: Any, got: Any) -> None:
    assert close(expected, got) == ""


@pytest.mark.parametrize(
    "expected, got, sentence",
    [
        (1.0, True, "a float is expected"),
        (1, 1.0, "an int is expected"),
        (True, 1, "True or False is expected"),
        (0.1, 0.1001, "expected 0.1, got 0.1001"),
        (0.1, float("nan"), "expected 0.1"),
        (0.1, "0.1", "of type str"),
        (0.1, torch.tensor(0.1), ".item()"),
        ([1, 2], [1], "2 values are expected, and this is 1"),
        ([1, 2], [1, 3], "[1]: expected 2, got 3"),
        ({"a": 1}, {"b": 1}, "missing ['a'] and too many ['b']"),
        (torch.ones(2), torch.ones(2, 1), "the shape should be (2,), and it is (2, 1)"),
        (torch.ones(2), torch.ones(1), "the shape"),
        (torch.ones(2), torch.ones(2).double(), "the dtype should be torch.float32, and it is torch.float64"),
        (torch.ones(2).bool(), torch.ones(2), "the dtype should be torch.bool"),
        (torch.ones(2), torch.ones(2, device="meta"), "the device should be cpu"),
        (torch.ones(2), torch.tensor([1.0, float("nan")]), "entry [1] should be 1.0, and it is nan"),
        (torch.ones(2), [1.0, 1.0], "a torch.Tensor is expected"),
        (torch.eye(2), torch.ones(2, 2), "entry [0, 1] should be 0.0, and it is 1.0; 2 of 4 entries differ"),
        ({"w": torch.ones(1)}, {"w": torch.zeros(1)}, "['w']: entry [0] should be 1.0"),
    ],
)
def test_a_difference_is_said_in_one_sentence(expected: Any, got: Any, sentence: str) -> None:
    assert sentence in close(expected, got)


def test_values_are_shown_on_one_short_line() -> None:
    assert show([1.0, 0.5, 1e-9, 3]) == "[1.0, 0.5, 1e-09, 3]"
    assert show({"w": torch.tensor([True, False])}) == "{'w': tensor([True, False])}"
    assert show(torch.zeros(3, 7)) == "<tensor (3, 7) float32>"
    assert show((float("nan"), float("inf"))) == "(nan, inf)"
    assert show("\u03b8").isascii() and len(show("x" * 999)) == 120


# The lessons and the exercises fit


@pytest.mark.parametrize("exercise", EVERY, ids=ids)
def test_the_solution_in_the_lesson_is_what_passes(exercise: Exercise) -> None:
    """The solved cell passes the check, and the stub has the reference's name and parameters."""
    nbformat = pytest.importorskip("nbformat")
    found = list((ROOT / "solutions").glob(f"{exercise.id[:2]}_*.ipynb"))
    assert found, f"there is no built lesson {exercise.id[:2]}"
    cells = nbformat.read(found[0], as_version=4).cells
    imports = [c.source for c in cells if c.cell_type == "code" and "import" in c.source and "setup" != c.id]
    source = next((c.source for c in cells if c.metadata.get("exercise") == exercise.id), None)
    assert source is not None, f"{found[0].name} has no exercise {exercise.id}"
    lines = [line for text in imports for line in text.split("\n") if line.startswith(("import ", "from "))]
    scope: dict[str, Any] = {}
    exec("\n".join([*lines, source]), scope)
    outcome = judge(exercise, scope[exercise.name])
    assert outcome.state == "passed", outcome.lines
