# %% [markdown]
# # 03 · Training loops
#
# **You will** turn the training loop of most tutorials, step by step, into one that keeps the machine busy; check at each step that it still
# computes the same; and measure what each step brings. **Time:** about 50 minutes; of these the computer works one to three on two cores.
#
# You need lesson 02: the mask is applied to the gradient at every step.

# %% tags=["setup"]

# %% [markdown]
# ## Why
#
# A claim about pruned networks needs many trainings: several rounds of pruning, controls to compare with, several seeds. Ten times as fast is not a
# luxury; it decides whether you train one seed or ten. And one seed proves little, as the next lessons show.
#
# Two rules hold in all that follows. **First right, then fast**: a loop that computes something else has no speed worth measuring. **Take
# turns**: on a machine that also does other things, only times taken side by side can be compared.
#
# ## Small enough to print
#
# A training sees its images in *epochs*. In an epoch every image comes once, in a random order, cut into batches. Ten images, batches of three,
# one is left over:

# %%
# NBVAL_CHECK_OUTPUT
import torch
import torch.nn.functional as F

import lthkit as lth
from lthkit.classroom import check, hint, quiz, use

order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
print("order:  ", order.tolist())
print("batches:", [order[i : i + 3].tolist() for i in (0, 3, 6)])

# %% [markdown]
# The order comes from a generator with a seed of its own. If it came from torch's one global generator, anything else that draws random
# numbers, such as a second network, would change the order of the data.
#
# ### Exercise 03.1: the batches of an epoch · easy · three lines · 8 minutes
#
# Make the order a *function*: the same seed and epoch always give the same batches, so that a training that was stopped can go on as if nothing had happened. Seed a generator of your own
# with `1000 * seed + epoch`, a new one in each call, and leave torch's global generator alone. Shuffle the rows 0 to n - 1 with `torch.randperm`, and cut from the start. What does not fill a batch is left out. If n is
# smaller than `batch_size`, there is no batch, and the list is empty.
#
# Expected: `epoch_batches(5, 2, 0, 0)` is a list of two tensors with two row numbers each, all four different.


# %% exercise="03.1"
def epoch_batches(n, batch_size, seed, epoch):
    """The rows of each batch of one epoch, as a list of int64 tensors with batch_size entries.

    Pieces of torch.randperm(n) from a generator seeded with 1000 * seed + epoch; an incomplete last piece is left out.
    """
    # BEGIN SOLUTION
    generator = torch.Generator().manual_seed(1000 * seed + epoch)
    order = torch.randperm(n, generator=generator)
    return [order[i : i + batch_size] for i in range(0, n - batch_size + 1, batch_size)]
    # END SOLUTION


# %%
check("03.1", epoch_batches)

# %%
epoch_batches_ = use("03.1", epoch_batches)
print("two epochs of one seed:", *(epoch_batches_(6, 3, 0, epoch)[0].tolist() for epoch in (0, 1)))

# %% [markdown]
# `lth.data.batches` is the same idea; it gives an epoch as one tensor, a row for each batch. We use it below, so that all loops see the same images in the same order.
#
# ## The textbook loop
#
# This is how most tutorials train. A data set object hands out one image after the other: it makes a picture of it, turns the
# picture into a tensor, and normalises it. A `DataLoader` collects sixty of them. The loop goes through the parameters one by one to mask gradients and
# weights. `lthkit.bench` has that loop, so that there is something to compare with:

# %%
import inspect

from lthkit import bench

print(inspect.getsource(bench.textbook_loop))

# %% [markdown]
# Now the setting. LeNet-300-100, 80 % of its weights removed, batches of 60, SGD with momentum. Every variant below is a function that
# starts from the same network, makes the same updates, and returns the network.

# %%
data = lth.load_data("fashion-mnist")
updates = lth.by_tier(smoke=20, laptop=332, gpu=332)
recipe = lth.Recipe(
    steps=updates, batch_size=60, optimizer="sgd", lr=0.05, momentum=0.9, evaluate_every=updates
)
epochs = [lth.data.batches(len(data.train), seed=0, epoch=e, batch_size=60) for e in (0, 1)]
rows_of = torch.cat(epochs)[:updates]
whole = lth.models.lenet_300_100(seed=0)
mask = lth.prune_to(lth.Mask.ones(whole), lth.magnitude(whole), 0.2)


def fresh():
    model = lth.models.lenet_300_100(seed=0)
    mask.apply_(model)
    return model


def textbook(n=updates):
    model = fresh()
    loader = bench.textbook_loader(data, batch_size=60, workers=0, order=rows_of[:n].tolist())
    optimizer = bench.textbook_optimizer(model, recipe)
    bench.textbook_loop(model, loader, masks=mask, optimizer=optimizer)
    return model


