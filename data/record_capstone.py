"""Make `results/capstone`: the worked example of the capstone, an experiment that was registered before it was run.

    python data/record_capstone.py register FOLDER    writes the plan, and prints its digest
    python data/record_capstone.py run FOLDER         trains; what is finished is saved, and the same command goes on
    python data/record_capstone.py collect FOLDER     audits it, and copies all but the weights to results/capstone

Does a ticket need the order of the batches in which it was found? A ticket is found in one cut, at 12 % of the weights of
LeNet-300-100, and trained again from its initial weights: in the order of the images in which it was found, in another
order, and with new weights. The plan and `one_seed` were committed before the run.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import lthkit as lth
from lthkit.runs import Plan, Predicted

TARGET = Path(__file__).resolve().parent / "results" / "capstone"
RECIPE = lth.Recipe(steps=800, evaluate_every=100)
REMOVED, REMOVED_OF_OUTPUT = 0.88, 0.44
PLAN = Plan(
    question="Does a ticket need the order of the batches in which it was found?",
    arms=("same order", "other order", "new weights"),
    controls=("new weights",),
    predictions=(
        Predicted("same order", "other order", "above", 0.0),
        Predicted("same order", "new weights", "above", 0.0),
    ),
    seeds=tuple(range(300, 324)),
    effect=0.5,
    sd=0.7,
    minutes=15,
    note=(
        "No pilot run. sd is the upper end of the interval of the dense network's differences between two orders, "
        "in the recorded run `seeds` (longer trainings of the same network). effect is about what the initial weights are "
        "worth there. The second prediction is the positive control: if it does not hold, this cell cannot see a "
        "difference, and the first one says nothing. A null result is held against the margin of 0.5 points "
        "(evidence.against_margin)."
    ),
    tier="laptop",
)


def one_seed(seed: int) -> dict[str, Any]:
    """The trainings of one seed: the dense network, from which the mask comes, and the three arms."""
    data = lth.load_data("fashion-mnist")
    order = lth.derived_seed(seed, "order")
    model_fn = lth.models.lenet_300_100
    search = lth.imp(
        model_fn,
        data,
        rounds=1,
        fraction=REMOVED,
        overrides={"fc3.weight": REMOVED_OF_OUTPUT},
        scope="layerwise",
        rewind_step=0,
        seed=seed,
        order_seed=order,
        recipe=RECIPE,
    )
    _, ticket = list(search)
    given: dict[str, Any] = {"mask": ticket.mask, "recipe": RECIPE}
    other = lth.derived_seed(seed, "other order")
    moved = lth.retrain(model_fn, data, weights_from=ticket.rewind, seed=other, **given)
    new = lth.fresh_start(model_fn, seed=seed)
    fresh = lth.retrain(model_fn, data, weights_from=new, seed=order, **given)
    return {"same order": ticket, "other order": (ticket.mask, moved), "new weights": (ticket.mask, fresh)}


def main(what: str, folder: Path) -> None:
    if what == "register":
        print(PLAN, "\ndigest", PLAN.register(folder))
    elif what == "run":
        lth.runs.carry_out(folder, one_seed)
    elif what == "collect":
        shutil.rmtree(TARGET, ignore_errors=True)
        print(lth.runs.hand_in(folder, TARGET))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]))
