# %% [markdown]
# # 01 · Magnitude pruning
#
# **You will** score weights, remove exactly as many as you want, from all layers together or from each by itself, and
# measure how much a trained network loses. **Time:** about 60 minutes; of these the computer works half a minute on two cores.
#
# [contents]
#
# Two words from [lesson 00](../notebooks/00_start_here.ipynb). The **density** is the fraction of weights that stay. The **sparsity** is the fraction that is
# removed. They add up to 1.

# %% tags=["setup"]

# %% [markdown]
# ## Why
#
# LeNet-300-100 has 266,200 weights. Does it need all of them? Suppose that a weight is close to 0. It changes the sum that it
# enters only a little, so perhaps we may remove it. This is the whole idea of **magnitude pruning**: train, then
# remove the weights of smallest absolute value. It is an old idea and a simple one, and later lessons build on it.
#
# We take it in three steps, because they are three questions:
#
# 1. **Score.** How much is each weight worth? (A higher score means: keep.)
# 2. **Select.** Which weights go, when a given number must go?
# 3. **Measure.** What does the network lose?
#
# ## Small enough to print
#
# Two layers of a trained network, invented here: `a` has large weights, `b` has small ones.

# %% tags=["nbval-check-output"]
import copy
import itertools

import torch

import lthkit as lth

torch.set_printoptions(precision=2, sci_mode=False)
weights = {
    "a": torch.tensor([[0.9, -0.8, 0.3], [-0.5, 0.3, -0.7]]),
    "b": torch.tensor([[-0.2, 0.1, 0.3, -0.4]]),
}
print(weights)

# %% [markdown]
# ### Exercise 01.1: the magnitude score · easy · one line · 5 minutes
#
# A weight of -0.8 does as much as a weight of 0.8. Write the function that gives each weight its score. `weight` is a float
# tensor of any shape ([lesson 00](../notebooks/00_start_here.ipynb) says which types and shapes this means). The score of minus infinity is infinity, and NaN
# stays NaN.
#
# Expected: `magnitude_score(torch.tensor([-3.0, 1.0, 2.0]))` is `tensor([3., 1., 2.])`.

# %% exercise="01.1"
from lthkit.classroom import check, hint, quiz, use


def magnitude_score(weight):
    """The magnitude of each weight: a new tensor of the same shape and type; `weight`
    stays as it is."""
    # BEGIN SOLUTION
    return weight.abs()
    # END SOLUTION


# %%
check("01.1", magnitude_score)

# %% [markdown]
# Stuck? `hint("01.1")` gives one step more at each call. `use` gives you your function once it passes, and a reference until then.

# %%
magnitude_score_ = use("01.1", magnitude_score)
scores = {name: magnitude_score_(weight) for name, weight in weights.items()}
print(scores)

# %% [markdown]
# ## A threshold is not a count
#
# We want to remove four of the ten weights. So we look for the fourth-lowest score and remove all that are not above it. Count
# the False entries in what the cell prints.

# %% tags=["nbval-check-output"]
flat = torch.cat([s.flatten() for s in scores.values()])  # one long tensor, shape (10,)
threshold = flat.sort().values[3]  # the fourth-lowest: index 3
print(f"threshold {threshold:.1f}")
print({name: s > threshold for name, s in scores.items()})
print("removed:", int((flat <= threshold).sum()))

# %% [markdown]
# Five went, not four: the score 0.3 occurs three times, and the threshold cannot tell equal scores apart. After a first
# pruning ties are the rule: all removed weights are 0.
#
# So we *count*, and we need a rule for ties. Ours: among equal scores the one with the **lowest flat index goes first**. The flat index
# numbers the weights layer after layer in the order of the dict, row by row. Any rule would do, as long as the same scores always give the same mask.
# (A sort in torch keeps equal scores in their order only if you ask for it: `stable=True`.)
#
# How many go? `round(fraction * n)`. In Python `round(1.5)` is 2 and `round(2.5)` is 2: a half goes to the even number. Compute the count with Python's own numbers, not with a tensor. Leave the type of the
# scores as it is: in a type with fewer digits, such as float16, different scores become equal. A layer may lose all its weights.

