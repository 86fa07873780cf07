# %% [markdown]
# # 10 · SNIP, then a short IMP
#
# **You will** mix two ways of finding a ticket, plan what the mixture may cost, compare it with its parts at *equal*
# cost, and test three common tips. **Time:** about 60 minutes; of these the computer works two to five on two cores.
#
# [contents]
#
# You need four words from before. **SNIP** scores weights before any training, by |weight × gradient| ([lesson 07](../notebooks/07_snip.ipynb)).
# **IMP** is iterative magnitude pruning: train, cut a little, rewind, repeat (lessons [04](../notebooks/04_iterative_pruning.ipynb) and [05](../notebooks/05_winning_tickets.ipynb)). The **density** is the
# fraction of weights that stays. To **rewind** is to set the weights back to an early state.

# %% tags=["setup"]

# %% [markdown]
# ## Why mix?
#
# The two ways are good at different things.
#
# - SNIP asks an *untrained* network. It costs one *look*: one forward and one backward pass over a few images. And it
#   makes its whole cut at once.
# - IMP asks a *trained* network. After each training it makes a small cut. A network that is cut five times is trained
#   six times.
#
# So an idea suggests itself. Many of the weights are of little use, and perhaps a cheap look finds most of those. Let
# SNIP make the large first cut for next to nothing, and let IMP make the rest in a few careful rounds. We call this a
# **hybrid**.
#
# The idea sounds good. That is no reason to believe it. Each round costs steps that a simpler method could spend on one
# longer training. The question of this lesson is therefore: *for the same number of training steps*, which method ends
# with the best small network?
#
# In a picture: three ways to spend the same number of training steps.

# %%
import lthkit as lth

lth.plots.diagram("10")

# %% [markdown]
# ## Small enough to print
#
# Eight weights, before training, and the gradient of the loss at each of them. We write both down by hand. SNIP keeps the
# four weights of largest |weight × gradient|. Look at place 1 (we count from 0): it has a large weight. Does SNIP keep
# it?

# %% tags=["nbval-check-output"]
import torch
import torch.nn.functional as F

from lthkit.classroom import check, hint, quiz, use

torch.set_printoptions(precision=2, sci_mode=False)
weight = torch.tensor([0.9, -0.8, 0.7, -0.6, 0.4, -0.3, 0.2, 0.1])
gradient = torch.tensor([0.5, 0.0, -0.6, 0.1, 0.9, 0.1, -0.7, 0.2])
score = (weight * gradient).abs()
by_snip = score >= score.sort(descending=True).values[3]  # the four largest
print("SNIP score", score)
print("kept      ", by_snip.int().tolist())

# %% [markdown]
# It does not: a small change of that weight would not change the loss. Now the four are trained. `trained` is what
# training might have made of them. IMP keeps the two that are largest *after* training, and rewinds them to their first
# values.

# %% tags=["nbval-check-output"]
trained = torch.tensor([0.3, 0.0, 1.2, 0.0, -0.1, 0.0, 0.9, 0.0])
by_imp = by_snip & (trained.abs() >= trained.abs().sort(descending=True).values[1])
print("kept      ", by_imp.int().tolist())
print("rewound   ", weight.where(by_imp, 0))

# %% [markdown]
# Place 0 had the largest score and is gone; place 6 had the smallest score of the four, and training made it large. The
# two criteria disagree, and the hybrid listens to both: first to one, then to the other. But a weight that SNIP has
# removed cannot come back.

# %% question="10.Q1"
quiz("10.Q1", "b")

# %% [markdown]
# ## From scratch
#
# The same on LeNet-300-100. SNIP first: one batch of 100 images, one gradient, one cut to 20 % of the weights.

# %%
data = lth.load_data("fashion-mnist")
data = lth.by_tier(
    smoke=data.head(train=2000, validation=300, test=300), laptop=data, gpu=data
)
lenet, short = lth.models.lenet_300_100, lth.by_tier(smoke=12, laptop=200, gpu=200)

model = lenet(seed=0)
weights = lth.prunable(model)
images, labels = data.draw(100, seed=0)[0]
gradients = torch.autograd.grad(
    F.cross_entropy(model(images), labels), list(weights.values())
)
scores = {
    name: (w * g).abs().detach()
    for (name, w), g in zip(weights.items(), gradients, strict=True)
}
mask = lth.prune_to(lth.Mask.ones(model), scores, 0.2)
print(mask)

# %% [markdown]
# Then two rounds of IMP, from 20 % down to 4 %. In each round the density is multiplied by the same number. The loop has
# three trainings, with two cuts between them: before the first training `prune_to` removes nothing, because SNIP has cut
# to 20 % already.

