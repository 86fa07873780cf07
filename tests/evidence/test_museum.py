"""The museum: each symptom is there with the broken function and gone with the mended one, and the audit's table is so."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

import lthkit as lth
from lthkit.evidence import museum
from lthkit.evidence.audits import audit_states
from lthkit.evidence.findings import ITEMS
from lthkit.evidence.museum import trials

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = sorted(museum.EXHIBITS)
BENCH = museum.Bench(30)  # that of tier smoke

by_exhibit = pytest.mark.parametrize("number", NUMBERS)


@pytest.fixture(autouse=True)
def smoke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTHKIT_TIER", "smoke")
    monkeypatch.setitem(trials._benches, 30, BENCH)


@cache
def tried(number: int, state: str) -> museum.Trial:
    this = museum.exhibit(number)
    return this.tried(getattr(this, state), BENCH)


@by_exhibit
def test_the_symptom_is_there_when_it_is_broken_and_gone_when_it_is_mended(number: int) -> None:
    """Catches a symptom that shows nothing, and a mending that mends nothing."""
    assert tried(number, "broken").wrong
    assert not tried(number, "mended").wrong
    assert str(tried(number, "broken").table) != str(tried(number, "mended").table)


@by_exhibit
def test_the_audit_finds_nothing_in_a_mended_exhibit(number: int) -> None:
    given = tried(number, "mended").given
    assert audit_states(**given).failed == ()


def test_the_table_of_exhibits_and_items_is_computed_and_holds() -> None:
    """Catches an item of the audit that went blind: this is what it found when the museum was built."""
    assert museum.caught() == {
        1: ("zeros",),
        2: ("zeros", "optimizer"),
        3: ("moved",),
        4: ("density",),
        5: ("nested",),
        6: ("ranking",),
        7: ("density",),
        8: ("rewound",),
        9: ("rewound",),
        10: ("rewound",),
        11: ("ranking",),
        12: ("ranking",),
        13: ("controls",),
        14: ("controls",),
        15: ("test",),
        16: ("rewound",),
        17: (),
    }
    table = museum.table()
    assert len(table.rows) == len(NUMBERS) == 17
    for row in table.rows:
        question = museum.exhibit(int(row[0])).question
        assert row[2] == (
            f"asking: {question}" if question else f"audit: {', '.join(museum.caught()[int(row[0])])}"
        )
        assert row[3]
    assert "16 of 17 are found by the audit" in table.notes[0]
    assert set(museum.grid()) == set(ITEMS) and museum.grid()["density"] == [4, 7]


def test_a_mended_function_in_the_place_of_the_broken_one_changes_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a table that is written and not computed."""
    this = museum.exhibit(4)
    monkeypatch.setitem(museum.EXHIBITS, 4, museum.Exhibit(**vars(this) | {"broken": this.mended}))  # type: ignore[arg-type]
    museum.caught.cache_clear()
    try:
        assert museum.caught()[4] == ()
    finally:
        museum.caught.cache_clear()


def source_of_lesson() -> str:
    return (ROOT / "solutions" / "12_broken_tickets.py").read_text(encoding="utf-8")


def shape_of(tree: ast.FunctionDef) -> str:
    """A function without comments, line breaks and the indents of its docstring."""
    first: Any = tree.body[0]
    first.value.value = inspect.cleandoc(first.value.value)
    return ast.dump(tree)


def in_lesson(name: str) -> list[str]:
    cells = re.split(r"^# %%.*$", source_of_lesson(), flags=re.MULTILINE)
    found = []
    for cell in cells:
        if re.search(rf"^def {name}\(", cell, re.MULTILINE):
            (tree,) = (node for node in ast.parse(cell).body if isinstance(node, ast.FunctionDef))
            found.append(shape_of(tree))
    return found


@by_exhibit
def test_the_lesson_shows_what_is_tried(number: int) -> None:
    """Catches a function in the lesson that is not the one of the museum any more."""
    broken = museum.exhibit(number).broken
    (tree,) = ast.parse(inspect.getsource(broken)).body
    assert isinstance(tree, ast.FunctionDef)
    assert in_lesson(broken.__name__) == [shape_of(tree)]
    assert f"museum.visit({number}, {broken.__name__})" in source_of_lesson()


