# %% [markdown]
# # 14 · Beyond
#
# **You will** find a part of an *untrained* network that classifies, ask what its signs and values are worth, build a weight out of random ones, let a
# mask move during training, prune a small Transformer, and leave with a map of what holds, what does not, and where to read on.
# **Time:** about 130 minutes; of these the computer works one or two.
#
# [contents]
#
# You need four words. A **mask** says which weights stay; the **density** is the share that stays. A **ticket** is a mask with initial weights that trains well
# alone ([lesson 05](../notebooks/05_winning_tickets.ipynb)). A **score** says which weights to keep ([lesson 01](../notebooks/01_magnitude_pruning.ipynb)).

# %% tags=["setup"]

# %% [markdown]
# ## Three ways to a sparse network
#
# So far a mask was found, then held, and the weights moved under it. That is one way of three. The mask can move while the weights stay. Or both can move.

# %%
import lthkit as lth
from lthkit import evidence
from lthkit.classroom import check, hint, quiz, use

lth.plots.diagram("14")

# %% [markdown]
# This lesson goes the two other ways, looks at the theory behind the second, and then at larger networks: what of all this survives there.
#
# ## Small enough to print
#
# One unit with four connections. Its weights were drawn once and never change. Each connection also has a **score**, and the two connections with the largest scores are in.

# %% tags=["nbval-check-output"]
import torch

torch.set_printoptions(precision=2, sci_mode=False)
weights = torch.tensor([2.0, -1.0, 0.5, 3.0])
scores = torch.tensor([0.9, 0.6, 0.5, 0.1])
inputs = torch.tensor([1.0, 2.0, 1.0, 1.0])
kept = torch.zeros(4, dtype=torch.bool)
kept[scores.topk(2).indices] = True
print("kept:", kept.tolist(), " output:", (weights * kept * inputs).sum().item())

# %% [markdown]
# Suppose the loss wants a larger output. The weights may not move, so the mask has to. But a mask has no gradient: it is 0 or 1 for each connection, and nothing between. The trick is called **straight-through**: forward, the mask
# is used as it is; backward, one computes as if it could be any number. If the mask of connection *i* grew by a small number *d*, the output would grow by *d* · weight · input.
#
# ### Exercise 14.1: a step of the scores · medium · two lines · 8 minutes
#
# `gradient` is that of the loss with respect to the unit's output. Straight-through, the gradient of a connection's score is `gradient` · weight · input, **whether it is kept or not**. Return the list of new scores after one step
# downhill with the learning rate `lr`. The lists have one entry for each connection; scores may be equal. Round nothing: steps may be small.
#
# Expected: `new_scores([0.5, -0.2], [2.0, 5.0], [3.0, 1.0], [True, True], 1.0, 0.1)` is `[-0.1, -0.7]`.


# %% exercise="14.1"
def new_scores(scores, weights, inputs, kept, gradient, lr):
    """The scores after one step of edge-popup at a unit.

    scores, weights, inputs, kept: lists. gradient: of the loss with respect to the
    output. lr: learning rate.
    """
    # BEGIN SOLUTION
    parts = zip(scores, weights, inputs, strict=True)
    return [s - lr * gradient * w * x for s, w, x in parts]
    # END SOLUTION


# %%
check("14.1", new_scores)

# %% [markdown]
# Ten steps for the unit above. A gradient of -1 says: the loss falls if the output grows. Look at who comes in.

# %% tags=["nbval-check-output"]
new_scores_ = use("14.1", new_scores)
now = scores.tolist()
for _ in range(10):
    now = new_scores_(now, weights.tolist(), inputs.tolist(), kept.tolist(), -1.0, 0.02)
kept = torch.zeros(4, dtype=torch.bool)
kept[torch.tensor(now).topk(2).indices] = True
print("scores:", torch.tensor(now))
print("kept:", kept.tolist(), " output:", (weights * kept * inputs).sum().item())

# %% [markdown]
# The fourth connection, which was out, came in, because its score moved all the time. That is why the gradient goes to *all* scores: what gets none could never come back. (The authors' published code ranks the *size* of the scores, and so does `lth.supermask`. There it is the size that has to grow or fall, so where a score is negative its step has the opposite sign. You need no such rule in exercise 14.1.)
#
# ## An untrained network that works
#
# This search is called **edge-popup** ([Ramanujan et al. 2020](https://arxiv.org/abs/1911.13299)). Here it runs on LeNet-300-100: half of the weights of each layer are kept, weights and biases stay as they were drawn. Beside it stand
# a random half of the same weights, and the whole network, trained as usual for as many steps. The scores are trained with a learning rate of 0.001; the weights have the recipe's own, 0.0012. Neither was tuned.
#
# ### Predict
#
# Test accuracy, in percent, after 600 steps. There are ten classes.
#
# - a random half of the untrained weights = ?
# - the half that edge-popup finds, weights untouched = ?

# %% tags=["prediction"]
my_random_half = 50  # a number from 0 to 100, such as 50
my_found_half = 50

# %% [markdown]
# ### Run