# %% question="01.Q1"
quiz("01.Q1", "b")

# %% [markdown]
# ### Exercise 01.2: the global mask · medium · six lines · 15 minutes
#
# Rank the scores of **all** layers together. Remove exactly `round(fraction * n)` of the n scores, the lowest first, ties by flat
# index. There is at least one layer. A layer may have any name, and scores of any shape; scores may be negative.
#
# Expected: for scores `{"a": [0.1, 0.2], "b": [0.8, 0.9]}` and fraction 0.5, both weights of `a` go: `{"a": [False, False], "b": [True, True]}`.


# %% exercise="01.2"
def global_mask(scores, fraction):
    """A mask with exactly round(fraction * n) of all n weights removed.

    scores: layer name -> float tensor, higher = keep. fraction: from 0 to 1. Returns a
    dict with the same names and shapes: bool tensors, True = kept.
    """
    # BEGIN SOLUTION
    flat = torch.cat([s.flatten() for s in scores.values()])
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.argsort(stable=True)[: round(fraction * len(flat))]] = False
    parts = keep.split([s.numel() for s in scores.values()])
    return {
        name: part.view(s.shape)
        for (name, s), part in zip(scores.items(), parts, strict=True)
    }
    # END SOLUTION


# %%
check("01.2", global_mask)

# %% [markdown]
# Four of the ten, this time exactly. Which of the three scores of 0.3 stays?

# %%
global_mask_ = use("01.2", global_mask)
print(global_mask_(scores, 0.4))

# %% [markdown]
# The last one, in `b`, stays, because its flat index is the highest. This is the whole selection. `lthkit` has it too: `lth.Mask` holds the bool tensors. `lth.prune`
# takes the fraction that goes (of what remains), and `lth.prune_to` the density that stays. On a whole network your mask and that of `lth.prune` must agree in every entry, as long as no layer would become empty (see Traps).

# %%
model = lth.models.lenet_300_100(seed=0)
ours = global_mask_(
    {n: magnitude_score_(w.detach()) for n, w in lth.prunable(model).items()}, 0.9
)
theirs = lth.prune(lth.Mask.ones(model), lth.magnitude(model), 0.9)
print(theirs)
print("equal:", all(torch.equal(ours[name], theirs[name]) for name in theirs))

# %% [markdown]
# ## Global or layerwise
#
# Look again at the small example. A global ranking compares a weight of `a` with a weight of `b`. Layer `b` has small weights, so it
# loses most. Is that right? Nobody knows from the numbers alone: the layers may use another scale.
#
# The other way is **layerwise**: each layer is ranked by itself and loses its own fraction. Then you must choose the fractions.

# %% question="01.Q2"
quiz("01.Q2", "c")

# %% [markdown]
# Both ways in one picture, with the ten weights of our example. Each way removes five. Which layer loses more?

# %%
lth.plots.diagram("01")

# %% [markdown]
# ### Exercise 01.3: layerwise masks · medium · four lines · 10 minutes
#
# Each layer loses its own fraction, which may be 1.0. A layer without a fraction stays whole, and it may be that no layer has one.
# Count and ties are as before, inside each layer; scores may be negative, and of any shape. You may call `global_mask_`.
#
# Expected: for scores `{"a": [0.4, 0.3], "b": [0.1, 0.2]}` and fractions `{"a": 0.5}` the masks are
# `{"a": [True, False], "b": [True, True]}`.


# %% exercise="01.3"
def layerwise_masks(scores, fractions):
    """A mask in which each layer has lost its own fraction.

    scores: layer name -> float tensor, higher = keep. fractions: layer name -> fraction
    to remove, in any order; some layers may be missing. Returns a dict with the names
    and shapes of scores: bool tensors, True = kept.
    """
    # BEGIN SOLUTION
    return {
        name: global_mask_({name: s}, fractions.get(name, 0.0))[name]
        for name, s in scores.items()
    }
    # END SOLUTION


