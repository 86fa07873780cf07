"""The exhibits of lesson 12 by number: what to try them with, which item of the audit they fail, and their labels."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lthkit.evidence.audits import audit_states
from lthkit.evidence.findings import ITEMS, Audit
from lthkit.evidence.museum import masks, numbers, rewinds
from lthkit.evidence.museum.trials import Bench, Trial, bench, on_one_thread
from lthkit.machine.checks import check_whole
from lthkit.machine.devices import operator_threads
from lthkit.machine.tables import Table

QUICK = 3  # steps a training, where only the audit looks


@dataclass(frozen=True)
class Exhibit:
    """A bug of public code, or of our own, rebuilt small.

    broken, mended: the function in both states, with one name. attempt: tries one of them. needs: what evidence finds it.
    question: what to ask where no item of the audit does; "" if one does. spared: items that a good mending may leave.
    """

    number: int
    title: str
    broken: Callable[..., Any]
    mended: Callable[..., Any]
    attempt: Callable[[Callable[..., Any], Bench], Trial]
    needs: str
    question: str = ""
    spared: tuple[str, ...] = ()

    def tried(self, function: Callable[..., Any], on: Bench) -> Trial:
        """The trial with a function of anybody's."""
        return on_one_thread(lambda: self.attempt(function, on))


def _exhibit(number: int, title: str, room: Any, name: str, needs: str, **more: Any) -> Exhibit:
    broken, mended, attempt = (getattr(room, part) for part in (name, f"{name}_mended", f"try_{name}"))
    return Exhibit(number, title, broken, mended, attempt, needs, **more)


_MASK_AFTER = "weights: the mask and the trained state"
EXHIBITS: Mapping[int, Exhibit] = {
    exhibit.number: exhibit
    for exhibit in (
        _exhibit(1, "the mask that was forgotten", masks, "retrain", _MASK_AFTER),
        _exhibit(2, "the momentum of the dead", masks, "finetune", _MASK_AFTER, spared=("optimizer",)),
        _exhibit(3, "the frozen half", masks, "freeze_removed", "weights: the mask, before and after"),
        _exhibit(4, "all ties go", masks, "keep_largest", "the mask, and the count that was said"),
        _exhibit(5, "weights that come back", masks, "next_mask", "the masks of all rounds"),
        _exhibit(
            6, "a layer's threshold", masks, "global_mask", "the mask, and the weights that were ranked"
        ),
        _exhibit(7, "kept or removed", masks, "compress", "the mask, and the fraction that was said"),
        _exhibit(8, "the copy that is none", rewinds, "remember", "weights: the state saved, and the start"),
        _exhibit(
            9, "the rewind that nobody reads", rewinds, "rewind", "weights: the state saved, and the start"
        ),
        _exhibit(
            10,
            "the network that was changed by looking",
            rewinds,
            "snip_scores",
            "weights and buffers, before and after scoring",
        ),
        _exhibit(11, "scores of another network", rewinds, "snip_mask", "the mask, and scores made again"),
        _exhibit(
            12,
            "the loop that is not iterative",
            rewinds,
            "find_masks",
            "masks and trained weights of all rounds",
        ),
        _exhibit(13, "the shuffle that shuffles nothing", numbers, "shuffled", "masks of ticket and control"),
        _exhibit(
            14, "the control that searches again", numbers, "reinitialised", "masks of ticket and control"
        ),
        _exhibit(
            15, "the best of forty", numbers, "reported", "run record: how often the test split was read"
        ),
        _exhibit(
            16,
            "the seed that reaches nobody",
            numbers,
            "set_seed",
            "weights: both states that are said to be one",
        ),
        _exhibit(
            17,
            "the file that grew",
            numbers,
            "save_ticket",
            "figures: the size, and what the file holds",
            question="Which file was measured, and what is in it?",
        ),
    )
}


