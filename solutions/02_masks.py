# %% [markdown]
# # 02 · Masks
#
# **You will** apply a mask, keep removed weights at zero under momentum, and see three ways in which a mask is lost without
# any error message. **Time:** about 50 minutes; of these the computer works one minute on two cores.
#
# [contents]
#
# You need [lesson 01](../notebooks/01_magnitude_pruning.ipynb): a score says what a weight is worth, and pruning removes the weights of lowest score.

# %% tags=["setup"]

# %% [markdown]
# ## Why
#
# [Lesson 01](../notebooks/01_magnitude_pruning.ipynb) ended with a *set*: these weights stay, those go. Now we train the network that is left. Torch knows nothing of our set. Its
# optimizer moves every number of a weight tensor at every step. If a removed weight moves, it is no longer removed: the network
# on which you report "20 % of the weights" has more of them.
#
# Nothing breaks when this happens. The loss falls, and the accuracy looks good. A course notebook that was published in 2026 pruned, trained
# on with no mask, and compared: 98 % of the "pruned" network's weights were not zero ([pull request 16192 of CoursIA](https://github.com/jsboige/CoursIA/pull/16192)). It had compared the dense network with itself.
#
# ## Small enough to print
#
# A **mask** is a bool tensor with the shape of the weight tensor: True means kept. Four weights, two of them kept:

# %% tags=["nbval-check-output"]
import copy

import torch

import lthkit as lth
from lthkit.classroom import check, hint, quiz, use

torch.set_printoptions(precision=2, sci_mode=False)
weight = torch.tensor([0.5, -0.4, 0.3, -0.2])
keep = torch.tensor([True, False, True, False])
print(weight * keep)
print(weight.where(keep, 0))

# %% [markdown]
# Both ways give zeros (the first gives a *minus* zero, printed as -0.00 where the weight was negative, which equals 0). Are they the same, then? Look at a
# training that went wrong and left an infinity behind:

# %% tags=["nbval-check-output"]
broken = torch.tensor([0.5, float("inf"), 0.3, float("nan")])
print("times:", broken * keep)
print("where:", broken.where(keep, 0))

# %% [markdown]
# Infinity times 0 is not a number (`nan`), and `nan` times anything is `nan`. `where` *chooses*; it does not compute with what it throws away.
#
# ### Exercise 02.1: apply a mask · easy · one line · 5 minutes
#
# A network has many tensors. Give back a new dict of all of them, with removed entries exactly 0, whatever stood there, NaN and infinity
# too. A kept NaN stays: a mask repairs nothing. A tensor without a mask (a bias) stays whole, and it may be that no tensor has a mask.
# Each is a float tensor of any shape ([lesson 00](../notebooks/00_start_here.ipynb) says which types and shapes this means).
#
# Expected: `apply_mask({"w": torch.tensor([0.5, -0.4]), "b": torch.tensor([1.0])}, {"w": torch.tensor([True, False])})` is
# `{"w": tensor([0.5, 0.0]), "b": tensor([1.0])}`.


# %% exercise="02.1"
def apply_mask(weights, mask):
    """A new dict with all weights; removed entries are exactly 0, whatever stood there.

    weights: name -> float tensor. mask: name -> bool tensor of the same shape, True =
    kept; some names have none.
    """
    # BEGIN SOLUTION
    return {
        name: w.where(mask[name], 0) if name in mask else w
        for name, w in weights.items()
    }
    # END SOLUTION


# %%
check("02.1", apply_mask)

# %%
apply_mask_ = use("02.1", apply_mask)

# %% [markdown]
# ## What a mask can tell
#
# `lth.Mask` is such a dict with a few questions that it can answer, and `apply_(model)`, which sets the removed weights of a model
# to 0 in place. We prune a fresh network to a fifth of its weights, all layers
# ranked together. Look at the density of each layer. The last line is the fraction of places at which two masks
# differ:

# %%
model = lth.models.lenet_300_100(seed=0)
mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.2)
print(mask)
print(f"distance to a shuffled copy: {mask.distance(mask.shuffled(seed=0)):.3f}")
lth.Table({"layer": "", "density": ".3f"}, mask.per_layer().items())

# %% question="02.Q1"
quiz("02.Q1", "b")

# %% [markdown]
# ### Exercise 02.2: densities · easy · four lines · 5 minutes
#
# Count for yourself. The density of each layer by its name, and the density of all weights together under the name `"all"`. There is at
# least one layer. Its mask has at least one weight and no dimension, or one, two or four. No layer is called `"all"`.
#
# Expected: `densities({"a": torch.tensor([True, False]), "b": torch.tensor([True] * 8)})` is `{"a": 0.5, "b": 1.0, "all": 0.9}`.


