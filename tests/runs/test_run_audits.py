"""An audit of run folders: what lthkit leaves holds, and what was tampered with, or trained otherwise, does not."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lthkit as lth
from lthkit.__main__ import main
from lthkit.data.datasets import Dataset
from lthkit.evidence.findings import ITEMS, Audit
from lthkit.evidence.state_files import read_file
from lthkit.runs import experiments
from lthkit.runs.remade import Given, remake
from lthkit.runs.run_cells import cells_of_seeds
from lthkit.storage import files
from lthkit.storage.records import write_table
from lthkit.tickets.rounds import load_round, save_round
from tests.conftest import small_net

RECIPE = lth.Recipe(steps=40, batch_size=30, evaluate_every=20)


@pytest.fixture(autouse=True)
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTHKIT_RUNS", str(tmp_path / "runs"))
    yield
    lth.keep_no_runs()


def search(tiny: Dataset, folder: Path, **more: Any) -> list[lth.Round]:
    given: dict[str, Any] = {"rounds": 2, "fraction": 0.5, "recipe": RECIPE, "seed": 0, "folder": folder}
    return list(lth.imp(small_net, tiny, **given | more))


def audited(tiny: Dataset, folder: Path | str, **more: Any) -> Audit:
    return lth.audit(folder, network=small_net(seed=0), data=tiny, **more)


def resaved(folder: Path, r: int, **changed: Any) -> None:
    """Write round r again with something changed, seal and mark in order: the record is whole, and wrong."""
    this = load_round(folder, r)
    assert this is not None
    path = folder / f"round-{r:02d}.npz"
    path.unlink()
    save_round(folder, dataclasses.replace(this, **changed))


def test_a_search_holds_in_all_that_its_files_tell(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "a")
    found = audited(tiny, tmp_path / "a", replay=True)
    assert found.failed == ()
    assert found.open == ("optimizer", "seeds", "controls")
    assert "again" in found["rewound"].text and "again" in found["measured"].text
    less = audited(tiny, tmp_path / "a")
    assert less.open == ("rewound", "optimizer", "seeds", "controls") and "--replay" in less["rewound"].text


def test_a_search_without_its_network_says_what_it_needs(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "a")
    found = lth.audit(tmp_path / "a")
    assert {"zeros", "measured", "rewound"} <= set(found.open)
    assert "network=" in found["measured"].text and "data=" in found["measured"].text
    with pytest.raises(ValueError, match="network from the same"):
        lth.audit(tmp_path / "a", network=nn.Linear(64, 3), data=tiny)
    with pytest.raises(ValueError, match="the same images"):
        lth.audit(tmp_path / "a", network=small_net(seed=0), data=lth.load_data("fashion-mnist"))


def test_rewinding_to_a_later_step_and_one_shot_are_read_too(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "k", rewind_step=20, momentum="fresh")
    found = audited(tiny, tmp_path / "k", replay=True)
    assert found.failed == () and "a state of step 20" in found["rewound"].text
    list(lth.one_shot(small_net, tiny, densities=(0.2, 0.6), recipe=RECIPE, seed=0, folder=tmp_path / "one"))
    found = audited(tiny, tmp_path / "one", replay=True)
    assert found.failed == () and found["nested"].verdict == "holds"


def test_a_layerwise_search_with_slower_layers_is_counted(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "a", scope="layerwise", overrides={"5.weight": 0.25}, fraction=[0.5, 0.2])
    assert audited(tiny, tmp_path / "a").failed == ()


def test_a_driver_that_does_not_rewind_is_found_by_replay(tiny: Dataset, tmp_path: Path) -> None:
    def no_rewind(model: nn.Module, data: Dataset, **given: Any) -> lth.TrainResult:
        if given.get("start") is not None:
            trained = lth.Checkpoint(0, lth.Checkpoint.of(model).model)
            given["start"] = trained
        return lth.train(model, data, **given)

    search(tiny, tmp_path / "a", train=no_rewind)
    found = audited(tiny, tmp_path / "a", replay=True)
    assert "it began elsewhere" in found["rewound"].text and "rewound" in found.failed


def test_a_mask_that_was_exchanged_is_found(tiny: Dataset, tmp_path: Path) -> None:
    rounds = search(tiny, tmp_path / "a")
    other = rounds[1].mask.shuffled(3)
    resaved(tmp_path / "a", 1, mask=other)
    found = audited(tiny, tmp_path / "a")
    assert {"nested", "ranking", "measured", "zeros"} <= set(found.failed)
    assert "record" in found.held, "the seal alone does not tell"


def test_a_search_that_ranks_the_dense_network_is_named(tiny: Dataset, tmp_path: Path) -> None:
    rounds = search(tiny, tmp_path / "a")
    dense = rounds[0].trained.model
    wrong = lth.prune(rounds[1].mask, {n: dense[n].abs() for n in rounds[1].mask}, 0.5)
    assert wrong != rounds[2].mask
    resaved(tmp_path / "a", 2, mask=wrong)
    text = audited(tiny, tmp_path / "a")["ranking"].text
    assert "the loop is not iterative" in text


def test_a_count_that_is_not_the_configured_one_is_found(tiny: Dataset, tmp_path: Path) -> None:
    rounds = search(tiny, tmp_path / "a")
    more = {n: t.clone() for n, t in rounds[2].mask.items()}
    place = (rounds[1].mask["1.weight"] & ~more["1.weight"]).nonzero()[0]
    more["1.weight"][tuple(place)] = True
    resaved(tmp_path / "a", 2, mask=lth.Mask(more))
    assert "the configuration makes it" in audited(tiny, tmp_path / "a")["density"].text


def test_another_start_than_the_configured_one_is_found(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "a")
    lth.Checkpoint.of(small_net(seed=5)).save(tmp_path / "a" / "rewind.npz")
    found = audited(tiny, tmp_path / "a")
    assert "not the initial state that the configuration names" in found["rewound"].text


def test_a_step_that_was_not_chosen_by_validation_is_found(tiny: Dataset, tmp_path: Path) -> None:
    rounds = search(tiny, tmp_path / "a")
    history = rounds[2].result.history
    worst = max(history, key=lambda p: p.validation_loss)
    result = dataclasses.replace(
        rounds[2].result, best_step=worst.step, validation_loss=worst.validation_loss
    )
    resaved(tmp_path / "a", 2, result=result)
    assert "the step was chosen in another way" in audited(tiny, tmp_path / "a")["test"].text


def test_weights_that_are_not_those_measured_are_found(tiny: Dataset, tmp_path: Path) -> None:
    rounds = search(tiny, tmp_path / "a")
    state = {n: t * 1.5 if n == "5.weight" else t for n, t in rounds[2].trained.model.items()}
    resaved(tmp_path / "a", 2, trained=lth.Checkpoint(40, state))
    found = audited(tiny, tmp_path / "a")
    assert "measured" in found.failed and "other weights were at work" in found["zeros"].text


def test_a_damaged_a_missing_and_a_foreign_round_fail_the_record(tiny: Dataset, tmp_path: Path) -> None:
    search(tiny, tmp_path / "a")
    search(tiny, tmp_path / "b", seed=1)
    for spoil in ("damaged", "missing", "foreign", "no rewind"):
        folder = tmp_path / spoil
        shutil.copytree(tmp_path / "a", folder)
        path = folder / "round-01.npz"
        if spoil == "damaged":
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        elif spoil == "missing":
            path.unlink()
        elif spoil == "foreign":
            shutil.copy(tmp_path / "b" / "round-01.npz", path)
        else:
            (folder / "rewind.npz").unlink()
        assert audited(tiny, folder)["record"].verdict == "fails", spoil
    config = tmp_path / "a" / "config.json"
    config.write_text(config.read_text().replace('"seed": 0', '"seed": 7'))
    found = lth.audit(tmp_path / "a")
    assert found.failed == ("record",) and "damaged" in found["record"].text


def test_seeds_and_controls_are_found_beside_a_search(tiny: Dataset) -> None:
    lth.keep_runs("runs")
    given: dict[str, Any] = {"rounds": 1, "fraction": 0.5, "recipe": RECIPE}
    chains = [list(lth.imp(small_net, tiny, seed=seed, **given)) for seed in range(3)]
    first = chains[0][1]
    kept = sorted(Path("runs/kept").glob("imp-*"))
    alone = audited(tiny, kept[0])
    assert alone["seeds"].verdict == "holds" and alone["controls"].verdict == "cannot be told"
    retrain = {"seed": 0, "recipe": RECIPE}
    lth.retrain(small_net, tiny, mask=first.mask, weights_from=first.rewind, **retrain)
    mine = next(p for p in kept if '"seed": 0' in (p / "config.json").read_text())
    again = audited(tiny, mine)["controls"]
    assert again.verdict == "cannot be told" and "the ticket again, and no control" in again.text
    lth.retrain(small_net, tiny, mask=first.mask, weights_from=first.trained, lr_from=0, **retrain)
    tuned = lth.audit(mine, network=small_net, data=tiny)["controls"]
    assert tuned.verdict == "cannot be told" and "new ones or trained ones" in tuned.text
    lth.retrain(small_net, tiny, mask=first.mask.shuffled(4), weights_from=first.rewind, **retrain)
    found = lth.audit(mine, network=small_net, data=tiny)["controls"]
    assert found.verdict == "holds" and "another mask of its counts (round 1)" in found.text
    assert "new ones or trained ones" in found.text
    fresh = lth.fresh_start(small_net, seed=0)
    lth.retrain(small_net, tiny, mask=first.mask, weights_from=fresh, **retrain)
    assert "new weights (round 1)" not in audited(tiny, mine)["controls"].text
    found = lth.audit(mine, network=small_net, data=tiny)["controls"]
    assert found.verdict == "holds" and "new weights (round 1)" in found.text
    together = audited(tiny, "runs")
    assert "4 single trainings" in str(together) and "runs: 3 runs" in together.subject


def test_seeds_that_do_not_reach_the_weights_are_found(tiny: Dataset) -> None:
    def deaf(*, seed: int) -> nn.Module:
        return small_net(seed=0)

    lth.keep_runs("runs")
    for seed in range(3):
        list(lth.imp(deaf, tiny, seed=seed, rounds=1, recipe=RECIPE))
    found = lth.audit(next(Path("runs/kept").glob("imp-*")))
    assert "begin with the same weights" in found["seeds"].text


def test_a_single_training_is_read(tiny: Dataset, tmp_path: Path) -> None:
    model = small_net(seed=0)
    mask = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.5)
    lth.train(model, tiny, mask=mask, recipe=RECIPE, folder=tmp_path / "t")
    found = audited(tiny, tmp_path / "t")
    assert {"zeros", "optimizer", "measured", "test", "record"} <= set(found.held) and not found.failed
    lth.train(small_net(seed=0), tiny, recipe=RECIPE, folder=tmp_path / "dense")
    assert audited(tiny, tmp_path / "dense")["zeros"].verdict == "cannot be told"


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `lthkit run`, as small as it goes."""
    folder = tmp_path_factory.mktemp("experiment") / "run"
    small = dataclasses.replace(
        experiments.winning_ticket("smoke"),
        recipe=lth.Recipe(steps=6, evaluate_every=3),
        rounds=2,
        control_rounds=(2,),
    )
    experiments.run(small, lth.load_data("fashion-mnist"), folder)
    return folder