# %%
check("01.3", layerwise_masks)

# %% [markdown]
# Compare the two on the small example: half of everything, and half of each layer.

# %%
layerwise_masks_ = use("01.3", layerwise_masks)
halves = {name: 0.5 for name in scores}
both = {
    "global": global_mask_(scores, 0.5),
    "layerwise": layerwise_masks_(scores, halves),
}
lth.Table(
    ["weights kept", *scores],
    [[label, *(int(m.sum()) for m in masks.values())] for label, masks in both.items()],
)

# %% [markdown]
# Both keep five weights, but of other layers. In `lthkit` the choice is one argument: `lth.prune(..., scope="layerwise")`.
#
# ## Predict
#
# Now the experiment. We train LeNet-300-100 on Fashion-MNIST, three times, with three seeds. We prune each trained network **once** ("one
# shot") to many densities, and measure its accuracy at once, **without any more training**. There are three *arms*, the three ways that we compare:
#
# | arm | which weights stay |
# |---|---|
# | global | the largest of the whole network |
# | layerwise | the largest of each layer, the same fraction in all layers |
# | random | the layerwise mask, shuffled inside each layer |
#
# The random arm is the control. It has the density of the layerwise arm in every layer; only the choice inside a layer is chance.
#
# Commit yourself. Down to which density does each arm lose at most two points of accuracy? Put a number in percent in place of each `None`.

# %% tags=["prediction"]
my_smallest_density_global = 30  # in percent, such as 50
my_smallest_density_random = 80

# %% [markdown]
# ## Run
#
# First the dense networks. We keep the weights of the last step.

# %%
data = lth.load_data("fashion-mnist")
seeds = (0, 1, 2)
steps = lth.by_tier(smoke=30, laptop=1500, gpu=1500)
networks: dict[int, torch.nn.Module] = {}
for seed in lth.waiting(seeds, lambda seed: f"seed {seed}"):
    networks[seed] = lth.models.lenet_300_100(seed=seed)
    lth.train(networks[seed], data, steps=steps, seed=seed)

# %% [markdown]
# A mask is tried on a copy, so that the dense network stays as it is. We measure on the **validation** split.


# %%
def accuracy(network, mask):
    pruned = copy.deepcopy(network)
    mask.apply_(pruned)  # sets the removed weights to 0
    return lth.evaluate(pruned, data, split="validation").accuracy


whole = lth.Mask.ones(networks[0])
dense = {seed: accuracy(network, whole) for seed, network in networks.items()}
lth.Table(
    {"seed": "d", "validation accuracy, dense (%)": ".1f"},
    [(seed, 100 * a) for seed, a in dense.items()],
)

# %% [markdown]
# Then every arm at every density. One row for each measurement.

# %%
ladder = (0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01)
densities = lth.by_tier(smoke=(0.5, 0.3, 0.1, 0.05), laptop=ladder, gpu=ladder)
rows = []
for seed, density in lth.waiting(itertools.product(seeds, densities)):
    magnitude = lth.magnitude(networks[seed])
    layerwise = lth.prune_to(whole, magnitude, density, scope="layerwise")
    arms = {
        "global": lth.prune_to(whole, magnitude, density),
        "layerwise": layerwise,
        "random": layerwise.shuffled(seed),
    }
    for arm, mask in arms.items():
        value = accuracy(networks[seed], mask)
        rows.append({"arm": arm, "seed": seed, "density": density, "accuracy": value})

# %% [markdown]
# Read the picture from left to right: fewer and fewer weights remain. Thin lines are single seeds, thick lines their means, the grey
# line of dashes and dots is the dense network. Look for the place where each arm leaves the grey line.

# %%
stamp = (
    f"LeNet-300-100, {data.label}, {steps} steps, {len(seeds)} seeds, tier {lth.tier()}"
)
lth.plots.show(
    lth.plots.pruned_accuracy(rows, dense=list(dense.values()), stamp=stamp),
    alt=lth.plots.describe_pruned(rows),
)

