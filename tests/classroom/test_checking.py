"""Checks, hints and `use`: wrong answers are refused with a reason, right ones in any style pass, nothing ever raises."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lthkit.classroom import check, checking, grade_cell, hint, hints, passport, progress, quiz, use
from lthkit.classroom.compare import as_number, difference, show, side_by_side
from lthkit.classroom.exercises import Case, Exercise, Misconception, Option, Question, every, find, of_lesson
from lthkit.classroom.judge import Outcome
from lthkit.classroom.judge import judge as judge_with
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import in_process

EVERY = every()


@pytest.fixture(autouse=True)
def passport_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A passport of its own for each test, and nothing told before."""
    monkeypatch.setenv("LTHKIT_PASSPORT", str(tmp_path / "passport.json"))
    monkeypatch.setattr(passport, "_told", set())
    monkeypatch.setattr(passport, "_memory", {})
    monkeypatch.setattr(hints, "_announced", set())
    yield tmp_path / "passport.json"


def judge(exercise: Exercise, function: Any) -> Outcome:
    return judge_with(exercise, function, runner=in_process)


def said(capsys: pytest.CaptureFixture[str], exercise_id: str, function: Any) -> str:
    assert check(exercise_id, function) is None  # type: ignore[func-returns-value]
    return capsys.readouterr().out


def unwrapped(text: str) -> str:
    """A text without the line breaks between its words."""
    return " ".join(text.split())


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
        new[name] = torch.empty(theta_0[name].shape).normal_(generator=g).mul_(theta_0[name].std().item())
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
    "rows": ("00.1", lambda m: m.sum().item() / len(m), "You divide by len(mask)"),
    "tensor": ("00.1", lambda m: m.float().mean(), "Next"),
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
        "beyond gaps too",
    ),
    "no tolerance": (
        "05.2",
        lambda d, t, a: matching_by_takewhile(d, t, a + 0.005),
        "matches down to 0.005 below it",
    ),
    "more tolerance": (
        "05.2",
        lambda d, t, a: matching_by_takewhile(d, t, a - 0.005),
        "Your tolerance is 0.01",
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
        "the best accuracy of the ticket",
    ),
    "answers at the cliff only": ("05.2", answers_at_the_cliff_only, "When no density fails"),
    "index": ("05.2", lambda d, t, a: sum(y >= a - 0.005 for y in t) - 1, ""),
    "percentage points": ("05.2", lambda d, t, a: matching_by_takewhile(d, t, a - 0.495), ""),
    "sorted in place": (
        "05.2",
        lambda d, t, a: (matching_by_takewhile(d, t, a), d.sort())[0],
        "changes its argument `densities` in place",
    ),
    "seed again": ("05.1", redraw(again=True), "You seed again for each tensor"),
    "seed ignored": ("05.1", redraw(other_seed=0), "You seed with a fixed number"),
    "standard normal": ("05.1", redraw(unscaled=True), "These numbers have standard deviation 1"),
    "one deviation for all": ("05.1", redraw(pooled=True), "one standard deviation for all tensors"),
    "old mean": ("05.1", redraw(mean=True), "You add the mean"),
    "uniform": ("05.1", redraw(uniform=True), "You draw uniform numbers"),
    "mask inverted": ("05.1", redraw(inverted=True), "the wrong way round"),
    "mask forgotten": ("05.1", redraw(unmasked=True), "the mask is not applied"),
    "sorted names": ("05.1", redraw(order=sorted), "You sort the names"),
    "only masked names": ("05.1", redraw(masked_only=True), "are missing in your result"),
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
    assert unwrapped(sentence) in unwrapped(text)
    assert text.endswith(f'Next: hint("{exercise_id}")\n')
    assert text.isascii()


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
    (lambda: 1, "It should take the parameters"),
    (lambda *a: Nasty(), "type Nasty"),
    (lambda *a: {"w": Nasty()}, "expected"),
    (lambda *a: (i for i in range(3)), "It returns a generator"),
    (lambda *a: torch.zeros(2, dtype=torch.complex64), "Tensor"),
    (lambda *a: torch.zeros(3, device="meta"), "Tensor"),
    (lambda *a: torch.eye(3).to_sparse(), "Tensor"),
    (lambda *a: float("nan"), ""),
    (0.5, "Give the function itself"),
    (None, "Give the function itself"),
    (torch.ones(2), "Give the function itself"),
    (Nasty(), "Give the function itself"),
]


