# %% [markdown]
# # 09 · Early-Bird tickets
#
# **You will** watch a mask settle while a network trains, stop the search by a rule, find out what the rule's threshold
# is worth, and count what an early ticket saves, and against what. **Time:** about 75 minutes; of these the computer
# works 2 to 5 on two cores.
#
# [contents]
#
# You need four words. A **mask** says which weights stay. The **density** is the fraction that stays. An **epoch** is one
# pass over the training images. The **null** is what chance alone would give.

# %% tags=["setup"]

# %% [markdown]
# ## Why wait until the end?
#
# A lottery ticket ([lesson 05](../notebooks/05_winning_tickets.ipynb)) is expensive: train the whole network to the end, only to learn which weights to remove.
# But do we need the end? To *draw* a mask is to compute which weights pruning would keep now; the network stays as it is.
# So we could draw one after *every* epoch, as if the training were over. If the masks hardly change any more, further
# waiting tells us little.
#
# [You et al. (2020)](https://arxiv.org/abs/1909.11957) call such an early mask an **Early-Bird ticket**. Their recipe: train the dense network; draw a mask
# at each epoch; stop once the masks are stable; prune, and train the small network on. The paper's title speaks of more
# efficient training. So this lesson asks three questions. What does *stable* mean? Is the early mask as good as the late
# one? And cheaper than what?
#
# ## Small enough to print
#
# A layer of ten weights, and the masks of three epochs. The **mask distance** is the fraction of entries in which two
# masks differ: the Hamming distance, divided by the number of entries.

# %% tags=["nbval-check-output"]
import torch

import lthkit as lth
from lthkit.classroom import check, hint, quiz, use

epochs_123 = [
    [1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    [1, 1, 0, 1, 0, 0, 0, 0, 0, 0],
    [1, 1, 0, 1, 0, 0, 0, 0, 0, 0],
]
first, second, third = (torch.tensor(row, dtype=torch.bool) for row in epochs_123)
lth.Table(
    {"epochs": "", "entries that differ, of 10": "d"},
    [("1 and 2", (first != second).sum()), ("2 and 3", (second != third).sum())],
)

# %% [markdown]
# One weight went and one came, so two entries differ: the distance is 0.2. If both masks keep equally many weights, each
# one that goes is replaced by one that comes, so the number of differences is even.
#
# ### Exercise 09.1: mask distance · easy · two lines · 6 minutes
#
# A network has several layers, so a mask is a dict: parameter name to bool tensor. Write the distance of two such masks:
# all entries that differ, in all layers, divided by all entries. A large layer then counts for more than a small one. The
# names of the two dicts may stand in another order. The tensors may have any shape, but each has at
# least one entry.
#
# Expected: for one layer, `[1, 0, 1, 0]` and `[1, 1, 0, 0]` have the distance `0.5`.


# %% exercise="09.1"
def mask_distance(one, other):
    """The fraction of all entries in which two masks differ.

    one, other: parameter name -> bool tensor, with equal names and shapes.
    """
    # BEGIN SOLUTION
    differ = sum((one[name] != other[name]).sum().item() for name in one)
    return differ / sum(mask.numel() for mask in one.values())
    # END SOLUTION


# %%
check("09.1", mask_distance)

# %%
mask_distance_ = use("09.1", mask_distance)

# %% [markdown]
# ## Watch the masks
#
# We train LeNet-300-100 for 20 epochs and draw a magnitude mask at the end of each: the largest weights of all layers
# together. First with your own function, after epochs 1 and 2. (At tier `laptop` an epoch has 100 steps: 10,000 images in
# batches of 100.)

# %%
train, validation, test = lth.by_tier(
    smoke=(500, 200, 500), laptop=(10_000, 2_000, 5_000), gpu=(10_000, 2_000, 5_000)
)
data = lth.load_data("fashion-mnist").head(
    train=train, validation=validation, test=test
)
per_epoch = len(data.train) // 100
epochs = lth.by_tier(smoke=6, laptop=20, gpu=40)
recipe = lth.Recipe(steps=epochs * per_epoch, batch_size=100, evaluate_every=per_epoch)

model = lth.models.lenet_300_100(seed=0)
result = lth.train(
    model, data, recipe=recipe, steps=2 * per_epoch, keep=(per_epoch, 2 * per_epoch)
)
drawn = []
for step in (per_epoch, 2 * per_epoch):
    result.kept[step].restore(model)
    drawn.append(lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.1))
print(
    f"distance of epochs 1 and 2 at 10 % of the weights: {mask_distance_(*drawn):.4f}"
)

# %% [markdown]
# `lthkit` has the whole search as one function. It trains, draws a mask at each epoch's end, and would stop by the rule;
# `watch=True` lets it train on to the last epoch, because we want to see what comes later. We search at two densities,
# with several seeds side by side.

