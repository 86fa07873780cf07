"""Supermasks: the weights stay as they were drawn, and a mask is trained instead (Zhou et al. 2019; Ramanujan et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lthkit.data.datasets import Dataset
from lthkit.machine.checks import plain, whole_seed
from lthkit.machine.seeds import derived_seed
from lthkit.machine.work import Work
from lthkit.pruning.counting import check_fraction
from lthkit.pruning.masks import Mask
from lthkit.tickets.rounds import Round, finished_round, save_round, training_of_round
from lthkit.tickets.search import ModelFn, Search, Shared, if_given
from lthkit.training.checkpoints import Checkpoint
from lthkit.training.loop import train
from lthkit.training.results import TrainResult

SCOPES = ("layerwise", "global")


class Scored(nn.Module):
    """A network whose weights are frozen, with a score for each of those in a mask; only scores have a gradient.

    In the forward pass a weight counts if its score is high enough, in the backward pass as if it counted in proportion
    to its score: the gradient goes *straight through* the choice, to the scores of weights that are out as well
    (Ramanujan et al. 2020, section 3.2).

    With a density, exactly `round(density * size)` weights of largest |score| are in, of each tensor or of all together
    (the authors' code ranks the absolute value; the paper writes the score). Scores begin uniform in
    ±1 / sqrt(fan in), as in that code. Without one, a weight is in with the probability sigmoid(score), drawn at each
    update (Zhou et al. 2019, section 4), and in evaluation mode if that is above one half; scores begin at 0.

    Args:
        network: whose parameters are frozen in place, biases and gains too. mask: what may be removed; the rest counts.
    """

    def __init__(
        self,
        network: nn.Module,
        mask: Mask,
        *,
        density: float | None,
        scope: str = "layerwise",
        seed: int = 0,
    ) -> None:
        super().__init__()
        mask.check(network)
        self.network, self.names = network.requires_grad_(False), tuple(mask)
        self.density, self.scope = density, scope
        generator = torch.Generator().manual_seed(derived_seed(whole_seed(seed), "supermask scores"))
        scores = []
        for name, whole in mask.items():
            drawn = torch.zeros(whole.shape, dtype=torch.float32, device="cpu")
            if density is not None:
                bound = 1 / math.sqrt(max(1, whole[0].numel()))
                drawn.uniform_(-bound, bound, generator=generator)
            scores.append(nn.Parameter(drawn.to(network.get_parameter(name).device)))
        self.scores = nn.ParameterList(scores)

    def forward(self, x: Tensor) -> Tensor:
        """What the network computes with the weights that are in."""
        chosen = self._straight_through()
        weights = {name: self.network.get_parameter(name) * chosen[name] for name in self.names}
        outputs: Tensor = functional_call(self.network, weights, (x,))
        return outputs

    def mask(self) -> Mask:
        """What is in, as in evaluation mode."""
        return Mask(self._kept(drawn=False))

    def _kept(self, *, drawn: bool) -> dict[str, Tensor]:
        scores = {name: s.detach() for name, s in zip(self.names, self.scores, strict=True)}
        if self.density is None:
            chances = {name: s.sigmoid() for name, s in scores.items()}
            return {n: (torch.rand_like(p) if drawn else 0.5) < p for n, p in chances.items()}
        sizes = {name: s.abs() for name, s in scores.items()}
        if self.scope == "layerwise":
            return {name: _largest(s, round(self.density * s.numel())) for name, s in sizes.items()}
        flat = torch.cat([s.flatten() for s in sizes.values()])
        parts = _largest(flat, round(self.density * flat.numel())).split([s.numel() for s in sizes.values()])
        return {name: part.view_as(s) for part, (name, s) in zip(parts, sizes.items(), strict=True)}

    def _straight_through(self) -> dict[str, Tensor]:
        """1 for what is in and 0 for what is out, with the gradient of what was ranked."""
        kept, found = self._kept(drawn=self.training), {}
        for name, scores in zip(self.names, self.scores, strict=True):
            ranked = scores.sigmoid() if self.density is None else scores.abs()
            found[name] = kept[name].to(ranked.dtype) + (ranked - ranked.detach())
        return found


def _largest(values: Tensor, n: int) -> Tensor:
    """True for exactly n of the largest."""
    kept = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    kept[values.flatten().topk(n, sorted=False).indices] = True
    return kept.view_as(values)


def supermask(
    model_fn: ModelFn,
    data: Dataset,
    *,
    density: float | None = 0.5,
    weights_from: Checkpoint | None = None,
    **shared: Unpack[Shared],
) -> Round:
    """Find a subnetwork of an untrained network by training scores, not weights: edge-popup, or a Bernoulli supermask.

        found = lth.supermask(lth.models.lenet_300_100, data, density=0.5, recipe=lth.Recipe(steps=1000, lr=1e-2))
        print(found.mask.density, found.test_accuracy)

    The recipe trains the scores (see `Scored`); `mask` is that of the step of least validation loss, and the metrics of `result` are
    those of the network with just this mask. `trained` has the initial weights, bit for bit, with 0 where the mask
    removes; `rewind` has them all. Batch norm keeps learning its statistics, and nothing else of the network changes.
    Scores are copied at every evaluation, so let `recipe.evaluate_every` be large for a large network.

    Args:
        density: of each tensor, or of all together with scope="global". None trains probabilities (Zhou et al. 2019), and the density is what
            comes out.
        weights_from: the weights to choose from, such as `tickets.signed_constant(...)`; None is `model_fn(seed=seed)`.
        shared: seed, order_seed, steps (one number), recipe, scope ("layerwise" if it is not said), exclude, include, folder, progress,
            task (see `Search`).

    Raises:
        TypeError: a `train` of one's own. ValueError: a density out of range, another scope, and what `train` refuses.
    """
    shared = {**shared, "scope": shared.get("scope", "layerwise")}
    search = Search.of(supermask, model_fn, data, shared)
    if "train" in shared:
        raise TypeError("supermask() trains scores itself; it takes no train.")
    density = plain(density)
    if density is not None:
        check_fraction(density, "density")
    if search.scope not in SCOPES:
        raise ValueError(f"scope={search.scope!r} was given; expected one of {', '.join(SCOPES)}.")
    recipe, model = search.one_recipe(), search.network()
    if weights_from is not None:
        weights_from.restore(model)
    start, mask = Checkpoint.of(model), search.mask(model)
    settings = {
        "method": "supermask",
        "density": density,
        "scope": search.scope,
        "exclude": list(search.exclude),
    }
    config = partial(search.config, model, recipe, settings)
    with search.working("supermask", config) as place:
        if (this := finished_round(place, 1, start, data.device)) is not None:
            return this
        scored = Scored(model, mask, density=density, scope=search.scope, seed=search.seed)
        this = _trained(search, scored, start, place)
        save_round(place, this)
        if saved := training_of_round(place, 1):
            saved.remove()
    return this


def _trained(search: Search, scored: Scored, start: Checkpoint, place: Path | None) -> Round:
    recipe = search.one_recipe()
    every = range(recipe.evaluate_every, recipe.steps, recipe.evaluate_every)
    with Work(f"seed {search.seed}, supermask", total=recipe.steps):
        result = train(
            scored,
            search.data,
            seed=search.order,
            recipe=recipe,
            keep=(*every, recipe.steps),
            progress=search.progress,
            **search.told(),
            **if_given(training_of_round(place, 1)),
        )
    return _found(scored, start, result)


def _found(scored: Scored, start: Checkpoint, result: TrainResult) -> Round:
    """The round of the best step: its mask, and the initial weights under it."""
    last = Checkpoint.of(scored)
    result.kept.get(result.best_step, last).restore(scored)
    mask = scored.mask()
    mask.apply_(scored.network)
    trained = Checkpoint.of(scored.network, step=result.steps)
    return Round(1, mask, replace(result, kept={}), start, trained)