@pytest.mark.parametrize("exercise", [find("00.1"), find("05.1"), find("05.2")], ids=lambda e: e.id)
@pytest.mark.parametrize("function, sentence", NEVER_RAISES, ids=range(len(NEVER_RAISES)))
def test_check_and_use_never_raise(
    capsys: pytest.CaptureFixture[str], exercise: Exercise, function: Any, sentence: str
) -> None:
    text = said(capsys, exercise.id, function)
    assert text.startswith(f"{exercise.id} {exercise.name}: not yet.")
    assert unwrapped(sentence.split(" (")[0]) in unwrapped(text)
    assert use(exercise.id, function) is exercise.reference


def test_the_failing_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = unwrapped(said(capsys, "00.1", divide))
    assert (
        "It stopped with ZeroDivisionError: division by zero (line 3 of the function, `return 1 / nothing`)."
        in text
    )


def a_helper_that_fails() -> float:
    return 1 / 0


def helped(mask: Tensor) -> float:
    return a_helper_that_fails()


def test_a_helper_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a line of the wrong function: what is sent along has another file name in some versions of cloudpickle."""
    said_of_it = unwrapped(said(capsys, "00.1", helped))
    assert "division by zero (in a_helper_that_fails" in said_of_it
    assert "of the function" not in said_of_it


def test_a_tensor_result_of_the_right_kind_can_be_nasty_too(capsys: pytest.CaptureFixture[str]) -> None:
    for nasty in (
        torch.zeros(4, device="meta"),
        torch.zeros(4).to_sparse(),
        torch.zeros(4, requires_grad=True),
    ):
        assert "not yet" in said(capsys, "05.1", lambda t, m, s, w=nasty: {"w": w})


def test_an_unknown_exercise_is_named_and_check_does_not_raise(capsys: pytest.CaptureFixture[str]) -> None:
    listed = f"lesson 05 has {', '.join(of_lesson('05'))}"
    assert listed in said(capsys, "05.99", divide)
    assert "lessons: 00" in said(capsys, "five", divide)
    check(5.1, divide)  # type: ignore[arg-type]
    hint("05.99")
    assert "there is no exercise" in capsys.readouterr().out
    with pytest.raises(ValueError, match=f"there is no exercise '05.99'; {listed}"):
        use("05.99", divide)


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
    assert "returns its argument `w` itself" in judge(exercise, lambda w: w).lines[-1]
    assert "shares memory" in judge(exercise, lambda w: w[:]).lines[-1]
    assert judge(exercise, lambda w: w.clone()).state == "passed"


def test_hints_go_one_step_further_and_end_with_the_solution(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a solution that is shown before it is said what that costs, and one that is not shown again."""
    shown = []
    for _ in range(6):
        hint("05.2")
        shown.append(capsys.readouterr().out)
    assert [text[:16] for text in shown] == [f"05.2 hint {min(i, 4)} of 4" for i in (1, 2, 3, 4, 5, 6)]
    assert (
        "The next hint is the solution. With the solution shown, 05.2 will count as assisted."
        in unwrapped(shown[2])
    )
    assert "will count as assisted" in unwrapped(shown[3]) and 'hint("05.2") once more' in shown[3]
    assert not any("def matching_density(densities, ticket, dense):" in text for text in shown[:4])
    assert "def matching_density(densities, ticket, dense):" in shown[4] and shown[5].count("def ") == 1