# %%
from lthkit.tickets import (
    distances,
    early_bird,
    largest_in_window,
    null_distance,
    stop_epoch,
)

lenet = lth.models.lenet_300_100
seeds = lth.by_tier(smoke=(0, 1, 2), laptop=(0, 1, 2, 3, 4), gpu=(0, 1, 2, 3, 4))
cases = [(d, seed) for d in (0.5, 0.1) for seed in seeds]


def search(density, seed):
    return early_bird(
        lenet, data, density=density, recipe=recipe, seed=seed, watch=True
    )


searches = dict(
    zip(cases, lth.training.each(search, cases, device=data.device), strict=True)
)
watched = {d: searches[d, 0] for d in (0.5, 0.1)}  # seed 0, the one above
print(f"the same distance: {watched[0.1].masks[0].distance(watched[0.1].masks[1]):.4f}")

# %% [markdown]
# The two numbers agree, because it is the same training. Now all pairs of epochs, as a picture. Row and column are
# epochs; the diagonal is 0. Look for two things. Is there a dark *block* at the lower right, where late masks are all
# alike? Or only a dark *band* along the diagonal, where each mask is like its neighbours and drifts away from the older
# ones?

# %%
matrices = {
    f"{100 * d:.0f} % of the weights": distances(found.masks)
    for d, found in watched.items()
}
nulls = {
    f"{100 * d:.0f} % of the weights": null_distance(found.masks[-1])
    for d, found in watched.items()
}
where = f"LeNet-300-100, {data.label}, tier {lth.tier()}, {data.device.type}, seed 0"
lth.plots.show(
    lth.plots.mask_distances(matrices, nulls, stamp=where),
    alt=lth.plots.describe_distances(matrices, nulls),
)

# %% [markdown]
# In the run of the solved edition (tier `laptop`) it is a band. The masks do not come to rest within these 20 epochs:
# with our constant learning rate, each epoch moves some weights across the border between kept and removed. The band gets
# wider towards the end, so the drift slows down. Each panel has its own colour scale. (The two marks above the
# colours, for random masks and for a threshold, are explained below.)
#
# ## When to stop
#
# The rule of You et al. keeps a queue of the last **five** masks; the length of the queue is called the **window**. When
# the distances in this queue are all below **0.1**, the masks count as stable, and the newest mask is the ticket. "The
# distances in this queue" can mean three things:
#
# - the newest mask against each of the four before it: so the authors' code (`EarlyBird.cal_dist` in their main.py);
# - the last five distances between a mask and the one before it. This needs six masks, so it can fire at epoch 6 at the
#   earliest: so their README;
# - all pairs in the queue.
#
# `lthkit` takes the first, and `rule="neighbours"` the second.
#
# A sketch of masks that settle. Orange: entries that changed since the epoch before.

# %%
lth.plots.diagram("09")

# %% [markdown]
# ### Exercise 09.2: the epoch to stop · medium · four lines · 12 minutes
#
# You get the matrix of distances as a list of rows: `matrix[i][j]` for the masks of epochs i + 1 and j + 1. Return the
# first epoch, counted from 1, at which the newest mask is closer than `threshold` to each of the `window - 1` masks
# before it. Before the window is full, nothing stops. A distance that equals the threshold is too large. If the rule
# never fires, return `None`. The matrix may have no row at all; then the answer is `None` too.
#
# Expected: with three equal masks and `window=3` the answer is `3`, whatever the threshold above 0.


# %% exercise="09.2"
def early_bird_epoch(matrix, window, threshold):
    """The first epoch whose mask is closer than `threshold` to each of the `window` - 1
    masks before it; else None.

    matrix: list of rows, matrix[i][j] is the distance of the masks of epochs i + 1 and
    j + 1. window: 2 or more.
    """
    # BEGIN SOLUTION
    for newest in range(window - 1, len(matrix)):
        if all(
            matrix[newest][old] < threshold
            for old in range(newest - window + 1, newest)
        ):
            return newest + 1
    return None
    # END SOLUTION


# %%
check("09.2", early_bird_epoch)

# %%
early_bird_epoch_ = use("09.2", early_bird_epoch)

# %% [markdown]
# Use it on the two matrices, beside the library's `stop_epoch`. And look at the other reading of the rule.

# %%
table = lth.Table(
    {"weights left (%)": ".0f", "yours": "d", "library": "d", "neighbours": "d"},
    title="Epoch at which the rule fires",
)
for d, found in watched.items():
    matrix = distances(found.masks)
    yours, neighbours = (
        early_bird_epoch_(matrix.tolist(), 5, 0.1),
        stop_epoch(matrix, rule="neighbours"),
    )
    table.add(100 * d, yours, stop_epoch(matrix), neighbours)
table

# %% [markdown]
# Does the difference matter? Take masks that drift for ever, by 0.04 an epoch, and always to new places. Which of the two
# rules sees that they do not settle?