@by_exhibit
def test_each_exhibit_has_its_symptom_a_place_to_look_and_a_label_with_its_source(number: int) -> None:
    """Catches an exhibit without its label, and one whose label is not folded."""
    text = source_of_lesson()
    part = text.partition(f"# ### Exhibit {number}\n")[2]
    part = re.split(r"^# (?:### Ex|## )", part, maxsplit=1, flags=re.MULTILINE)[0]
    assert "**The report says:**" in part
    assert "<details><summary>Where to look</summary>" in part
    _, _, label = part.partition("<details><summary>The label</summary>")
    label = label.partition("</details>")[0]
    title = museum.exhibit(number).title
    assert f"**{title[0].upper()}{title[1:]}.**" in label and "Mended:" in label
    assert "https://github.com/" in label or number == 12
    assert re.search(r"20[12]\d", label) or number in (5, 12)
    before = part.partition("<details>")[0]
    assert title.casefold() not in before.casefold(), "the label stands above the fold"


@by_exhibit
def test_a_visit_says_whether_the_symptom_is_there(number: int) -> None:
    this = museum.exhibit(number)
    shown = museum.visit(number, this.broken)
    assert not shown.mended and str(shown).endswith("The symptom is there.")
    assert "The symptom is there." in shown._repr_html_() and f"Exhibit {number}" in str(shown)
    mended = museum.visit(number, this.mended)
    assert mended.mended and str(mended).endswith("The symptom is gone.")
    assert this.title not in str(shown), "a visit gives the label away"


# Mendings that hide the symptom and break something else


def keep_everything(scores: Any, fraction: float) -> Any:
    return torch.ones_like(scores, dtype=torch.bool)


def one_more(scores: Any, fraction: float) -> Any:
    mask = museum.exhibit(4).mended(scores, fraction)
    mask.view(-1)[mask.view(-1).nonzero()[0]] = False
    return mask


def intersected(mask: Any, scores: Any, density: float) -> Any:
    new = museum.exhibit(5).broken(mask, scores, density)
    return {name: new[name] & mask[name] for name in mask}


def keep_all(model: Any, prune_ratio: float) -> Any:
    return {n: torch.ones_like(w, dtype=torch.bool) for n, w in model.named_parameters() if "weight" in n}


def zeros_instead(layers: Any, initial: Any) -> None:
    with torch.no_grad():
        for layer in layers.values():
            layer.weight_orig.zero_()


def constant_mask(model: Any, images: Any, labels: Any, density: float) -> Any:
    found = {}
    for name, w in model.named_parameters():
        if "weight" in name:
            found[name] = torch.zeros(w.numel(), dtype=torch.bool)
            found[name][: round(density * w.numel())] = True
            found[name] = found[name].view(w.shape)
    return found


def everything_kept(masks: Any, seed: int) -> Any:
    return {name: torch.ones_like(mask) for name, mask in masks.items()}


def own_weights(make: Any, mask: Any, batches: Any, train: Any, prune: Any) -> Any:
    model = make(seed=0)
    return mask, {name: tensor.clone() for name, tensor in model.state_dict().items()}