# %%
initial = {name: tensor.clone() for name, tensor in model.state_dict().items()}
table = lth.Table({"weights": ",", "test accuracy (%)": ".1f"})
for density in (0.2, (0.2 * 0.04) ** 0.5, 0.04):
    mask = lth.prune_to(
        mask, lth.magnitude(model), density
    )  # at 20 % nothing goes: SNIP was there
    model.load_state_dict(initial)
    result = lth.train(model, data, mask=mask, steps=short, seed=0)
    table.add(mask.kept, 100 * result.test_accuracy)
table

# %% [markdown]
# In `lthkit` this is `snip_then_imp`. It is `lth.imp` with the SNIP mask to begin with. The numbers should be the same.

# %%
from lthkit.tickets import plan, price, snip_then_imp

rounds = list(
    snip_then_imp(
        lenet, data, snip_density=0.2, density=0.04, rounds=2, steps=short, seed=0
    )
)
print("the same last mask:", rounds[-1].mask == mask)
lth.Table(
    {"weights": ",", "test accuracy (%)": ".1f"},
    [(r.mask.kept, 100 * r.test_accuracy) for r in rounds],
)

# %% [markdown]
# ### Exercise 10.1: share out a budget · easy · two lines · 5 minutes
#
# To compare at equal cost we must be able to spend a number of steps *exactly*. Share `total` steps out among `trainings`
# trainings. All get the same whole number of steps (an `int`); the last one also gets the remainder. The last training
# makes the network that we keep, so it can use a few more. `total` is at least `trainings`, so that each does at least
# one step.
#
# Expected: `split_budget(20, 3)` is `[6, 6, 8]`.


# %% exercise="10.1"
def split_budget(total, trainings):
    """A list of whole numbers, one a training, that add up to `total`; the last takes
    what does not divide."""
    # BEGIN SOLUTION
    each = total // trainings
    return [each] * (trainings - 1) + [total - each * (trainings - 1)]
    # END SOLUTION


# %%
check("10.1", split_budget)

# %% [markdown]
# `lthkit.tickets.plan` does the same. It can also give a share of all steps to the last training (the third line below),
# and more, which we need at the end of this lesson. The first two lines should agree.

# %%
split_budget_ = use("10.1", split_budget)
print(split_budget_(1500, 7))
print(plan(1500, 7))
print(plan(1500, 3, last_share=0.6))

# %% [markdown]
# ### Exercise 10.2: what is left for IMP · medium · one line · 8 minutes
#
# SNIP has cut to `snip_density`. IMP is to reach `density` in `rounds` rounds, and each removes the same fraction of what
# *remains*. Which fraction? Both densities are fractions of *all* weights, and `density` is at most `snip_density`. Return
# the fraction as it is, not rounded.
#
# Expected: `fraction_after_snip(0.5, 0.25, 1)` is `0.5`.


# %% exercise="10.2"
def fraction_after_snip(snip_density, density, rounds):
    """The fraction of what remains that each of `rounds` rounds removes, from
    `snip_density` to `density`."""
    # BEGIN SOLUTION
    return 1 - (density / snip_density) ** (1 / rounds)
    # END SOLUTION


# %%
check("10.2", fraction_after_snip)

# %% [markdown]
# How gentle can IMP be for 4 % of the weights? Compare the rows: without SNIP (100 %) and after it.

# %%
fraction_after_snip_ = use("10.2", fraction_after_snip)
rounds_after = (1, 2, 3, 4, 5)
lth.Table(
    {"SNIP leaves (%)": ".0f"}
    | {f"{n} round{'s' * (n > 1)}": ".0f" for n in rounds_after},
    [
        (
            100 * first,
            *(100 * fraction_after_snip_(first, 0.04, n) for n in rounds_after),
        )
        for first in (1.0, 0.5, 0.2, 0.1)
    ],
    title="Removed in each round (%), where IMP goes on for",
)