# %% tags=["nbval-check-output"]
places = torch.arange(1000)
drifting = [
    lth.Mask({"w": (places >= 20 * t) & (places < 20 * t + 300)}) for t in range(12)
]
print(
    "neighbours:",
    stop_epoch(drifting, rule="neighbours"),
    "  newest:",
    stop_epoch(drifting),
)
print("first against last:", round(drifting[0].distance(drifting[-1]), 2))

# %% [markdown]
# The neighbours' rule calls them stable at the first chance. The other one looks four epochs back, sees 0.16, and never
# fires. A drift that is slow enough would fool it too. **Stable for five epochs does not mean final.**

# %% question="09.Q1"
quiz("09.Q1", "a")

# %% [markdown]
# ## What is 0.1 worth?
#
# A distance of 0.1 looks small. Small beside what? Take two **random** masks of density d. An entry differs if the first
# keeps it and the second does not, with probability d(1 - d), or the other way round. Together that is **2d(1 - d)**: the
# null. Compare it with 0.1 as the density falls.

# %% tags=["nbval-check-output"]
lth.Table(
    {"density": ".2f", "distance of random masks": ".3f", "0.1 as a part of it": ".2f"},
    [
        (d, null_distance(d), 0.1 / null_distance(d))
        for d in (0.7, 0.5, 0.3, 0.1, 0.05, 0.02)
    ],
)

# %% [markdown]
# At density 0.3 two random masks differ by 0.42, so 0.1 asks for real agreement. At 0.1 they differ by 0.18, and 0.1 is
# more than half of that. Below a density of about 0.053 (solve 2d(1 - d) = 0.1) random masks are on average *closer than
# 0.1*; the same happens above 0.947. Let us see the rule fire on masks that have nothing in common: the first mask of
# LeNet with 4 % of its weights, and shuffled copies of it.

# %%
sparse = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.04)
nonsense = [sparse.shuffled(seed=s) for s in range(8)]
print(f"largest distance in the window: {largest_in_window(nonsense)[4]:.3f}")
print("the rule fires at epoch", stop_epoch(nonsense))

# %% [markdown]
# It fires at epoch 5, the earliest that there is. The experiments of [You et al. (2020)](https://arxiv.org/abs/1909.11957) prune 30, 50 and 70 % of the *channels*,
# where the null is 0.42 or 0.5; there the threshold means something. At a density of 10 % it asks for little. Below 5 %,
# where many lottery tickets lie, it means nothing.

# %% question="09.Q2"
quiz("09.Q2", "b")

# %% [markdown]
# ### Exercise 09.3: the null of unequal layers · medium · five lines · 10 minutes
#
# Pruned layers have unequal densities, and random masks *with the same layer densities* are the fair comparison. Write
# the average distance of two such masks. For each layer: size times 2d(1 - d) with the layer's own d. Add up, and divide
# by the number of all entries. (`null_distance` does this too when it is given a mask; when it is given a number, it
# returns 2d(1 - d).) The tensors may have any shape, but each has at least one entry.
#
# Expected: one layer with half of its entries kept gives `0.5`; a second one of the same size, a quarter kept, brings it
# to `0.4375`.


# %% exercise="09.3"
def random_distance(mask):
    """The distance that two random masks with the layer densities of `mask` have on
    average.

    mask: parameter name -> bool tensor.
    """
    # BEGIN SOLUTION
    differ = 0.0
    for layer in mask.values():
        density = layer.sum().item() / layer.numel()
        differ += layer.numel() * 2 * density * (1 - density)
    return differ / sum(layer.numel() for layer in mask.values())
    # END SOLUTION


# %%
check("09.3", random_distance)

# %% [markdown]
# Hold it against chance itself: ten shuffled copies of the last mask, and the null of the overall density, which ignores
# the layers.

# %%
random_distance_ = use("09.3", random_distance)
last = watched[0.1].masks[-1]
copies = [last.distance(last.shuffled(seed=s)) for s in range(10)]
lth.Table(
    {"distance to": "", "distance": ".4f"},
    [
        ("shuffled copies, mean of 10", sum(copies) / 10),
        ("your null, layer by layer", random_distance_(last)),
        ("a null from the overall density", null_distance(last.density)),
    ],
)

# %% [markdown]
# Your number should agree with the shuffled copies; the overall one is a little too large. The layers of this mask have
# different densities, and that alone makes random masks more alike.
#
# ## What the rule sees
#
# Now all seeds. Left: the largest distance in the window after each epoch. Right: the same in units of the null, so that
# 1 means "as far apart as random masks". The thin lines on the right are the threshold 0.1 in that unit. Which density is
# stable sooner, by the left picture and by the right one?