# %% [markdown]
# ### What the numbers say
#
# We compare arms seed by seed, at three densities, with the 95 % interval over the three seeds (a t-interval: the mean ± a multiple of its standard error; the fewer the seeds, the larger the multiple). If it excludes 0, the difference is unlikely
# to come from the seeds alone. Three seeds give a wide interval: an interval that contains 0 does not show that the arms are equal.
# (Of a difference we show an interval from three seeds on. Of an accuracy, figures show one from four seeds on, and the single seeds where there are fewer.
# [Lesson 05](../notebooks/05_winning_tickets.ipynb) makes a claim and takes five.)

# %%
from lthkit import evidence


def values(arm, density):
    return [r["accuracy"] for r in rows if r["arm"] == arm and r["density"] == density]


bands = {}
for density in (0.3, 0.1, 0.05):
    for one, other in (("global", "layerwise"), ("layerwise", "random")):
        pairs = zip(values(one, density), values(other, density), strict=True)
        name = f"{100 * density:.0f} % left: {one} - {other}"
        bands[name] = evidence.interval([100 * (x - y) for x, y in pairs])
evidence.differences(bands, unit="points of accuracy", digits=1)

# %% [markdown]
# (Tier `smoke` trains too briefly for these numbers to mean anything.)

# %% question="01.Q3"
quiz("01.Q3", "b")

# %% [markdown]
# ### Prune it yourself
#
# First a network that came with the course, LeNet-300-100 again, trained once. Move the slider: the threshold goes through the
# weights of each layer, and the picture of the first layer's mask shows, for each pixel, how many of its connections are left.
# Which pixels lose theirs first? (This picture needs no kernel. In a notebook that you have not trusted it is left out.)

# %%
lth.pictures.show("painter")

# %% [markdown]
# Now your own networks, and your hand on the threshold. Move the slider to the left, to 100 %, and then step by step to the right: fewer and fewer weights are kept. Where does the accuracy
# leave the dense line? Then switch between *global* and *layerwise* at the same density: which layer loses more, and which less? Look at
# the dashed lines in the three histograms, and at the bars. (Without a running kernel the picture stands still, at 10 % of the weights; in a saved notebook that you
# open again, run the cell to have it back.)

# %%
lth.explore.prune_it_yourself(networks, data)

# %% [markdown]
# A global threshold is one line through all three histograms, and the layer with the smaller weights loses more of them. Layerwise, each
# histogram has a threshold of its own, and all bars are equally long. This picture shows one seed, and for speed the accuracy of the first 1,000
# validation images only: it is for looking around, not for claims. The intervals above are for claims.

# %% [markdown]
# ### Exercise 01.4: read a curve · medium · eight lines · 10 minutes
#
# A figure is good for the eye; a decision needs a rule. Walk along a curve from small to large sparsity, and stop at the first point
# below `dense - tolerance`. The answer is the sparsity before it. What comes after that point does not count, even if the accuracy rises again there. If even the
# first point falls short, the answer is 0.0. A curve may have no point; then the answer is 0.0 too. No curve has the same sparsity twice.
# Several curves come in one dict, one for each name; there is at least one. Compare the numbers as they are, not
# rounded and without a margin.
#
# Expected: `largest_sparsities({"fc1": [(0.9, 0.60), (0.5, 0.85)]}, 0.86, 0.02)` is `{"fc1": 0.5}`. The points need not be in order.


# %% exercise="01.4"
def largest_sparsities(curves, dense, tolerance):
    """For each curve, the largest sparsity that keeps the accuracy, without a gap.

    curves: name -> list of (sparsity, accuracy), in any order. dense: accuracy of the
    dense network. tolerance: accuracy that may be lost, as a difference: 0.01 is one
    point. Returns a dict: name -> a sparsity of its curve, or 0.0.
    """
    # BEGIN SOLUTION
    found = {}
    for name, curve in curves.items():
        found[name] = 0.0
        for sparsity, accuracy in sorted(curve):
            if accuracy < dense - tolerance:
                break
            found[name] = sparsity
    return found
    # END SOLUTION


# %%
check("01.4", largest_sparsities)