def test_a_package_without_its_sources_says_where_the_solution_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a hint that raises, and a folder that somebody with the package and one notebook does not have."""

    def last() -> str:
        for _ in range(4):
            hint("05.2")
        return unwrapped(capsys.readouterr().out)

    def no_source(exercise: Exercise) -> str:
        raise OSError("could not get source code")

    package = tmp_path / "site-packages"
    alone, course = tmp_path / "alone", tmp_path / "course"
    for folder in (alone, course / "my", course / "solutions"):
        folder.mkdir(parents=True)
    (course / "solutions" / "05_winning_tickets.ipynb").touch()
    monkeypatch.setattr(hints, "solution", no_source)
    monkeypatch.setattr(hints, "__file__", str(package / "lthkit/classroom/hints.py"))
    monkeypatch.chdir(course / "my")
    assert last().endswith("solved edition of the lesson, solutions/05_winning_tickets.ipynb.")
    monkeypatch.chdir(alone)
    assert "not on this computer: solutions/05_*.ipynb in the course's repository" in last()


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


@pytest.mark.parametrize(
    "expected, got, number",
    [
        (0.5, torch.tensor(0.5, requires_grad=True), 0.5),
        (0.5, np.array(0.5), 0.5),
        (8, torch.tensor(8), 8),
        (8, torch.tensor(8.0), 8),
        (8, 8.0, 8),
        (8, np.float32(8), 8),
    ],
)
def test_one_number_may_be_of_another_kind(expected: Any, got: Any, number: Any) -> None:
    """Catches a right number that is refused because it is a tensor or a whole float."""
    found = as_number(expected, got)
    assert type(found) is type(number) and found == number


@pytest.mark.parametrize(
    "expected, got",
    [
        (True, torch.tensor(True)),
        (1, torch.tensor(True)),
        (True, 1.0),
        (8, 8.5),
        (8, float("inf")),
        (0.5, torch.tensor([0.5])),
        (0.5, torch.tensor(0.5, device="meta")),
        (None, 1.0),
        ([8], [8.0]),
        ({"w": 0.5}, {"w": torch.tensor(0.5)}),
    ],
)
def test_what_is_not_one_number_of_that_value_is_still_refused(expected: Any, got: Any) -> None:
    """Catches a bool taken for a number, a rounded one, and a list of tensors, which later cells cannot index with."""
    assert close(expected, as_number(expected, got))


def test_a_text_that_asks_for_a_python_number_can_insist(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a tensor accepted where the text says float, and one refused where it does not."""
    assert ".item()" in said(capsys, "00.1", lambda mask: mask.float().mean())
    lenient = dataclasses.replace(find("00.1"), python_numbers=False, misconceptions=())
    assert judge(lenient, lambda mask: mask.float().mean()).state == "passed"


def test_values_are_shown_on_one_short_line() -> None:
    assert show([1.0, 0.5, 1e-9, 3]) == "[1.0, 0.5, 1e-09, 3]"
    assert show({"w": torch.tensor([True, False])}) == "{'w': tensor([True, False])}"
    assert show(torch.zeros(3, 7)) == "<tensor (3, 7) float32>"
    assert show((float("nan"), float("inf"))) == "(nan, inf)"
    assert show("\u03b8").isascii() and len(show("x" * 999)) == 120


def test_numbers_that_look_alike_are_shown_with_more_digits() -> None:
    """Catches "expected 0.1, got 0.1", and a count of millions that is off by one and accepted as close enough."""
    exact = difference(0.1, 0.1 + 1e-9, rtol=0, atol=0)
    assert exact == "expected 0.10000000000000001, got 0.10000000100000001."
    tensors = difference(torch.ones(1), torch.tensor([1.0 + 2**-23]), rtol=0, atol=0)
    assert "should be 1.0, and it is 1.0000001" in tensors
    assert close(266_200_000, 266_200_001) == "expected 266200000, got 266200001."
    assert close(float("inf"), 1.0) and close(1.0, float("-inf"))
    assert side_by_side([1], [2]) == ["expected [1]   got [2]"]
    assert len(side_by_side(["x" * 50], ["y" * 50])) == 2 and side_by_side(1, 1) == []


# What each mistake is called


def smallest(w: Tensor, n: int) -> Tensor:
    return w.abs().sort().values[:n].clone()