# %%
rows = [
    {
        "arm": f"{100 * d:.0f} %",
        "seed": s,
        "epoch": e,
        "worst": worst,
        "null": null_distance(found.masks[-1]),
    }
    for (d, s), found in searches.items()
    for e, worst in enumerate(largest_in_window(found.masks), start=1)
]
stamp = (
    f"LeNet-300-100, {data.label}, tier {lth.tier()}, {data.device.type}, n = "
    f"{len(seeds)} seeds"
)
lth.plots.show(
    lth.plots.window_curves(rows, stamp=stamp), alt=lth.plots.describe_window(rows)
)

# %% [markdown]
# In the run of the solved edition: on the left, the mask with fewer weights looks far more stable. On the right, where
# chance is taken into account, the two curves nearly lie on each other: neither density is stable sooner. What differs is
# the threshold. At 50 % of the weights 0.1 is strict, at 10 % it is lax. So the earlier stop at 10 % says nothing about
# the masks: it comes from the unit. The next cell asks what *stable* should mean: how far is the ticket from the mask at
# the end of the training?

# %%
table = lth.Table(
    {
        "weights left (%)": ".0f",
        "seed": "d",
        f"fires at epoch (of {epochs})": "d",
        "distance to the last mask (random = 1)": ".2f",
    },
    keys=2,
)
for d in (0.5, 0.1):
    for s in seeds:
        f = searches[d, s]
        left = (
            f.mask.distance(f.masks[-1]) / null_distance(f.masks[-1])
            if f.epoch
            else None
        )
        table.add(100 * d, s, f.epoch, left)
table

# %% [markdown]
# In the run of the solved edition (tier `laptop`, five seeds), the rule fires at 10 % in epoch 5 for every seed, the
# first at which it can, and at 50 % in epoch 8. The ticket at 10 % is then still far from the last mask: about 0.4, where
# 0 is the same mask and 1 is a random one. "The masks have settled" would be the wrong description. But a ticket does not
# have to *be* the last mask. It has to be as *good*.
#
# ## Predict
#
# We take the weights at the Early-Bird epoch and train them on under different masks, up to the same last epoch. All arms
# share weights, data order and number of steps. **Only the mask differs:**
#
# | arm | mask | to know it one must train |
# |---|---|---|
# | dense | everything | nothing |
# | early-bird | of the epoch at which the rule fires | up to that epoch |
# | late mask | of the last epoch | to the end |
# | first mask | of epoch 1 | one epoch |
# | shuffled | early-bird, permuted inside each layer | up to that epoch |
#
# At 10 % of the weights, in percentage points of test accuracy: early-bird minus late mask = ? early-bird minus shuffled
# = ? A positive number says that the Early-Bird ticket is better.

# %% tags=["prediction"]
my_early_minus_late = -1.0  # such as -1.0
my_early_minus_shuffled = 2.0

# %% question="09.Q3"
quiz("09.Q3", "b")

# %% [markdown]
# ## Run
#
# `lth.retrain` goes on from the ticket's checkpoint, optimizer included. It takes a minute or two. If the rule never
# fired for some seed, there is no ticket, and the library refuses to hand one out; such a seed would be left out here,
# and counted.


# %%
def arms(density, seed):
    found = searches[density, seed]
    if found.epoch is None:
        return None
    masks = {
        "dense": lth.Mask.ones(model),
        "early-bird": found.mask,
        "late mask": found.masks[-1],
        "first mask": found.masks[0],
        "shuffled": found.mask.shuffled(seed),
    }

    def accuracy(mask):
        start = found.checkpoint
        return lth.retrain(
            lenet, data, mask=mask, weights_from=start, recipe=recipe, seed=seed
        ).test_accuracy

    return {arm: accuracy(mask) for arm, mask in masks.items()}


# %%
outcomes = dict(
    zip(cases, lth.training.each(arms, cases, device=data.device), strict=True)
)
print(
    "searches without a ticket:",
    sum(result is None for result in outcomes.values()),
    "of",
    len(outcomes),
)

# %% [markdown]
# The mean test accuracy of each arm, in percent, with half the width of its 95 % interval. Look at `dense`: nothing is
# pruned there, and still it has two values. It starts from the epoch of the ticket, which need not be the same in the two
# lines, and the best step is looked for only after it.
#
# Then the paired differences.

# %%
from lthkit import evidence

found = {d: [outcomes[d, s] for s in seeds if outcomes[d, s]] for d in (0.5, 0.1)}
table = lth.Table(
    {
        "arm": "",
        **{
            f"{100 * d:.0f} % of the weights, n = {len(r)}": ".1f"
            for d, r in found.items()
        },
    },
    title="Test accuracy (%)",
    notes=["mean ± half of the 95 % interval over seeds"],
)
for arm in found[0.5][0]:
    percent = ([100 * run[arm] for run in runs] for runs in found.values())
    bands = (evidence.interval(p, within=evidence.PERCENT) for p in percent)
    table.add(arm, *bands)
table


# %% [markdown]
# A dot right of 0 says that the Early-Bird ticket is better than the arm named. Does the bar cross 0?