# %% [markdown]
# With few rounds, IMP alone has to cut harshly. After a SNIP cut to 20 %, each of two rounds cuts 55 %, the same as each
# of four rounds of IMP alone. That is the whole case for the hybrid: fewer trainings, and each cut still moderate.
#
# ## What does a search cost?
#
# Three ways to count, and each is honest about something else.
#
# | count | what it is | what it leaves out |
# |---|---|---|
# | steps | updates of the weights | that batches and networks differ |
# | dense operations | multiplications and additions of the hardware that we have | that many of them multiply by 0 |
# | sparse operations | the same, if a removed weight were free | that no common hardware gets there ([lesson 11](../notebooks/11_sparse_is_not_fast.ipynb)) |
#
# With one network and one batch size, steps and dense operations say the same. Sparse operations differ: a training of
# 4 % of the weights counts between 3.8 and 5.7 %, depending on the layers in which they are (exercise 10.3). Evaluations are not counted anywhere.
#
# ### Exercise 10.3: the price of a ladder · medium · seven lines · 15 minutes
#
# All trainings of a search are called its *ladder*. `kept[r]` lists the weights that training *r* has in each layer, the
# input layer first. A training has the length `steps`. The first training does all of them; every later one begins at `rewind_step`, so it does
# `steps - rewind_step` steps. There is one training or more, and each has one layer or more. Each step takes `batch_size` images ("examples").
#
# For linear layers, one image costs 2 operations a kept weight on the way forward (multiply, add). The way back repeats
# this twice: once for the gradient of the weight, once for the gradient of what came into the layer. Together that is 6.
# But nobody trains the images: the input layer needs no gradient of what comes in, and costs 4. All three results are
# whole numbers, of type `int`.
#
# Expected: `ladder_cost([[10, 7], [5, 2]], 4, 5, 1)` is `{"steps": 7, "examples": 35, "sparse_flops": 2120}`.


# %% exercise="10.3"
def ladder_cost(kept, steps, batch_size, rewind_step):
    """The price of a ladder as a dict: "steps", "examples" and "sparse_flops" of all
    its trainings together.

    kept: for each training a list of ints, the weights in each layer, the input layer
    first. rewind_step: where every training but the first begins.
    """
    # BEGIN SOLUTION
    updates = [steps] + [steps - rewind_step] * (len(kept) - 1)
    an_image = [6 * sum(layers) - 2 * layers[0] for layers in kept]
    return {
        "steps": sum(updates),
        "examples": batch_size * sum(updates),
        "sparse_flops": batch_size
        * sum(n * k for n, k in zip(updates, an_image, strict=True)),
    }
    # END SOLUTION


# %%
check("10.3", ladder_cost)

# %% [markdown]
# Price the three trainings of the hybrid above, by your function and by `price`, which reads the rounds themselves.
# SNIP's own look is counted by `price(..., images=100)`, in the last line. By how many percent does it raise the sparse
# operations, at tier `laptop`?

# %%
ladder_cost_ = use("10.3", ladder_cost)
kept = [[int(layer.sum()) for layer in r.mask.values()] for r in rounds]
print(ladder_cost_(kept, short, 60, 0))
without, with_look = (
    price(rounds, model, data.shape, batch_size=60, images=n) for n in (0, 100)
)
print(without)
print(with_look)
added = with_look.sparse_flops / without.sparse_flops - 1
print(f"SNIP's look adds {100 * added:.1f} % to the sparse operations")

# %% question="10.Q2"
quiz("10.Q2", "c")

# %% [markdown]
# ## Predict
#
# Now the comparison. Every method gets the same number of steps, all trainings together, and ends with 4 % of
# LeNet-300-100. There are three budgets.
#
# | method | first cut | then | trainings |
# |---|---|---|---|
# | random mask | 4 %, drawn by lot | | 1 |
# | SNIP alone | 4 %, by SNIP | | 1 |
# | IMP, 5 rounds | | 5 cuts of 47 % | 6 |
# | IMP, 2 rounds | | 2 cuts of 80 % | 3 |
# | hybrid | 20 %, by SNIP | 2 cuts of 55 % | 3 |
#
# With 600 steps, IMP in five rounds trains six times for 100 steps; SNIP trains once for 600. The random mask asks what a
# method adds to chance. It gets the middle budget only.
#
# In percentage points of test accuracy, at tier `laptop`:
#
# - at the smallest budget (600 steps), hybrid minus SNIP alone = ?
# - at the largest budget (3,600 steps), hybrid minus IMP in five rounds = ?

# %% tags=["prediction"]
my_hybrid_minus_snip = 1.0  # such as 1.0
my_hybrid_minus_imp = -0.5

# %% [markdown]
# ## Run
#
# The sizes first. The budgets were fixed after a trial with seeds 0 and 1. These two seeds are not used again: numbers
# that helped to plan an experiment are no evidence in it.

# %%
from dataclasses import replace
from functools import partial

seeds = lth.by_tier(smoke=(2, 3, 4), laptop=(2, 3, 4, 5, 6), gpu=(2, 3, 4, 5, 6))
budgets = lth.by_tier(
    smoke=(36, 72, 144), laptop=(600, 1500, 3600), gpu=(6000, 15_000, 36_000)
)
recipe = lth.Recipe(evaluate_every=lth.by_tier(smoke=6, laptop=50, gpu=250))
target = 0.04
ladders = {"IMP, 5 rounds": (1.0, 5), "IMP, 2 rounds": (1.0, 2), "hybrid": (0.2, 2)}