def median(history: Any) -> float:
    values = sorted(accuracy for _, accuracy in history)
    return float(values[len(values) // 2])


def saves_nothing(model: Any, mask: Any, file: Any) -> None:
    torch.save({}, file)


# Mendings of a reader, each of which was once told that the symptom is gone


def after_the_loop(model: Any, mask: Any, *rest: Any) -> None:
    """Exhibits 1 and 2: the mask once more, when all is over."""
    museum.exhibit(1 if len(rest) == 1 else 2).broken(model, mask, *rest)
    trials.apply(model, mask)


def largest_go(scores: Any, fraction: float) -> Any:
    return ~museum.exhibit(4).mended(scores, 1 - fraction)


def some_go(scores: Any, fraction: float) -> Any:
    return museum.exhibit(4).mended(torch.rand(scores.shape), fraction)


def smallest_stay(mask: Any, scores: Any, density: float) -> Any:
    return museum.exhibit(5).mended(
        mask, {name: 1 / (1e-6 + score) for name, score in scores.items()}, density
    )


def layer_by_layer(mask: Any, scores: Any, density: float) -> Any:
    return {
        name: museum.exhibit(4).mended(scores[name].where(mask[name], -torch.inf), 1 - density)
        for name in mask
    }


def turned_round(model: Any, prune_ratio: float) -> Any:
    return {name: ~kept for name, kept in museum.exhibit(7).broken(model, prune_ratio).items()}


def another_state(model: Any) -> Any:
    return trials.state_of(BENCH.network(seed=3))


def dense_again(layers: Any, initial: Any) -> None:
    for name, layer in layers.items():
        torch.nn.utils.prune.remove(layer, "weight")
        layer.weight.data = initial[name].clone()


def unmasked_after(layers: Any, initial: Any) -> None:
    for name, layer in layers.items():
        kept = layer.weight_mask.clone()
        torch.nn.utils.prune.remove(layer, "weight")
        layer.weight.data = initial[name] * kept


def not_copied(layers: Any, initial: Any) -> None:
    for name, layer in layers.items():
        layer.weight_orig.data = initial[name]


def no_scores(model: Any, batches: Any) -> Any:
    return {name: torch.zeros_like(w) for name, w in model.named_parameters() if "weight" in name}


def seeded_scores(seed: int) -> Callable[..., Any]:
    def snip_mask(*arguments: Any) -> Any:
        torch.manual_seed(seed)
        return museum.exhibit(11).broken(*arguments)

    return snip_mask


def never_rewound(model: Any, initial: Any, *rest: Any) -> Any:
    model.load_state_dict = lambda state: None
    return museum.exhibit(12).mended(model, initial, *rest)


def into_the_dict(masks: Any, seed: int) -> Any:
    masks.update(museum.exhibit(13).mended(masks, seed))
    return masks


def into_the_tensors(masks: Any, seed: int) -> Any:
    new = museum.exhibit(13).mended(masks, seed)
    for name, mask in masks.items():
        mask.copy_(new[name])
    return new


def trained_start(make: Any, mask: Any, batches: Any, train: Any, prune: Any) -> Any:
    model = make(seed=6)
    train(model, batches, mask)
    return mask, model.state_dict()


def one_seed_for_all(seed: int) -> None:
    museum.exhibit(16).mended(0)


def torch_alone(seed: int) -> None:
    torch.manual_seed(seed)


def saves_the_mask(model: Any, mask: Any, file: Any) -> None:
    torch.save({name: kept.numpy().tobytes() for name, kept in mask.items()}, file)


def saves_halves(model: Any, mask: Any, file: Any) -> None:
    torch.save({name: tensor.half() for name, tensor in model.state_dict().items()}, file)


def saves_values(model: Any, mask: Any, file: Any) -> None:
    torch.save(
        {name: tensor[mask[name]] for name, tensor in model.state_dict().items() if name in mask}, file
    )


def saves_no_places(model: Any, mask: Any, file: Any) -> None:
    torch.save({n: t[mask[n]] if n in mask else t for n, t in model.state_dict().items()}, file)


@pytest.mark.parametrize(
    ("number", "function", "words"),
    [
        (1, after_the_loop, "While the network was trained"),
        (2, after_the_loop, "While the network was trained"),
        (4, largest_go, "a lower score stays"),
        (4, some_go, "a lower score stays"),
        (5, smallest_stay, "the highest scores stay"),
        (5, layer_by_layer, "over all layers"),
        (7, turned_round, "smaller than one that goes"),
        (8, another_state, "not what the network had"),
        (9, dense_again, "dense again"),
        (9, unmasked_after, "nothing holds the mask"),
        (9, not_copied, "no copy of it"),
        (10, no_scores, "not |weight * gradient|"),
        (11, seeded_scores(0), "ranking"),
        (11, seeded_scores(1), "ranking"),
        (12, never_rewound, "Nothing was rewound"),
        (13, into_the_dict, "The dict that was given has changed"),
        (13, into_the_tensors, "The dict that was given has changed"),
        (14, trained_start, "not that of a new network"),
        (16, one_seed_for_all, "the number has to count"),
        (16, torch_alone, "does not reach Python's random"),
        (17, saves_halves, "fewer digits"),
        (17, saves_the_mask, "lacks kept values of fc1.weight"),
        (17, saves_values, "lacks values of fc1.bias"),
        (17, saves_no_places, "too small for the kept values"),
    ],
)
def test_a_wrong_mending_is_told_what_is_wrong(number: int, function: Callable[..., Any], words: str) -> None:
    """Catches a visit that says "gone" to a function that does not what a right mending has to do."""
    shown = museum.visit(number, function)
    assert not shown.mended and not shown.trial.wrong, str(shown)
    assert "something else is wrong" in shown.verdict and words in shown.verdict, shown.verdict


@pytest.mark.parametrize(
    ("number", "function"),
    [
        (4, keep_everything),
        (4, one_more),
        (5, intersected),
        (7, keep_all),
        (9, zeros_instead),
        (11, constant_mask),
        (13, everything_kept),
        (14, own_weights),
        (15, median),
        (17, saves_nothing),
    ],
)
def test_a_mending_that_breaks_something_else_is_not_taken_for_one(
    number: int, function: Callable[..., Any]
) -> None:
    """Catches a visit that says "gone" to a function that only hides the symptom."""
    shown = museum.visit(number, function)
    assert not shown.mended, str(shown)


# Other mendings that are right


def masks_after_each_step(model: Any, mask: Any, optimizer: Any, batches: Any) -> None:
    for images, labels in batches:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if name in mask:
                    weight *= mask[name]


def forgets_its_state(model: Any, mask: Any, optimizer: Any, batches: Any) -> None:
    optimizer.state.clear()
    museum.exhibit(2).broken(model, mask, optimizer, batches)


def exactly_zero(model: Any, eps: float = 1e-6) -> None:
    for name, weight in model.named_parameters():
        if "weight" in name:
            weight.grad[weight == 0] = 0


def copied_deep(model: Any) -> Any:
    import copy

    return copy.deepcopy(model.state_dict())


def puts_back(model: Any, batches: Any) -> Any:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    scores = museum.exhibit(10).broken(model, batches)
    model.load_state_dict(before)
    return scores


def by_torch(model: Any, mask: Any, batches: Any) -> None:
    """Exhibit 1, with the tool of torch, which masks the weight in each forward pass."""
    for name, layer in model.named_modules():
        if f"{name}.weight" in mask:
            torch.nn.utils.prune.custom_from_mask(layer, "weight", mask[f"{name}.weight"])
    museum.exhibit(1).broken(model, {}, batches)
    for name, layer in model.named_modules():
        if f"{name}.weight" in mask:
            torch.nn.utils.prune.remove(layer, "weight")


def pruned_again(layers: Any, initial: Any) -> None:
    for name, layer in layers.items():
        kept = layer.weight_mask.clone()
        torch.nn.utils.prune.remove(layer, "weight")
        layer.weight.data = initial[name].clone()
        torch.nn.utils.prune.custom_from_mask(layer, "weight", kept)


def saves_sparse(model: Any, mask: Any, file: Any) -> None:
    state = model.state_dict()
    torch.save({name: tensor.to_sparse() if name in mask else tensor for name, tensor in state.items()}, file)


def saves_with_numpy(model: Any, mask: Any, file: Any) -> None:
    import numpy as np

    found: dict[str, Any] = {}
    for name, tensor in model.state_dict().items():
        found[name] = (tensor[mask[name]] if name in mask else tensor).numpy()
        if name in mask:
            found[f"{name} bits"] = np.packbits(mask[name].numpy())
    np.savez_compressed(file, **found)


def saves_bytes(model: Any, mask: Any, file: Any) -> None:
    state = {n: (t[mask[n]] if n in mask else t).numpy().tobytes() for n, t in model.state_dict().items()}
    torch.save((state, {n: kept.numpy().tobytes() for n, kept in mask.items()}), file)


def saves_packed(model: Any, mask: Any, file: Any) -> None:
    import tempfile

    from lthkit.export import save_packed

    with tempfile.TemporaryDirectory() as folder:
        file.write(save_packed(Path(folder) / "t.npz", model, lth.Mask(mask)).read_bytes())


def shortest(history: Any) -> float:
    return float(min(history)[1])


@pytest.mark.parametrize(
    ("number", "function"),
    [
        (1, by_torch),
        (2, masks_after_each_step),
        (2, forgets_its_state),
        (3, exactly_zero),
        (8, copied_deep),
        (9, pruned_again),
        (10, puts_back),
        (15, shortest),
        (17, saves_sparse),
        (17, saves_with_numpy),
        (17, saves_packed),
        (17, saves_bytes),
    ],
)
def test_another_right_mending_is_taken(number: int, function: Callable[..., Any]) -> None:
    """Catches a visit that knows one way only."""
    shown = museum.visit(number, function)
    assert shown.mended, str(shown)


def test_a_visit_that_cannot_be_made_says_why() -> None:
    with pytest.raises(ValueError, match="exhibits 1 to 17"):
        museum.visit(18, print)
    with pytest.raises(TypeError, match="expected the exhibit's function, retrain"):
        museum.visit(1, museum.exhibit(1))  # type: ignore[arg-type]

    def stops(model: Any) -> None:
        raise KeyError("fc9")

    with pytest.raises(RuntimeError, match="remember did not do its work in exhibit 8: KeyError: 'fc9'"):
        museum.visit(8, stops)


def test_a_trial_leaves_the_random_state_and_the_threads_as_they_were() -> None:
    torch.manual_seed(11)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    this = museum.exhibit(16)
    first = this.tried(this.mended, BENCH)
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
    assert str(first.table) == str(tried(16, "mended").table), "the same numbers each time"


def test_the_loop_of_the_museum_keeps_its_zeros() -> None:
    mask = BENCH.mask(0.1)
    model = BENCH.network()
    museum.train(model, BENCH.batches[:5], mask)
    assert lth.audit(model, mask)["zeros"].verdict == "holds"


def test_the_museum_needs_no_drawing() -> None:
    """The symptoms of three exhibits have a figure too, drawn from their points."""
    assert set(tried(3, "broken").points) == {"was", "now"}
    assert set(tried(8, "broken").points) == {"curves", "steps"}
    assert set(tried(15, "broken").points) == {"values", "reported"}