# %%
def gaps(runs, others):
    differences = {
        o: [100 * (run["early-bird"] - run[o]) for run in runs] for o in others
    }
    return {
        f"early-bird - {o}": evidence.interval(values)
        for o, values in differences.items()
    }


others = ("late mask", "first mask", "shuffled", "dense")
by_density = {
    f"{100 * d:.0f} % of the weights": gaps(
        [outcomes[d, s] for s in seeds if outcomes[d, s]], others
    )
    for d in (0.5, 0.1)
}
lth.plots.show(
    lth.plots.arm_gaps(by_density, stamp=stamp), alt=lth.plots.describe_gaps(by_density)
)

# %%
for group, bands in by_density.items():
    evidence.differences(bands, unit="points of test accuracy", title=group).show()

# %% [markdown]
# And your predictions, at 10 % of the weights.

# %%
at_10 = by_density["10 % of the weights"]
points = [
    ("early-bird - late mask", my_early_minus_late, at_10["early-bird - late mask"]),
    ("early-bird - shuffled", my_early_minus_shuffled, at_10["early-bird - shuffled"]),
]
lth.plots.show(
    lth.plots.predicted(points, unit="points of test accuracy", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="points"),
)

# %% [markdown]
# In the run of the solved edition (tier `laptop`, five seeds), the Early-Bird ticket and the late mask cannot be told
# apart, at either density. This does not show that they are equal: differences of about half a point, to either side,
# remain possible. Still, two masks that are far from each other can both be good. Not just any mask will do: the shuffled
# one is worse at 50 % of the weights. At 10 % its mean is lower by half a point, and the interval only just contains 0.
#
# The first mask tests the *rule*: was it worth while to wait until it fires? At 50 % it is worse than the Early-Bird
# ticket, so there waiting paid. At 10 % the interval contains 0: whether the four further epochs of search bought
# anything is not shown.
#
# The ticket is also better than the dense network trained on, at 50 %; at 10 % the interval only just contains 0. Lesson
# 05 calls this the hill. One caution: these are eight intervals, and of twenty such intervals, about one does not contain
# the true value.
#
# ## Channels
#
# The paper does not draw masks of weights. It draws masks of **channels**. A convolution layer slides small filters over
# a picture, and each filter makes a new picture; each of these is called a *channel*. A network with fewer channels is a
# smaller dense network, and ordinary hardware runs it faster. Which channels? Batch norm multiplies each channel by a
# **gain** (γ). *Network slimming* (Liu et al. 2017) ranks the channels of all layers together by |γ| and removes the
# smallest.
#
# The authors' networks start with all gains at 0.5 ([code](https://github.com/GATECH-EIC/Early-Bird-Tickets)). Their code sorts the gains, takes one of them as the threshold, and
# keeps what is *larger*. Try this on an untrained network.

# %% tags=["nbval-check-output"]
at_start = torch.full((8,), 0.5)
threshold = at_start.sort().values[int(0.3 * 8)]  # to remove 30 %
print("kept:", (at_start > threshold).sum().item(), "of 8")

# %% [markdown]
# Nothing is kept. Later no two gains are equal. Then the code still removes one channel too many. And the empty masks of
# the first epochs have entered the queue: two empty masks have the distance 0.
#
# ### Exercise 09.4: channels to keep · medium · four lines · 12 minutes
#
# Write it with an exact count. `gains` maps a name to a tensor of gains, one for each channel. Keep
# `round(density * channels)` of all channels (Python's `round`), those of largest absolute gain, all layers ranked
# together. Among gains of equal size the one with the lowest index is *removed* first, counted through all layers in the
# order of the dict. Gains are float tensors. The density may be 0 or 1.
#
# Expected: six gains of 0.5 and density 0.5 give `[False, False, False, True, True, True]`.


# %% exercise="09.4"
def channels_to_keep(gains, density):
    """Keep exactly `round(density * channels)` channels, those of largest absolute gain
    over all layers.

    gains: name -> tensor [channels]. Returns name -> bool tensor [channels], True =
    kept.
    """
    # BEGIN SOLUTION
    flat = torch.cat([gain.abs() for gain in gains.values()])
    keep = torch.ones(len(flat), dtype=torch.bool)
    keep[flat.argsort(stable=True)[: len(flat) - round(density * len(flat))]] = False
    return dict(
        zip(gains, keep.split([len(gain) for gain in gains.values()]), strict=True)
    )
    # END SOLUTION


# %%
check("09.4", channels_to_keep)

# %%
channels_to_keep_ = use("09.4", channels_to_keep)

# %% [markdown]
# Now a small network with batch norm: three convolutions of 16, 32 and 64 channels, each of stride 2 (it halves the
# height and the width of the picture). `channel_mask` is the library's version of your function. It also keeps at least
# one channel in each layer.

# %%
from collections import OrderedDict

from torch import nn

from lthkit.pruning import channel_mask, channel_weights, gains