# %% exercise="02.2"
def densities(mask):
    """The density of each layer by name, and of all weights together under "all":
    Python floats from 0 to 1.

    mask: name -> bool tensor, True = kept.
    """
    # BEGIN SOLUTION
    result = {name: int(keep.sum()) / keep.numel() for name, keep in mask.items()}
    kept = sum(int(keep.sum()) for keep in mask.values())
    result["all"] = kept / sum(keep.numel() for keep in mask.values())
    return result
    # END SOLUTION


# %%
check("02.2", densities)

# %% [markdown]
# The last number is not the mean of the others, because the layers have different sizes.

# %%
densities_ = use("02.2", densities)
lth.Table({"layer": "", "density": ".3f"}, densities_(dict(mask)).items())

# %% [markdown]
# ## What moves a removed weight?
#
# Stochastic gradient descent with momentum keeps a **velocity** *v* for each weight *w*. At every step, with gradient *g*:
#
# $$v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v.$$
#
# Suppose that *w* is removed, so that it is 0. Two things can move it: its gradient *g*, which is not 0 just because *w* is; and an old velocity, which is left
# from the time when *w* was trained. Weight decay adds a multiple of *w* to *g*. Of a weight that is 0 this is nothing.

# %% question="02.Q2"
quiz("02.Q2", "c")

# %% [markdown]
# One step in a picture, for a removed weight, with η = 0.1 and μ = 0.9. Follow the arrows to the weight.

# %%
lth.plots.diagram("02")

# %% [markdown]
# ### Exercise 02.3: a masked step · medium · three lines · 10 minutes
#
# Write one step of SGD with momentum that cannot move a removed weight. Both results, the new weight and the new velocity, are exactly 0 where the
# mask removes, whatever came in: NaN and infinity included, in the weight, the gradient or the velocity. A kept NaN stays. The arguments stay as they are;
# they are float tensors of any shape, all of one type, and the step is computed in this type or in a longer one. The formulas above are meant as
# they stand; torch's variants (Nesterov, dampening) are others.
#
# Expected: `masked_sgd_step(w, g, v, keep, 0.5, 0.5)` with `w = [1.0, 0.0]`, `g = [1.0, 1.0]`, `v = [0.0, 8.0]`, `keep = [True, False]` is
# `([0.5, 0.0], [1.0, 0.0])`, as tensors.


# %% exercise="02.3"
def masked_sgd_step(weight, gradient, velocity, keep, lr, momentum):
    """One step v <- momentum v + g, w <- w - lr v. Returns (new weight, new velocity),
    both 0 where not kept.

    weight, gradient, velocity: float tensors of one shape, left as they are. keep: bool
    tensor, True = kept.
    """
    # BEGIN SOLUTION
    velocity = (momentum * velocity + gradient).where(keep, 0)
    weight = (weight - lr * velocity).where(keep, 0)
    return weight, velocity
    # END SOLUTION


# %%
check("02.3", masked_sgd_step)

# %%
masked_sgd_step_ = use("02.3", masked_sgd_step)

# %% [markdown]
# ## Three ways to lose a mask
#
# Now a real network. We train LeNet-300-100, remove 80 % of its weights by magnitude, and go on training. The velocity is kept, as it
# is when one goes on with the same optimizer. There are four ways to go on. The first three occur in public code.
#
# | way | what it does | seen in |
# |---|---|---|
# | once | the mask is applied once, before the training goes on | nearest to the 2026 course notebook, which trained with no mask |
# | gradients only | the mask is applied once, and each gradient is masked; the old velocity stays | ruihangdu/PyTorch-Deep-Compression, issue 2; he-y/filter-pruning-geometric-median, issue 47 |
# | before each step | the mask is applied before each step, and not again before the evaluation | szmikler/snip-pruning, issue 1 |
# | weights and velocity | your step of exercise 02.3 | |
#
# One function computes the gradients of one batch, for all ways:

# %%
data = lth.load_data("fashion-mnist")
LR, MOMENTUM = 0.05, 0.9


def gradients(model, batch):
    outputs = model(data.inputs(data.train, batch))
    loss = torch.nn.functional.cross_entropy(outputs, data.train.labels[batch])
    names = [name for name, _ in model.named_parameters()]
    return dict(
        zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True)
    )