# %% [markdown]
# One function trains any method. Read two places: `plan` shares out the budget, and SNIP alone gets all of it in one
# training. IMP is the hybrid without a first cut (`snip_density=1`). The validation split chooses the step; the test
# split is read once a training.


# %%
def search(method, total, seed):
    if method in ladders:
        first, cuts = ladders[method]
        common = {
            "rounds": cuts,
            "steps": plan(total, cuts + 1),
            "recipe": recipe,
            "seed": seed,
        }
        return list(
            snip_then_imp(lenet, data, snip_density=first, density=target, **common)
        )
    score = partial(lth.snip, batches=data.draw(100, seed=seed))
    if method == "random mask":
        score = partial(lth.random, seed=seed)
    once = replace(recipe, steps=total)
    return [
        lth.prune_at_init(
            lenet, data, score=score, density=target, seed=seed, recipe=once
        )
    ]


# %%
def measured(method, total, seed):
    rounds = search(method, total, seed)
    looked = 100 if method in ("hybrid", "SNIP alone") else 0  # images that SNIP saw
    cost = price(
        rounds, lenet(seed=0), data.shape, batch_size=recipe.batch_size, images=looked
    )
    first, last = rounds[0], rounds[-1]
    row = {"arm": method, "budget": total, "seed": seed, "kept": last.mask.kept}
    row |= {"test_accuracy": last.test_accuracy, "first_accuracy": first.test_accuracy}
    row |= {"steps": cost.steps, "sparse_flops": cost.sparse_flops}
    row |= {"validation_accuracy": last.validation_accuracy}
    return row | {"still_improving": last.result.still_improving}


# %% [markdown]
# The trainings are independent of each other, so they run side by side. This cell takes a minute or two at tier `laptop`.

# %%
cases = [
    (m, b, s) for b in budgets[::-1] for m in ("SNIP alone", *ladders) for s in seeds
]
cases += [("random mask", budgets[1], s) for s in seeds]
rows = lth.training.each(measured, cases, device=data.device)

# %% [markdown]
# Before you look at any accuracy, check that the comparison is fair. Does every method end with the same number of
# weights, and did it spend its budget to the last step?

# %%
print("weights at the end:", {r["kept"] for r in rows})
print("budget and steps spent:", sorted({(r["budget"], r["steps"]) for r in rows}))

# %% [markdown]
# Now the picture. Each mark is a mean over seeds with its 95 % interval; marks that share a budget stand side by side.
# Look for lines that *cross*: a method that is ahead with few steps need not be ahead with many.

# %%
where = f"{len(seeds)} seeds, {data.device}, tier {lth.tier()}"
stamp = f"LeNet-300-100, {100 * target:.0f} % of the weights, {data.label}, {where}"
about = {"column": "steps", "xlabel": "steps of all trainings together"}
lth.plots.show(
    lth.plots.budget_curve(
        rows, **about, title="Accuracy for a number of steps", stamp=stamp
    ),
    alt=lth.plots.describe_budget(rows, **about),
)

# %% [markdown]
# ### What the numbers say
#
# Each bar in the picture belongs to one method; two bars that overlap do not say that two methods are alike. The methods
# share their seeds, so we take differences seed by seed. `gap` gives such a list, in points.

# %%
from lthkit import evidence


def gap(one, other, table, split="test"):
    a, b = (
        {r["seed"]: r[f"{split}_accuracy"] for r in table if r["arm"] == arm}
        for arm in (one, other)
    )
    return [100 * (a[seed] - b[seed]) for seed in sorted(a.keys() & b.keys())]


def told(lists, **about):
    bands = {label: evidence.interval(values) for label, values in lists.items()}
    return evidence.differences(bands, unit="points of accuracy", **about)


# %%
pairs = [
    ("hybrid", other) for other in ("SNIP alone", "IMP, 5 rounds", "IMP, 2 rounds")
]
pairs += [("IMP, 5 rounds", "SNIP alone")]
for budget in budgets:
    here = [r for r in rows if r["budget"] == budget]
    compared = {f"{one} - {other}": gap(one, other, here) for one, other in pairs}
    told(compared, title=f"{budget:,} steps, test, tier {lth.tier()}").show()
middle = [r for r in rows if r["budget"] == budgets[1]]
told(
    {
        f"{m} - random mask": gap(m, "random mask", middle)
        for m in ("SNIP alone", *ladders)
    },
    title=f"{budgets[1]:,} steps, test, tier {lth.tier()}",
)