def small_conv(*, seed):
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, (before, after) in enumerate([(1, 16), (16, 32), (32, 64)], start=1):
        layers[f"conv{i}"] = nn.Conv2d(
            before, after, 3, stride=2, padding=1, bias=False
        )
        layers |= {f"bn{i}": nn.BatchNorm2d(after), f"relu{i}": nn.ReLU()}
    layers |= {
        "average": nn.AdaptiveAvgPool2d(1),
        "flatten": nn.Flatten(),
        "fc": nn.Linear(64, 10),
    }
    net = lth.models.Network(layers, init="kaiming")
    lth.models.reinitialize(net, seed=seed)
    return net


# %% [markdown]
# How many channels of each layer stay in an untrained network, by your function and by the library's?

# %%
net = small_conv(seed=0)
yours, library = channels_to_keep_(gains(net), 0.7), channel_mask(net, 0.7)
lth.Table(
    {"channels kept": "", "yours": "d", "library": "d"},
    [(name, keep.sum(), library[name].sum()) for name, keep in yours.items()],
)

# %% [markdown]
# The network is untrained, so all gains are 1, and only the order of the layers decides: the first layer loses all its
# channels (in the library all but one), the second more than half, the last none. The count is exact, and the mask is
# meaningless. An exact count does not give a meaning to a score that has none.
#
# A mask of channels becomes a mask of weights: `channel_weights` removes what makes a channel and what reads it. The
# search needs only another `kind`. We keep 70 % of the channels (the paper's "p = 30 %"), and take three seeds. At tier
# `laptop` this, too, takes a minute or two.

# %%
from functools import partial

channel_epochs = lth.by_tier(smoke=6, laptop=10, gpu=40)
channel_recipe = lth.Recipe(
    steps=channel_epochs * per_epoch, batch_size=100, lr=3e-3, evaluate_every=per_epoch
)
channel_seeds = seeds[:3]
# smoke: too short for masks to settle
small_threshold = lth.by_tier(smoke=1.0, laptop=0.1, gpu=0.1)

channel_search = partial(
    early_bird,
    small_conv,
    data,
    density=0.7,
    kind="channels",
    threshold=small_threshold,
)
retrained = partial(lth.retrain, small_conv, data, recipe=channel_recipe)


# %%
def channel_arms(seed):
    found = channel_search(recipe=channel_recipe, seed=seed, watch=True)
    if found.epoch is None:
        return found, None
    masks = {
        "early-bird": found.mask,
        "late mask": found.masks[-1],
        "shuffled": found.mask.shuffled(seed),
    }
    weights = {"dense": lth.Mask.ones(net)} | {
        a: channel_weights(net, m) for a, m in masks.items()
    }

    def accuracy(mask):
        start = found.checkpoint
        return retrained(mask=mask, weights_from=start, seed=seed).test_accuracy

    return found, {arm: accuracy(mask) for arm, mask in weights.items()}


# %%
channel_runs = lth.training.each(
    channel_arms, [(s,) for s in channel_seeds], device=data.device
)

# %% [markdown]
# Three things to read: when the rule fires; how far the ticket is from the last mask, with random = 1; and whether the
# gains chose better channels than chance. (Tier `smoke` has a threshold of 1, so there the rule always fires and says
# nothing.)

# %%
tickets = [found for found, run in channel_runs if run]
table = lth.Table(
    {
        f"fires at epoch (of {channel_epochs})": "d",
        "distance to the last mask (random = 1)": ".2f",
    },
    title=f"Threshold {small_threshold}, one row a seed",
)
for f, run in channel_runs:
    apart = f.mask.distance(f.masks[-1]) / null_distance(f.masks[-1]) if run else None
    table.add(f.epoch, apart)
table.show()
kept = [(name, keep.sum()) for name, keep in tickets[0].mask.items()]
lth.Table({"layer": "", "channels kept, seed 0": "d"}, kept).show()
runs = [run for _, run in channel_runs if run]
bands = gaps(runs, ("late mask", "shuffled", "dense"))
evidence.differences(bands, unit="points of test accuracy")

# %% [markdown]
# In the run of the solved edition (three seeds), the rule fires in epoch 5 again. The ticket is about a tenth of the way
# to chance from the last mask. But only five epochs lie between the two; for LeNet there were fifteen at 10 % of the
# weights. So we do not say that these masks have settled more. No difference of accuracy between the two is seen. The
# small network loses about two points against the dense one.
#
# Did the gains choose well? The shuffled mask keeps equally many channels in each layer, but different ones. Its interval
# is wide and contains 0. **With three seeds it is not shown that the gains chose better than chance.** The counts of each
# layer do come from the gains in both arms. In the printout, the first two layers lose most of their channels.
#
# ## What it costs
#
# "Early" suggests cheap. Cheaper than what? Count the operations. A schedule is a list of phases, each with its number of
# epochs and its density. An epoch of the dense network costs 1. An epoch at density d costs d *if removed weights are
# free*. On ordinary hardware a removed weight is a 0 that is multiplied all the same, and the epoch costs 1 ([lesson 11](../notebooks/11_sparse_is_not_fast.ipynb)).
# A mask of channels is the exception: there the small network really is small.
#
# ### Exercise 09.5: the factor · easy · five lines · 8 minutes
#
# How many times as expensive as the schedule is a baseline? Both are lists of `(epochs, density)`. Return the cost of the
# baseline divided by the cost of the schedule.
#
# Expected: `cost_factor([(5, 1.0), (15, 0.1)], [(20, 1.0)], True)` is `20 / 6.5`, about 3.08; with `False` it is 1.