class Visit:
    """What a visit to an exhibit shows: its symptom, and whether that is there; in both faces."""

    def __init__(self, exhibit: Exhibit, trial: Trial, verdict: str, mended: bool) -> None:
        self.exhibit, self.trial, self.verdict, self.mended = exhibit, trial, verdict, mended

    @property
    def table(self) -> Table:
        """The symptom as a report would print it, with the verdict below."""
        own = self.trial.table
        shown = Table(own.headings, title=f"Exhibit {self.exhibit.number}", notes=[*own.notes, self.verdict])
        shown.rows = own.rows
        return shown

    @property
    def points(self) -> Mapping[str, Any]:
        """What the figure of the exhibit shows, if it has one (`lth.plots.symptom`)."""
        return self.trial.points

    def __str__(self) -> str:
        return self.table.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def exhibit(number: int) -> Exhibit:
    """An exhibit by its number. ValueError if there is none."""
    number = check_whole("number", number, 1)
    if number not in EXHIBITS:
        raise ValueError(f"number={number} was given; there are exhibits 1 to {len(EXHIBITS)}.")
    return EXHIBITS[number]


def visit(number: int, function: Callable[..., Any]) -> Visit:
    """Try an exhibit with `function`, and show its symptom; say whether it is there.

    Where the symptom is gone, the trial says what a right mending does and this one does not, and the audit looks at it, so
    that a mending which hides the symptom and breaks something else is not taken for one.

    Raises:
        ValueError: no such exhibit. TypeError: no function. RuntimeError: the function stopped with an error of its own.
    """
    this = exhibit(number)
    if not callable(function) or isinstance(function, type):
        raise TypeError(
            f"function is a {type(function).__name__}; expected the exhibit's function, {this.broken.__name__}."
        )
    try:
        trial = this.tried(function, bench())
        audited = _audited(trial)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise RuntimeError(
            f"{this.broken.__name__} did not do its work in exhibit {number}: {type(error).__name__}: {error} "
            f"(line {where.lineno}: {where.line})."
        ) from error
    left = [item for item in audited.failed if item not in this.spared] if audited is not None else []
    if trial.wrong:
        verdict = "The symptom is there."
    elif trial.also:
        verdict = f"The symptom is gone, and something else is wrong. {trial.also}"
    elif left:
        verdict = f"The symptom is gone, and something else is wrong. {left[0]}: {audited[left[0]].text}"  # type: ignore[index]
    else:
        verdict = "The symptom is gone."
    return Visit(this, trial, verdict, not trial.wrong and not trial.also and not left)


def _audited(trial: Trial) -> Audit | None:
    with operator_threads(1):
        return audit_states(**trial.given) if trial.given else None


@lru_cache(maxsize=4)
def caught(steps: int = QUICK) -> dict[int, tuple[str, ...]]:
    """By exhibit, the items that the audit says fail of the broken function, and not of the mended one."""
    on = Bench(steps)
    found = {}
    for number, this in EXHIBITS.items():
        broken, mended = (_audited(this.tried(f, on)) for f in (this.broken, this.mended))
        failed, spared = (() if one is None else one.failed for one in (broken, mended))
        found[number] = tuple(item for item in failed if item not in spared)
    return found


def table() -> Table:
    """Exhibit by exhibit: which item of the audit finds it, or which question, and what that needs. Everything is computed."""
    found = caught()
    shown = Table(
        ["exhibit", "what it is", "found by", "needs"],
        title="What finds what",
        notes=[
            f"{sum(map(bool, found.values()))} of {len(found)} are found by the audit: an item fails for the broken function, "
            "and for the mended one it does not. The others are found by the question."
        ],
    )
    for number, this in EXHIBITS.items():
        by = f"audit: {', '.join(found[number])}" if found[number] else f"asking: {this.question}"
        shown.add(str(number), this.title, by, this.needs)
    return shown


def grid() -> dict[str, list[int]]:
    """By item of the audit, the numbers of the exhibits that fail it."""
    found = caught()
    return {item: [n for n, failed in found.items() if item in failed] for item in ITEMS}