# %% [markdown]
# Read the last four lines first: which methods are above a random mask at all? Then follow one comparison through the
# budgets: does its sign stay? Last, look at hybrid minus IMP in *two* rounds. These two have equally many trainings of
# equal length. They differ in one thing: whether SNIP cuts before the first training, so that the later cuts can be
# smaller. This line shows what SNIP adds.
#
# In the run of the solved edition (tier `laptop`, five seeds) the hybrid is ahead of IMP in five rounds at the two smaller
# budgets, and ahead of SNIP alone at the two larger ones. That sounds like a success. But against IMP in two rounds it is
# ahead only at the smallest budget; at the other two the interval contains 0. So most of the gain over five rounds does
# not need SNIP: it comes with fewer, longer trainings. And with 1,500 steps, SNIP alone and IMP in five rounds are not
# even separated from a random mask; the other two are.
#
# We have run this cell on two processors, with the same seeds. They round sums differently, and after some hundred steps
# the trainings are no longer the same. In the earlier run the hybrid was ahead of IMP in five rounds at the largest budget
# too. So do not lean on that line, whichever way it falls in your run. All other lines said the same twice.
#
# In our trial with seeds 0 and 1, of which no record was kept, the hybrid was ahead of IMP in two rounds at *every* budget,
# with both seeds. Five fresh seeds did not repeat this. Two seeds are good for planning, and for nothing
# else.
#
# And your predictions:

# %%
small, large = (
    [r for r in rows if r["budget"] == b] for b in (budgets[0], budgets[-1])
)
versus_snip = evidence.interval(gap("hybrid", "SNIP alone", small))
versus_imp = evidence.interval(gap("hybrid", "IMP, 5 rounds", large))
points = [
    (f"hybrid - SNIP, {budgets[0]:,} steps", my_hybrid_minus_snip, versus_snip),
    (f"hybrid - IMP 5, {budgets[-1]:,} steps", my_hybrid_minus_imp, versus_imp),
]
lth.plots.show(
    lth.plots.predicted(points, unit="points of test accuracy", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="points"),
)

# %% [markdown]
# Was every training long enough? At the smallest budget certainly not. Count the last trainings whose best step lay in
# the last tenth of their length: they were cut short. A fixed budget cuts some methods short; that belongs to the
# comparison. Look at SNIP alone at the largest budget. If none of its trainings was cut short there, more steps would
# help it little, and the other methods can still catch up.

# %%
table = lth.Table(
    ["method", *(f"{b:,} steps" for b in budgets)],
    title="Trainings that were cut short",
)
for method in ("random mask", "SNIP alone", *ladders):
    mine = [
        [r for r in rows if r["arm"] == method and r["budget"] == b] for b in budgets
    ]
    cut = (
        f"{sum(r['still_improving'] for r in c)} of {len(c)}" if c else None
        for c in mine
    )
    table.add(method, *cut)
table

# %% [markdown]
# ## The same trainings, another currency
#
# Steps treat a network with 4 % of its weights like a whole one. Here are the same accuracies against *sparse*
# operations, in units of 10⁹ (GFLOP). The heights are the same. Compare the places of points at the same height: which
# method is now furthest to the left?

# %%
about = {
    "column": "gflop",
    "xlabel": "sparse operations of all trainings together (GFLOP)",
}
in_gflop = [row | {"gflop": row["sparse_flops"] / 1e9} for row in rows]
lth.plots.show(
    lth.plots.budget_curve(
        in_gflop, **about, title="Accuracy for sparse operations", stamp=stamp
    ),
    alt=lth.plots.describe_budget(in_gflop, **about),
)

# %% [markdown]
# SNIP alone trains 4 % of the weights all the time. The hybrid trains 20 % first. IMP begins with everything, so its
# first training alone costs more than all of SNIP's. In this currency the points of one budget no longer stand in one
# column, and a comparison "at equal steps" becomes a comparison at unequal price. Neither picture is the true one. Which
# one counts depends on your hardware, and on common hardware it is the first.

# %% question="10.Q3"
quiz("10.Q3", "a")

# %% [markdown]
# ### Exercise 10.4: choose under a budget · hard · six lines · 15 minutes
#
# You have a budget, and a table of prices and accuracies. The best mean is a poor guide, because a difference of means
# may be luck. Write this rule:
#
# There are two seeds or more. *The first* is always the one that `costs` lists first; numbers are compared without rounding.
#
# 1. A method is *affordable* if its cost is at most the budget. If there is none, return `None`.
# 2. Among the affordable ones, find the method of best mean accuracy, of equally good ones the first.
# 3. Drop every affordable method that is *shown* to be worse than it: the interval of the paired differences, best minus
#    method, lies above 0.
# 4. Of those that are left, return the cheapest, of equally cheap ones the first.
#
# `evidence` is imported above; `evidence.interval(values)` has `.low` and `.mean`.
#
# Expected: with `costs = {"a": 1, "b": 2}` and accuracies `{"a": [0.80, 0.84, 0.82], "b": [0.82, 0.83, 0.85]}`, budget 2,
# the answer is `"a"`.


