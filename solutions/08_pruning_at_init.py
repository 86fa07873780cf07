# %% [markdown]
# # 08 · Pruning at initialisation
#
# **You will** prune networks that nobody has trained, by five criteria; find the density at which each criterion cuts the
# network in two; and test with two controls what such a mask knows. **Time:** about 70 minutes; of these the computer works
# two to four on two cores.
#
# [contents]
#
# You need four words. The **density** is the fraction of weights that stays. A **score** is one number for each weight; the lowest
# go first. A **mask** says which weights stay. **IMP** is iterative magnitude pruning, which trains in every round ([lesson 05](../notebooks/05_winning_tickets.ipynb)).

# %% tags=["setup"]

# %% [markdown]
# ## Why before training?
#
# IMP finds good sparse networks, and it is an expensive way to get one: it trains the whole network first, then again in
# every round. If we could read the mask off the *untrained* network, we would train once, and only the small network.
#
# Several criteria promise this. They differ in what they look at.
#
# | criterion | score of a weight *w* (higher = keep) | looks at the data | source |
# |---|---|---|---|
# | random | a random number | no | – |
# | magnitude | its absolute value | no | Han et al. 2015, who prune after training |
# | SNIP | how fast the loss changes when *w* fades: \|*w* · *g*\| | yes | [Lee et al. 2019](https://arxiv.org/abs/1810.02340), [lesson 07](../notebooks/07_snip.ipynb) |
# | GraSP | how much shorter the gradient gets without *w*: *w* · (*Hg*) | yes | Wang et al. 2020 |
# | SynFlow | how much flows through *w* | no | Tanaka et al. 2020 |
#
# Here *g* is the gradient of the loss and *H* its matrix of second derivatives. This lesson asks two questions. Is
# there still a path of kept weights from an input to an output? If so, we say that the network **conducts**. And does it
# matter *which* weights a criterion keeps?

# %% [markdown]
# ## Small enough to print
#
# A network with two inputs, three hidden neurons and one output, without biases. It has nine weights.

# %% tags=["nbval-check-output"]
import torch
from torch import nn

import lthkit as lth
from lthkit.classroom import check, hint, quiz, use

torch.set_printoptions(precision=2, sci_mode=False)
first = torch.tensor([[0.9, -0.8], [0.1, 0.2], [0.7, -0.6]])  # [hidden, inputs]
second = torch.tensor([[0.1, -0.9, 0.2]])  # [outputs, hidden]
small = nn.Sequential(
    nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False)
)
_ = small.load_state_dict({"0.weight": first, "2.weight": second})

# %% [markdown]
# Keep the five weights of largest magnitude. Then ask two things of each layer: how many weights are kept, and how many of these
# are **connected**, that is, on a path of kept weights from an input to the output.

# %% tags=["nbval-check-output"]
from lthkit.evidence import collapse

everything = lth.Mask.ones(small)
mask = lth.prune_to(
    everything, lth.magnitude(small), 5 / 9, min_kept=0
)  # min_kept=0: a layer may become empty
print(mask["0.weight"].int(), mask["2.weight"].int())
print(collapse(small, mask, (2,)))  # (2,) is the shape of one input

# %% [markdown]
# More than half of the weights are there, and the network is cut. The first layer leads to hidden neurons 0 and 2 (counted from
# 0), the second begins at neuron 1. The output is 0 for every input, and so is every gradient: training cannot repair it.
# This is **layer collapse**. (Tanaka et al. use the word for a layer that is empty. We use it for the wider case: a layer that has no
# connected weight.)
#
# Magnitude looks at each weight alone. A weight is of use only together with others on its path. SynFlow looks at
# paths.
#
# Before training a weight is a random number. In a real network each layer is drawn with a standard deviation of its own:
# the more connections its neurons have, the smaller.

# %% question="08.Q1"
quiz("08.Q1", "a")

# %% [markdown]
# ## SynFlow, from scratch
#
# A path takes one weight of each layer. Its strength is the product of the absolute values of its weights. The SynFlow score of a weight is
# the sum of the strengths of all paths through it. Nothing else goes in: no image, no label, no loss.
#
# ### Exercise 08.1: the flow through a weight · easy · two lines · 10 minutes
#
# Compute the scores for two linear layers. A path goes from an input to a hidden neuron to an output. Weights are float
# tensors of one type.
#
# Expected: for `first = [[2, 1]]` and `second = [[3], [-3]]` the scores are `[[12, 6]]` and `[[9], [9]]`. The weight 2 lies on two
# paths, each of strength 2 · 3.


# %% exercise="08.1"
def flow_scores(first, second):
    """SynFlow's scores of two linear layers without biases.

    first: [hidden, inputs]. second: [outputs, hidden]. Returns the scores of both, in
    their shapes: for each weight the sum, over all paths through it, of the product of
    the absolute weights on the path.
    """
    # BEGIN SOLUTION
    a, b = first.abs(), second.abs()
    return a * b.sum(0)[:, None], b * a.sum(1)
    # END SOLUTION


# %%
check("08.1", flow_scores)

# %% [markdown]
# Use it on the small network. Compare the two sums in the last line.