# %% [markdown]
# The update is where the ways differ. It treats two of them specially, each in a line or two, and neither looks wrong. The other two, "once" and
# "before each step", take the plain lines at the end; what sets them apart is in `go_on`, further below.


# %%
@torch.no_grad()
def update(model, velocity, grads, mask, way):
    for name, w in model.named_parameters():
        g, v = grads[name], velocity[name]
        if name in mask and way == "weights and velocity":
            w[:], v[:] = masked_sgd_step_(w, g, v, mask[name], LR, MOMENTUM)
            continue
        if name in mask and way == "gradients only":
            g = g.where(mask[name], 0)
        v.mul_(MOMENTUM).add_(g)
        w.sub_(LR * v)


# %% [markdown]
# What do we look at? The **share** of removed weights that are not 0, and their **size**: the length of the vector of removed weights, as a fraction of the length of all
# weights. Write the part that finds them.
#
# ### Exercise 02.4: which weights came back? · medium · two lines · 10 minutes
#
# For each tensor with a mask, list the flat indices (rising) of the removed entries that are not exactly 0. Leave out tensors
# that have none, so that an empty dict says: the mask is kept. The flat index goes row by row and starts at 0 in each tensor. NaN and infinity are not 0; minus zero is. A weight that is kept may
# well be 0, NaN or infinite; that is no leak. The weights are float tensors of any shape, and it may be that no tensor has a mask.
#
# Expected: `came_back({"w": torch.tensor([0.5, 0.1, 0.0, 0.0])}, {"w": torch.tensor([True, False, True, False])})` is `{"w": [1]}`.


# %% exercise="02.4"
def came_back(weights, mask):
    """Flat indices of removed weights that are not exactly 0, by name; only names that
    have any.

    weights: name -> float tensor. mask: name -> bool tensor, True = kept; some names of
    weights have none.
    """
    # BEGIN SOLUTION
    leaks = {
        name: ((weights[name] != 0) & ~keep).flatten() for name, keep in mask.items()
    }
    return {
        name: leak.nonzero().flatten().tolist()
        for name, leak in leaks.items()
        if leak.any()
    }
    # END SOLUTION


# %%
check("02.4", came_back)

# %%
came_back_ = use("02.4", came_back)


def measure(model, mask):
    weights = {name: w.detach() for name, w in model.named_parameters()}
    found = came_back_(weights, dict(mask))
    removed = torch.cat([weights[n][~mask[n]] for n in mask])
    everything = torch.cat([weights[n].flatten() for n in mask])
    share = sum(len(at) for at in found.values()) / len(removed)
    return {"share": share, "size": float(removed.norm() / everything.norm())}


# %% [markdown]
# ## Predict
#
# After some hundred more steps, what share of the removed weights is no longer 0, if the mask is applied once? If only the gradients
# are masked? Put a percentage in place of each `None`.

# %% tags=["prediction"]
my_share_once = 60  # such as 50
my_share_gradients_only = 10

# %% question="02.Q3"
quiz("02.Q3", "b")

# %% [markdown]
# ## Run
#
# Three seeds, each with its own initialisation and its own batches. For each, one dense training, then the four ways, all from the same weights, the same velocity and with the same
# batches. At the end we measure the validation accuracy twice: as it stands, and with the mask applied again. The first is what one
# would publish. The second is that of the network which one claims to have.

# %%
steps_dense = lth.by_tier(smoke=30, laptop=600, gpu=600)
steps_after = lth.by_tier(smoke=20, laptop=300, gpu=300)
WAYS = ("once", "gradients only", "before each step", "weights and velocity")


def trained(seed):
    model = lth.models.lenet_300_100(seed=seed)
    velocity = {name: torch.zeros_like(w) for name, w in model.named_parameters()}
    for step in range(steps_dense):
        generator = torch.Generator().manual_seed(100_000 * seed + step)
        batch = torch.randint(len(data.train), (60,), generator=generator)
        update(model, velocity, gradients(model, batch), {}, "once")
    return model, velocity


# %% [markdown]
# The second half: go on in one way, and note share and size on the way.


# %%
def go_on(model, velocity, mask, way, seed):
    rows = []
    mask.apply_(model)
    for step in range(1, steps_after + 1):
        if way == "before each step":
            mask.apply_(model)
        generator = torch.Generator().manual_seed(100_000 * seed + 10_000 + step)
        batch = torch.randint(len(data.train), (60,), generator=generator)
        update(model, velocity, gradients(model, batch), mask, way)
        if step in (1, 2, 5) or step % 10 == 0:
            rows.append(
                {"arm": way, "seed": seed, "step": step, **measure(model, mask)}
            )
    return rows