# %% [markdown]
# ## Step by step
#
# **Keep the data as tensors.** 10,000 small images are 8 MB. They fit into memory, even into a GPU's, as one tensor of bytes. A batch is then one indexing operation, and it is
# normalised in one go. The loop is the same as before.


# %%
def batch(rows):
    return data.inputs(data.train, rows), data.train.labels[rows]


def data_in_tensors(n=updates):
    model = fresh()
    optimizer = bench.textbook_optimizer(model, recipe)
    bench.textbook_loop(model, map(batch, rows_of[:n]), masks=mask, optimizer=optimizer)
    return model


# %% [markdown]
# **Mask once, and ask for no number.** The weights are masked at the start; from then on, a masked gradient is enough (lesson 02). The mask is made a
# float once, not at every step. And the loss is not read with `.item()`, which on a GPU makes the CPU wait.


# %%
def one_masking(n=updates, fused=False):
    model = fresh()
    factors = [(model.get_parameter(name), keep.float()) for name, keep in mask.items()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=fused)
    for rows in rows_of[:n]:
        images, labels = batch(rows)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for parameter, factor in factors:
            parameter.grad.mul_(factor)
        optimizer.step()
    return model


# %% [markdown]
# **One operation for the whole optimizer.** `fused=True` replaces several calls for each tensor by one. The last variant is
# `lth.train`, which does all of this, and measures the validation loss at the start and at the end besides.


# %%
def fused(n=updates):
    return one_masking(n, fused=True)


def course_loop(n=updates):
    model = fresh()
    lth.train(model, data, mask=mask, recipe=recipe, steps=n, seed=0)
    return model


variants = {
    "textbook": textbook,
    "data in tensors": data_in_tensors,
    "one masking, no .item()": one_masking,
    "fused optimizer": fused,
    "lth.train": course_loop,
}

# %% question="03.Q1"
quiz("03.Q1", "b")

# %% [markdown]
# ### First right
#
# From the same start, with the same batches, all five must end with the same weights, up to rounding. The next cell makes ten updates and prints the largest difference to the textbook loop, beside
# the largest weight. And it asks whether the removed weights are exactly 0.


# %%
def differences(n):
    final = {name: make(n).state_dict() for name, make in variants.items()}
    largest = max(float(w.abs().max()) for w in final["textbook"].values())
    table = lth.Table(
        {"loop": "", "largest difference": ".1e", "mask kept": ""},
        notes=[f"the largest weight is {largest:.2f}"],
    )
    for name, state in final.items():
        off = max(float((w - final["textbook"][k]).abs().max()) for k, w in state.items())
        zero = all(bool((state[k][~keep] == 0).all()) for k, keep in mask.items())
        table.add(name, off, zero)
    return table


differences(min(10, updates))

# %% [markdown]
# If a difference is 0, the two loops did the same operations in the same order. A small one, thousands of times smaller than the largest weight, comes from rounding: the pictures are normalised in another order of operations, or
# a fused operation adds in another order. A difference as large as the weights is a bug.
#
# Why ten updates and not all? Rounding grows. Each update depends on the one before, and a unit that is just off in one loop may be just on in the other. After many updates two right
# loops may have clearly different weights, or not: it is a matter of luck. See for yourself:

# %%
differences(updates)

# %% [markdown]
# So the size of a late difference says nothing (in tier `smoke` even the late one is early). Compare early. For a long training, compare what should not depend on rounding: the accuracy, over several seeds.
#
# ### Predict
#
# How many times as many updates per second as the textbook loop? One number for the second variant, one for the last.

# %%
my_ratio_tensors = None  # such as 2
my_ratio_lth_train = None

# %% [markdown]
# ### Then fast
#
# `bench.interleaved` runs the five in turns and keeps the time of every turn, without the first, the warm-up. It matters which turns are compared: the machine may be slow for a while, and then it
# is slow for all five. (In tier `smoke` a turn is too short to time: the numbers there mean nothing.)

# %%
turns = lth.by_tier(smoke=2, laptop=5, gpu=5)
timings = bench.interleaved(variants, repetitions=turns, warmups=1, per=updates)
bench.times(timings)

# %% question="03.Q2"
quiz("03.Q2", "a")

# %% [markdown]
# ### Exercise 03.2: a fair ratio · medium · two lines · 10 minutes
#
# `interleaved` gives a ratio for you. Compute it yourself: for each turn, the time before over the time after; the first `warmups` turns do not count; the answer is the
# median of the ratios (for an even number of turns the mean of the two in the middle). At least one turn counts. Return the number as it is, without rounding.
#
# Expected: `speedup([9.0, 4.0, 4.0], [1.0, 2.0, 2.0], 1)` is `2.0`.