# %% [markdown]
# Use it on the mean curves of our three arms, with a tolerance of two points.

# %%
largest_sparsities_ = use("01.4", largest_sparsities)
mean_dense = evidence.interval(list(dense.values())).mean
curves = {
    arm: [(1 - d, evidence.interval(values(arm, d)).mean) for d in densities]
    for arm in ("global", "layerwise", "random")
}
found = largest_sparsities_(curves, mean_dense, 0.02)
lth.Table(
    {"arm": "", "down to (% of the weights)": ".0f"},
    [(arm, 100 * (1 - sparsity)) for arm, sparsity in found.items()],
)

# %% [markdown]
# And your predictions, in percent of the weights: the diamonds. The dots are the measurement, here one limit for each seed.

# %%
points = []
mine = {"global": my_smallest_density_global, "random": my_smallest_density_random}
for arm, said in mine.items():
    limits = []
    for i, seed in enumerate(seeds):
        curve = {arm: [(1 - d, values(arm, d)[i]) for d in densities]}
        limits.append(100 * (1 - largest_sparsities_(curve, dense[seed], 0.02)[arm]))
    points.append((arm, said, evidence.interval(limits, within=evidence.PERCENT)))
lth.plots.show(
    lth.plots.predicted(
        points, unit="smallest density (%) that costs two points or less", stamp=stamp
    ),
    alt=lth.plots.describe_predicted(points, unit="% of the weights"),
)

# %% [markdown]
# The rule can only answer with densities that we measured, so it is as fine as our list. "100 %" says that the first point fell short.

# %% question="01.Q4"
quiz("01.Q4", "b")

# %% [markdown]
# ## Sensitivity: which layer suffers most?
#
# A **sensitivity scan** prunes one layer and leaves the others whole. It is the same experiment with one layer at a time, and the layerwise
# masks of exercise 01.3 do it: a layer without a fraction stays whole.

# %%
scan: list[lth.storage.Row] = []
for seed, name, density in lth.waiting(itertools.product(seeds, whole, densities)):
    magnitude = lth.magnitude(networks[seed])
    mask = lth.Mask(layerwise_masks_(magnitude, {name: 1 - density}))
    row = {"arm": name, "seed": seed, "density": density}
    scan.append(row | {"accuracy": accuracy(networks[seed], mask)})

# %% [markdown]
# The axis now shows the weights that remain *in that layer*. A curve that stays up for long belongs to a layer that has much to
# spare.

# %%
lth.plots.show(
    lth.plots.pruned_accuracy(
        scan,
        dense=list(dense.values()),
        title="One layer pruned, the others whole",
        stamp=stamp,
    ),
    alt=lth.plots.describe_pruned(scan),
)

# %% [markdown]
# Compare layers with care: 1 % of fc1 is 2,352 weights, and 1 % of fc3 is 10. Now read the three limits off, with a tolerance of one
# point. Think about the question first, then look.

# %% question="01.Q5"
quiz("01.Q5", "c")

# %%
curves = {}
for name in whole:
    at = {
        d: [r["accuracy"] for r in scan if r["arm"] == name and r["density"] == d]
        for d in densities
    }
    curves[name] = [
        (1 - d, evidence.interval(measured).mean) for d, measured in at.items()
    ]
limits = largest_sparsities_(curves, mean_dense, 0.01)
lth.Table(
    {"layer": "", "can be removed (%)": ".0f"},
    [(name, 100 * s) for name, s in limits.items()],
)

# %% [markdown]
# All three limits at once, for each seed, and beside it a global mask with the same number of weights. What is the loss now,
# compared with the one point that each layer alone was allowed? And do the two intervals overlap?

# %%
losses: dict[str, list[float]] = {"layer by layer": [], "global": []}
for seed, network in networks.items():
    magnitude = lth.magnitude(network)
    mask = lth.Mask(layerwise_masks_(magnitude, limits))
    same_count = lth.prune_to(whole, magnitude, mask.density)
    for label, m in (("layer by layer", mask), ("global", same_count)):
        losses[label].append(100 * (dense[seed] - accuracy(network, m)))