# %%
data = lth.load_data("fashion-mnist")
make = lth.models.lenet_300_100
seeds = lth.by_tier(smoke=(0, 1, 2), laptop=(0, 1, 2, 3, 4), gpu=(0, 1, 2, 3, 4))
steps = lth.by_tier(smoke=20, laptop=600, gpu=600)
of_weights = lth.Recipe(steps=steps, schedule="cosine", evaluate_every=steps // 4)
of_scores = lth.Recipe(
    steps=steps, lr=1e-3, schedule="cosine", evaluate_every=steps // 4
)


def untrained(arm, seed):
    """Test accuracy in percent, and the round if there is one."""
    if arm == "trained":
        result = lth.train(make(seed=seed), data, recipe=of_weights, seed=seed)
        return 100 * result.test_accuracy, None
    if arm == "random half":
        model = make(seed=seed)
        scores = lth.random(model, seed=seed)
        lth.prune_to(lth.Mask.ones(model), scores, 0.5, scope="layerwise").apply_(model)
        return 100 * lth.evaluate(model, data, split="test").accuracy, None
    found = lth.supermask(make, data, density=0.5, recipe=of_scores, seed=seed)
    return 100 * found.test_accuracy, found


# %%
arms = ("random half", "edge-popup", "trained")
jobs = [(arm, seed) for arm in arms for seed in seeds]
done = dict(
    zip(jobs, lth.training.each(untrained, jobs, device=data.device), strict=True)
)
table = lth.Table({"network": "", "test accuracy (%)": "", "n": "d"})
reached = {}
for arm in arms:
    reached[arm] = [done[arm, seed][0] for seed in seeds]
    band = evidence.interval(reached[arm], within=evidence.PERCENT)
    table.add(arm, band.said(), band.n)
table.note("mean and 95 % interval; with fewer than four seeds the seeds")
table

# %%
guessed = {"random half": my_random_half, "edge-popup": my_found_half}
points = [
    (arm, mine, evidence.interval(reached[arm], within=evidence.PERCENT))
    for arm, mine in guessed.items()
]
stamp = (
    f"LeNet-300-100, {data.label}, {len(seeds)} seeds, {steps} steps, tier {lth.tier()}"
)
lth.plots.show(
    lth.plots.predicted(points, unit="% test accuracy", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="% test accuracy"),
)

# %% [markdown]
# (Tier `smoke` trains for 20 steps, with three seeds. It shows that the code runs; its numbers mean nothing, here and in the two comparisons below.)
#
# Are the weights really untouched? We compare them bit by bit with those of a new network of the same seed, and ask how far the mask lies from the first one, which the random scores gave.

# %%
found = done["edge-popup", 0][1]
fresh = make(seed=0)
same = all(
    torch.equal(found.trained.model[name], weight.detach() * found.mask[name])
    for name, weight in fresh.named_parameters()
    if name in found.mask
)
first = lth.tickets.Scored(fresh, lth.Mask.ones(fresh), density=0.5).mask()
print("kept weights are the initial ones, bit by bit:", same)
print(f"{100 * found.mask.distance(first):.0f} % of the mask changed")

# %% [markdown]
# Such a mask on an untrained network is a **supermask**. [Zhou et al. (2019)](https://arxiv.org/abs/1905.01067) found the first ones. A mask taken from a *trained* network, put onto the untrained one, gave 86 % on MNIST and 41 % on CIFAR-10 (abstract). Later in
# the same paper each weight has a probability that is trained; here that is `lth.supermask(..., density=None)`.
#
# A ticket that needs no training at all is called **strong**; the tickets of lesson 05 are then *weak*: they still have to be trained. At scale, the authors of edge-popup give 73.3 % top-1 on ImageNet for a Wide ResNet-50 with 30 % of its weights and one magnitude
# a layer (README of their [code](https://github.com/allenai/hidden-networks)); the abstract says that the part it finds in a random Wide ResNet-50 is smaller than a ResNet-34, and as good as a trained one.

# %% question="14.Q1"
quiz("14.Q1", "b")

# %% [markdown]
# ## Signs against values
#
# A weight is a sign and a size. Which of the two makes a ticket? Zhou et al. say: the sign (abstract). We test it, on weak tickets and on strong ones.
#
# **Weak.** One-shot tickets with 10 % of the weights. The mask stays; what changes is where its training begins: at the initial values; at one size for each layer, with the initial signs; at newly drawn sizes with the initial signs; at
# the initial sizes with signs by coin; at new values.
#
# (In the authors' published code "re-initialised" means that a layer's own initial values are shuffled. Here new values are drawn. Names hide such differences.)

# %%
from lthkit.tickets import random_signs, signed_constant, signs_of


def starts_of(ticket, seed):
    """Checkpoints from which the mask of a ticket is trained, by name."""
    start, mask = ticket.rewind, ticket.mask
    new = lth.fresh_start(make, seed=seed)
    return {
        "signs, one size a layer": signed_constant(start, mask),
        "signs, new sizes": signs_of(start, new, mask),
        "sizes, signs by coin": random_signs(start, mask, seed=seed),
        "new values": new,
    }


# %%
def one_ticket(seed):
    """Test accuracy in percent of each start, under one mask."""
    shots = lth.one_shot(make, data, densities=(0.1,), recipe=of_weights, seed=seed)
    ticket = list(shots)[-1]
    accuracies = {"initial values": 100 * ticket.test_accuracy}
    for name, weights_from in starts_of(ticket, seed).items():
        result = lth.retrain(
            make,
            data,
            mask=ticket.mask,
            weights_from=weights_from,
            recipe=of_weights,
            seed=seed,
        )
        accuracies[name] = 100 * result.test_accuracy
    return accuracies


# %%
by_seed = lth.training.each(one_ticket, [(s,) for s in seeds], device=data.device)
gaps = {
    name: [one[name] - one["initial values"] for one in by_seed]
    for name in by_seed[0]
    if name != "initial values"
}
lth.plots.show(
    lth.plots.paired_differences(
        gaps, title="One mask, other starts: minus the initial values", stamp=stamp
    ),
    alt=lth.plots.describe_differences(gaps),
)

# %% [markdown]
# All four in one figure invite a question that it does not answer: do new sizes cost *less* than signs by coin? The arms share their seeds, so we may take the difference seed by seed.

# %%
against = (
    ("signs, one size a layer", "sizes, signs by coin"),
    ("signs, new sizes", "sizes, signs by coin"),
    ("signs, one size a layer", "signs, new sizes"),
    ("sizes, signs by coin", "new values"),
)
between = {
    f"({a}) - ({b})": evidence.interval([one[a] - one[b] for one in by_seed])
    for a, b in against
}
evidence.differences(between, unit="points of test accuracy", title="One mask")

# %% [markdown]
# **Strong.** Edge-popup again, but it may choose only among weights of one size a layer: sign(w) times the layer's root mean square. If signs are what matters, this costs nothing.


# %%
def of_signs(seed):
    model = make(seed=seed)
    start = signed_constant(lth.Checkpoint.of(model), lth.Mask.ones(model))
    found = lth.supermask(
        make, data, density=0.5, weights_from=start, recipe=of_scores, seed=seed
    )
    return 100 * found.test_accuracy


signed = lth.training.each(of_signs, [(s,) for s in seeds], device=data.device)
minus = {
    "one size a layer - Gaussian sizes": [
        a - b for a, b in zip(signed, reached["edge-popup"], strict=True)
    ],
    "Gaussian sizes - trained": [
        a - b for a, b in zip(reached["edge-popup"], reached["trained"], strict=True)
    ],
}
evidence.differences(
    {name: evidence.interval(values) for name, values in minus.items()},
    unit="points of test accuracy",
    title="Edge-popup, half of the weights",
)

# %% [markdown]
# In the run of the solved edition (tier `laptop`, five seeds; at `smoke` the numbers mean nothing) each change of a weak ticket costs something. The order of the means, from the least loss to the greatest: one size a layer with the old signs, new sizes with the old signs, old sizes with signs by coin, new values. Signs by coin cost more
# than one size a layer, so signs are worth more than sizes in *this* comparison. But new sizes with the right signs lose nearly as much as signs by coin; the interval between the two contains 0. "The sign is all" is not what we see: with the right signs, one size for all is clearly better than sizes drawn anew. Perhaps because many of
# the drawn sizes lie near 0; we did not test it.
#
# In the strong tickets, one size a layer costs nothing. It even gains a little.
#
# The published numbers go further than ours: with 30 % of the weights of a ResNet-50 on ImageNet, one size a layer gives 68.6 % and Gaussian sizes 61.7 % (README of edge-popup's [code](https://github.com/allenai/hidden-networks)). And newer work makes signs the centre: [Gadhikar and Burkholz (2024)](https://arxiv.org/abs/2402.19262) say that learning-rate
# rewinding ([lesson 06](../notebooks/06_rewinding.ipynb)) helps because early, wide rounds can still turn wrong signs; [Oh et al. (2025)](https://arxiv.org/abs/2504.05357) carry a mask with its *trained* signs to a fresh initialisation (abstracts). What this costs is the whole
# iterative pruning that found them.
#
# ## What theory promises
#
# Edge-popup works. Must it? [Malach et al. (2020)](https://arxiv.org/abs/2002.00585) prove: a random ReLU network that is wide enough, and twice as deep, contains a part that comes close to *any* bounded target network, with no training (abstract and introduction). The heart of the later, sharper
# proofs is a question that fits on a page: take *n* random numbers. How close does the sum of some of them come to a given weight? (Each such sum is a small piece of the random network: one unit with *n* ways through it, of which the mask keeps some.)
#
# ### Exercise 14.2: the closest subset · easy · four lines · 10 minutes
#
# Return the least distance between the target and the sum of a subset of the numbers. Each of the numbers, one or more, is taken once or not at all. To take none is allowed; that sum is 0. The same number may be in the list twice, and
# then both may be taken. Do not round; and the distance may be above 1.
#
# Expected: `least_distance([0.5, -0.3], 0.25)` is `0.05`, up to rounding: both numbers together are 0.2.


# %% exercise="14.2"
def least_distance(numbers, target):
    """The least distance of the sum of some of the numbers from the target.

    numbers: list of floats. target: a float.
    """
    # BEGIN SOLUTION
    sums = [0.0]
    for number in numbers:
        sums += [s + number for s in sums]
    return min(abs(s - target) for s in sums)
    # END SOLUTION


# %%
check("14.2", least_distance)

# %% [markdown]
# Now how the distance falls. For each count and each of five seeds: random numbers from -1 to 1, and 20 random targets between -1 and 1; we take the median distance.

# %%
import random
from statistics import median

least_distance_ = use("14.2", least_distance)
counts = lth.by_tier(
    smoke=(2, 4, 6), laptop=(2, 4, 6, 8, 10, 12), gpu=(2, 4, 6, 8, 10, 12)
)
errors: dict[int, list[float]] = {}
for n in counts:
    errors[n] = []
    for seed in range(5):
        draw = random.Random(f"{n} {seed}")
        tries = []
        for _ in range(20):
            numbers = [draw.uniform(-1, 1) for _ in range(n)]
            tries.append(least_distance_(numbers, draw.uniform(-1, 1)))
        errors[n].append(median(tries))
numbers_stamp = "numbers uniform in [-1, 1], medians of 20 targets, 5 seeds"
lth.plots.show(
    lth.plots.subset_errors(errors, stamp=numbers_stamp),
    alt=lth.plots.describe_subset_errors(errors),
)

# %% [markdown]
# The number of subsets doubles with each number, and the distance falls nearly as fast, by about a half with each (the dashed line). So *log₂(1/ε)* random weights, times a constant, are enough for one weight up to ε. That is why the random network need not be gigantic: wider by a factor that is
# logarithmic in width and depth ([Pensia et al. 2020](https://arxiv.org/abs/2006.07990), abstract).
#
# Read what is *not* promised.
#
# - **Search.** Your function tried all 2ⁿ subsets. The theorem says that a good one exists; how to find one reliably is open ([Natale et al. 2024](https://arxiv.org/abs/2410.14754), introduction). And edge-popup pays for its search with backward passes through the whole network, as a training does.
# - **Small size.** The part is larger than its target: many random weights stand for one. In the demonstration of Pensia et al. a target of 397 thousand weights became 3.73 million kept ones out of 8.34 million, found in 21.5 hours on 36 cores (README of their [code](https://github.com/acnagle/optimal-lottery-tickets)).
# - **Your network.** The proofs speak of networks that are wide enough. How wide LeNet has to be, they do not say.

# %% question="14.Q2"
quiz("14.Q2", "b")

# %% [markdown]
# ## Masks that move
#
# The third way: sparse from the first step to the last, and the mask changes on the way. Every so many updates, in each layer, the smallest kept weights go, and as many others come in, at 0. **SET** (Mocanu et al. 2018, Nature Communications 9:2383) lets random ones come;
# **RigL** ([Evci et al. 2020](https://arxiv.org/abs/1911.11134)) those where the loss would fall fastest, by the size of the gradient. At first 30 % of a layer's weights go at once (the default of the same paper, and `drop` of `lth.sparse_training`); the share falls along a cosine, and is 0 after three quarters of the training. No dense training is needed, and the number of weights is the same at each step.
#
# ### Exercise 14.3: one update of the mask · medium · four lines · 12 minutes
#
# RigL's update in one layer. The lists `weights`, `kept` and `gradients` have one entry for each weight; what is not kept has the weight 0. First the `n` kept weights of least size go. Then, of all that are out **now**, the `n` with the largest gradient, by size, come in. So a weight
# that has just gone may come back at once. Return the new mask, a list of True and False. `n` may be 0; it may also be more than were out before, but never more than are kept. A weight that came in begins at 0, so a kept weight may be 0. No two kept
# weights have the same size, and no two gradients, but they may differ by very little.
#
# Expected: `moved_mask([0.9, 0.0, -0.1, 0.0], [True, False, True, False], [0.2, 0.1, 0.05, -0.7], 1)` is `[True, False, False, True]`.


# %% exercise="14.3"
def moved_mask(weights, kept, gradients, n):
    """The mask after the n least kept weights went and n others came.

    weights, kept, gradients: lists, one entry a weight. n: a whole number.
    """
    # BEGIN SOLUTION
    places = range(len(weights))
    inside = sorted((i for i in places if kept[i]), key=lambda i: abs(weights[i]))[n:]
    out = sorted(
        (i for i in places if i not in inside), key=lambda i: -abs(gradients[i])
    )
    return [i in inside or i in out[:n] for i in places]
    # END SOLUTION


# %%
check("14.3", moved_mask)

# %% [markdown]
# `lth.sparse_training` does this in every layer (`lth.prune`, then `lth.grow`). Does yours agree with the package, on a real layer with real gradients?

# %%
moved_mask_ = use("14.3", moved_mask)
model = make(seed=0)
name, n = "fc3.weight", 20
sparse = lth.prune_to(
    lth.Mask.ones(model), lth.random(model, seed=1), 0.2, scope="layerwise"
)
sparse.apply_(model)
images, labels = data.draw(100, seed=0)[0]
loss = torch.nn.functional.cross_entropy(model(images), labels)
gradient = torch.autograd.grad(loss, model.get_parameter(name))[0]
smaller = lth.prune_to(
    sparse,
    lth.magnitude(model),
    {name: (int(sparse[name].sum()) - n) / gradient.numel()},
)
every = {
    other: torch.zeros_like(kept, dtype=torch.float) for other, kept in sparse.items()
}
grown = lth.grow(smaller, every | {name: gradient.abs()}, n={name: n})
flat = [
    t.flatten().tolist() for t in (model.get_parameter(name), sparse[name], gradient)
]
mine = moved_mask_(*flat, n)
print("the same mask:", mine == grown[name].flatten().tolist())

# %% [markdown]
# ### Predict
#
# LeNet-300-100 with 5 % of its weights, 600 steps; the mask moves every 30. The static random mask is the baseline: the same densities in each layer, and it never moves.
#
# - RigL minus static, points of test accuracy = ?
# - RigL minus SET = ?

# %% tags=["prediction"]
my_rigl_static = 0.0  # such as -1.5, 0.0 or 1.5
my_rigl_set = 0.0

# %% [markdown]
# ### Run

# %%
ways = {"static": ("random", 0.0), "SET": ("random", 0.3), "RigL": ("gradient", 0.3)}


def moving(arm, seed):
    growth, drop = ways[arm]
    return lth.sparse_training(
        make,
        data,
        density=0.05,
        growth=growth,
        drop=drop,
        every=max(1, steps // 20),
        recipe=of_weights,
        seed=seed,
    )


jobs = [(arm, seed) for arm in ways for seed in seeds]
moved = dict(
    zip(jobs, lth.training.each(moving, jobs, device=data.device), strict=True)
)

# %%
table = lth.Table(
    {
        "mask": "",
        "test accuracy (%)": "",
        "replaced in the end (%)": ".0f",
        "visited (% of all)": ".1f",
    },
    title="5 % of the weights at each step",
)
for arm in ways:
    runs = [moved[arm, seed] for seed in seeds]
    band = evidence.interval(
        [100 * r.test_accuracy for r in runs], within=evidence.PERCENT
    )
    replaced = median(100 * r.replaced()[max(r.masks)] for r in runs)
    table.add(arm, band.said(), replaced, median(100 * r.visited for r in runs))
table.note("replaced, visited: how far the mask wandered, medians over the seeds")
table

# %%
accuracy = {
    arm: [100 * moved[arm, seed].test_accuracy for seed in seeds] for arm in ways
}
gained = {
    f"RigL - {other}": [
        a - b for a, b in zip(accuracy["RigL"], accuracy[other], strict=True)
    ]
    for other in ("static", "SET")
}
compared = [
    (name, mine, evidence.interval(values))
    for (name, values), mine in zip(
        gained.items(), (my_rigl_static, my_rigl_set), strict=True
    )
]
lth.plots.show(
    lth.plots.predicted(compared, unit="points of test accuracy", stamp=stamp),
    alt=lth.plots.describe_predicted(compared, unit="points"),
)

# %% [markdown]
# ### At equal budgets
#
# Iterative magnitude pruning trains many times. What if RigL and the static mask may train as long, in all? Recorded in `data/results/moving-masks`, with more seeds and longer: 5 % of the weights; IMP has five trainings of 1,000 updates, which makes 5,000. (`python data/record_moving_masks.py FOLDER` does it again.)

# %%
from lthkit.runs import experiments

config, summary, rows = experiments.load(experiments.recorded("moving-masks"))


def recorded(arm, budget, column="test_accuracy", times=100):
    here = [r for r in rows if (r["arm"], r["budget"]) == (arm, budget)]
    return [times * r[column] for r in sorted(here, key=lambda r: r["seed"])]


# %%
form = {"test accuracy (%)": ".2f[]", "minus static": "+.2f[]", "best step": ",.0f"}
table = lth.Table(
    {"updates": ",", "arm": "", **form},
    title=f"5 % of the weights, {len(config['seeds'])} seeds, recorded",
    keys=2,
)
for budget in (1000, 5000):
    still = recorded("static", budget)
    for arm in ("static", "SET", "RigL", "IMP", "dense"):
        if values := recorded(arm, budget):
            gap = evidence.interval([a - b for a, b in zip(values, still, strict=True)])
            band = evidence.interval(values, within=evidence.PERCENT)
            best = median(recorded(arm, budget, "best_step", 1))
            table.add(budget, arm, band, None if arm == "static" else gap, best)
table.note("dense: all weights; best step: least validation loss, median of the seeds")
table.note("IMP: the best step of its last training, which has 1,000 updates")
table

# %% [markdown]
# With 1,000 updates a moving mask is worth about half a point (SET shows it; RigL's interval just contains 0), and no sparse network comes near the dense one. With 5,000 updates the *static random* mask is as good as SET, as good as IMP, and a little better than RigL. So what looks like the work of a clever mask is, here, the longer
# training. IMP gets there with 1,000 updates in its last round; but finding its mask took the other 4,000.
#
# One row should make you suspicious: the *dense* network gets worse with more updates, in all five seeds. Look at its best step. Its validation loss is least early, while the learning rate is still high, and is never as small again: the network overfits before the cosine has brought the learning rate
# down. What is reported is the accuracy at that early step. So this recipe is a bad one for a long dense training, and "as good as dense with 5,000 updates" would be a cheap victory. Compare with the best dense network that you can get; here it is the one of 1,000 updates. SET and RigL, too, are read in the middle of their long training, before their masks have come to rest at update 3,750, and the static mask near its end. (LeNet on 10,000 small images is an easy case: 5 % of its weights are enough for what there is to learn. And nothing was tuned.)
#
# So much for our small network. Beside it the published numbers, from RigL's paper ([Evci et al. 2020](https://arxiv.org/abs/1911.11134); ResNet-50 on ImageNet, 80 % sparse, top-1, three runs): static 70.6, SET 72.9, RigL 74.6, gradual magnitude pruning 75.6, dense 76.8 %. With five times the training RigL comes to 76.6 (same). And an independent replication on a small Wide ResNet
# ([Sundar and Dwaraknath 2021](https://arxiv.org/abs/2103.15767), CIFAR-10, 80 %, uniform): static 91.2, SET 92.7, RigL 92.6, pruning 93.2 % (the authors' project page). In that row SET and RigL lie within each other's spread, so most of the gain came from letting the mask move at all. Over a range of sparsities, says their abstract, the central claim holds: at a fixed budget RigL surpasses the other methods that move a mask.

# %% question="14.Q3"
quiz("14.Q3", "b")

# %% [markdown]
# ## A Transformer on the words of this course
#
# Do tickets exist in Transformers? The embedded data set `lesson-text` has 144 thousand characters from the lessons of this course; the task is to tell the next character from up to 64 before it. A training window begins 16 characters after the one before, so windows overlap; those of the validation and test passages do not. The network is a Transformer of two blocks with 103 thousand weights. First look at what it gets.

# %% tags=["nbval-check-output"]
text = lth.load_data("lesson-text")
row = text.test.inputs[3].tolist()
print(
    len(text.train),
    "windows of",
    *text.shape,
    "characters;",
    len(text.classes),
    "kinds",
)
print("".join(text.classes[i] for i in row))

# %% [markdown]
# A network that tells the next character must not see it. This is what **causal** means: position *i* looks at positions 0 to *i* only. One changed character tests it: what comes before may not move.

# %% tags=["nbval-check-output"]
speaker = lth.models.tiny_transformer(seed=0, tokens=len(text.classes))
window = text.test.inputs[:1].clone()
with torch.no_grad():
    before = speaker(window)
    window[0, 40] = (window[0, 40] + 1) % len(text.classes)
    change = (speaker(window) - before).abs().amax(-1)[0]
print(
    "before position 40:",
    float(change[:40].max()),
    " from 40 on:",
    bool(change[40:].min() > 0),
)

# %% [markdown]
# It was trained for the record `text-tickets`: 1,200 steps a training, five seeds. **Perplexity** is what it is judged by: *e* to the power of the mean loss. One may read it as the number of characters between which the network still hesitates; lower is better. IMP halves the weights three times and rewinds to step 60. (`python data/record_text_tickets.py train FOLDER`, then `collect FOLDER`.)

# %%
config, summary, rows = experiments.load(experiments.recorded("text-tickets"))
table = lth.Table(
    {
        "weights left (%)": ".1f",
        "arm": "",
        "perplexity": ".2f[]",
        "minus dense": "+.2f[]",
    },
    title=f"Tiny Transformer, test split, {len(config['seeds'])} seeds, recorded",
)


def perplexities(arm, density):
    here = [r for r in rows if r["arm"] == arm and abs(r["density"] - density) < 0.01]
    return [r["perplexity"] for r in sorted(here, key=lambda r: r["seed"])]


dense = perplexities("dense", 1.0)
trained = [("dense", 1.0), ("ticket", 0.5), ("ticket", 0.25), ("ticket", 0.125)]
for arm, density in (*trained, ("re-initialised", 0.125), ("shuffled", 0.125)):
    values = perplexities(arm, density)
    gap = evidence.interval([a - b for a, b in zip(values, dense, strict=True)])
    shown = evidence.interval(values, within=evidence.POSITIVE)
    table.add(100 * density, arm, shown, None if arm == "dense" else gap)
table

# %% [markdown]
# With half of the weights the ticket is *better* than the dense network, in all five seeds; with a quarter it is hardly worse; with an eighth it is worse, and still clearly better than both controls. (The best step was the last one in all trainings: every arm would have gained from more steps.)
#
# ### Pruned after training, and not trained again
#
# A large language model is trained once, at great cost. Nobody trains it six times to find a ticket. What is done there: prune the trained network once, and do not train again. The strongest simple score is Wanda's.
#
# ### Exercise 14.4: Wanda's score · medium · three lines · 10 minutes
#
# [Sun et al. (2024)](https://arxiv.org/abs/2306.11695): a small weight on a large input matters more than a large weight on a small one. For one output of a linear layer, the score of input *j* is |weight| · ‖*x*ⱼ‖, where the norm is the root of the sum of squares over all examples. `weights` is a list, one for each input; `inputs` is
# a list of examples, each a list with one value for each input. There is one input and one example at least. Return the places of the `n` inputs with the largest scores, rising; `n` may be 0. Here every example counts, also one that comes twice. No two scores are equal, but they
# may differ by very little.
#
# Expected: `kept_inputs([0.2, 1.0], [[10.0, 0.1]], 1)` is `[0]`: 0.2 · 10 is more than 1 · 0.1.


# %% exercise="14.4"
def kept_inputs(weights, inputs, n):
    """The rising places of the n inputs that Wanda keeps for one output.

    weights: list, one for each input. inputs: list of examples.
    """
    # BEGIN SOLUTION
    norms = [sum(x * x for x in column) ** 0.5 for column in zip(*inputs, strict=True)]
    scores = [abs(w) * norm for w, norm in zip(weights, norms, strict=True)]
    return sorted(sorted(range(len(weights)), key=lambda i: -scores[i])[:n])
    # END SOLUTION


# %%
check("14.4", kept_inputs)

# %% [markdown]
# `lth.wanda(model, batches)` gives these scores for all linear layers at once; `scope="row"` ranks the inputs of each output among themselves, as the paper does. Do the two agree, on one row of a real layer?

# %%
kept_inputs_ = use("14.4", kept_inputs)
linear = torch.nn.Linear(784, 10)
layer = torch.nn.Sequential(torch.nn.Flatten(), linear)
batches = data.draw(50, seed=0)
by_wanda = lth.prune_to(
    lth.Mask.ones(layer), lth.wanda(layer, batches), 0.25, scope="row"
)["1.weight"]
examples = batches[0][0].flatten(1).tolist()
mine = kept_inputs_(linear.weight[3].tolist(), examples, 196)
print("the same inputs:", mine == by_wanda[3].nonzero().flatten().tolist())

# %% [markdown]
# The same on the trained Transformers, recorded: half of the weights cut, by magnitude or by Wanda, chosen over all layers, in each layer, in each row, or two of every four neighbours (**2:4**).

# %%
from lthkit.runs.results import read_results

after = read_results(experiments.recorded("text-tickets"), "after.csv", summary)


def cut_by(name, scope):
    """Perplexity with half of the weights, one a seed."""
    here = [r for r in after if (r["scope"], r["arm"]) == (scope, name)]
    return [r["perplexity"] for r in here if abs(r["density"] - 0.5) < 0.01]


# %%
table = lth.Table(
    {"chosen": "", "magnitude": ".2f[]", "Wanda": ".2f[]", "difference": "+.2f[]"},
    title="Perplexity with half of the weights, not trained again",
)
for scope in ("global", "layerwise", "row", "2:4"):
    both = cut_by("magnitude", scope), cut_by("wanda", scope)
    bands = [evidence.interval(v, within=evidence.POSITIVE) for v in both]
    wanda_minus = [w - m for m, w in zip(*both, strict=True)]
    table.add(scope, *bands, evidence.interval(wanda_minus))
table.note(f"difference: Wanda - magnitude; uncut: {evidence.interval(dense):.2f[]}")
table

# %% [markdown]
# Three things to read. Without further training, cutting half of the weights does great harm here, whichever way they are chosen; the ticket of the same size had lost nothing. The freer the choice, the lower the mean perplexity: over all layers, in each layer, in each row, and 2:4 last by far. And Wanda is no wonder in a network of this size. Where all layers are ranked together it is *worse* than
# magnitude, for its scores are not made to be compared between layers. Within rows, as the paper has it, and in 2:4 its mean is better, but these intervals contain 0: with five seeds there is no claim.
#
# ### What is known at scale
#
# Perplexity on WikiText of LLaMA-2 with 7 billion weights, half of them cut, not trained again (README of Wanda's [code](https://github.com/locuslab/wanda)):

# %%
lth.Table(
    {"LLaMA-2-7B, cut by": "", "scattered, 50 %": ".2f", "2:4": ".2f"},
    [
        ("nothing", 5.12, None),
        ("magnitude", 14.89, 54.59),
        ("SparseGPT", 6.51, 10.17),
        ("Wanda", 6.42, 11.02),
    ],
    notes=[
        "perplexity, lower is better; published, one number a cell",
        "scattered: at any places; Wanda keeps half of each row",
    ],
)

# %% [markdown]
# - **Wanda** changes no weight. **SparseGPT** ([Frantar and Alistarh 2023](https://arxiv.org/abs/2301.00774)) goes through a layer column by column and corrects what is left for what was cut, so that the layer's outputs stay close; a model of 175 billion weights took about four hours on one GPU. Its authors find that larger models are easier to prune.
# - **Essential sparsity** ([Jaiswal et al. 2023](https://arxiv.org/abs/2306.03805)): pre-trained Transformers, among them BERT and the OPT models with 125 million to 1.3 billion weights, can lose about 30 to 50 % of their weights, the smallest, in one cut **if they are fine-tuned on the task afterwards**; beyond that the accuracy falls off. OPT-1.3B can lose about 40 % (same). Inside that range the free mask is almost the one that IMP would find. Without
#   any further training OPT-1.3B is ruined by 50 % magnitude pruning: perplexity 14.62 before, 17,000 after (SparseGPT, table 1). Always ask which of the two a sentence means.
# - **N:M** is for hardware. Scattered zeros do not make a product faster ([lesson 11](../notebooks/11_sparse_is_not_fast.ipynb)). With two of every four kept, the places fit into two bits each and the processor can skip the rest: the sparse tensor cores of Nvidia's GPUs multiply up to twice as fast ([Mishra et al. 2021](https://arxiv.org/abs/2104.08378), abstract). SparseGPT's authors measured 1.5 to 1.8 times a layer.
#
# And what became of it? Support comes and goes. SparseML, with the engine DeepSparse, was ended on 2 June 2025 ([README](https://github.com/neuralmagic/sparseml)). vLLM took out its 2:4 path in spring 2026 ([#36799](https://github.com/vllm-project/vllm/pull/36799), proposed on 11 March). torchao deleted its sparsity code ([#4728](https://github.com/pytorch/ao/pull/4728), proposed on 8 August 2026 and
# merged since). The reasons given there are upkeep and few users. PyTorch's own 2:4 tensors are still documented. Before you build on sparsity, look whether somebody maintains it.

# %% question="14.Q4"
quiz("14.Q4", "b")

# %% [markdown]
# ## Tickets that move
#
# A ticket is expensive to find. Can it be used again?
#
# **On another data set.** [Morcos et al. (2019)](https://arxiv.org/abs/1906.02773) found that tickets of one set of natural images work on others, often nearly as well as the native one, and that larger sources give better tickets; they carry over between optimizers too (abstract). [Lange and Sprekeler (2023)](https://arxiv.org/abs/2306.00045) find tickets by an evolution strategy that gradient descent can use as well (abstract).
#
# **On another initialisation.** Usually that fails: it is our re-initialised control. One reason is that hidden units have no fixed names. Unit 7 of one network may do the work of unit 31 in another. [Adnan et al. (2025)](https://arxiv.org/abs/2505.05143) train both networks densely, match their units, and permute the mask. ResNet-20, CIFAR-10, 90 % sparse, three runs (their table 5):

# %%
lth.Table(
    {
        "rewound to epoch": "d",
        "ticket": ".2f",
        "its mask, other init": ".2f",
        "permuted": ".2f",
    },
    [(0, 89.45, 88.47, 88.59), (25, 91.43, 88.78, 89.97), (75, 91.36, 88.81, 90.03)],
    notes=["test accuracy in percent, published"],
)

# %% [markdown]
# From step 0 the permutation gains next to nothing. With a later rewind it brings back about half of the gap. The price is a second dense training.

# %% question="14.Q5"
quiz("14.Q5", "b")

# %% [markdown]
# ## What does not hold
#
# A course on an idea should end with what speaks against it.
#
# - **Structured pruning.** [Liu et al. (2019)](https://arxiv.org/abs/1810.05270): where whole channels are removed, the smaller network trained from scratch does as well; and with a good learning rate the ticket's initial weights gained nothing over random ones in their experiments (README of their code).
# - **Large scale, early.** [Gale et al. (2019)](https://arxiv.org/abs/1902.09574), a Transformer and ResNet-50: pruned structures that were trained from scratch, with the ticket's weights or new ones, did not reach the network that was pruned while it trained (abstract; before rewinding was known).
# - **Tuned training.** [Ma et al. (2021)](https://arxiv.org/abs/2107.00166): with a proper learning rate and enough epochs they found no ticket that meets all of their conditions. A weak recipe makes a strong ticket.
# - **Masks of pruning at initialisation** hold little more than densities: shuffle them, and as much is left ([lesson 08](../notebooks/08_pruning_at_init.ipynb), where you did it).
# - **Harder tasks.** "Sparsity may cry" ([Liu et al. 2023](https://arxiv.org/abs/2303.02141)): on four harder tasks all the known methods fail, sometimes already at 5 % sparsity (abstract). There is an answer: with longer schedules, and care for embeddings and for the classifier, even gradual magnitude pruning does well there ([Kurtic et al. 2023](https://arxiv.org/abs/2312.13547), abstract). So "fails" means: out of the box.
# - **The sparsest networks.** [Zhang and Papyan (2024)](https://arxiv.org/abs/2407.04075): on a toy problem, in 485,838 runs, pruning stayed clearly behind the sparsest networks, which the authors found by a combinatorial search of their own (abstract).
# - **Speed.** Lesson 11.
#
# **Open, as far as we know.** How to find strong tickets reliably (Natale et al.). Whether good sparse starting points can be had without any dense phase (Evci et al., introduction). Which part of a ticket belongs to the data and which to the network. Hardware and software that make scattered zeros pay.
#
# ## A map to read on
#
# Grouped by question. **Core**: read it. *Optional*: if the question is yours. Aside: only the word "ticket". Where nothing else is said, we read the abstract and checked title and first author; "in part" means parts of the text too.
#
# | paper | rank | in one sentence |
# |---|---|---|
# | | | **Does the ticket exist, and when?** |
# | [Frankle, Carbin 2019](https://arxiv.org/abs/1803.03635) | **core** | Train, prune the small weights, put the others back to their first values: on small networks 10 to 20 % or fewer still learn as well. |
# | [Frankle et al. 2019](https://arxiv.org/abs/1903.01611) | **core** | In deeper networks one has to go back to a point 0.1 to 7 % into the training, not to its beginning. |
# | [Paul et al. 2023](https://arxiv.org/abs/2210.03044) | **core** | Successive solutions of IMP are joined by a straight path without a barrier exactly where they match the full network. (Adnan et al. 2025 find such paths in more cases.) |
# | [Ma et al. 2021](https://arxiv.org/abs/2107.00166), in part | **core** | With tuned training no ticket met all of their conditions. |
# | [Grosse, Backes 2020](https://arxiv.org/abs/2006.07014) | *optional* | One initialisation holds several tickets, whose masks overlap no more than chance. |
# | [Mikler 2021](https://arxiv.org/abs/2109.09670) | *optional* | A replication of the rewinding paper holds; one limit is new. |
# | [Bai et al. 2022](https://arxiv.org/abs/2203.04248) | *optional* | A random subnetwork becomes trainable if a penalty first moves into it what the others know. |
# | [Liu et al. 2024](https://arxiv.org/abs/2403.04861) | aside | A survey; it names the lack of shared settings as open. |
# | | | **A mask without training?** |
# | [Lee et al. 2019](https://arxiv.org/abs/1810.02340) | **core** | SNIP: one batch at initialisation scores all connections. |
# | [Verdenius et al. 2020](https://arxiv.org/abs/2006.00896) | *optional* | The same score in many small steps beats one large step. |
# | | | **Mask, signs or values?** |
# | [Gadhikar, Burkholz 2024](https://arxiv.org/abs/2402.19262) | **core** | Weights that are not reset can still turn wrong signs in early, wide rounds. |
# | [Oh et al. 2025](https://arxiv.org/abs/2504.05357) | **core** | A mask with the trained signs lets a fresh initialisation train nearly as well as dense. |
# | [Gadhikar et al. 2025](https://arxiv.org/abs/2504.12801) | *optional* | Given the mask, right signs are enough; a product of two weights turns more of them. |
# | | | **Why does IMP find what it finds?** |
# | [Redman et al. 2024](https://arxiv.org/abs/2412.06545) | **core** | IMP makes inputs of hidden units less Gaussian, and local receptive fields appear where the data are so. |
# | [Zhang, Papyan 2024](https://arxiv.org/abs/2407.04075) | *optional* | On a toy problem pruning misses the sparsest networks, which a combinatorial search finds. |
# | | | **Strong tickets** |
# | [Malach et al. 2020](https://arxiv.org/abs/2002.00585), in part | **core** | A wide random network contains a part close to any target, untrained. |
# | [Natale et al. 2024](https://arxiv.org/abs/2410.14754), in part | **core** | The size of that part becomes part of the guarantee. |
# | [Ferbach et al. 2022](https://arxiv.org/abs/2206.04270) | *optional* | The same for networks that respect a symmetry. |
# | [Burkholz et al. 2022](https://arxiv.org/abs/2111.11146) | *optional* | Tickets that serve a whole family of functions. |
# | [Yao et al. 2023](https://arxiv.org/abs/2305.12148) | aside | The strong theorem for spiking networks. |
# | Zhang et al., NeurIPS 2021 | aside | Given the mask, fewer weights need fewer examples, for one hidden layer. |
# | | | **Do tickets move?** |
# | [Adnan et al. 2025](https://arxiv.org/abs/2505.05143), in part | **core** | A permuted mask wins back a part of what another initialisation loses: next to nothing from step 0, about half after a rewind. |
# | [Lange, Sprekeler 2023](https://arxiv.org/abs/2306.00045) | *optional* | Tickets of evolution strategies. |
# | | | **At scale** |
# | [Jaiswal et al. 2023](https://arxiv.org/abs/2306.03805), in part | **core** | Essential sparsity, then a cliff. |
# | [Liu et al. 2023](https://arxiv.org/abs/2303.02141) | **core** | Harder tasks, where the methods fail out of the box. |
# | | | **Only the word** |
# | [Huang et al. 2022](https://arxiv.org/abs/2207.07858) | aside | Which blocks of a network get attention; no weights are pruned. |
# | [Chen et al. 2021](https://arxiv.org/abs/2111.00162) | aside | A signature in a mask tells its owner. |
# | [Rajaram 2024](https://arxiv.org/abs/2401.10484) | aside | "Up to 66.67 % less computation" in a recommender: read it with lessons 11 and 13. |
#
# ## The course on one page
#
# | topic | lesson |
# |---|---|
# | magnitude pruning: score, threshold, global or layerwise | [01](../notebooks/01_magnitude_pruning.ipynb) |
# | masks, and how they get lost | [02](../notebooks/02_masks.ipynb) |
# | training loops that are fast enough | [03](../notebooks/03_training_loops.ipynb) |
# | iterative pruning and sparsity schedules | [04](../notebooks/04_iterative_pruning.ipynb) |
# | winning tickets and their controls | [05](../notebooks/05_winning_tickets.ipynb) |
# | rewinding, stability, linear mode connectivity | [06](../notebooks/06_rewinding.ipynb) |
# | pruning before training: SNIP | [07](../notebooks/07_snip.ipynb) |
# | GraSP, SynFlow, layer collapse, sanity checks | [08](../notebooks/08_pruning_at_init.ipynb) |
# | Early-Bird tickets | [09](../notebooks/09_early_bird.ipynb) |
# | hybrids, budgets, practical tips | [10](../notebooks/10_hybrid.ipynb) |
# | storage, sparse formats, speed, deployment | [11](../notebooks/11_sparse_is_not_fast.ipynb) |
# | bugs in public code | [12](../notebooks/12_broken_tickets.ipynb) |
# | seeds, intervals, reproducibility, replications | [13](../notebooks/13_experiment_design.ipynb) |
# | strong tickets and theory; signs | here |
# | sparse training under a moving mask | here |
# | Transformers and large models; N:M | here |
# | transfer; what does not hold; survey and open questions | here |
#
# ## Traps
#
# - **"Untrained" does not mean free.** A supermask is found by gradients and labels; its training is a training of scores.
# - **Existence is not search.** A theorem about a subnetwork is no algorithm for it.
# - **A moving mask with a longer training.** Give the static one as many updates.
# - **"Half can go."** With or without training afterwards? For large pre-trained models the first is often nearly true, and the second ruins them if the smallest weights go.
# - **Scores compared between layers.** Wanda's are made for one row. Know for what a score is made.
# - **Speed that somebody else must maintain.** Look at the date of the last release.
#
# ## Summary
#
# - A random network contains parts that classify. They are found by training scores instead of weights.
# - A weight can be a sum of random ones, and each more of them halves the error. That is the heart of the strong theorems, and it promises no search.
# - Masks may move during training, at a constant number of weights. Compare at equal budgets, and with a mask that stands still.
# - In a small Transformer half of the weights are enough, if they may train; cut after training they are not.
# - What holds on small networks need not hold on large ones, and the other way round. Both have been shown.
#
# **What this lesson does not tell you.** Our networks are tiny: LeNet and a Transformer of 103 thousand weights, one data set each, three to five seeds. No setting of edge-popup, SET or RigL was tuned here, and no claim about large models rests on our runs; those have their sources, and most of these we know from abstracts.
#
# **Next:** the course ends here. Take a question from the list of open ones, and [lesson 13](../notebooks/13_experiment_design.ipynb) for the plan.
#
# [docstrings]