# %% exercise="03.2"
from statistics import median


def speedup(before, after, warmups):
    """The median over the turns of before / after, without the first `warmups` turns.

    before, after: seconds, one a turn. Above 1 means that `after` is faster.
    """
    # BEGIN SOLUTION
    turns = list(zip(before, after, strict=True))[warmups:]
    return median(b / a for b, a in turns)
    # END SOLUTION


# %%
check("03.2", speedup)

# %%
speedup_ = use("03.2", speedup)  # 0 below: interleaved has dropped its warm-up already
lth.Table(
    {"loop": "", "times as fast as the textbook loop": ".1f"},
    [(t.name, speedup_(timings[0].seconds, t.seconds, 0)) for t in timings[1:]],
)

# %% [markdown]
# Now as a picture: updates per second, with a bar from quartile to quartile. Read it from top to bottom. Which step brought most? (The number in brackets is the median of the
# ratios turn by turn. So it is not exactly the quotient of two medians.)

# %%
here = lth.storage.environment()["processor"]
stamp = f"LeNet-300-100, batch 60, {updates} updates, {turns} turns, tier {lth.tier()}, {here}"
lth.plots.show(lth.plots.speed_steps(timings, stamp=stamp), alt=lth.plots.describe_steps(timings))

# %% [markdown]
# And your predictions. The interval is over the turns.

# %%
from lthkit import evidence

points = [
    (timings[i].name, said, evidence.interval(list(timings[i].ratios)))
    for i, said in ((1, my_ratio_tensors), (4, my_ratio_lth_train))
]
lth.plots.show(
    lth.plots.predicted(points, unit="times as fast as the textbook loop", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="times as fast"),
)

# %% [markdown]
# ## Where does the time go?
#
# A profile by hand: we time the pieces of one update, again in turns. On a CPU this is fair. On a GPU it is not, because the GPU
# works on while the clock is read, so we tell `interleaved` how to wait for it.

# %%
model = fresh()
images, labels = batch(rows_of[0])
optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9, fused=True)
factors = [(model.get_parameter(name), keep.float()) for name, keep in mask.items()]
F.cross_entropy(model(images), labels).backward()
pieces = {
    "forward and backward": lambda: F.cross_entropy(model(images), labels).backward(),
    "batch": lambda: batch(rows_of[1]),
    "mask": lambda: [p.grad.mul_(f) for p, f in factors],
    "optimizer": lambda: optimizer.step(),
}
wait = torch.cuda.synchronize if data.device.type == "cuda" else None
often = lth.by_tier(smoke=5, laptop=60, gpu=60)
lth.Table(
    {"part": "", "ms an update": ".3f"},
    [
        (piece.name, 1e3 * piece.time.median)
        for piece in bench.interleaved(pieces, repetitions=often, synchronise=wait)
    ],
)

# %% [markdown]
# The largest piece is a bound: even if all others cost nothing, the update would take that long. Has the data loading of the textbook loop
# been larger than this bound? Compare with its time per update above.
#
# ### Exercise 03.3: an accuracy from batches · easy · two lines · 8 minutes
#
# Evaluation can also be slow, if it goes in small batches. And it can be wrong: 2,000 validation images in batches of 300 leave a last
# batch of 200. Compute the accuracy over all images, without rounding. There is at least one batch, and each has at least one image.
#
# The answer of the network is the class of the largest output. If several outputs of an image are equally large, the first of them counts, as with
# `argmax`. In a dead network all outputs are equal: it always answers class 0, and must not get every image right.
#
# Expected: with two batches, of which one has 2 of 3 right and the other 1 of 1, the answer is `0.75`.


# %% exercise="03.3"
def accuracy_of_batches(outputs, labels):
    """The fraction of all images whose largest output is that of their label, a Python float.

    outputs: list of float tensors [images, classes], one a batch. labels: list of int64 tensors [images].
    """
    # BEGIN SOLUTION
    right = sum(int((o.argmax(1) == y).sum()) for o, y in zip(outputs, labels, strict=True))
    return right / sum(len(y) for y in labels)
    # END SOLUTION


# %%
check("03.3", accuracy_of_batches)

# %% [markdown]
# Use it on the network that `lth.train` made, in batches of 300, and compare with `lth.evaluate`.

# %%
accuracy_of_batches_ = use("03.3", accuracy_of_batches)
model = course_loop()
inputs, targets = data.inputs(data.validation), data.validation.labels
with torch.no_grad():
    outputs = [model(part) for part in inputs.split(300)]