def test_a_run_of_the_command_line_holds(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = lth.audit(experiment, replay=True)
    assert found.failed == () and found.open == ("optimizer", "controls")
    assert main(["audit", str(experiment)]) == 0
    assert "cannot be told" in capsys.readouterr().out


def table_changed(folder: Path, change: Any) -> None:
    """Exchange rows of the table, with a summary that vouches for them."""
    from lthkit.runs.results import load, write_results

    _, summary, rows = load(folder)
    summary.pop("tables")
    write_results(folder, summary, {"table.csv": change(rows)})


@pytest.mark.parametrize(
    ("item", "words", "change"),
    [
        (
            "record",
            "file",
            lambda rows: [r | {"test_accuracy": 0.99} if r["arm"] == "dense" else r for r in rows],
        ),
        ("controls", "There is none", lambda rows: [r for r in rows if r["arm"] in ("dense", "ticket")]),
        (
            "seeds",
            "has the seeds",
            lambda rows: [r for r in rows if (r["arm"], r["seed"]) != ("shuffled", 1)],
        ),
        (
            "controls",
            "digit for digit",
            lambda rows: [
                next(t for t in rows if (t["arm"], t["seed"], t["round"]) == ("ticket", r["seed"], 2))
                | {"arm": "shuffled"}
                if r["arm"] == "shuffled"
                else r
                for r in rows
            ],
        ),
        (
            "controls",
            "of the weights, and the ticket",
            lambda rows: [r | {"density": 0.5} if r["arm"] == "shuffled" else r for r in rows],
        ),
    ],
)
def test_a_table_that_was_changed_is_found(
    experiment: Path, tmp_path: Path, item: str, words: str, change: Any
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(experiment, folder)
    table_changed(folder, change)
    found = lth.audit(folder)
    assert item in found.failed and words in found[item].text


def test_an_unfinished_and_a_damaged_run_are_told(experiment: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(experiment, folder)
    (folder / "summary.json").unlink()
    assert lth.audit(folder)["record"].verdict == "cannot be told"
    shutil.copy(experiment / "summary.json", folder)
    write_table(folder / "table.csv", [{"arm": "dense", "seed": 0}])
    assert lth.audit(folder)["record"].verdict == "fails"
    shutil.rmtree(folder)
    shutil.copytree(experiment, folder)
    cells = cells_of_seeds(folder)
    shutil.rmtree(cells[1])
    assert "no folder for seed 1" in lth.audit(folder)["record"].text
    shutil.rmtree(cells[0] / "ticket-round-02")
    assert "1 of 2 rounds" in lth.audit(folder)["record"].text


def test_the_recorded_runs_can_be_audited() -> None:
    found = lth.audit("winning-ticket")
    assert found.failed == () and {"nested", "empty", "density", "record"} <= set(found.held)
    assert found["controls"].verdict == "cannot be told", "masks and weights of the controls are not kept"
    assert (
        "names these arms as controls" in found["controls"].text
        and "was not judged" in found["controls"].text
    )
    for name in ("rewinding", "snip-mnist", "snip-statistics"):
        assert lth.audit(name).failed == (), name


def test_a_recorded_mask_that_was_exchanged_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(experiments.recorded("winning-ticket"), folder)
    path = folder / "seed-0" / "mask-04.npz"
    lth.Mask.load(path).shuffled(1).save(path)
    assert "nested" in lth.audit(folder).failed
    lth.Mask.load(folder / "seed-0" / "mask-05.npz").save(path)
    assert "density" in lth.audit(folder).failed


def test_every_kind_of_folder_answers_every_item(tiny: Dataset, tmp_path: Path) -> None:
    for kind in ("winning-ticket", "snip-mnist"):
        assert [finding.item for finding in lth.audit(kind).findings] == list(ITEMS)


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("nowhere", FileNotFoundError, "no folder 'nowhere'"),
        (".", ValueError, "no run folder of lthkit"),
        ("ticket.pt", ValueError, "is a file"),
    ],
)
def test_what_is_no_run_is_refused(what: str, error: type[Exception], words: str, tmp_path: Path) -> None:
    torch.save({}, tmp_path / "ticket.pt")
    with pytest.raises(error, match=words):
        lth.audit(what)


def test_arguments_of_the_two_forms_are_not_mixed(tiny: Dataset) -> None:
    with pytest.raises(TypeError, match="taken for a run folder"):
        lth.audit("winning-ticket", density=0.2)
    with pytest.raises(TypeError, match="for a run folder"):
        lth.audit(None, {"w": torch.ones(2)}, replay=True)


class Evil:
    def __reduce__(self) -> Any:
        return (Path("pwned").touch, ())


def test_files_of_other_programs_are_read_without_running_them(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2), "x": Evil()}, "evil.pt")
    with pytest.raises(ValueError, match="more than tensors"):
        read_file("evil.pt")
    assert not Path("pwned").exists()
    Path("half.pt").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match="no whole file of torch"):
        read_file("half.pt")
    np.savez("plain.npz", w=np.ones(3))
    assert torch.equal(read_file("plain.npz")["w"], torch.ones(3, dtype=torch.float64))
    np.savez("pickled.npz", w=np.array([Evil()], dtype=object))
    with pytest.raises(ValueError, match="cannot be read"):
        read_file("pickled.npz")
    lth.Mask({"w": torch.tensor([True])}).save("mask.npz")
    assert isinstance(read_file("mask.npz"), lth.Mask)
    content = bytearray(Path("mask.npz").read_bytes())
    content[len(content) // 2] ^= 1
    Path("mask.npz").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        read_file("mask.npz")
    files.save_arrays("round.npz", {}, {"kind": "round"})
    with pytest.raises(ValueError, match="belongs to its run"):
        read_file("round.npz")
    Path("x.safetensors").touch()
    with pytest.raises(ValueError, match="expected a file of torch"):
        read_file("x.safetensors")
    assert not Path("pwned").exists()


def test_the_command_line_audits_files(capsys: pytest.CaptureFixture[str]) -> None:
    mask = {"w": torch.tensor([[1.0, 0.0], [1.0, 1.0]])}
    before = {"w": torch.tensor([[0.5, 0.1], [0.2, 0.3]])}
    after = {"w": torch.tensor([[1.5, 0.0], [2.0, 1.0]])}
    for name, what in (("mask", mask), ("before", before), ("after", after)):
        torch.save(what, f"{name}.pt")
    given = ["audit", "--mask", "mask.pt", "--before", "before.pt", "--after", "after.pt"]
    assert main([*given, "--kept", "3"]) == 0
    assert main([*given, "--density", "0.25"]) == 1
    torch.save({"w": torch.ones(2, 2)}, "after.pt")
    assert main(given) == 1
    out = capsys.readouterr().out
    assert "1 of 1 removed weights" in out and "1 fails" in out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "nothing to audit was given"),
        (["winning-ticket", "--density", "0.2"], "one or the other"),
        (["--mask", "gone.pt"], "There is no file gone.pt"),
        (["--density", "0.2"], "nothing to audit was given"),
        (["gone"], "There is no folder 'gone'"),
    ],
)
def test_a_bad_command_says_what_is_wrong(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", *given]) == 2
    assert words in capsys.readouterr().err


def test_a_network_of_the_house_is_made_again_by_its_name(tmp_path: Path) -> None:
    data = lth.load_data("fashion-mnist")
    list(lth.imp(lth.models.lenet_300_100, data, rounds=1, steps=2, seed=0, folder=tmp_path / "a"))
    from lthkit.storage.folders import read_config

    config = read_config(tmp_path / "a")
    made = remake(config, Given())
    assert made.complete and made.data is not None and made.data.fingerprint == data.fingerprint
    assert remake(config | {"network": "Network-000000"}, Given()).model is None
    assert remake(config | {"model": "os.system"}, Given()).model is None
    assert remake(config | {"model": "lenet_300_100[__import__('os')]"}, Given()).model is None