SMALLEST = Exercise(
    "99.1",
    smallest,
    (
        Case((torch.tensor([3.0, 1.0, 2.0]), 2), "All are positive."),
        Case((torch.tensor([-3.0, 1.0, -2.0, 4.0]), 2), "Some are negative."),
    ),
    misconceptions=(
        Misconception(
            lambda w, n: w.sort().values[:n].clone(), "You sort by sign and size; take abs() first."
        ),
        Misconception(lambda w, n: w.abs()[:n].clone(), "These are the first values, not the smallest."),
        Misconception(lambda w, n: w[n + 9], "You take the entry at a place of its own."),
    ),
    fresh=True,
)


def sorts_in_place(w: Tensor, n: int) -> Tensor:
    w.copy_(w.abs().sort().values)
    return w[:n].clone()


def returns_its_argument(w: Tensor, n: int) -> Tensor:
    return w


def numbers_it(w: Tensor, n: int) -> float:
    return float(w[0])


def in_half(w: Tensor, n: int) -> Tensor:
    return smallest(w, n).half()


def one_too_many(w: Tensor, n: int) -> Tensor:
    return smallest(w, n + 1)


def elsewhere(w: Tensor, n: int) -> Tensor:
    return smallest(w, n).to("meta")


def chatty(w: Tensor, n: int) -> Tensor:
    print("w is", w)
    return smallest(w, n) + 1


def forgets(w: Tensor, n: int) -> None:
    smallest(w, n)


def of_one(w: Tensor) -> Tensor:
    return w


def divides(w: Tensor, n: int) -> float:
    return n / 0


def density(w: Tensor, n: int) -> Tensor:
    return w


def recursive(w: Tensor, n: int) -> Tensor:
    return recursive(w, n)


CALLED: dict[str, tuple[Any, str]] = {
    "not a function": (
        smallest(torch.ones(2), 1),
        'Give the function itself, check("99.1", smallest), without',
    ),
    "no return": (forgets, "It returned None: is a `return` missing?"),
    "type": (numbers_it, "A torch.Tensor is expected, and this is of type float."),
    "shape": (one_too_many, "The shape should be (2,), and it is (3,)."),
    "dtype": (in_half, "The dtype should be torch.float32, and it is torch.float16."),
    "device": (elsewhere, "The device should be cpu, and it is meta."),
    "in place": (sorts_in_place, "It changes its argument `w` in place"),
    "the argument itself": (
        returns_its_argument,
        "It returns its argument `w` itself; a new value is expected.",
    ),
    "exception": (
        divides,
        "It stopped with ZeroDivisionError: division by zero (line 2 of the function, `return n / 0`).",
    ),
    "parameters": (of_one, "It should take the parameters (w, n), and it takes (w: 'Tensor')."),
    "another exercise": (density, 'This looks like the function of 00.1; give it to check("00.1", density).'),
    "recursion": (recursive, "It calls itself without an end (RecursionError) (line 2 of the function"),
    "prints": (chatty, "(It printed 2 lines; what a function prints is not shown by check.)"),
}


@pytest.mark.parametrize("function, sentence", CALLED.values(), ids=CALLED.keys())
def test_each_kind_of_mistake_has_a_sentence_of_its_own(function: Any, sentence: str) -> None:
    """Catches a kind of mistake that is told as another, or not at all."""
    outcome = judge(SMALLEST, function)
    assert outcome.state == "wrong" and outcome.misconception is None
    assert any(line.startswith(sentence) for line in outcome.lines), outcome.lines


def test_a_mistake_is_named_and_the_smallest_failing_case_follows() -> None:
    """Catches a diagnosis without its case, and the note of a case that speaks where a diagnosis does."""
    outcome = judge(SMALLEST, lambda w, n: torch.sort(w)[0][0:n])
    assert outcome.lines == (
        "You sort by sign and size; take abs() first.",
        "smallest(w=tensor([-3.0, 1.0, -2.0, 4.0]), n=2)",
        "expected tensor([1.0, 2.0])   got tensor([-3.0, -2.0])",
    )
    other = judge(SMALLEST, lambda w, n: w.abs().sort().values[1 : n + 1])
    assert other.lines[0] == "All are positive." and other.misconception is None