lth.Table(
    {"measured by": "", "accuracy": ".4f"},
    [
        ("your function, in batches", accuracy_of_batches_(outputs, targets.split(300))),
        ("lth.evaluate", lth.evaluate(model, data, split="validation").accuracy),
    ],
)

# %% [markdown]
# ## Is it the same twice?
#
# A fast loop should still be *deterministic*: with the same seeds, on the same machine, the same bits. Otherwise no bug can be found, because nothing
# happens twice.

# %%
# NBVAL_CHECK_OUTPUT
one, two = course_loop().state_dict(), course_loop().state_dict()
print("equal to the last bit:", all(torch.equal(one[name], two[name]) for name in one))

# %% [markdown]
# ## What does the mask cost?
#
# Removed weights are zeros, and zeros are multiplied like any other number. So a masked update is not cheaper. Is it dearer? We compare pairs: the same training with the mask and without.


# %%
def without_mask():
    lth.train(lth.models.lenet_300_100(seed=0), data, recipe=recipe, seed=0)


masked = bench.interleaved(
    {"with the mask": course_loop, "without": without_mask}, repetitions=turns, per=updates
)
bench.times(masked)

# %% [markdown]
# Above 1 means that training without the mask is faster. The interval between the quartiles tells how far you may trust the number: if it is wide, or contains 1, nothing follows from it.
# The pieces above are steadier: there the mask has a time of its own.

# %% question="03.Q3"
quiz("03.Q3", "b")

# %% [markdown]
# ## On a GPU
#
# A GPU is fast and needs much to do at once. LeNet-300-100 gives it little: the time goes into *starting* operations, not into computing. Three things help, and `lth.train` does them where a GPU is present:
#
# - **Nothing goes back to the CPU** inside the loop: no `.item()`, no image that is prepared on the CPU.
# - **The whole update is recorded once and replayed** (a CUDA graph), so that starting costs one call.
# - **Shorter numbers**: with `precision="bfloat16"` the large products are computed in 16 bits. Results then differ a little; the recipe says so.

# %% question="03.Q4"
quiz("03.Q4", "c")

# %% [markdown]
# The next cell says what this machine has. On a CPU, what is said above about GPUs was not measured here.

# %%
chosen = lth.resolve_device("auto")
print("this machine:", chosen, "- a GPU" if chosen.type == "cuda" else "- no GPU: not measured here")

# %% [markdown]
# ## What was published, and what we measured
#
# Papers on tickets say how many updates they made and seldom how long they took, so there is no published number to compare with. What we can show is a
# recorded run of `lthkit bench` on a named machine, beside the textbook loop with two loading processes. Median and quartiles of the ratio:

# %%
from lthkit.data import data_folder

document = lth.storage.read_json(data_folder() / "results" / "bench" / "bench.json")
table = lth.Table(
    {"training": "", "threads": "d", "times as fast": ".1f", "quartiles": ""},
    notes=[bench.stamp(document)],
)
for row in document["rows"]:
    training = row["case"].startswith(("LeNet", "SmallCNN", "ResNet", "IMP"))
    ours = row["name"] == "lthkit" or row["name"].endswith(" threads")
    if training and ours and row["ratio_to"] == "textbook":
        r = row["ratio"]
        quartiles = f"[{r['low']:.1f}, {r['high']:.1f}]"
        table.add(row["case"], row["threads"], r["median"], quartiles)
table

# %% [markdown]
# The textbook loop has all threads of the machine. `lth.train` takes one, because two that share an operator wait for each other when another program
# is busy. The lines with more threads are the same loop on a quiet machine. Look at the two convolutional networks in that list. Their updates are mostly
# arithmetic, and there both loops do the same arithmetic: on one thread `lth.train` is slower than the textbook on two, and on as many threads it is little
# faster. The large ratios belong to small networks, where most of the time was overhead. (IMP in the list is the loop of lesson 04.)
#
# ## Traps
#
# - **Faster, because wrong.** A mask that is applied once is the fastest of all. Compare weights before times.
# - **One after the other.** If another program starts in between, the second loop looks slow.
# - **The first call.** It allocates memory and warms caches. Throw it away.
# - **Timing a GPU without waiting for it** measures how fast Python hands out work.
# - **A mean of batch means**, when the last batch is smaller.
#
# ## Summary
#
# - Keep the data on the device, mask once at entry and the gradient at each step, and leave the rest to few large operations.
# - Right first: same start, same batches, same weights.
# - Time in turns, take ratios within a turn, give the spread.
#
# **What this lesson does not tell you.** How fast a *sparse* network could be with code that leaves out the zeros: lesson 11. How these ratios look on your GPU: run `lthkit bench --device cuda`.
#
# **Next:** lesson 04 uses the fast loop to prune in several rounds, and finds a bug that many loops have.