# %% exercise="09.5"
def cost_factor(schedule, baseline, zeros_are_free):
    """How many times the operations of `schedule` the `baseline` needs.

    schedule, baseline: lists of (epochs, density). zeros_are_free: whether an epoch
    costs its density, or 1.
    """
    # BEGIN SOLUTION
    ours, theirs = (
        sum(epochs * (density if zeros_are_free else 1) for epochs, density in phases)
        for phases in (schedule, baseline)
    )
    return theirs / ours
    # END SOLUTION


# %%
check("09.5", cost_factor)

# %%
cost_factor_ = use("09.5", cost_factor)

# %% [markdown]
# The Early-Bird schedule at 10 % of the weights, against four rivals. The first two find a ticket as well; "pruned at the
# start" is a mask that is there before any training, random or by SNIP ([lesson 07](../notebooks/07_snip.ipynb)). A number above 1 says that Early-Bird
# is cheaper.

# %%
stop = next(searches[0.1, s].epoch for s in seeds if searches[0.1, s].epoch)
ours = [(stop, 1.0), (epochs - stop, 0.1)]
rivals = {
    "iterative, 10 rounds of 20 %": [(epochs, 0.8**r) for r in range(11)],
    "one-shot: train, prune, train": [(epochs, 1.0), (epochs, 0.1)],
    "dense training, once": [(epochs, 1.0)],
    "pruned at the start": [(epochs, 0.1)],
}
table = lth.Table({"times our cost": "", "zeros free": ".2f", "zeros cost": ".2f"})
for name, phases in rivals.items():
    table.add(name, *(cost_factor_(ours, phases, zeros) for zeros in (True, False)))
table

# %% [markdown]
# Read it from top to bottom. Depending on the rival, one and the same method is many times cheaper, a few times cheaper,
# or dearer. The column "zeros cost" is what a laptop does with a mask of weights. Beside iterative pruning and one-shot
# pruning, Early-Bird is cheap in both columns. Beside dense training it saves only if zeros are free. Beside a mask that
# is made before training it saves nothing.
#
# The counts in operations, with `lth.costs`. It counts the products of the forward and of the backward pass: each
# layer's weights times the places where they are used. This matters for convolutions: in our small network a channel of
# an early layer costs more than one of the last. In the backward pass the first layer costs half of what the others do,
# because nobody needs the gradient of the images.


# %%
def bill(model, mask, stop, epochs):
    price = {"steps": per_epoch, "batch_size": 100}
    dense, ticket = (
        lth.costs.of_training(model, data.shape, mask=m, **price) for m in (None, mask)
    )
    early = lth.costs.total([dense] * stop + [ticket] * (epochs - stop))
    return early, lth.costs.total([dense] * epochs)


# %%
lenet_ticket = next(f for (d, _), f in searches.items() if d == 0.1 and f.epoch)
channel_ticket = tickets[0]

# %%
table = lth.Table(
    {
        "training": "",
        "steps": ",",
        "images": ",",
        "dense (TFLOP)": ".3f",
        "Early-Bird, zeros free (TFLOP)": ".3f",
        "times fewer": ".2f",
    },
    notes=["steps and images are the same with Early-Bird and without"],
)
for name, (early, dense) in {
    "LeNet, 10 % of the weights": bill(
        model, lenet_ticket.mask, lenet_ticket.epoch, epochs
    ),
    "small net, 70 % of the channels": bill(
        net,
        channel_weights(net, channel_ticket.mask),
        channel_ticket.epoch,
        channel_epochs,
    ),
}.items():
    flops = dense.flops / 1e12, early.sparse_flops / 1e12
    table.add(name, early.steps, early.examples, *flops, flops[0] / flops[1])
table

# %% [markdown]
# Steps and images are those of the dense training: Early-Bird shortens no training. For LeNet the factor in operations is
# a little smaller than the one in epochs above. The ticket keeps less of the input layer than of the others, and there a
# removed weight saves least. For channels this saving is real, in
# operations, once the network is rebuilt without the removed channels. Evaluations, and the sorting of the scores, are
# not counted; they are small.

# %% question="09.Q4"
quiz("09.Q4", "c")

