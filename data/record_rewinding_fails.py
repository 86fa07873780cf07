"""Record `results/rewinding-fails`: a small network whose tickets fail from step 0 and are rescued from step k, registered.

Run by hand, about an hour on two cores; the data are the embedded ones:

    python data/record_rewinding_fails.py train FOLDER            # all seeds; or --seeds 100 101
    python data/record_rewinding_fails.py collect FOLDER          # seeds that are complete -> data/results/rewinding-fails

`train` saves every training in FOLDER as it ends and goes on from there when it is called again. The claims it is made for
stand in `data/claims.toml`; their digests are written to FOLDER before the first training, and a folder that was begun with
others is refused. `collect` trains nothing: it takes the seeds that are complete, and writes config.json, summary.json,
table.csv (one row a training), barriers.csv (one row a path between a ticket and its twin) and paths.csv (its points).

One dense network a seed is pruned once, by the magnitude of its trained weights, and retrained under that mask: from the
state it had at step k, from the state of another seed's network at step k, and from new random weights. A twin is a second
child of the same start, under the same mask, with another data order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import lthkit as lth
from lthkit import ledger
from lthkit.evidence import mode_connectivity
from lthkit.runs import experiments, recording
from lthkit.storage import files, folders, records
from lthkit.training.pool import Pool

NAME = "rewinding-fails"
TARGET = Path(__file__).resolve().parent / "results" / NAME
SEEDS = (100, 101, 102, 103, 104, 105, 106, 107, 108, 109)
DENSITY = 0.08
SWEEP = (0, 10, 25, 50, 100, 250, 500)
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
RECIPE = lth.Recipe(
    steps=2500,
    batch_size=32,
    optimizer="sgd",
    momentum=0.9,
    lr=0.3,
    weight_decay=1e-3,
    schedule="cosine",
    evaluate_every=250,
)
LARGE, SMALL, WARM = "lr 0.3", "lr 0.03", "lr 0.3 with warm-up"
RECIPES = {LARGE: RECIPE, SMALL: replace(RECIPE, lr=0.03), WARM: replace(RECIPE, warmup=500)}
CLAIMS = (
    "rewind-0-fails-14",
    "rewind-0-fails-28",
    "rewind-250-rescues-14",
    "rewind-250-rescues-28",
    "rewind-50-rescues",
    "foreign-step-fails",
    "barrier-falls",
    "stable-where-rescued",
    "low-rate-is-stable",
    "low-rate-ticket-matches",
    "warmup-rescues",
)


@dataclass(frozen=True)
class Case:
    """What is trained for one size of the images and one recipe: from which steps, which of them with a twin, and from
    which steps of another seed's network."""

    size: int
    recipe: str
    steps: tuple[int, ...] = SWEEP
    twins: tuple[int, ...] = (0, 50)
    foreign: tuple[int, ...] = ()

    @property
    def folder(self) -> str:
        return f"{self.size}-" + self.recipe.replace(" ", "-").replace(".", "")


CASES = (
    Case(14, LARGE, twins=SWEEP, foreign=(50, 250)),
    Case(28, LARGE, twins=(0, 50, 250), foreign=(50, 250)),
    Case(14, SMALL, steps=(0, 50)),
    Case(14, WARM, steps=(0, 50)),
)


def all_data() -> dict[int, lth.Dataset]:
    """The embedded Fashion-MNIST by the height of its images."""
    data = lth.load_data("fashion-mnist")
    return {14: lth.data.halved(data), 28: data}


def config(data: Mapping[int, lth.Dataset]) -> dict[str, Any]:
    """All that decides the numbers, and the registered texts that they will judge."""
    return {
        "name": NAME,
        "model": "mlp-bn",
        "tier": "recorded",
        "data": data[28].name,
        "data_fingerprint": {str(size): one.fingerprint for size, one in data.items()},
        "device": "cpu",
        "seeds": list(SEEDS),
        "recipe": RECIPE.config(),
        "recipes": {name: recipe.config() for name, recipe in RECIPES.items()},
        "density": DENSITY,
        "scope": "global",
        "score": "magnitude",
        "cases": [
            {"size": c.size, "recipe": c.recipe, "steps": list(c.steps)}
            | {"twins": list(c.twins), "foreign": list(c.foreign)}
            for c in CASES
        ],
        "alphas": list(ALPHAS),
        "claims": ledger.digests(*CLAIMS),
    }