# %%
flow_scores_ = use("08.1", flow_scores)
one, two = flow_scores_(first, second)
print(one, two)
print(f"sum of the first layer {one.sum():.2f}, of the second {two.sum():.2f}")

# %% [markdown]
# The sums are equal, and always are: every path passes each layer exactly once, so every layer carries the whole flow. Tanaka et
# al. (2020, theorem 2) call this conservation.
#
# Nobody lists the paths of a large network. There is a shortcut. Make all weights positive, send an input of ones through, and
# add up the outputs. The result *R* is the strength of all paths together. The derivative of *R* by a weight, times the weight,
# is the part of *R* that goes through it.

# %%
positive = [first.abs().requires_grad_(), second.abs().requires_grad_()]
R = (positive[1] @ positive[0] @ torch.ones(2)).sum()
gradients = torch.autograd.grad(R, positive)
print([w.detach() * g for w, g in zip(positive, gradients, strict=True)])

# %% [markdown]
# These are the scores of your exercise. `lth.synflow` does the same for any network. It computes the flow in float64, because
# the flow of a deep network is a very large number or a very small one.

# %%
scores = lth.synflow(small, (2,))
mask = lth.prune_to(everything, scores, 5 / 9, min_kept=0)
print(scores["0.weight"], scores["2.weight"])
collapse(small, mask, (2,)).table()

# %% [markdown]
# With the same number of weights the network conducts. One kept weight is still useless: it leads out of hidden neuron 0, and
# nothing leads in any more. Its score was true for the *whole* network. After the cut it would be 0. So we should cut a little,
# score again, cut a little more.
#
# ## Many small cuts
#
# Now a real network: VGG-16 with an eighth of its width, thirteen convolutions and one linear layer, untrained.
# Look at the sums of SynFlow's scores, and then at the averages.

# %%
from functools import partial

import torch.nn.functional as F

shape = (1, 32, 32)
vgg = partial(lth.models.vgg_16, width=8, input_shape=shape)
model = vgg(seed=0)
lth.Table(
    {"layer": "", "weights": ",", "sum of scores": ".3g", "average": ".2g"},
    [
        (name, s.numel(), s.sum(), s.mean())
        for name, s in list(lth.synflow(model, shape).items())[::4]
    ],
)

# %% [markdown]
# Conservation has a price. Every layer has the same sum, so the larger a layer, the smaller its scores. With one threshold for
# all layers, the large layers lose their weights first.

# %% question="08.Q2"
quiz("08.Q2", "b")

# %% [markdown]
# Tanaka et al. therefore prune in 100 rounds. After round *r* of *n* the density is $d^{r/n}$, where *d* is the density
# at the end. Each round removes the same *fraction of what remains*. Compare: what would the last round on the way to 1 % remove
# if every round removed the same *number* of weights?

# %%
exponential = [0.01 ** (r / 100) for r in range(101)]
linear = [1 - 0.99 * r / 100 for r in range(101)]
lth.Table(
    {"schedule": "", "first round (%)": ".1f", "last round (%)": ".1f"},
    [
        (name, 100 * (1 - d[1]), 100 * (1 - d[100] / d[99]))
        for name, d in (("exponential", exponential), ("linear", linear))
    ],
    title="What a round removes, of the weights that are there",
)

# %% [markdown]
# The linear schedule removes about half of what is left in its last round. The loop itself is short: hide what is pruned,
# score, prune.

# %%
rounds = lth.by_tier(smoke=5, laptop=100, gpu=100)
whole = lth.Mask.ones(model)
mask, masked = whole, vgg(seed=0)
for r in range(1, rounds + 1):
    mask.apply_(masked)  # what is pruned carries no flow
    mask = lth.prune_to(
        mask, lth.synflow(masked, shape), 0.01 ** (r / rounds), min_kept=0
    )
print(mask)

# %%
flow = partial(lth.synflow, shape=shape)
one_line = lth.prune_iteratively(model, flow, 0.01, rounds=rounds, min_kept=0)
print("the same mask in one line:", mask == one_line)

# %% [markdown]
# `min_kept=0` turns a guard off. By default, `lth.prune` leaves at least one weight in each layer. Here we want to see what
# a criterion does when nobody helps it.
#
# ## GraSP: a score with a sign
#
# At the first step, a training goes down along the gradient *g*. A pruned network whose gradient is nearly 0 learns slowly. GraSP asks of each weight: what does its
# removal do to the squared length of the gradient, |*g*|²?
#
# Removing weight *i* moves the weights by -*w*ᵢ in one direction. The derivative of |*g*|² is 2*Hg*. So, to first order, the move changes
# |*g*|² by **-2 *w*ᵢ (*Hg*)ᵢ**. GraSP wants a large gradient. So GraSP first removes the weights whose removal makes the gradient *larger*.
#
# ### Exercise 08.2: which weights does GraSP remove? · easy · four lines · 10 minutes
#
# You get the weights, *Hg*, and how many weights are to go. Weights and *Hg* are two vectors of the same length, float
# tensors of one type. The number that goes may be 0, or all. Among equal ones the lower index goes first.
#
# Expected: `grasp_mask(torch.tensor([1.0, 1.0]), torch.tensor([3.0, -3.0]), 1)` is `[True, False]`: removing weight 1 changes
# |*g*|² by +6, removing weight 0 by -6.


