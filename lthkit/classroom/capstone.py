"""The capstone: eight open questions at laptop scale, and a student's own copy of the notebook in which one is answered."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lthkit.classroom.start import OWN, STUDENT, Begun
from lthkit.machine.checks import check_whole
from lthkit.machine.tables import Table
from lthkit.storage import files

TEMPLATE = "capstone_template"
NAME = "capstone"
# Updates of LeNet-300-100 in a second, on two quiet cores: those of the recorded run `winning-ticket` in its time.
UPDATES_A_SECOND = 1800


@dataclass(frozen=True)
class OpenQuestion:
    """A question that the embedded data and two cores can answer.

    title: the question. known: what is published, with its status. data: what is trained on.
    arms: the one asked about first, then what it is compared with. controls: of these.
    seeds, trainings, steps: the budget: seeds, trainings of one seed, updates of one training.
    pitfalls: how this one goes wrong. null: what a null result would say. read: (words, address). worked: it is the worked example.
    """

    title: str
    known: str
    data: str
    arms: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: int
    trainings: int
    steps: int
    pitfalls: tuple[str, ...]
    null: str
    read: tuple[tuple[str, str], ...]
    worked: bool = False

    @property
    def minutes(self) -> float:
        """About how long it takes, if every training uses all of its updates."""
        return self.seeds * self.trainings * self.steps / UPDATES_A_SECOND / 60

    @property
    def budget(self) -> str:
        """Seeds, trainings and minutes in words."""
        return (
            f"{self.seeds} seeds with {self.trainings} trainings each, {self.seeds * self.trainings} trainings of {self.steps:,} "
            f"updates: about {max(1, round(self.minutes))} minutes on two quiet cores"
        )

    @property
    def table(self) -> Table:
        """All of it, line by line."""
        rows = [
            ("what is known", self.known),
            ("data", self.data),
            ("arms", "; ".join(self.arms)),
            ("controls", "; ".join(self.controls)),
            ("budget", self.budget + "."),
            *(("pitfall", text) for text in self.pitfalls),
            ("a null result says", self.null),
            *(("read", f"{words}: {address}") for words, address in self.read),
        ]
        return Table(["", " "], rows, title=self.title)

    def __str__(self) -> str:
        return self.table.text()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


_DATA = "Embedded Fashion-MNIST, LeNet-300-100"
_FRANKLE = ("Frankle and Carbin 2019", "https://arxiv.org/abs/1803.03635")
_MORCOS = ("Morcos et al. 2019 (abstract)", "https://arxiv.org/abs/1906.02773")
_MISSING = ("Frankle et al. 2021 (abstract)", "https://arxiv.org/abs/2009.08576")

QUESTIONS: tuple[OpenQuestion, ...] = (
    OpenQuestion(
        title="Does the rewind step matter for this network at 10 % of the weights?",
        known=(
            "Published: LeNet on MNIST has tickets from step 0; ResNet-18 and VGG-19 on CIFAR-10 need a later step. For this "
            "network on this data: not known to us. Lesson 06 has another network here for which step 0 is not enough."
        ),
        data=f"{_DATA}, one cut to 10 %.",
        arms=("from step 50", "from step 0", "new weights"),
        controls=("new weights",),
        seeds=20,
        trainings=5,
        steps=2000,
        pitfalls=(
            "Two searches with one seed share the dense training, so their masks are the same; check that they are.",
            "A ticket from step 50 has 50 updates less to do. Say whether you count updates from step 0 or from the rewind point.",
            "Several rewind steps are several comparisons.",
        ),
        null="That 50 steps of head start change less than your margin: evidence that this network is stable from the start.",
        read=(
            ("Frankle et al. 2019", "https://arxiv.org/abs/1903.01611"),
            ("Frankle et al. 2020 (abstract)", "https://arxiv.org/abs/1912.05671"),
        ),
    ),
    OpenQuestion(
        title="Does a ticket that was found with Adam train with SGD?",
        known=(
            "Published for convolutional networks: tickets carry over from one optimizer to another (abstract read). For this network "
            "and with a control of new weights: not known to us."
        ),
        data=f"{_DATA}, one cut to 10 %.",
        arms=("found with Adam", "found with SGD", "new weights"),
        controls=("new weights",),
        seeds=20,
        trainings=5,
        steps=2000,
        pitfalls=(
            "All arms are trained with SGD in the end; only the search differs.",
            "The learning rate of SGD is chosen on the validation split, on seeds that are not used again, before the plan.",
            "The new weights get the mask that was found with Adam; with the other mask they control the other arm.",
            "A rewind point has the state of its optimizer; that of Adam does not fit SGD. momentum='fresh' begins without it.",
        ),
        null="That the optimizer of the search costs less than your margin: the mask is not about the optimizer.",
        read=(_MORCOS, _FRANKLE),
    ),
    OpenQuestion(
        title="Does label noise take the ticket's lead away?",
        known=(
            "Published, and found again by an independent replication: on MNIST, tickets of LeNet at moderate densities are a little better "
            "than the dense network. With noisy labels: not known to us."
        ),
        data=f"{_DATA}; in the training split 20 % of the labels are drawn anew, validation and test stay clean.",
        arms=("ticket, noisy labels", "dense, noisy labels", "shuffled, noisy labels"),
        controls=("shuffled, noisy labels",),
        seeds=20,
        trainings=4,
        steps=2000,
        pitfalls=(
            "The question how much *more* the ticket leads than with clean labels compares two differences; its standard "
            "deviation is about 1.4 times as large, and it takes twice the seeds.",
            "Make the noisy data in a cell of its own, outside of one_seed, and only from the training split.",
            "Noisy labels make the least validation loss come early. Fix before the run which step is reported.",
        ),
        null="That with one label in five wrong the ticket's lead over the dense network is within your margin of 0.",
        read=(
            _FRANKLE,
            (
                "Bouthillier et al. 2021, on sources of variance (abstract)",
                "https://arxiv.org/abs/2103.03098",
            ),
        ),
    ),
    OpenQuestion(
        title="Does a ticket from one half of the classes help on the other half?",
        known=(
            "Published: tickets carry over between data sets of natural images, Fashion-MNIST among them (abstract read). Between "
            "halves of the classes of one small data set: not known to us."
        ),
        data="Embedded Fashion-MNIST, classes 0 to 4 and 5 to 9, numbered 0 to 4 in both halves; LeNet-300-100 with five outputs.",
        arms=("ticket of the other half", "ticket of this half", "shuffled"),
        controls=("shuffled",),
        seeds=20,
        trainings=5,
        steps=1500,
        pitfalls=(
            "Both searches begin with the same initial weights; else it is no ticket any more.",
            "Shoes and clothes differ in difficulty. Fix before the run which half is trained on.",
            "Make both halves in a cell of their own, outside of one_seed; the selection touches the test split too.",
            "A mask that only drops dark border pixels helps everywhere. The shuffled mask does not know the border: what is left "
            "of the gain if the first layer of the control is not shuffled?",
        ),
        null="That what the other half has found is worth less than your margin beside a mask with the same numbers a layer.",
        read=(_MORCOS,),
    ),
    OpenQuestion(
        title="Is it better to prune globally or layer by layer at 2 % of the weights?",
        known=(
            "Practice differs between papers: Frankle and Carbin prune LeNet layer by layer and deeper networks globally. Which is better "
            "for this network at 2 %: not known to us."
        ),
        data=f"{_DATA}, iterative pruning in four rounds to 2 %.",
        arms=("global", "layer by layer", "global, shuffled"),
        controls=("global, shuffled",),
        seeds=16,
        trainings=10,
        steps=2000,
        pitfalls=(
            "The densities must be equal to the weight; print both.",
            "Whether the output layer loses half the rate is a choice of its own; take it from both arms or from none.",
            "A layer may become empty. A network that is cut in two has an accuracy of 10 %, and one such seed makes the interval.",
        ),
        null="That the choice of what is ranked together moves the accuracy by less than your margin, at this density.",
        read=(_FRANKLE, ("Blalock et al. 2020 (abstract)", "https://arxiv.org/abs/2003.03033")),
    ),
    OpenQuestion(
        title="Before training, is magnitude better than chance with the same numbers a layer?",
        known=(
            "Published: for several ways to prune before training a mask that is shuffled inside each layer does as well "
            "(abstract read); lesson 08 repeats it for SNIP. For magnitude on this network: not known to us."
        ),
        data=f"{_DATA}, pruned before training to 5 %, global.",
        arms=("magnitude", "shuffled", "magnitude, new weights"),
        controls=("shuffled", "magnitude, new weights"),
        seeds=24,
        trainings=3,
        steps=3000,
        pitfalls=(
            "Magnitude keeps large weights, so the signal that goes through is larger. Is it the place or the size? The shuffled mask "
            "changes both.",
            "Two controls are two comparisons: share the error, or name the one that counts.",
            "Whoever adds SNIP and GraSP has a table, and no registered question any more.",
        ),
        null="That large initial weights are worth no more than their number a layer, up to your margin.",
        read=(_MISSING, ("Ma et al. 2021 (abstract)", "https://arxiv.org/abs/2107.00166")),
    ),
    OpenQuestion(
        title="Does a ticket need the order of the batches in which it was found?",
        known=(
            "Related and published: with a fixed start, other orders of training give other tickets (abstract read), and LeNet trained in "
            "two orders stays in one valley (quoted by others). Whether a ticket prefers its own order: not known to us."
        ),
        data=f"{_DATA}, one cut to 12 %.",
        arms=("same order", "other order", "new weights"),
        controls=("new weights",),
        seeds=24,
        trainings=4,
        steps=800,
        pitfalls=(
            "The same order must be the same in the search and in the retraining; a new generator changes it unseen.",
            "The initial weights stay the same, else two things differ.",
        ),
        null="That what the search has learnt of its own order is worth less than your margin.",
        read=(
            ("Grosse and Backes 2020 (abstract)", "https://arxiv.org/abs/2006.07014"),
            ("Frankle et al. 2020 (abstract)", "https://arxiv.org/abs/1912.05671"),
        ),
        worked=True,
    ),
    OpenQuestion(
        title="Does the Early-Bird rule find a better moment than a fixed epoch?",
        known=(
            "Published: a mask is drawn when it changes little from epoch to epoch; what that saves is contested (lesson 09). Whether the rule "
            "beats a fixed early epoch on this network: not known to us."
        ),
        data=f"{_DATA}, masks of 10 % from the weights; the fixed epoch is the second.",
        arms=("by the rule", "at epoch 2", "by the rule, shuffled"),
        controls=("by the rule, shuffled",),
        seeds=20,
        trainings=4,
        steps=2000,
        pitfalls=(
            "The rule needs a window of epochs and stops later. Count the updates of the search: equal budgets, or say what it costs.",
            "A rule that never fires gives no ticket. Say before the run what then counts.",
            "Threshold and window are chosen on other seeds.",
        ),
        null="That the moment matters less than your margin: then the rule is not what makes early tickets work here.",
        read=(("You et al. 2020 (abstract)", "https://arxiv.org/abs/1909.11957"),),
    ),
)


def questions() -> Table:
    """The eight questions with their budgets. A question of your own is as welcome."""
    table = Table(
        {"": "d", "question": "", "seeds": "d", "trainings": "d", "minutes, about": "d"},
        title="Eight open questions",
        keys=2,
    )
    for number, one in enumerate(QUESTIONS, start=1):
        said = f"{one.title} (the worked example: take another)" if one.worked else one.title
        table.add(number, said, one.seeds, one.seeds * one.trainings, max(1, round(one.minutes)))
    table.note(
        "minutes on two quiet cores, if no training stops early. question(3) says all about the third."
    )
    return table


def question(number: int) -> OpenQuestion:
    """One of the eight, by its number.

    Raises:
        ValueError: there is no such number.
    """
    if check_whole("number", number, 1) > len(QUESTIONS):
        raise ValueError(
            f"number={number} was given; there are {len(QUESTIONS)} questions, 1 to {len(QUESTIONS)}."
        )
    return QUESTIONS[number - 1]


def start_capstone(course: Path, folder: Path | None = None, *, fresh: bool = False) -> Begun:
    """Copy the template into `folder`, or into `my/`. What is there stays as it is; with `fresh` a new copy is put beside it.

    Raises:
        FileNotFoundError: this course has no template. ValueError: `folder` is a file, or the name of a lesson.
        OSError: the folder cannot be written.
    """
    source = course / STUDENT / f"{TEMPLATE}.ipynb"
    if not source.is_file():
        raise FileNotFoundError(
            f"{source} is not there; this copy of the course has no capstone. Update or download it again."
        )
    place = course / OWN if folder is None else folder
    if folder is not None and (folder.name.isdigit() or (course / STUDENT / f"{folder.name}.ipynb").exists()):
        raise ValueError(
            f"{folder.name!r} was given as a folder for the capstone, and it is a lesson; expected a folder, such as my/capstone. "
            f"A lesson is begun by itself: lthkit start {folder.name[:2]}"
        )
    if place.exists() and not place.is_dir():
        raise ValueError(f"{place} is a file; expected a folder for the capstone, such as my/capstone.")
    target = place / f"{NAME}.ipynb"
    if target.exists() and not fresh:
        return Begun(target, new=False)
    n = 1
    while target.exists():
        n += 1
        target = place / f"{NAME}-{n}.ipynb"
    text = source.read_text(encoding="utf-8").replace("](../", f"]({_way(place, course)}/")
    return Begun(files.write_text(target, text), new=True)


def _way(place: Path, course: Path) -> str:
    """How the links of a notebook in `place` lead to the course."""
    try:
        return Path(os.path.relpath(course.resolve(), place.resolve())).as_posix()
    except ValueError:  # another drive of Windows
        return course.resolve().as_posix()