def other_of(seed: int) -> int:
    """The seed whose network lends its step k: the next one in the list, and of the last one the first."""
    return SEEDS[(SEEDS.index(seed) + 1) % len(SEEDS)]


class Trainings:
    """The trainings of one seed and one case, each with its files: what is there is read, what is not is made."""

    def __init__(self, folder: Path, data: lth.Dataset, case: Case, seed: int) -> None:
        self.root, self.data, self.case, self.seed = folder, data, case, seed
        self.recipe = RECIPES[case.recipe]
        self.model_fn = partial(lth.models.mlp_bn, input_shape=data.shape)
        self.order = lth.derived_seed(seed, "order")  # of the data, the same in all arms of a seed

    def file(self, name: str) -> Path:
        return self.root / f"seed-{self.seed}" / self.case.folder / name

    def has(self, name: str) -> bool:
        return self.file(f"{name}.json").exists()

    def save(self, arm: str, k: int | None, density: float, result: lth.TrainResult) -> None:
        """The row of a training; it is written last, so that it says that all else is there."""
        row = experiments.row_of(arm, self.seed, 0 if arm == "dense" else 1, density, result)
        row |= {"size": self.case.size, "recipe": self.case.recipe, "k": k}
        files.write_sealed(self.file(f"{slug(arm)}.json"), row)

    def dense(self) -> None:
        keep = (*self.case.steps, self.recipe.steps)
        result = lth.train(
            self.model_fn(seed=self.seed), self.data, seed=self.order, recipe=self.recipe, keep=keep
        )
        for step, checkpoint in result.kept.items():
            checkpoint.save(self.file(f"dense-{step}.npz"))
        self.save("dense", None, 1.0, result)

    def kept(self, step: int) -> lth.Checkpoint:
        """The state of the dense network at a step, with that of its optimizer."""
        return lth.Checkpoint.load(self.file(f"dense-{step}.npz"))

    def mask(self) -> lth.Mask:
        model = self.model_fn(seed=self.seed)
        self.kept(self.recipe.steps).restore(model)
        return lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), DENSITY, scope="global")

    def retrained(
        self, arm: str, k: int | None, start: lth.Checkpoint, *, purpose: str = "order", end: bool = False
    ) -> None:
        """One training under the mask. purpose: of the seed of its data order. end: keep its last weights."""
        mask = self.mask()
        result = lth.retrain(
            self.model_fn,
            self.data,
            mask=mask,
            weights_from=start,
            seed=lth.derived_seed(self.seed, purpose),
            recipe=self.recipe,
            momentum="restore",
            keep=(self.recipe.steps,) if end else (),
        )
        if end:
            last = replace(result.kept[self.recipe.steps], optimizer=None)
            last.save(self.file(f"{slug(arm)}.npz"))
        self.save(arm, k, mask.density, result)

    def path(self, k: int) -> None:
        """Loss and error on the line between the ticket of step k and its twin, on the validation split."""
        a, b = (lth.Checkpoint.load(self.file(f"{slug(arm)}.npz")) for arm in (ticket(k), twin(k)))
        points = mode_connectivity.interpolate(self.model_fn, self.data, a=a, b=b, alphas=ALPHAS)
        rows = [{"alpha": p.alpha, "loss": p.loss, "error": p.error} for p in points]
        height = 100 * mode_connectivity.barrier(points)
        files.write_sealed(self.file(f"path-{k}.json"), {"barrier": height, "points": rows})


def ticket(k: int) -> str:
    return f"from step {k}"


def twin(k: int) -> str:
    return f"twin from step {k}"


def foreign(k: int) -> str:
    return f"from step {k} of another seed"


def slug(arm: str) -> str:
    return arm.replace(" ", "-")


def jobs_of(these: Trainings) -> list[tuple[str, Any]]:
    """What is to be done once the dense networks are there: name of what is written last, and the job."""
    jobs: list[tuple[str, Any]] = []
    for k in these.case.steps:
        if k in these.case.twins:
            jobs.append((f"path-{k}", partial(pair, these, k)))
        else:
            jobs.append((slug(ticket(k)), partial(one_ticket, these, k)))
    for k in these.case.foreign:
        jobs.append((slug(foreign(k)), partial(one_foreign, these, k)))
    jobs.append(("re-initialised", partial(control, these)))
    return jobs