# %% exercise="08.2"
def grasp_mask(weight, hg, remove):
    """A bool mask, True = kept. The weights whose removal makes the squared gradient
    norm largest go first.

    weight, hg: float tensors [n]. remove: how many go. Removing weight i changes the
    squared norm by -2 * weight[i] * hg[i]. Among equal ones the lower index goes first.
    """
    # BEGIN SOLUTION
    change = -2 * weight * hg
    keep = torch.ones(len(weight), dtype=torch.bool)
    keep[change.argsort(descending=True, stable=True)[:remove]] = False
    return keep
    # END SOLUTION


# %%
check("08.2", grasp_mask)

# %% [markdown]
# Use it on the output layer of LeNet-300-100. `lth.grasp` returns *w* · *Hg*, so a division gives *Hg* back. How many of the scores are negative, and
# does your mask agree with the one of `lth.prune_to`?

# %%
grasp_mask_ = use("08.2", grasp_mask)
data = lth.load_data("fashion-mnist")
net = lth.models.lenet_300_100
images = data.draw(100, seed=0, stratified=True)  # ten of each class
scores = {"fc3.weight": lth.grasp(net(seed=0), images)["fc3.weight"]}
weight = lth.prunable(net(seed=0))["fc3.weight"].detach().flatten()
mine = grasp_mask_(weight, scores["fc3.weight"].flatten() / weight, 800)
theirs = lth.prune_to(
    lth.Mask({"fc3.weight": torch.ones(10, 100, dtype=torch.bool)}), scores, 0.2
)
print(
    f"negative: {100 * (scores['fc3.weight'] < 0).float().mean():.0f} % of the scores"
)
print(
    f"the two masks agree in {(mine.view(10, 100) == theirs['fc3.weight']).sum()} of "
    f"1000 entries"
)

# %% [markdown]
# A negative score is no error. It says that, to first order, the gradient grows when this weight goes. With the absolute value, as
# SNIP takes it, the mask would also keep the weights that GraSP most wants to lose. (One entry more or less is rounding in the
# division.)
#
# ## Does it conduct?
#
# To count connected weights, walk through the layers twice. Forwards: which neurons can be reached from an input? Backwards: from
# which neurons can an output be reached? A kept weight is connected if both hold at its two ends.
#
# The next picture has two networks with equally many weights. Only through one of them does anything flow.

# %%
lth.plots.diagram("08")

# %% [markdown]
# ### Exercise 08.3: connected weights · hard · eight lines · 20 minutes
#
# You get the masks of linear layers, from the input to the output, each of shape [outputs, inputs]. Return new masks that keep
# only what is connected. All inputs are reached, and all outputs count.
#
# Expected: for the masks `[[1, 1], [0, 0]]` and `[[1, 1]]` the answer is `[[1, 1], [0, 0]]` and `[[1, 0]]`: nothing leads
# into hidden neuron 1, so the weight out of it goes.


# %% exercise="08.3"
def connected_weights(masks):
    """What is kept and lies on a path of kept weights from some input to some output.

    masks: list of bool tensors [outputs, inputs], from the input to the output. Returns
    a list of new ones.
    """
    # BEGIN SOLUTION
    ahead = [torch.ones(masks[0].shape[1], dtype=torch.bool)]
    for mask in masks:
        ahead.append((mask & ahead[-1]).any(1))
    behind, found = torch.ones(masks[-1].shape[0], dtype=torch.bool), []
    for mask, reached in zip(reversed(masks), reversed(ahead[:-1]), strict=True):
        found.append(mask & reached & behind[:, None])
        behind = (mask & behind[:, None]).any(0)
    return found[::-1]
    # END SOLUTION


# %%
check("08.3", connected_weights)

# %% [markdown]
# Use it on LeNet-300-100 with a random mask that keeps 2 %. How much of what is kept is on a path from input to output? (Biases stay.
# A unit that nothing reaches still sends its bias on, the same for every image. We do not count that.)

# %%
connected_weights_ = use("08.3", connected_weights)
lenet = net(seed=0)
sparse = lth.prune_to(lth.Mask.ones(lenet), lth.random(lenet, seed=0), 0.02)
found = connected_weights_(list(sparse.values()))
lth.Table(
    {"layer": "", "kept": ",", "connected": ","},
    [
        (name, m.sum(), c.sum())
        for (name, m), c in zip(sparse.items(), found, strict=True)
    ],
)

# %% [markdown]
# `collapse` does this for any network, convolutions and shortcuts too:

# %%
collapse(lenet, sparse, data.shape).table()

# %% question="08.Q3"
quiz("08.Q3", "c")