def test_a_diagnosis_needs_the_same_behaviour_on_all_cases() -> None:
    """Catches a diagnosis from the first failing case alone: sorted by value, then something else."""
    outcome = judge(SMALLEST, lambda w, n: w.sort().values[:n].clone() * (1 if len(w) == 3 else 2))
    assert outcome.misconception is None
    stops = judge(SMALLEST, lambda w, n: [][0])
    assert stops.misconception is SMALLEST.misconceptions[2]  # both end with an IndexError, in all cases
    assert judge(SMALLEST, lambda w, n: {1: 1}[0]).misconception is None  # a KeyError is another mistake


def test_sharing_memory_and_changing_an_argument_belong_to_what_a_mistake_does() -> None:
    """Catches a diagnosis by the value alone: the value of an alias is right."""
    alias = Misconception(lambda w: w, "This is the old tensor under another name; clone() makes a copy.")
    changed = Misconception(lambda w: w.mul_(1).add_(0 * w).abs_().clone(), "abs_() changes the old tensor.")
    exercise = Exercise(
        "99.1",
        lambda w: w.abs().clone(),
        (Case((torch.ones(2),)), Case((torch.tensor([-1.0]),))),
        misconceptions=(changed,),
        fresh=True,
    )
    assert judge(exercise, lambda w: w.abs_().clone()).misconception is changed
    assert judge(exercise, lambda w: w.abs_()).misconception is None  # returns the argument too
    copies = Exercise(
        "99.1", lambda w: w.clone(), (Case((torch.ones(2),)),), misconceptions=(alias,), fresh=True
    )
    assert judge(copies, lambda w: w).misconception is alias
    assert judge(copies, lambda w: w[:]).misconception is None


def test_an_exercise_may_ask_for_a_change_in_place_or_for_an_exception() -> None:
    """Catches a check that refuses what the reference itself does."""

    def halve(w: Tensor) -> None:
        if len(w) == 0:
            raise ValueError("nothing to halve")
        w.mul_(0.5)

    exercise = Exercise("99.1", halve, (Case((torch.ones(2),)), Case((torch.ones(0),), "Nothing.")))
    assert judge(exercise, halve).state == "passed"
    not_changed = judge(exercise, lambda w: None if len(w) else halve(w))
    assert "After the call its argument `w` is not as it should be" in not_changed.lines[-1]
    silent = judge(exercise, lambda w: None if len(w) == 0 else halve(w))
    assert silent.lines[-1] == "It should raise ValueError here, and it returned None."


def test_a_stub_that_is_reached_later_is_no_blank() -> None:
    """Catches a half-done function that is told as not attempted."""

    def half(w: Tensor, n: int) -> Tensor:
        if len(w) == 3:
            return smallest(w, n)
        raise NotImplementedError("99.1: your code goes here")

    outcome = judge(SMALLEST, half)
    assert outcome.state == "wrong" and "NotImplementedError" in outcome.lines[-1]