# %% exercise="10.4"
def cheapest_not_beaten(costs, accuracies, budget):
    """The name of the cheapest affordable method that is not shown to be worse than the
    best; None if none is affordable.

    costs: method -> price. accuracies: method -> list, one number a seed; equal places
    are equal seeds.
    """
    # BEGIN SOLUTION
    affordable = [name for name in costs if costs[name] <= budget]
    if not affordable:
        return None
    best = accuracies[
        max(affordable, key=lambda name: evidence.interval(accuracies[name]).mean)
    ]
    gaps = {
        name: [b - a for b, a in zip(best, accuracies[name], strict=True)]
        for name in affordable
    }
    return min(
        (n for n in affordable if evidence.interval(gaps[n]).low <= 0),
        key=lambda n: costs[n],
    )
    # END SOLUTION


# %%
check("10.4", cheapest_not_beaten)

# %% [markdown]
# Let it choose among all our methods and budgets, each a line of its own in the table. The choice is made on the
# *validation* accuracies: whoever chooses by the test split can no longer report it. What would you take if you may spend
# as many sparse operations as the cheapest, the middle and the dearest search here?

# %%
cheapest_not_beaten_ = use("10.4", cheapest_not_beaten)
names = dict.fromkeys(f"{r['arm']} with {r['budget']:,} steps" for r in rows)
own = {
    n: [r for r in rows if f"{r['arm']} with {r['budget']:,} steps" == n] for n in names
}
prices = {
    n: max(r["sparse_flops"] for r in found_rows) for n, found_rows in own.items()
}
accuracies = {
    n: [r["validation_accuracy"] for r in found_rows] for n, found_rows in own.items()
}