# %% [markdown]
# ## The collapse curve
#
# Seven ways to prune the untrained VGG-16, from mild to extreme, with three seeds. Nothing is trained. SNIP and GraSP
# see 100 images, ten of each class, padded from 28×28 to 32×32. For each mask we note the connected weights of the layer that has fewest. Where this
# number is 0, the network is cut.
#
# SNIP is there twice, because VGG-16 has batch norm. Each batch norm takes a mean off and divides by a spread. Whose? "SNIP"
# takes those of the 100 images, "SNIP, stored" the stored ones, which are 0 and 1 as long as nobody has trained. It looks
# like a detail of the program. SNIP's authors take the stored ones, and so does the repository of the SynFlow authors unless
# told otherwise; GraSP's authors take those of the batch. `lth.snip` takes the batch unless you say `statistics="stored"`.


# %%
def criteria(seed, images, shape):
    """Name -> (score, rounds)."""
    flow = partial(lth.synflow, shape=shape)
    return {
        "random": (partial(lth.random, seed=seed), 1),
        "magnitude": (lth.magnitude, 1),
        "SNIP": (partial(lth.snip, batches=images), 1),
        "SNIP, stored": (partial(lth.snip, batches=images, statistics="stored"), 1),
        "GraSP": (partial(lth.grasp, batches=images), 1),
        "SynFlow, once": (flow, 1),
        "SynFlow": (flow, rounds),
    }