def test_none_is_no_missing_return_where_it_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches "is a `return` missing?" for an answer that the exercise itself gives in another case."""
    text = said(capsys, "05.4", lambda differences, largest: None)
    assert "got None" in text and "return` missing" not in text
    assert "return` missing" in said(capsys, "05.2", lambda densities, ticket, dense: None)


def test_a_right_answer_that_moves_the_global_random_state_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Catches a global seed, which changes what the lesson draws afterwards, and a flag that no exercise sets."""

    def draws(n: int, seed: int) -> Tensor:
        return torch.rand(n, generator=torch.Generator().manual_seed(seed))

    def seeds(n: int, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.rand(n)

    def draws_in_vain(n: int, seed: int) -> Tensor:
        torch.rand(1)
        return draws(n, seed)

    def restores(n: int, seed: int) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            return seeds(n, seed)

    strict = Exercise("99.1", draws, (Case((3, 0)), Case((3, 1))))
    for runner in (in_process, in_worker):
        for right in (draws, restores):
            assert judge_with(strict, right, runner=runner).state == "passed"
        for moved in (seeds, draws_in_vain):
            outcome = judge_with(strict, moved, runner=runner)
            assert outcome.state == "wrong" and outcome.lines[0].startswith("Right numbers, but")
    wrong = judge(strict, lambda n, seed: seeds(n, seed) + 1)
    assert wrong.state == "wrong" and not any("Right numbers" in line for line in wrong.lines)
    loose = Exercise("99.1", draws, (Case((3, 0)),), leaves_random_state=False)
    assert judge(loose, seeds).state == "passed"
    assert {e.id for e in EVERY if e.leaves_random_state} >= {"03.1", "05.1"}

    def globally(theta_0: dict[str, Tensor], mask: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        fresh = {n: torch.randn(w.shape) * w.std() for n, w in theta_0.items()}
        return {n: torch.where(mask[n], w, 0.0) if n in mask else w for n, w in fresh.items()}

    assert "torch.Generator of your own" in said(capsys, "05.1", globally)


def test_models_may_be_arguments() -> None:
    """Catches arguments that cannot be copied or compared: a change of the model is seen, reading is not a change."""

    def count(model: torch.nn.Module) -> int:
        return sum(p.numel() for p in model.parameters())

    def zeroes(model: torch.nn.Module) -> int:
        torch.nn.init.zeros_(next(model.parameters()))
        return count(model)

    exercise = Exercise("99.1", count, (Case((torch.nn.Linear(2, 2),)),))
    assert judge(exercise, lambda model: 6).state == "passed"
    lines = judge(exercise, zeroes).lines
    assert lines[0] == "count(model=<Linear>)" and "changes its argument `model`" in lines[1]


# use, grade_cell


def test_use_takes_what_check_found_and_no_longer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a `use` that runs the check twice, and one that keeps the verdict on an older function of that name."""
    module = checking
    runs: list[Any] = []
    real = module.judge

    def counting(exercise: Exercise, function: Any) -> Outcome:
        runs.append(function)
        return real(exercise, function)  # type: ignore[no-any-return]

    monkeypatch.setattr(module, "judge", counting)
    check("00.1", density_by_count)
    assert use("00.1", density_by_count) is density_by_count and len(runs) == 1
    use("00.1", density_by_mean)
    assert len(runs) == 2
    check("00.1", density_by_count)
    assert len(runs) == 3  # check always looks again
    assert grade_cell("00.1", density_by_count) == 1.0 and len(runs) == 4  # and so does grading


def test_grading_gives_points_and_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a graded cell that stops the notebook, or gives points for a blank."""
    assert grade_cell("00.1", density_by_mean) == 1.0
    assert grade_cell("00.1", blank) == 0.0
    assert grade_cell("00.1", Nasty()) == 0.0
    assert grade_cell("00.9", density_by_mean) == 0.0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["00.1 density: 1 of 1 points", "00.1 density: 0 of 1 points"] and len(lines) == 4


# Questions


@pytest.fixture
def question(monkeypatch: pytest.MonkeyPatch) -> Question:
    """One question, in lesson 00."""
    options = (
        Option("The largest.", False, "They matter most."),
        Option("The smallest.", True, "They matter least."),
        Option("Any.", False, "That is the control."),
    )
    asked = Question("00.Q1", "Which weights go first?", options)
    monkeypatch.setattr(
        importlib.import_module("lthkit.classroom.exercises.lesson_00"), "QUESTIONS", (asked,), raising=False
    )
    return asked


def test_a_quiz_asks_and_explains_the_chosen_option_only(
    question: Question, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a quiz that gives the right answer away, or explains another option than the chosen one."""
    quiz("00.Q1", None)
    text = capsys.readouterr().out
    assert text.startswith(
        "00.Q1  Which weights go first?\n    a) The largest.\n    b) The smallest.\n    c) Any.\n"
    )
    assert "Not answered yet" in text and "matter" not in text and "ight." not in text
    for answer, verdict in (("a", "Not right. They matter most."), (" B) ", "Right. They matter least.")):
        quiz("00.Q1", answer)
        assert capsys.readouterr().out.splitlines()[-1] == verdict
    nonsense: list[Any] = ["d", "", "ab", 1, b"b", [], Nasty()]
    for strange in nonsense:
        quiz("00.Q1", strange)
        assert 'Answer with one letter in quotes, "a" to "c".' in capsys.readouterr().out
    quiz("00.Q9", "a")
    quiz(3, "a")  # type: ignore[arg-type]
    assert "lesson 00 has 00.Q1" in capsys.readouterr().out


# The passport


def row(capsys: pytest.CaptureFixture[str], lesson: str) -> list[str]:
    capsys.readouterr()
    progress()
    return next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(lesson))


def test_progress_tells_passed_assisted_and_open(
    question: Question, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a passport that takes help for none, or forgets a pass because of a hint or a wrong try afterwards."""
    assert row(capsys, "00") == ["00", "-", "-", "00.1", "0", "of", "1"]
    check("00.1", blank)
    hint("00.1")
    check("00.1", density_by_mean)
    for _ in range(5):
        hint("00.1")
    check("00.1", density_by_mean)
    check("00.1", blank)
    quiz("00.Q1", "a")
    assert row(capsys, "00") == ["00", "00.1", "-", "-", "0", "of", "1"]
    quiz("00.Q1", "b")
    assert row(capsys, "00")[-3:] == ["1", "of", "1"]
    quiz("00.Q1", "a")
    assert "You answered it right before, and that counts." in capsys.readouterr().out
    assert row(capsys, "00")[-3:] == ["1", "of", "1"]
    for _ in range(len(find("05.2").hints) + 2):
        hint("05.2")
    use("05.2", matching_by_takewhile)
    assert row(capsys, "05")[2] == "05.2"


def test_three_hints_are_no_solution(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a pass that counts as assisted although the solution was announced only."""
    for _ in range(len(find("05.2").hints) + 1):
        hint("05.2")
    check("05.2", matching_by_takewhile)
    assert row(capsys, "05")[1] == "05.2"


def test_hints_are_remembered_over_a_restart(passport_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Catches hints that begin anew with the kernel."""
    hint("05.2")
    assert json.loads(passport_file.read_text())["hints"] == {"05.2": 1}
    capsys.readouterr()
    hint("05.2")
    assert capsys.readouterr().out.startswith("05.2 hint 2 of 4")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"format": 2}',
        '{"format": 1, "passed": 3}',
        "\udcff",
        '{"format": 1, "passed": {}, "hints": {"00.1": "x"}, "answers": {}}',
    ],
)
def test_a_damaged_passport_is_told_kept_aside_and_stops_nothing(
    content: str, passport_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a check that raises because of its own file, or throws the old one away."""
    passport_file.write_bytes(content.encode("utf-8", "surrogateescape"))
    check("00.1", density_by_mean)
    out = capsys.readouterr().out
    assert out.count("is damaged; progress is counted anew") == 1 and out.endswith("00.1 density: passed.\n")
    assert passport_file.with_name("passport.json.damaged").exists()
    assert row(capsys, "00")[1] == "00.1"
    assert "damaged" not in capsys.readouterr().out


def test_a_passport_that_cannot_be_written_is_told_once_and_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a check that raises on a read-only disk, and one that complains at every cell."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LTHKIT_PASSPORT", str(tmp_path / "file" / "passport.json"))
    check("00.1", density_by_mean)
    hint("05.2")
    hint("05.2")
    out = capsys.readouterr().out
    assert out.count("cannot be") == 1 and "00.1 density: passed." in out and "hint 2 of 4" in out
    assert row(capsys, "00")[1] == "00.1"


def test_the_passport_lies_with_the_runs_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Catches a passport somewhere in the home folder."""
    monkeypatch.delenv("LTHKIT_PASSPORT")
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path))
    assert passport.path() == tmp_path / "passport.json"