# %%
ordered = sorted(prices.values())
table = lth.Table(
    {
        "up to (GFLOP)": ",.3g",
        "chosen": "",
        "its price (GFLOP)": ",.3g",
        "validation accuracy (%)": ".1f",
    }
)
for limit in (ordered[0], ordered[len(ordered) // 2], ordered[-1]):
    chosen = cheapest_not_beaten_(prices, accuracies, limit)
    mean = 100 * evidence.interval(accuracies[chosen]).mean
    table.add(limit / 1e9, chosen, prices[chosen] / 1e9, mean)
table.show()
splits = {s: gap("hybrid", "SNIP alone", large, s) for s in ("validation", "test")}
told(splits, title=f"hybrid - SNIP alone, {budgets[-1]:,} steps")

# %% [markdown]
# "Not shown to be worse" is a soft rule. With few seeds, intervals are wide, hardly anything is shown to be worse, and
# the rule takes what is cheap. In the run of the solved edition it takes the hybrid where everything is affordable: the
# validation accuracies separate it from SNIP alone at that budget, but only just (compare the last two lines). In our
# earlier run, on another processor, they did not, and the rule stayed with SNIP alone, although the *test* accuracies
# of the same trainings separated the two. A possible reason: the validation split is the smaller one (2,000 images, not
# 5,000), and it has already chosen the step of each training. If a wrong choice is expensive, train more seeds, or hold
# out more images, before you choose.
#
# ## Three tips, tested
#
# Here are three tips that we have met. For each we change one thing in the hybrid and leave the rest.
#
# | tip | the change | the price |
# |---|---|---|
# | cut gently | 5 cuts of 28 % instead of 2 of 55 % | twice as many trainings: shorter ones, or twice the steps |
# | rewind to an early step, not to 0 | step 30 instead of step 0 | none |
# | limit the number of rounds | IMP alone in 2 rounds instead of 5 | none |
#
# And a plan of our own: a short search and a long last training, which gets 60 % of all steps. What do you expect?
#
# Gentle cuts need the most care, because they come with more trainings. We run them with the same steps in all, and with
# the same steps a training, which is twice the price. Then the harsh cuts must have twice the steps as well, or we could
# not separate the effect of gentle cuts from that of more steps.

# %%
middle_budget, early = budgets[1], lth.by_tier(smoke=3, laptop=30, gpu=300)
gentle, harsh = partial(snip_then_imp, rounds=5), partial(snip_then_imp, rounds=2)
rewound = plan(middle_budget, 3, rewind_step=early)
changes = {
    "gentle": partial(gentle, steps=plan(middle_budget, 6)),
    "gentle, twice": partial(gentle, steps=plan(2 * middle_budget, 6)),
    "harsh, twice": partial(harsh, steps=plan(2 * middle_budget, 3)),
    "early rewind": partial(harsh, rewind_step=early, steps=rewound),
    "long last": partial(harsh, steps=plan(middle_budget, 3, last_share=0.6)),
}
for name, change in changes.items():
    print(f"{name:13}", change.keywords)

# %% [markdown]
# Look at "early rewind": each training is longer than a third of the budget, because the second and the third begin at
# the rewind step. The sum of what is done is the same. Now train them. The hybrid itself, unchanged, is there already.


# %%
def changed(name, seed):
    rounds = changes[name](
        lenet, data, snip_density=0.2, density=target, recipe=recipe, seed=seed
    )
    *_, last = rounds
    return {"arm": name, "seed": seed, "test_accuracy": last.test_accuracy}


trials = [(name, seed) for name in changes for seed in seeds]
tried = lth.training.each(changed, trials, device=data.device) + middle

# %% [markdown]
# Each line is *with the change* minus *without it*, so a change that helps lies to the right of 0. A filled mark says
# that the interval excludes 0. The third tip is read from the first experiment, once for each budget; the last line asks
# whether SNIP's first cut helps.

# %%
gaps = {
    f"5 cuts, not 2; {middle_budget:,} steps both": gap("gentle", "hybrid", tried),
    f"5 cuts, not 2; {2 * middle_budget:,} steps both": gap(
        "gentle, twice", "harsh, twice", tried
    ),
    "5 cuts, not 2; twice the steps": gap("gentle, twice", "hybrid", tried),
    "nothing but twice the steps": gap("harsh, twice", "hybrid", tried),
    f"rewind to step {early}, not 0": gap("early rewind", "hybrid", tried),
    "60 % of the steps for the last": gap("long last", "hybrid", tried),
}
for budget in budgets:
    here = [r for r in rows if r["budget"] == budget]
    gaps[f"IMP: 2 rounds, not 5; {budget:,} steps"] = gap(
        "IMP, 2 rounds", "IMP, 5 rounds", here
    )
gaps["a SNIP cut before IMP's 2 rounds"] = gap("hybrid", "IMP, 2 rounds", middle)
lth.plots.show(
    lth.plots.paired_differences(gaps, stamp=stamp),
    alt=lth.plots.describe_differences(gaps),
)

# %%
told(gaps, title="Test")

# %% [markdown]
# Read the lines by their names.
#
# **Gentle cuts.** The two lines that end in "steps both" compare at equal price, once with a small budget and once with a
# larger one. "5 cuts, not 2; twice the steps" compares five cuts with two at equal steps *a training*, so it is at twice
# the price. "Nothing but twice the steps" keeps the two cuts, and so shows what the additional steps alone bring. In the
# run of the solved edition both lines at equal price lie to the *left*: the gentle search was worse. A likely reason: its
# trainings are half as long, the last one too. At twice the price it was not separated from the harsh one at the single
# price, and twice the steps for two harsh cuts gained more. At these budgets the tip is wrong.
#
# **An early rewind and a long last training.** The first is not separated from the hybrid as it was, and its interval is
# narrow: on this network, if it does anything, it is little. The long last training gains a little here; in our earlier
# run, on another processor, its interval contained 0.
#
# **Limit the rounds.** This one holds here at the two smaller budgets. Compare its lines: the more steps there are, the
# smaller the gain, and at the largest budget none is left. (There, too, the earlier run said otherwise: a small gain, with
# an interval that excluded 0.) In our trial with 5,400 steps, five
# rounds were ahead with one of two seeds, and two rounds with the other. A tip about rounds that does not name the budget
# says too little.
#
# An interval that contains 0 does not say that the change does nothing. It says that these seeds of this network do not
# show it. And ten intervals of 95 % are ten chances that one of them excludes 0 by chance.

# %% question="10.Q4"
quiz("10.Q4", "d")

# %% [markdown]
# ## What the papers printed, and what we measured
#
# There is no published table of this hybrid that we could set beside ours: the comparison above is this project's own, on
# one small network. The papers speak about the parts.
#
# | part | published |
# |---|---|
# | SNIP, LeNet-300-100 on MNIST, error | whole network 1.7 %; 5 % of the weights 1.6 %; 2 % of them 2.4 % ([Lee et al. 2019](https://arxiv.org/abs/1810.02340), table 1) |
# | IMP, LeNet-300-100 on MNIST | back at the dense accuracy with 3.6 % of the weights ([Frankle & Carbin 2019](https://arxiv.org/abs/1803.03635), section 2) |
# | cut once, then rewind (same network) | a higher accuracy than dense from 95.0 to 5.17 % of the weights (same, figure 4) |
# | rewinding to an early step | step 500 is enough for a ResNet-18, step 100 for a VGG-19 (Frankle et al. 2019, [arXiv 1903.01611](https://arxiv.org/abs/1903.01611)) |
# | ResNet-20, 10.7 % of the weights, iterative | rewound to an early step 91.00 %, to initialisation 86.68 % ([Renda et al. 2020](https://arxiv.org/abs/2003.02389), authors' raw data, median of 3) |
#
# So there is a network on which early rewinding matters by several points. LeNet-300-100 with this recipe can be rewound
# to 0; a tip about deeper networks cannot be judged on it. Between SNIP in one cut and our hybrid there is also
# *iterative* SNIP: score and cut several times before any training (Verdenius et al. 2020, [arXiv 2006.00896](https://arxiv.org/abs/2006.00896); in `lthkit`
# `prune_at_init(..., rounds=...)`). It needs no trainings in between. We did not put it into the comparison.
#
# Our numbers beside the dense network, which is the first training of IMP in two rounds. So it had a third of the largest
# budget. SNIP alone had all of it in one training, and the last training of IMP in five rounds had a sixth. So these
# lines compare at unequal cost. Only IMP in two rounds and the hybrid have a last training as long as the dense one.

# %%
top = budgets[-1]
whole = [
    {"arm": "dense", "seed": r["seed"], "test_accuracy": r["first_accuracy"]}
    for r in large
    if r["arm"] == "IMP, 2 rounds"
]
told(
    {f"{m} - dense": gap(m, "dense", large + whole) for m in ("SNIP alone", *ladders)},
    title=f"{top:,} steps, test",
)

# %% [markdown]
# Does the mix gain anything? We registered the question and ran it with five new seeds on the complete MNIST: four trainings for each arm, 5 % of the weights at the end (`hybrid-gains`), and the same difference against a margin (`hybrid-loses-nothing`). The hybrid there is a milder one: SNIP to half of the weights, then three rounds of IMP. Its rival is IMP in three rounds.

# %%
from lthkit import ledger

ledger.claims_table("hybrid-gains", "hybrid-loses-nothing")

# %% [markdown]
# No gain is shown. A loss of the margin is excluded, but barely: without any one of four of the five seeds it would be open. Both claims judge the same difference, so they are one finding.
# SNIP's cut saves sparse operations; on common hardware that is no time.

# %% [markdown]
# ## Traps
#
# - **Equal steps a training.** Then IMP in five rounds gets six times the steps of SNIP. Fix the *sum*.
# - **The search for free.** A table that lists only the last training makes every search look cheap.
# - **Sparse operations as seconds.** On common hardware a training with 4 % of the weights takes as long as a dense one.
# - **One rival only.** Compared only with IMP in five rounds, our hybrid would look better than it is. IMP in two rounds,
#   the rival of equal shape, shows what SNIP adds.
# - **Tips without a price.** "Cut gently" and "use few rounds" contradict each other until somebody says how many steps
#   there are.
# - **A result from the seeds that planned it.** The trial chose what looked good on its seeds. Report fresh ones.
#
# ## Summary
#
# - A hybrid lets SNIP make the first cut for almost nothing, and IMP the rest in few rounds with moderate cuts.
# - A comparison of methods needs one currency and one sum. `plan` spends it exactly, `price` counts what was spent.
# - In the run of the solved edition (tier `laptop`, five seeds, 4 % of the weights) SNIP's cut before two rounds of IMP
#   helped at the smallest budget; at the larger two it was not separated in accuracy, at 28 % of the sparse
#   operations.
# - SNIP alone and IMP in five rounds changed places between the smaller budgets and the largest. Which method is ahead
#   depends on the budget.
# - Registered, on MNIST: no gain of the mix over IMP was shown, -0.03 [-0.29, +0.24] points, n = 5 (`hybrid-gains`, contested).
# - A tip is a hypothesis. Test it with a paired difference, and say what it costs. Of three, one held at the smaller
#   budgets, one was not separated, and one was wrong at these budgets.
# - The same seeds on another processor are other trainings. Four intervals of this lesson changed sides of 0 with it, all
#   of them close to 0. A claim that matters needs an interval that is not.
#
# **What this lesson does not tell you.** Which first density is best: we planned with 20 %, and the trial with two seeds
# had 50 % as well, which tells little. Whether the order changes again with more steps than 3,600. Whether the result
# holds on deeper networks, with tuned learning rates, or at other densities. How iterative SNIP would have done. What IMP
# gains if it may stop each training early and spend the saved steps later. And whether any of this is worth it in
# seconds: that is [lesson 11](../notebooks/11_sparse_is_not_fast.ipynb).
#
# **Next:** [lesson 11](../notebooks/11_sparse_is_not_fast.ipynb) measures what a sparse network saves on disk and in time.
#
# [docstrings]