# %% [markdown]
# ## What the paper printed, and what we measured
#
# From You et al. (2020, [arXiv 1909.11957](https://arxiv.org/abs/1909.11957)) and the authors' repository ([GATECH-EIC/Early-Bird-Tickets](https://github.com/GATECH-EIC/Early-Bird-Tickets)):
#
# | claim | published |
# |---|---|
# | setting | channels, 160 epochs, learning rate 0.1, L1 penalty of 1e-4 on the gains (it pulls them towards 0) |
# | the rule fires | at epochs 9 to 31 of 160 (VGG-16 and PreResNet-101, deep convolutional networks, on CIFAR-100) |
# | accuracy, VGG-16, CIFAR-100, half of the channels | Early-Bird 71.28 %, one lottery ticket 70.96 %, SNIP 70.35 % |
# | energy | up to 4.7 times less (abstract on arXiv, README); 5.8 to 10.7 times less (abstract at ICLR, table 2) |
#
# The 10.7 (table 2 of [You et al. 2020](https://arxiv.org/abs/1909.11957)) is Early-Bird *and* training in low precision, with numbers of fewer bits. In floating-point operations,
# read off the same table, the factor is only **1.1 to 1.6** against the best baseline. The two look as if they
# contradict each other. Both can be right: they count different things, against different rivals. A factor without its
# rival and its unit should not be passed on. In the same way, the Early-Bird ticket is ahead by 0.3 and 0.9 points in
# accuracy: compare such gaps with the width of the intervals above.
#
# Ours is another setting: small networks, 10,000 images, 10 and 20 epochs, Adam with a constant learning rate, and no L1
# penalty. We compare the shape of the result, not the numbers. One more difference between schedules: when a learning
# rate falls, weights move less, and so the rule could fire for that reason alone. In the paper this is not the reason:
# its learning rate falls at epochs 80 and 120 (README), and the rule fires before.
#
# We registered two claims of the paper for our own network before a run with five new seeds: single weights in place of channels, 30 % of them (record `early-bird`), 60 epochs, and another recipe than above: SGD with momentum at learning rate 0.1, which falls after 30 and 45 epochs.
# The rule of each claim says where the whole interval must lie.

# %%
from lthkit import ledger

ledger.claims_table("early-bird-early", "early-bird-accurate")

# %% [markdown]
# The early mask is there, before a fifth of the training, as claimed. Whether the ticket is as accurate as the dense network is *open* here: the interval reaches far outside the margin. Five
# seeds at this learning rate do not decide it, and "no difference was found" would say too much. Moreover, the dense networks and the tickets were read in different phases of
# the schedule: least validation loss came after the first drop of the learning rate for the dense networks, and before it for the tickets. So the difference is not one of the masks alone. The other comparison is open too, and less clean still: the ticket that was cut after training starts again from step 0, the Early-Bird ticket goes on from where it was drawn.
#
# ## Traps
#
# - **A threshold without a null.** 0.1 is strict at density 0.5 and empty below 0.053.
# - **The strict >.** With equal gains it keeps nothing; with unequal ones, one channel too few.
# - **README and code.** They compare different pairs of epochs. Whoever reproduces a rule has to say which one.
# - **The silent fallback.** If the rule never fires, the last mask is no Early-Bird ticket. `lthkit` raises
#   `NeverStable`.
# - **Picked on the test set.** The authors' scripts keep the epoch of best *test* accuracy. Ours read the test split
#   once, at the step of least validation loss.
# - **The batch norm that still speaks.** Batch norm also adds a shift (β). So a channel whose convolution was set to 0 is
#   not 0 behind it, and the next layer's weights that read it have to go as well.
#
# ## Summary
#
# - The mask distance is the fraction of entries that differ. Put it beside 2d(1 - d), the distance of random masks.
# - The rule compares the newest mask with the four before it. It says that masks change slowly. It does not say that they
#   are final.
# - In the run of the solved edition, five seeds saw no difference between the early mask and the late one, and at 50 % of
#   the weights the early one was better than a shuffled one. For channels, better than chance was not shown.
# - Registered: the ticket minus the dense network is -0.88 [-1.89, +0.14] points with n = 5 (`early-bird-accurate`, contested). That decides nothing.
# - The saving depends on the rival: large against iterative pruning, at most a small factor against dense training, and
#   on ordinary hardware none for masks of weights.
#
# **What this lesson does not tell you.** How the rule behaves with the L1 penalty, while the learning rate falls (in the registered run, too, it fired before the first drop), on
# large networks, or with 160 epochs. Whether another threshold, as a fraction of the null, would be better: we did not
# test one. And whether a mask drawn still earlier would do: our first mask was trained from the weights of the Early-Bird
# epoch, not from its own.
#
# **Next:** [lesson 10](../notebooks/10_hybrid.ipynb) puts two methods together: prune at the start, then a few rounds.
#
# [docstrings]