# %% [markdown]
# Some people test with a tolerance instead of with 0. So we also count the removed weights that are larger than 0.001.


# %%
def larger_than(model, mask, tolerance):
    removed = torch.cat(
        [model.get_parameter(name).detach()[~mask[name]] for name in mask]
    )
    return float((removed.abs() > tolerance).float().mean())


# %%
rows, published, true, large = [], {}, {}, {}
for seed in (0, 1, 2):
    dense, speed = trained(seed)
    mask = lth.prune_to(lth.Mask.ones(dense), lth.magnitude(dense), 0.2)
    for way in WAYS:
        model, velocity = (
            copy.deepcopy(dense),
            {name: v.clone() for name, v in speed.items()},
        )
        rows += go_on(model, velocity, mask, way, seed)
        large[way, seed] = larger_than(model, mask, 1e-3)
        published[way, seed] = lth.evaluate(model, data, split="validation").accuracy
        mask.apply_(model)
        true[way, seed] = lth.evaluate(model, data, split="validation").accuracy

# %% [markdown]
# How large the removed weights are, beside all weights. The axis is logarithmic, but for its lowest part, where 0 has its place. The
# legend says what share of them is not 0 at the end. Look for the line that stays at 0. Then compare the other three: do they leak
# alike in number? In size?

# %%
stamp = (
    f"LeNet-300-100, {data.label}, 20 % of the weights kept, 3 seeds, tier {lth.tier()}"
)
lth.plots.show(
    lth.plots.mask_leak(rows, stamp=stamp), alt=lth.plots.describe_leak(rows)
)

# %% [markdown]
# ### What the numbers say
#
# Your predictions beside the measurement, at the last step:

# %%
from lthkit import evidence


def last(way, column):
    return [r[column] for r in rows if r["arm"] == way and r["step"] == steps_after]


points = [
    (
        way,
        said,
        evidence.interval(
            [100 * s for s in last(way, "share")], within=evidence.PERCENT
        ),
    )
    for way, said in (
        ("once", my_share_once),
        ("gradients only", my_share_gradients_only),
    )
]
lth.plots.show(
    lth.plots.predicted(points, unit="removed weights that are not 0 (%)", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="% of the removed weights"),
)

# %% [markdown]
# Now the accuracies: published minus true, in points, with the 95 % interval over three seeds. A positive number says that the published
# accuracy is too high. If an interval contains 0, we cannot say that the leak changed the accuracy.

# %%
table = lth.Table(
    {"way": "", "published accuracy (%)": ".1f", "minus true (points)": "+.2f[]"},
    notes=["mean and 95 % interval over three seeds"],
)
for way in WAYS:
    gap = evidence.interval(
        [100 * (published[way, s] - true[way, s]) for s in (0, 1, 2)]
    )
    mean = evidence.interval([100 * published[way, s] for s in (0, 1, 2)]).mean
    table.add(way, mean, gap)
table

# %% [markdown]
# In the last line the difference is exactly 0: applying the mask again changes nothing, because it was never lost. In the others, read the size together with the accuracy.
# A leak that is tiny in size can be harmless for the accuracy, and still "20 % of the weights" is false: the network's file has no zeros. (Tier `smoke` trains too briefly for these numbers to mean anything.)
#
# The velocity explains the line of "gradients only". Nothing feeds the velocity of a removed weight, so it dies out: after *n* steps it is $\mu^n$ of what it was. But it has moved
# the weight by then, by $\eta(\mu + \mu^2 + \dots)$ times the old velocity, and the weight stays there.
#
# ## The same in one line
#
# `lth.train` takes the mask. It masks weights and velocity once, on entry, and the gradient at every step. With these three, nothing else has to be masked: what starts at 0 and
# is fed with 0 stays 0, under SGD with momentum and under Adam.

# %%
model = lth.models.lenet_300_100(seed=0)
mask = lth.prune_to(lth.Mask.ones(model), lth.magnitude(model), 0.2)
lth.train(
    model, data, mask=mask, steps=lth.by_tier(smoke=20, laptop=300, gpu=300), seed=0
)
print(
    "came back:",
    came_back_({n: w.detach() for n, w in model.named_parameters()}, dict(mask)),
)

# %% [markdown]
# ## Beside it: `torch.nn.utils.prune`
#
# Torch has a tool of its own. It keeps the mask in the *forward* pass: the layer holds a hidden `weight_orig` and a `weight_mask`, and `weight` is their product. Look at the names:

# %%
from torch.nn.utils import prune

torch.manual_seed(0)
layer = torch.nn.Linear(2, 2, bias=False)
prune.custom_from_mask(layer, "weight", torch.tensor([[1, 0], [0, 1]]))
print("parameters:", [name for name, _ in layer.named_parameters()])
print("state_dict:", list(layer.state_dict()))

# %% [markdown]
# A checkpoint of the unpruned layer has the key `weight`, so it no longer fits. Next, one training step with weight decay. We print the product that we expect, and the attribute `weight`, before and after the next forward pass.

# %%
optimizer = torch.optim.SGD(layer.parameters(), lr=0.5, weight_decay=0.1)
hidden = layer.get_parameter("weight_orig")
before = hidden.detach().clone()
layer(torch.ones(1, 2)).sum().backward()
optimizer.step()
kept = layer.get_buffer("weight_mask")
product = hidden * kept
print("weight is the product:", torch.equal(layer.weight, product))
layer(torch.ones(1, 2))
print("after a forward pass: ", torch.equal(layer.weight, product))
moved = (hidden != before)[kept == 0]
print("hidden removed weights moved by weight decay:", bool(moved.all()))

# %% question="02.Q4"
quiz("02.Q4", "c")

# %% [markdown]
# So after `optimizer.step()` the attribute `weight` is stale until the next forward pass. Whoever reads it in between, for instance to rank the weights for the
# next pruning, ranks old numbers. And what was removed is not gone: it sits in `weight_orig`, and weight decay moves it. The forward pass hides it, so the outputs are right. The last cell tries to copy the pruned layer, as one does to keep its best state:

# %%
try:
    copy.deepcopy(layer)
    print("it can be copied with this version of torch")
except RuntimeError as error:
    print("it cannot be copied:", str(error).split(",")[0][:80])

# %% [markdown]
# `lthkit` goes the other way: the model stays a plain module with plain zeros in it, so `state_dict`, `deepcopy` and the optimizer know nothing of pruning. The price is that the training loop must keep
# the mask, as you have seen.
#
# ## What was published, and what we measured
#
# We know no paper that measures lost masks; the sources are issue trackers and code. The 98 % is from a reading of one course notebook ([2026](https://github.com/jsboige/CoursIA/pull/16192)), in which the mask was not
# used in training at all. Our line "once" is the nearest to it. The next cell prints it.

# %%
table = lth.Table({"way": "", "larger than 1e-3 (% of the removed)": ".1f"})
for way in WAYS:
    table.add(way, 100 * evidence.interval([large[way, s] for s in (0, 1, 2)]).mean)
table

# %%
table = lth.Table(
    {"way": "", "not 0 (% of the removed)": ".1f", "their size (% of all)": ".3g"}
)
for way in WAYS:
    share, size = (
        evidence.interval(last(way, "share")),
        evidence.interval(last(way, "size")),
    )
    table.add(way, 100 * share.mean, 100 * size.mean)
table

# %% [markdown]
# Ours is a small network, a fifth of its weights, one learning rate. With another learning rate or momentum, the sizes change.
# Without momentum, "gradients only" does not leak: there is no old velocity. A test without momentum cannot find this bug.
#
# ## Traps
#
# - **Count zeros at the end.** One line after each training finds every leak of this lesson: no removed weight may differ from 0.
# - **Exactly 0 is the test.** A tolerance such as 1e-3 overlooks the small ones: the cell above counted how many of the leaks of "before each step" are larger.
# - **Momentum that is older than the mask.** Mask the optimizer's buffers when the mask changes, or start a new optimizer, and say which.
# - **Multiplying by the mask** turns infinity into `nan`.
# - **The mean of the layers' densities** is not the density of the network.
#
# ## Summary
#
# - A mask is bool tensors, True = kept. Apply it by choosing, not by multiplying.
# - A removed weight is moved by its gradient and by old momentum. Mask weights and momentum on entry, and the gradient at each step.
# - A lost mask gives no error. Count.
#
# **What this lesson does not tell you.** Whether a leak matters when the weights are first set back to their initial values, as in lessons [04](../notebooks/04_iterative_pruning.ipynb) and [05](../notebooks/05_winning_tickets.ipynb): we went on with trained weights. And what masking costs in time: [lesson 03](../notebooks/03_training_loops.ipynb) measures it.
#
# **Next:** [lesson 03](../notebooks/03_training_loops.ipynb) makes the training loop fast, and checks that it stays right.
#
# [docstrings]