def one_ticket(these: Trainings, k: int) -> None:
    these.retrained(ticket(k), k, these.kept(k))


def pair(these: Trainings, k: int) -> None:
    """A ticket, its twin, and the path between them."""
    for arm, purpose in ((ticket(k), "order"), (twin(k), "twin")):
        if not these.has(slug(arm)):
            these.retrained(arm, k, these.kept(k), purpose=purpose, end=True)
    these.path(k)


def one_foreign(these: Trainings, k: int) -> None:
    lender = Trainings(these.root, these.data, these.case, other_of(these.seed))
    these.retrained(foreign(k), k, lender.kept(k))


def control(these: Trainings) -> None:
    these.retrained("re-initialised", None, lth.fresh_start(these.model_fn, seed=these.seed))


def train_all(folder: Path, seeds: list[int], workers: int) -> None:
    """Every training that FOLDER does not have yet, `workers` side by side with one thread each."""
    data = all_data()
    recording.check_seeds(seeds, SEEDS)
    begun = perf_counter()

    def run(these: Trainings, name: str, job: Any) -> None:
        if these.has(name):
            return
        pool.check()
        job()
        minutes = (perf_counter() - begun) / 60
        print(f"{minutes:6.1f} min  seed {these.seed}, {these.case.folder}: {name}", flush=True)

    with folders.hold(folder):
        folders.open_run(folder, config(data))
        for seed in seeds:  # one seed is complete before the next begins
            own = [Trainings(folder, data[case.size], case, seed) for case in CASES]
            lenders = [
                Trainings(folder, these.data, these.case, other_of(seed))
                for these in own
                if these.case.foreign
            ]
            pool = Pool(workers=workers, threads=1)
            for these in (*own, *lenders):
                pool.submit(run, these, "dense", these.dense)
            pool.run()
            pool = Pool(workers=workers, threads=1)
            for these in own:
                for name, job in jobs_of(these):
                    pool.submit(run, these, name, job)
            pool.run()


def read_seed(
    folder: Path, data: Mapping[int, lth.Dataset], seed: int
) -> dict[str, list[records.Row]] | None:
    """The rows of a seed for each table, or None as long as something is missing."""
    tables: dict[str, list[records.Row]] = {"table.csv": [], "barriers.csv": [], "paths.csv": []}
    for case in CASES:
        these = Trainings(folder, data[case.size], case, seed)
        arms = ["dense", *map(ticket, case.steps), *map(foreign, case.foreign), "re-initialised"]
        arms += map(twin, case.twins)
        if not all(these.has(name) for name in (*map(slug, arms), *(f"path-{k}" for k in case.twins))):
            return None
        tables["table.csv"] += [files.read_sealed(these.file(f"{slug(arm)}.json")) for arm in arms]
        for k in case.twins:
            path = files.read_sealed(these.file(f"path-{k}.json"))
            place = {"seed": seed, "size": case.size, "recipe": case.recipe, "k": k}
            tables["barriers.csv"].append({**place, "barrier": path["barrier"]})
            tables["paths.csv"] += [{**place, **point} for point in path["points"]]
    return tables


def collect(folder: Path, target: Path | None = None) -> None:
    """Write what the lesson and the ledger read, from the seeds that are complete in FOLDER."""
    data = all_data()
    found = {seed: tables for seed in SEEDS if (tables := read_seed(folder, data, seed)) is not None}
    if not found:
        raise SystemExit(f"{folder} has no complete seed yet.")
    all_tables: dict[str, list[records.Row]] = {}
    for tables in found.values():
        for name, rows in tables.items():
            all_tables.setdefault(name, []).extend(rows)
    target = TARGET if target is None else target  # looked up now: a test has another one
    recording.write_record(
        target,
        folder,
        list(found),
        all_tables,
        name=NAME,
        data=data[28].label,
        minutes=round(sum(row["seconds"] for row in all_tables["table.csv"]) / 60, 1),
    )
    print(f"{target.name}: seeds {list(found)}, {len(all_tables['table.csv'])} trainings")


if __name__ == "__main__":
    recording.command(__doc__, SEEDS, TARGET, train_all, collect)