# %%
levels = (0.3, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
densities = lth.by_tier(smoke=(0.1, 0.01, 0.001), laptop=levels, gpu=levels)
arms = list(criteria(0, images, shape))
curve_seeds = lth.by_tier(smoke=(0,), laptop=(0, 1, 2), gpu=(0, 1, 2))


# %%
def curve_of(seed, arm):
    model = vgg(seed=seed).to(data.device)
    drawn = data.draw(100, seed=seed, stratified=True)
    padded = [(F.pad(x, (2, 2, 2, 2), value=float(x.min())), y) for x, y in drawn]
    score, times = criteria(seed, padded, shape)[arm]
    rows = []
    for density in densities:
        mask = lth.prune_iteratively(model, score, density, rounds=times, min_kept=0)
        found = collapse(model, mask, shape)
        smallest = min(found.connected.values())
        rows.append(
            {
                "arm": arm,
                "seed": seed,
                "density": density,
                "smallest": smallest,
                "found": found,
            }
        )
    return rows


# %%
jobs = [(seed, arm) for arm in reversed(arms) for seed in curve_seeds]
curve = [
    row
    for rows in lth.training.each(curve_of, jobs, device=data.device)
    for row in rows
]
curve.sort(key=lambda row: arms.index(row["arm"]))

# %% [markdown]
# First by hand, on the same network and seeds, recorded in finer steps. Take weights away until a layer starves: which layer is it, and under which
# criterion first? (The picture needs no kernel. In a notebook that you have not trusted it is left out.)

# %%
lth.pictures.show("starving")

# %% [markdown]
# Now your run. Read the figure from left to right. Look for the place where each thick line (the median of the seeds) falls to 0. Thin lines are single
# seeds. Only the markers are measured; the lines between them guide the eye. The markers of one density stand side by side, so that
# those at 0 do not hide each other. (VGG-16 has batch norm: where it is cut, its output is a constant, the same for every image.)

# %%
stamp = (
    f"VGG-16, width 8, {whole.total:,} weights, untrained; seeds "
    f"{list(curve_seeds)}, tier {lth.tier()}, {data.device}"
)
lth.plots.show(
    lth.plots.collapse_curve(curve, stamp=stamp), alt=lth.plots.describe_collapse(curve)
)

# %% [markdown]
# The same as a table: the largest density at which the network is cut, for each seed.

# %%
table = lth.Table(
    ["arm", *(f"seed {seed}" for seed in curve_seeds)],
    title="Largest density that is cut, in % of the weights",
)
for arm in arms:
    cuts = [
        max(
            (
                r["density"]
                for r in curve
                if (r["arm"], r["seed"], r["smallest"]) == (arm, seed, 0)
            ),
            default=0,
        )
        for seed in curve_seeds
    ]
    table.add(arm, *(f"{100 * c:.1f}" if c else "not cut" for c in cuts))
table

# %% [markdown]
# ### What the numbers say
#
# In the run of the solved edition SynFlow in 100 rounds conducts at every density of the table. SNIP with stored statistics is
# cut at 0.1 %, and every other way at 0.5 % or before. SynFlow in *one* round is cut earliest of all. Not the score alone saves it, but the score
# computed again after every cut: a weight that becomes the last bridge of its layer carries the whole flow of that layer, so its score is high, and it
# stays.
#
# Then compare the two lines of SNIP: the same formula, the same images, the same seeds. In the run of the solved
# edition it is cut at 1 to 2 % of the weights with the statistics of the batch, with the stored ones not before 0.1 %. How much do the two masks share? The next cell gives
# the weights that both keep, over those that either keeps, for one seed.

# %%
drawn = data.draw(100, seed=0, stratified=True)
padded = [(F.pad(x, (2, 2, 2, 2), value=float(x.min())), y) for x, y in drawn]
model = vgg(seed=0).to(data.device)
both = {how: lth.snip(model, padded, statistics=how) for how in ("batch", "stored")}
table = lth.Table({"weights left (%)": ".0f", "overlap": ".2f"})
for density in (0.5, 0.1, 0.05, 0.01):
    one, other = (
        lth.prune_to(lth.Mask.ones(model), score, density, min_kept=0)
        for score in both.values()
    )
    kept_by_both = sum(int((one[name] & other[name]).sum()) for name in one)
    kept_by_either = sum(int((one[name] | other[name]).sum()) for name in one)
    table.add(100 * density, kept_by_both / kept_by_either)
table

# %% [markdown]
# Two masks that keep the same half by chance would share a third, and at 1 % they would share one weight in two hundred. So
# the two SNIPs agree more than chance, and much less than one would expect of one criterion. Whoever writes "SNIP" about a
# network with batch norm has to say whose statistics.
#
# Now one mask in detail: magnitude with 1 % of the weights. Where have the weights gone?

# %%
[row] = [
    r for r in curve if (r["arm"], r["seed"], r["density"]) == ("magnitude", 0, 0.01)
]
row["found"].table()

# %% [markdown]
# The five largest layers, conv9 to conv13, have four fifths of all weights and keep about one in a thousand. The small first layer keeps more
# than half. Training has no part in this. VGG is initialised with a standard deviation that falls with the number of inputs of a neuron, so
# the weights of layers with many inputs are small *by design*. So a global ranking by magnitude mostly ranks the layers.
#
# Such a table shows when a mask is certainly bad. It does not show that a connected mask is good. For that we have to
# train.
#
# ## Two sanity checks
#
# Suppose that a criterion finds the right weights. Then two things should hurt ([Frankle et al. 2021](https://arxiv.org/abs/2009.08576)):
#
# - **shuffle** the mask inside each layer: same number of weights in each layer, other places;
# - **re-initialise**: same mask, new random values.
#
# If neither hurts, then the criterion has found neither places nor values. What is left is the number of weights in each
# layer.
#
# ### Exercise 08.4: a shuffle that shuffles · medium · five lines · 10 minutes
#
# This control was once broken in a published repository, and no error message said so: the mask came back as it was (see the traps below). Write one that works. Use one generator, seeded once. For each tensor in turn, a full or an empty one
# too, draw an order with `torch.randperm(n, generator=generator)`, and put the flattened entries into that order. The tensors may have any shape.
#
# Expected: every tensor keeps its shape and its number of `True`; the old mask is unchanged; the same seed gives the same result.


# %% exercise="08.4"
def shuffled_mask(mask, seed):
    """The entries of each tensor in a random order, so that each layer keeps its count.

    mask: parameter name -> bool tensor. seed: seeds one torch.Generator, once. Returns
    a new dict. Entry i of a flattened new tensor is entry order[i] of the old one, with
    order = torch.randperm(n, generator=generator).
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    return {
        name: t.flatten()[torch.randperm(t.numel(), generator=generator)].view(t.shape)
        for name, t in mask.items()
    }
    # END SOLUTION


# %%
check("08.4", shuffled_mask)

# %% [markdown]
# Test the control before you trust it. Two lines are enough: the counts are the same, and the places are not.

# %%
shuffled_mask_ = use("08.4", shuffled_mask)
shuffled = lth.Mask(shuffled_mask_(sparse, seed=1))
print("the same mask as lthkit's:", shuffled == sparse.shuffled(seed=1))
lth.Table(
    {"layer": "", "kept": ",", "kept, shuffled": ","},
    [(name, t.sum(), shuffled[name].sum()) for name, t in sparse.items()],
    notes=[f"entries that differ: {100 * sparse.distance(shuffled):.1f} %"],
)

# %% [markdown]
# Two independent masks of density *d* differ in about 2*d*(1 - *d*) of their entries, which is 3.9 % for *d* = 0.02.
#
# ## Predict
#
# LeNet-300-100 with 2 % of its weights, five seeds. Each mask is trained as it is, shuffled, and re-initialised. SNIP finds its mask before
# training; IMP trains six networks to find its own. In points of test accuracy:
#
# - IMP: shuffled minus as is = ?
# - SNIP: shuffled minus as is = ?
#
# A negative number says that the shuffle hurts. Put your two numbers in place of `None`. (Tier `smoke` trains for 20 steps with two seeds, and
# shows only that the code runs.)

# %% tags=["prediction"]
my_imp_shuffled = -1.0  # such as -1.0
my_snip_shuffled = -0.5

# %% [markdown]
# ## Run
#
# All arms have one recipe: Adam, batches of 60, at most 2,000 steps, and a learning rate of 2.4e-3. That is twice the one of
# [lesson 05](../notebooks/05_winning_tickets.ipynb), for all arms. A training stops when its validation loss has not fallen for 500 steps.

# %%
density, imp_rounds = 0.02, lth.by_tier(smoke=2, laptop=6, gpu=15)
seeds = lth.by_tier(smoke=(0, 1), laptop=(0, 1, 2, 3, 4), gpu=(0, 1, 2, 3, 4))
recipe = lth.Recipe(
    steps=lth.by_tier(smoke=20, laptop=2000, gpu=10_000),
    lr=2.4e-3,
    evaluate_every=lth.by_tier(smoke=20, laptop=100, gpu=100),
    patience=500,
)


# %% [markdown]
# The first function finds a mask and trains it. IMP goes in rounds; the other criteria go through `lth.prune_at_init`, which scores,
# prunes, and trains once.


# %%
def found_by(criterion, seed):
    if criterion == "IMP":
        fraction = lth.fraction_for(density, imp_rounds)
        *_, last = lth.imp(
            net, data, rounds=imp_rounds, fraction=fraction, seed=seed, recipe=recipe
        )
        return last
    images = data.draw(100, seed=seed, stratified=True)
    score, times = criteria(seed, images, data.shape)[criterion]
    return lth.prune_at_init(
        net, data, score=score, density=density, rounds=times, seed=seed, recipe=recipe
    )


# %% [markdown]
# The second adds the two controls. `found.rewind` is the initialisation from which the mask was trained, and `lth.fresh_start` is another one.


# %%
def three_arms(criterion, seed):
    found = found_by(criterion, seed)
    retrain = partial(lth.retrain, net, data, seed=seed, recipe=recipe)
    shuffled = lth.Mask(shuffled_mask_(found.mask, seed))
    results = {
        "as is": found.result,
        "shuffled": retrain(mask=shuffled, weights_from=found.rewind),
        "re-initialised": retrain(
            mask=found.mask,
            weights_from=lth.fresh_start(net, seed=seed, device=data.device),
        ),
    }
    return [
        {
            "criterion": criterion,
            "arm": arm,
            "seed": seed,
            "test_accuracy": r.test_accuracy,
            "still_improving": r.still_improving,
        }
        for arm, r in results.items()
    ]


# %% [markdown]
# This is the long part, one to three minutes. IMP comes first, because it takes longest.

# %%
names = ["IMP", "magnitude", "SNIP", "GraSP", "SynFlow"]
trainings = [(name, seed) for name in names for seed in seeds]
rows = [
    row
    for three in lth.training.each(three_arms, trainings, device=data.device)
    for row in three
]
late = sum(row["still_improving"] for row in rows)
print(
    f"{len(rows)} trainings; in {late} of them the best step lies in the last tenth of "
    f"the budget"
)

# %% [markdown]
# Those trainings may still have been improving. Keep that in mind: what follows holds for this budget. First the accuracies:
# mean and 95 % interval over seeds. The columns are: as is, shuffled, re-initialised.

# %%
from lthkit import evidence


def accuracies(criterion, arm):
    return [
        100 * r["test_accuracy"]
        for r in rows
        if (r["criterion"], r["arm"]) == (criterion, arm)
    ]


# %%
three = ("as is", "shuffled", "re-initialised")
lth.Table(
    {"criterion": "", **{f"{arm} (%)": ".1f" for arm in three}},
    [
        (
            name,
            *(
                evidence.interval(accuracies(name, arm), within=evidence.PERCENT)
                for arm in three
            ),
        )
        for name in names
    ],
    title="Test accuracy",
    notes=[f"mean ± half of the 95 % interval, n = {len(seeds)} seeds"],
)

# %% [markdown]
# Now the differences, paired by seed. Left of the line at 0 the control is worse than the mask as
# it was. Small markers are single seeds.

# %%
check_stamp = (
    f"LeNet-300-100, {100 * density:.0f} % of the weights, {data.label}, "
    f"{len(seeds)} seeds, tier {lth.tier()}, {data.device}"
)
lth.plots.show(
    lth.plots.sanity_checks(rows, stamp=check_stamp),
    alt=lth.plots.describe_sanity(rows),
)


# %%
def gap(name, arm):
    """Control minus as is, in points, paired by seed."""
    pairs = zip(accuracies(name, arm), accuracies(name, "as is"), strict=True)
    return evidence.interval([control - as_is for control, as_is in pairs])


table = lth.Table(
    {"criterion": "", "control": "", "control - as is (points)": "+.3f[]", "says": ""},
    keys=2,
)
for name in names:
    for arm in ("shuffled", "re-initialised"):
        b = gap(name, arm)
        says = (
            "hurts" if b.high < 0 else "helps" if b.low > 0 else "contains 0: no claim"
        )
        table.add(name, arm, b, says)
table

# %% [markdown]
# And your predictions beside the measurement:

# %%
points = [
    ("IMP: shuffled - as is", my_imp_shuffled, gap("IMP", "shuffled")),
    ("SNIP: shuffled - as is", my_snip_shuffled, gap("SNIP", "shuffled")),
]
lth.plots.show(
    lth.plots.predicted(points, unit="points of test accuracy", stamp=check_stamp),
    alt=lth.plots.describe_predicted(points, unit="points"),
)

# %% [markdown]
# ### What the numbers say
#
# In the run of the solved edition (tier `laptop`, five seeds):
#
# - **IMP**: the shuffle hurts, and the interval excludes 0. Its masks need their places. New values hurt on average, and the interval only just
#   contains 0. (In [lesson 05](../notebooks/05_winning_tickets.ipynb), with longer trainings, the interval of the new values excludes 0.)
# - **SNIP, GraSP and SynFlow**: new values change nothing that five seeds can show (for GraSP only just). The shuffle *helps*: all three intervals
#   lie above 0. Here, after 2,000 steps on 10,000 images, these masks do worse than their own shuffles.
# - **Magnitude** stands between. Both means are below 0, and both intervals contain 0, if only just. An earlier run of this lesson had the same seeds and
#   added up its sums in another order. There the interval of the shuffle just missed 0, and the cell printed "hurts". So do not build on a word that the
#   last digits decide. And both controls replace the largest initial weights by smaller ones, so a difference may come from the scale alone.
#
# Then look at the middle column of the accuracies again. After the shuffle the five kinds of mask (IMP and four criteria) are close together, although
# they began far more apart.
#
# Why should a shuffle help? Count the hidden units that still have a connected weight, as each criterion leaves them and after a shuffle.

# %%
table = lth.Table(
    {"criterion": "", "as is": "d", "shuffled": "d"},
    title="Hidden units of the first layer, of 300, that are connected",
)
for name, (score, times) in criteria(0, images, data.shape).items():
    if name in names:
        as_is = lth.prune_iteratively(lenet, score, density, rounds=times)
        paths = [
            lth.pruning.connected(lenet, m, data.shape)
            for m in (as_is, as_is.shuffled(seed=0))
        ]
        table.add(name, *(int(p["fc1.weight"].any(1).sum()) for p in paths))
table

# %% [markdown]
# The three criteria for which the shuffle helps put their weights into fewer units, SynFlow most of all: a unit with strong paths gets higher scores,
# and its weights survive together. The shuffle spreads the same number of weights over all units. That is a plausible reason, for one
# seed. We did not test it as a cause.

# %% question="08.Q4"
quiz("08.Q4", "b")

# %% [markdown]
# ### So would any mask do?
#
# No. One more control: a uniformly random mask, which has the same density in every layer. It differs from a shuffled
# SynFlow mask in one thing only: the numbers of weights in the layers.


# %%
def uniform(seed):
    score = partial(lth.random, seed=seed)
    return lth.prune_at_init(
        net, data, score=score, density=density, seed=seed, recipe=recipe
    )


randoms = lth.training.each(uniform, [(seed,) for seed in seeds], device=data.device)
b = evidence.interval(
    [
        s - 100 * r.test_accuracy
        for s, r in zip(accuracies("SynFlow", "shuffled"), randoms, strict=True)
    ]
)
print(
    f"shuffled SynFlow - random: {b.mean:+.1f} points [{b.low:+.1f}, {b.high:+.1f}], n "
    f"= {b.n}"
)
collapse(lenet, randoms[0].mask, data.shape).table()

# %% [markdown]
# In the run of the solved edition the shuffled mask wins by many points, and the interval excludes 0. The table says why: with the same density everywhere, the
# output layer keeps 25 of its 1,000 weights (20 on average), and most of what is kept elsewhere leads nowhere. So the number of weights in each layer matters a great
# deal. It is the choice *inside* the layers that these criteria do not get right.
#
# ## What the papers printed, and what we measured
#
# Test accuracy in percent of VGG-16 on CIFAR-10 at three compressions, the mean of three runs. The numbers are in the raw data
# of the SynFlow authors' [repository](https://github.com/ganguli-lab/Synaptic-Flow) ([Tanaka et al. 2020](https://arxiv.org/abs/2006.05467)). A compression of 100 is a density of 1 %.
#
# | compression | random | magnitude | SNIP | GraSP | SynFlow |
# |---|---|---|---|---|---|
# | 10 | 91.1 | 93.1 | 92.3 | 91.8 | 93.3 |
# | 100 | 79.1 | 89.8 | 89.1 | 87.5 | 90.1 |
# | 1,000 | 10.0 | 10.0 | 76.3 | 70.9 | 80.4 |
#
# With ten classes, 10.0 % is guessing. That is what a network that is cut does. Print our counts beside it: connected weights of the smallest layer, medians over seeds.

# %%
from statistics import median

compressed = (0.1, 0.01, 0.001)
table = lth.Table(
    {"arm": "", **{f"compression {1 / d:,.0f}": ",.0f" for d in compressed}}
)
for arm in arms:
    own = [r for r in curve if r["arm"] == arm]
    table.add(
        arm,
        *(median(r["smallest"] for r in own if r["density"] == d) for d in compressed),
    )
table

# %% [markdown]
# The order is the same in one respect: random and magnitude are cut where SynFlow is not. But our SNIP is cut at a compression
# of 100 already, and theirs still learns at 1,000. Our network is an eighth as wide, so width is the first thing that one
# suspects. We recorded the two SNIPs at full width too, once, because it takes minutes: the same images, the same seeds.

# %%
from lthkit.runs import experiments

config, made, at_full_width = experiments.load(experiments.recorded("snip-statistics"))
at_full_width = [row for row in at_full_width if row["width"] == 64]
table = lth.Table(
    {
        "statistics": "",
        "seed": "d",
        "cut at (% of the weights)": "",
        "connected at 0.1 %": ",",
    },
    title="Width 64",
    notes=[f"{made['data']} · {made['environment']['processor']}"],
    keys=2,
)
for how in ("batch", "stored"):
    for seed in config["seeds"]:
        counts = {
            row["density"]: row[how] for row in at_full_width if row["seed"] == seed
        }
        cut = max((100 * density for density, n in counts.items() if n == 0), default=0)
        table.add(how, seed, f"{cut:.1f}" if cut else "not cut", counts[0.001])
table

# %% [markdown]
# It is not width. With the statistics of the batch SNIP is cut there as well, long before its thousandth. With the stored ones,
# which that repository takes, every layer still has weights on a path, if few.
#
# So the choice of statistics decides whether SNIP conducts at a compression of 100. Width decides the rest: at 1,000 our narrow
# network is cut even with stored statistics, a thousandth of it being about 230 weights for fourteen layers. (GraSP's numbers
# in the table are with stored statistics too. We did not repeat that.) The density at which a network is cut is not a property of the
# criterion alone.
#
# On the two controls: [Frankle et al. (2021](https://arxiv.org/abs/2009.08576), abstract) report that a shuffle inside the layers, or new initial values, "preserves or
# improves" the accuracy of the criteria that prune before training, and that this is not so for pruning after training. Our run agrees for SNIP, GraSP,
# SynFlow and IMP. For magnitude at initialisation it does not clearly agree, as you saw. We compare directions, not sizes: they study convolutional networks, ResNet-20 on
# CIFAR-10 among them.
#
# Ten thousand images are little. So we registered the two checks for LeNet-300-100 on the complete MNIST, with five new seeds, and with one exception: for
# SNIP we predicted that the published claim would *fail*. The outermost pixels of MNIST are always 0, SNIP keeps no weight there, and a shuffle inside the first layer
# moves weights to where they see nothing. **Mind the sign:** this table has *as is* minus *control*, so a number above 0 says that the control hurts.

# %%
from lthkit import ledger

ledger.claims_table(
    "pruning-at-init-below-imp",
    "snip-keeps-when-shuffled",
    "synflow-keeps-when-shuffled",
    "snip-keeps-when-re-initialised",
    "imp-loses-when-shuffled",
    "imp-loses-when-re-initialised",
)

# %% [markdown]
# All came as predicted, at this density. Compare with your run above: there the shuffle helped SNIP; here it costs. A shuffle costs SynFlow, which sees no image, no more than its margin, and SNIP more than its own: on this data and with this first layer. New initial weights cost
# SNIP no more than its margin, and IMP loses by both. The record has a smaller density too, a third of this one, for which nothing was registered: there SynFlow also loses by the shuffle. And most
# controls were still improving when their steps ended. So "insensitive to the shuffle" is not a property of the criterion alone either.
#
# ## Traps
#
# - **The shuffle that does nothing.** In the repository of the SynFlow authors `Pruner.shuffle()` gives a local name a new value and never
#   writes it back (`Pruners/pruners.py`). The option `--shuffle` has no effect. A control needs a test of its own.
# - **Counting kept weights only.** A layer that keeps weights may still lie on no path. Count connected ones.
# - **Batch norm while scoring.** Whose mean and spread a program takes is seldom written down, and it changes most of a sparse SNIP mask.
# - **A guard that hides the collapse.** `min_kept=1` keeps one weight in each layer. The layer is not empty any more, and the network may
#   still be cut.
# - **SynFlow in one round.** In our curve it is cut earlier than magnitude. The rounds are part of the method.
# - **Scores of the whole network in every round.** If the mask is not applied before scoring, 100 rounds give the mask of one.
# - **Another initialisation by accident.** Some code scores one network and trains another ([lesson 07](../notebooks/07_snip.ipynb)). Then the re-initialised control
#   is built in, and the question cannot be asked. `lth.prune_at_init(..., train_from="fresh")` does it on purpose.
#
# ## Summary
#
# - Criteria at initialisation score a network that nobody has trained. Three of the five in the first table (random, magnitude, SynFlow) do not
#   even look at the data.
# - A global ranking can cut a network. Whether it is cut is counted in seconds, without training: `collapse(model, mask, shape)`.
# - SynFlow avoids this by its score *and* by many small rounds.
# - The two sanity checks ask what a mask knows. In the run of the solved edition the shuffle hurt IMP. For SNIP, GraSP and SynFlow the shuffle
#   helped, and new values changed nothing that the intervals could show. So there the number of weights that each layer keeps was all that the mask was good for.
# - On the complete MNIST SNIP's mask *lost* 0.57 [0.35, 0.79] points by the shuffle (n = 5; `snip-keeps-when-shuffled`, not reproduced): there its places matter. The answer depends on data and density.
#
# **What this lesson does not tell you.** We trained one small fully connected network, on easy data, at one density, and many trainings were still improving when
# their budget ended. Whether the same holds for your network, the two controls will say. We do not know why IMP's masks need their
# places; a check can show that, and cannot explain it. And that none of these criteria passes the checks does not prove that none can.
#
# **Next:** [lesson 09](../notebooks/09_early_bird.ipynb) trains a little before it prunes, and asks when the mask stops changing.
#
# [docstrings]