table = lth.Table(
    {"mask": "", "points lost": ".1f[]", "n": "d"},
    title=f"With {100 * mask.density:.1f} % of the weights",
    notes=["mean and 95 % interval over seeds"],
)
for label, lost in losses.items():
    table.add(label, evidence.interval(lost), len(lost))
table

# %% [markdown]
# The limits were chosen on the validation split and are measured on it too, so the loss is, if anything, too small. A clean
# number would come from the test split, read once, after all choices are made.
#
# ## What the papers printed, and what we measured
#
# | claim, LeNet-300-100 on MNIST | published |
# |---|---|
# | dense | 98.0 ± 0.2 % (Frankle et al. 2019, [arXiv 1903.01611](https://arxiv.org/abs/1903.01611)) |
# | magnitude, in many rounds, 10.7 % left, retrained | 98.3 ± 0.1 % (same) |
# | random mask, same layer densities, 10.7 % left, retrained | 97.5 ± 0.3 % (same) |
# | one cut, weights set back to their initial values, retrained: better than dense | from 95.0 to 5.17 % left ([Frankle & Carbin 2019](https://arxiv.org/abs/1803.03635), figure 4c) |
#
# These four rows were read in the papers. **None of them is what we measured.** They train again after pruning, and we did not; their data are MNIST,
# ours are a part of Fashion-MNIST. What can be compared is one thing only: the distance between magnitude and random. The cell prints ours.

# %%
table = lth.Table(
    {"arm, 10 % left, not retrained": "", "validation accuracy (%)": ".1f", "n": "d"},
    notes=[
        "mean ± half the width of the 95 % interval; "
        "where it would leave 0 to 100 %, the least and the greatest seed"
    ],
)
for arm in ("layerwise", "random"):
    band = evidence.interval(
        [100 * v for v in values(arm, 0.1)], within=evidence.PERCENT
    )
    table.add(arm, band, band.n)
table

# %% [markdown]
# With retraining, the random mask in the table comes within a point of the magnitude mask. Keep this in mind when you look at our curves:
# an accuracy *before* retraining says how much the cut hurts, not how good the small network can become.
#
# ## Traps
#
# - **One too many.** Two public code bases for lottery tickets take the threshold one place too high: of ten weights at 20 % they remove three,
#   not two (we ran them).
# - **All ties at once.** `scores > kthvalue` removes every weight that equals the threshold.
# - **`int` instead of `round`.** `int((1 - 0.8) * 10)` is 1, because the product is a little below 2.
# - **The forgotten `abs`.** A public repository treats every negative weight as if it were 0 (rahulvigneswaran's, issue 5).
# - **Pruning what should stay.** `"weight" in name` also finds the gains of batch norm (its learned factors, one a channel). Use `lth.prunable`.
# - **An empty layer.** A global threshold can take all weights of one layer, and then nothing passes through the network. `lth.prune` keeps at
#   least one weight in each layer (`min_kept`), which is a guard, not a cure.
#
# ## Summary
#
# - Score, select, measure: three steps that know nothing of each other.
# - An exact count needs a rule for ties.
# - Global compares weights across layers; layerwise needs a fraction for each layer. The cells above say what each loses, with intervals.
# - A sensitivity scan looks at one layer at a time. It does not promise anything about all layers together.
#
# **What this lesson does not tell you.** How good the pruned network becomes when it is trained again (lessons [04](../notebooks/04_iterative_pruning.ipynb) and [05](../notebooks/05_winning_tickets.ipynb)). Whether magnitude is a good
# score: it beat chance or it did not, on one small network and one data set, with three seeds; other scores come in [lesson 07](../notebooks/07_snip.ipynb). Whether a
# sparse network is faster: it is not by itself, since a 0 is multiplied like any other number ([lesson 11](../notebooks/11_sparse_is_not_fast.ipynb)).
#
# **Next:** [lesson 02](../notebooks/02_masks.ipynb) looks at the mask itself: how to keep a removed weight at 0 while the network trains.
#
# [docstrings]
