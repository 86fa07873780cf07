# %% [markdown]
# # 11 · Sparse is not fast
#
# **You will** store a ticket in a small file, multiply with its kept weights only, cut out what cannot matter, train it
# with its kept weights only, and measure on your own machine where each of these begins to pay.
# **Time:** about 100 minutes; of these the computer works about two.
#
# [contents]
#
# You need four words. A **mask** says which weights stay, a **ticket** is a mask with its weights. The **density** is the
# fraction that stays, the **sparsity** the fraction that is removed. The mask of a layer has a row for each unit of the
# layer, and a column for each of its inputs.

# %% tags=["setup"]

# %% [markdown]
# ## Does it run faster?
#
# A pruned network is a dense network with many zeros in it. What does a zero cost? Answer first, then read on.

# %%
from lthkit.classroom import check, hint, quiz, use

# %% question="11.Q1"
quiz("11.Q1", "c")

# %% [markdown]
# **A zero in a dense tensor costs what any other number costs**: the same bytes, the same multiplication. So a pruned
# network is not faster by itself. To gain anything, somebody has to store or compute the network in another way. Smaller
# on disk is easy. Faster is hard, and depends on the density, on the batch size, on the machine, and on what you compare
# with. This lesson measures each of these.
#
# ## Small enough to print
#
# A layer with three inputs and four units, of whose twelve weights five are kept:

# %% tags=["nbval-check-output"]
import torch

import lthkit as lth

torch.set_printoptions(precision=2, sci_mode=False)
weight = torch.tensor(
    [[0.0, 0.9, 0.0], [-0.8, 0.0, 0.7], [0.0, 0.0, 0.0], [0.5, 0.0, -0.3]]
)
print(weight)

# %% [markdown]
# Here are two ways to write it without the zeros. The first: a bit for each weight, eight to a byte, and then the kept
# values. The second is called *compressed sparse rows*, CSR: the kept values, the column of each, and for each row the
# place where it begins in these two lists. Look at the third row: how does each of the two say that it is empty?

# %% tags=["nbval-check-output"]
from lthkit.pruning.compressed import compressed_rows

mask = lth.Mask({"weight": weight != 0})
packed = mask.arrays()["weight"]
print(
    "bits by rows:  ",
    " ".join("".join(str(int(kept)) for kept in row) for row in mask["weight"]),
)
print("bits in bytes: ", " ".join(f"{byte:08b}" for byte in packed))
print("values: ", weight[weight != 0])
begins, columns, values = compressed_rows(weight, weight != 0)
print("begins: ", begins.tolist(), " columns:", columns.tolist())
print("values: ", values)

# %% [markdown]
# The bits of the third row are 000. In the bytes they lie across the border between the two, and the last four bits of
# the second byte are padding. In CSR the third row begins at 3 and the fourth begins at 3 too, so nothing lies between.
#
# Three ways to store such a layer. Count the numbers, then the products of one multiplication.

# %%
lth.plots.diagram("11")

# %% [markdown]
# ## First, the zeros
#
# Is it true here that zeros bring nothing? We time LeNet-300-100 on 256 images, whole and with 98 % of its weights set to
# 0, **on one thread**. One *turn* measures both networks once, one after the other, and we take several turns.
# `bench.against` gives the time with zeros over the time without: the median over the turns, and the quartiles.

# %%
from lthkit import bench, export

torch.set_num_threads(1)  # for all that is timed in this lesson
turns = lth.by_tier(smoke=3, laptop=15, gpu=15)
data = lth.load_data("fashion-mnist")
whole = lth.models.lenet_300_100(seed=0).to(data.device).eval()
zeros = lth.models.lenet_300_100(seed=0).to(data.device).eval()
lth.prune_to(lth.Mask.ones(zeros), lth.magnitude(zeros), 0.02).apply_(zeros)
images = data.inputs(data.validation)[:256]
with torch.inference_mode():
    found = bench.against(
        zeros, whole, images, repetitions=25
    )  # in every tier: a turn takes milliseconds
print(
    f"with zeros / without: {found['ratio']:.2f} [{found['low']:.2f}, "
    f"{found['high']:.2f}], n = {found['n']} turns"
)
print("measured on", lth.storage.processor())

# %% [markdown]
# A ratio near 1 says that the zeros bring nothing. If the quartiles lie far from each other, something else was busy on
# your machine: run the cell again.
#
# ## Tickets to work with
#
# Now real tickets: iterative magnitude pruning as in [lesson 05](../notebooks/05_winning_tickets.ipynb), in six large rounds. Each round removes half of what
# remains in each layer, and a quarter in the output layer. One chain of rounds for each seed.

# %%
from lthkit import evidence

seeds = lth.by_tier(smoke=(0, 1, 2), laptop=(0, 1, 2, 3, 4), gpu=(0, 1, 2, 3, 4))
steps = lth.by_tier(smoke=10, laptop=600, gpu=600)


def tickets_of(seed):
    make, slower = lth.models.lenet_300_100, {"fc3.weight": 0.25}
    rounds = lth.imp(
        make,
        data,
        rounds=6,
        fraction=0.5,
        scope="layerwise",
        overrides=slower,
        steps=steps,
        seed=seed,
    )
    return list(rounds)


# %%
tickets = dict(
    zip(
        seeds,
        lth.training.each(tickets_of, [(s,) for s in seeds], device=data.device),
        strict=True,
    )
)
table = lth.Table({"weights left (%)": ".1f", "test accuracy (%)": ".1f", "n": "d"})
for r in range(7):
    percent = [100 * tickets[s][r].test_accuracy for s in seeds]
    b = evidence.interval(percent, within=evidence.PERCENT)
    table.add(100 * tickets[0][r].density, b, b.n)
table

# %% [markdown]
# The last ones are the tickets of this lesson: sparser than 98 %. In tier `smoke` they have hardly been trained. For
# files and times that matters little; for the dead units further below it does.
#
# ## Smaller on disk
#
# ### Exercise 11.1: packed bytes · easy · two lines · 5 minutes
#
# How many bytes does a ticket take, written as a bit for each entry and a value for each kept entry? Every tensor has its
# bits, also one that keeps everything or nothing. The bits of each tensor start in a new byte. A byte that is only partly
# used counts as one. The tensors may have any shape; one without entries takes no byte.
#
# Expected: `packed_bytes({"w": torch.tensor([True, False, True])}, 4)` is `9`: one byte of bits, two values of four
# bytes.

# %% exercise="11.1"
import math


def packed_bytes(mask, value_bytes):
    """Bytes of packed bits and kept values.

    mask: parameter name -> bool tensor, True = kept. value_bytes: of one value.
    """
    # BEGIN SOLUTION
    bits = sum(math.ceil(m.numel() / 8) for m in mask.values())
    return bits + value_bytes * sum(int(m.sum()) for m in mask.values())
    # END SOLUTION


# %%
check("11.1", packed_bytes)

# %% [markdown]
# Compare with a real file. `export.save_packed` writes such a file, with a checksum; `load_packed` reads it into a
# network and returns the mask. The file also holds the biases, names, shapes and its own headers, so it must be a little
# larger than your number.

# %%
packed_bytes_ = use("11.1", packed_bytes)
ticket, model = tickets[0][-1], lth.models.lenet_300_100(seed=0).to(data.device).eval()
ticket.trained.restore(model)
path = export.save_packed(
    lth.storage.runs_folder() / "lesson-11" / "ticket.npz", model, ticket.mask
)
print(
    f"bits and values: {packed_bytes_(ticket.mask, 4):,} bytes; the file: "
    f"{path.stat().st_size:,} bytes"
)

again = lth.models.lenet_300_100(seed=99).to(data.device)
loaded = export.load_packed(path, again)
same = all(
    torch.equal(w, model.state_dict()[name]) for name, w in again.state_dict().items()
)
print("the same mask:", loaded == ticket.mask, "- the same weights:", same)

# %% question="11.Q2"
quiz("11.Q2", "a")

# %% [markdown]
# Now all ways at all densities. `export.sizes` really writes each file and measures it. Here are the tickets of seed 0;
# for each way also the same file after a general compressor (zlib). Read the picture from left to right. Where do the
# lines of "CSR" and "bits + values" cross? And what does the compressor make of the plain dense file?

# %%
bytes_at = {}
for r in tickets[0]:
    r.trained.restore(model)
    bytes_at[r.density] = export.sizes(model, r.mask)
stamp = f"LeNet-300-100, tickets of seed 0, {data.label}, tier {lth.tier()}"
lth.plots.show(
    lth.plots.file_sizes(bytes_at, stamp=stamp),
    alt=lth.plots.describe_file_sizes(bytes_at),
)

# %%
smallest = bytes_at[ticket.density]
floor = export.mask_floor(ticket.mask)
value_bytes = 4 * ticket.mask.kept
lth.Table(
    {"file": "", "size (kB)": ".1f", "times smaller than dense": ".1f"},
    [
        (name, count / 1000, smallest["dense"] / count)
        for name, count in smallest.items()
    ],
    title=f"With {100 * ticket.density:.1f} % of the weights",
    notes=[
        f"a random mask of these densities takes at least {floor / 1000:.1f} kB; "
        f"with the kept values, 4 bytes each, {(floor + value_bytes) / 1000:.1f} kB"
    ],
)

# %% [markdown]
# A dense file with zeros is as large as one without. CSR takes 8 bytes for each kept weight, 4 for the value and 4 for
# its column. So it is *larger* than the dense file above density 1/2. A column costs 32 bits for each kept weight, the
# bit mask 1 bit for every weight. So CSR is smaller than bits and values only if fewer than 1 in 32 weights are kept. The
# last line is a limit from information theory: so many bits are needed, on average, to say *which* of all masks with
# these densities it is. A compressor, which knows nothing of masks, comes close to that limit plus the values. Sparsity
# does make a network smaller on disk, but by less than the density promises: the places have to be written too.
#
# ## Faster: multiply only what is kept
#
# ### Exercise 11.2: CSR by hand · medium · six lines · 12 minutes
#
# Write a matrix as CSR. The matrix is a float tensor. Go through the rows from top to bottom. `begins` has one number more than there are rows: row `r`
# has the entries from `begins[r]` up to, but not including, `begins[r + 1]`.
#
# Expected: `csr_arrays(torch.tensor([[0.0, 2.0, 3.0], [1.0, 0.0, 0.0]]))` is `([0, 2, 3], [1, 2, 0], [2.0, 3.0, 1.0])`.


# %% exercise="11.2"
def csr_arrays(weight):
    """Return (begins, columns, values) of a matrix [rows, columns], as three lists;
    entries other than 0 are stored."""
    # BEGIN SOLUTION
    begins, columns, values = [0], [], []
    for row in weight.tolist():
        columns += [c for c, value in enumerate(row) if value != 0]
        values += [value for value in row if value != 0]
        begins.append(len(values))
    return begins, columns, values
    # END SOLUTION


# %%
check("11.2", csr_arrays)

# %% [markdown]
# With these arrays a layer is computed without touching a zero. From scratch, for one input vector:

# %% tags=["nbval-check-output"]
csr_arrays_ = use("11.2", csr_arrays)
begins, columns, values = csr_arrays_(weight)
x = torch.tensor([1.0, 2.0, 3.0])
y = [
    sum(values[i] * x[columns[i]] for i in range(begins[r], begins[r + 1]))
    for r in range(len(weight))
]
print(torch.tensor(y), "by CSR, with", len(values), "multiplications")
print(weight @ x, "by the dense product, with", weight.numel())

# %% [markdown]
# `export.to_csr` does the same to every linear layer of a network; convolutions stay dense, because `lthkit` has no
# sparse form for them. First right, then fast: the outputs must agree.

# %%
sparse = export.to_csr(model, ticket.mask)
print(sparse)
with torch.inference_mode():
    print(
        f"largest difference of outputs: "
        f"{(sparse(images) - model(images)).abs().max():.1e}"
    )

# %% [markdown]
# ## Predict
#
# The sparse network makes far fewer multiplications. But for each it has to look up a column, jump to it in memory, and
# it cannot use the processor's best instructions. At which density do the two take equally long? This is the **break-even
# density**.
#
# - At batch 256: below how many percent of the weights is CSR faster than dense?
# - At batch 1?
#
# Two numbers in percent; 0 means never.

# %% tags=["prediction"]
my_break_even_256 = 10  # such as 10
my_break_even_1 = 30

# %% [markdown]
# ## Run
#
# `bench.break_even` times CSR and dense in turns, on random inputs, for each ticket and each batch size. A number is time
# of CSR over time of dense: below 1, CSR is faster. We do it for the tickets of every seed.

# %%
shape = (1, 28, 28)
rows = []
for s in seeds:
    masks = [r.mask for r in tickets[s][1:]]
    timed = bench.break_even(
        model, masks, shape=shape, batches=(1, 256), repetitions=turns
    )
    rows += [row | {"seed": s} for row in timed]

# %%
table = lth.Table(
    {
        "batch": "d",
        "weights left (%)": ".1f",
        "CSR (µs)": ",.0f",
        "dense (µs)": ",.0f",
        "CSR / dense": ".2f",
        "quartiles": "",
    },
    keys=2,
)
for row in sorted(
    (row for row in rows if row["seed"] == 0), key=lambda row: row["batch"]
):
    times = 1e6 * row["seconds"], 1e6 * row["dense_seconds"], row["ratio"]
    quartiles = f"[{row['low']:.2f}, {row['high']:.2f}]"
    table.add(row["batch"], 100 * row["density"], *times, quartiles)
table

# %% [markdown]
# The list is for seed 0, with quartiles over the turns. The picture has all seeds; each has a small dot of its own, to
# the right of the marker, and often the dots fall on each other. Where does each line cross 1, if it does?

# %%
here = f"{data.device}, 1 thread, {lth.storage.processor()}"
stamp = (
    f"LeNet-300-100, tickets of {len(seeds)} seeds, {turns} turns each, tier "
    f"{lth.tier()}, {here}"
)
lth.plots.show(
    lth.plots.break_even(rows, stamp=stamp), alt=lth.plots.describe_break_even(rows)
)

# %% [markdown]
# ### Exercise 11.3: the break-even density · hard · seven lines · 15 minutes
#
# Read the crossing off the table. Start at the smallest density and go up until the ratio is 1 or more for the first
# time. Between that measurement and the one you visited just before it (the next smaller density), draw a straight line,
# and return the density at which it is 1. (A straight line on plain axes, not on the logarithmic ones of the picture: the
# dense time does not depend on the density, and where there is much to compute, the sparse time grows with the number of
# weights.) If the ratio is 1 or more at the smallest density already, return 0.0: never shown to be faster. If it is
# below 1 everywhere, return the largest density.
#
# Expected: `break_even_density([0.4, 0.2], [1.5, 0.5])` is `0.3`. Densities fall, as in the tables.


# %% exercise="11.3"
def break_even_density(densities, ratios):
    """The density below which the sparse form is faster.

    densities: fractions of weights kept, falling. ratios: sparse time over dense time
    at each of them.
    """
    # BEGIN SOLUTION
    points = list(zip(densities, ratios, strict=True))[::-1]
    if points[0][1] >= 1:
        return 0.0
    for (d, r), (d_next, r_next) in zip(points, points[1:], strict=False):
        if r_next >= 1:
            return d + (1 - r) / (r_next - r) * (d_next - d)
    return densities[0]
    # END SOLUTION


# %%
check("11.3", break_even_density)

# %%
break_even_density_ = use("11.3", break_even_density)
crossings, never = {}, {}
table = lth.Table(["batch", "even at (% of the weights)", "never"])
for batch in (256, 1):
    mine = {
        s: [row for row in rows if (row["batch"], row["seed"]) == (batch, s)]
        for s in seeds
    }
    each = [
        break_even_density_([r["density"] for r in m], [r["ratio"] for r in m])
        for m in mine.values()
    ]
    even = [
        100 * d for d in each if d > 0
    ]  # 0.0 means never, and a mean with it would be no density
    never[batch] = len(each) - len(even)
    crossings[batch] = evidence.interval(even or [0.0], within=evidence.PERCENT)
    listed = ", ".join(f"{d:.1f}" for d in even) or "no density"
    table.add(batch, listed, f"{never[batch]} of {len(each)} seeds")
table

# %% [markdown]
# Your predictions beside it. The small dots are the tickets that have a break-even density ("never" counts those that
# have none, and stands at 0 if no ticket has one), all timed on this machine in one minute. Three of them give no interval
# that says more than they do. A second run may lie outside of them too, and another machine far outside.

# %%
guesses = {256: my_break_even_256, 1: my_break_even_1}
points = []
for batch, guess in guesses.items():
    without = f", never: {never[batch]} of {len(seeds)}" if never[batch] else ""
    points.append((f"batch {batch}{without}", guess, crossings[batch]))
unit = "% of the weights at which CSR and dense are even"
lth.plots.show(
    lth.plots.predicted(points, unit=unit, stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit=unit),
)

# %% [markdown]
# Why is the batch size so important? At batch 1 there is next to nothing to compute. In the list above, the sparse times
# at batch 1 stop falling: what is left is the time to call the operations; we think that a sparse call has more to
# prepare than a dense one, but did not measure it. At batch 256 every column that was looked up is used 256 times.
#
# ### Operations are not time
#
# Papers often count operations. The next cell puts the count beside the clock, for the sparsest ticket of every seed. If
# operations were time, the columns would be equal.

# %%
dense_ops = lth.costs.forward_flops(model, shape)
table = lth.Table(
    {"batch": "d", "times fewer operations": ".0f", "times as fast": ".2f[]", "n": "d"},
    title="The sparsest tickets",
)
for batch in (256, 1):
    last = {
        row["seed"]: row for row in rows if row["batch"] == batch
    }  # the last row of a seed is its sparsest ticket
    fewer = evidence.interval(
        [
            dense_ops / lth.costs.forward_flops(model, shape, mask=tickets[s][-1].mask)
            for s in seeds
        ]
    )
    faster = evidence.interval(
        [1 / last[s]["ratio"] for s in seeds], within=evidence.POSITIVE
    )
    table.add(batch, fewer.mean, faster, faster.n)
table

# %% question="11.Q3"
quiz("11.Q3", "b")

# %% [markdown]
# ## A better dense competitor
#
# "Faster than dense" depends on which dense. Perhaps you do not need a sparse network but a better program for the dense
# one. ONNX is a file format for networks that many programs run; onnxruntime is one of them. It needs packages that a
# plain install of the course does not have. Where they are missing, the cell prints the line that installs them, and the
# lesson goes on.
#
# Two things on the sparsest ticket of seed 0, each against torch's dense product: CSR; and the *dense* network, zeros and
# all, in onnxruntime on one thread.

# %%
forms = {"CSR": export.to_csr}
missing = export.missing_for_onnx() or (
    "" if data.device.type == "cpu" else "The ONNX file is timed on a CPU only."
)
if missing:
    print(missing)
else:
    file = export.to_onnx(model, path.with_name("ticket.onnx"), shape=shape)
    difference = (export.run_onnx(file)(images) - model(images).detach()).abs().max()
    print(
        f"ONNX file: {file.stat().st_size / 1000:.0f} kB; largest difference of "
        f"outputs {difference:.1e}"
    )

    def in_onnxruntime(model, mask):
        return export.run_onnx(file, threads=1)

    forms["onnxruntime, dense"] = in_onnxruntime
# %%
timed = bench.break_even(
    model, [ticket.mask], shape=shape, variants=forms, repetitions=turns
)
table = lth.Table(
    {"batch": "d", "form": "", "of torch's dense time": ".2f", "quartiles": ""}, keys=2
)
for row in timed:
    quartiles = f"[{row['low']:.2f}, {row['high']:.2f}]"
    table.add(row["batch"], row["name"], row["ratio"], quartiles)
table

# %% [markdown]
# Look at the size of the file first: the zeros are in it, each of them. Then compare "onnxruntime, dense" with 1. The
# smaller of the two is the time that CSR has to beat if you can choose between the two programs. The break-even density
# above was found against torch's own dense product. Where is it against the better of the two dense programs? Divide the
# ratios of CSR (seed 0, batch 256) by that of onnxruntime and read the crossing again.

# %%
dense_forms = [
    row["ratio"]
    for row in timed
    if row["batch"] == 256 and row["name"] == "onnxruntime, dense"
]
best_dense = min([1.0, *dense_forms])  # 1.0 is torch's
curve = [row for row in rows if (row["batch"], row["seed"]) == (256, 0)]
table = lth.Table({"even with": "", "at (% of the weights)": ".1f"})
for name, its_time in (
    ("torch's dense product", 1.0),
    ("the better dense program", best_dense),
):
    ratios = [row["ratio"] / its_time for row in curve]
    even = break_even_density_([row["density"] for row in curve], ratios)
    table.add(name, 100 * even)
table

# %% [markdown]
# If onnxruntime is missing, or no faster than torch, the two lines are equal. If it is faster, the second density is
# smaller: CSR has to be sparser to win. The ticket did not change, only what it is compared with.
#
# ## Cut out what cannot matter
#
# Zeros at scattered places need CSR. But if *all* weights into a unit are removed, or all weights out of it, the whole
# unit can go, with one correction that exercise 11.5 makes. Then the outputs are the same, up to rounding. What is left
# is a smaller dense network, and no special program is needed to run it.
#
# ### Exercise 11.4: dead units · medium · two lines · 8 minutes
#
# Between two layers lie hidden units. Which of them have no incoming weight, or no outgoing weight? In the mask before
# them a unit is a row, in the mask after them a column.
#
# Expected: with `incoming = [[1, 0], [0, 0], [0, 1]]` and `outgoing = [[1, 1, 1]]` (as bools) it is `[1]`: unit 1 has no
# input.


# %% exercise="11.4"
def dead_units(incoming, outgoing):
    """Rising list of the units without any incoming or without any outgoing weight.

    incoming: bool [units, inputs]. outgoing: bool [outputs, units].
    """
    # BEGIN SOLUTION
    dead = ~incoming.any(dim=1) | ~outgoing.any(dim=0)
    return dead.nonzero().flatten().tolist()
    # END SOLUTION


# %%
check("11.4", dead_units)

# %%
dead_units_ = use("11.4", dead_units)
table = lth.Table({"weights left (%)": ".1f", "dead, of 300": "d", "dead, of 100": "d"})
for r in tickets[0]:
    m = r.mask
    first, second = (
        dead_units_(m["fc1.weight"], m["fc2.weight"]),
        dead_units_(m["fc2.weight"], m["fc3.weight"]),
    )
    table.add(100 * r.density, len(first), len(second))
mute = (~ticket.mask["fc2.weight"].any(dim=0)).sum().item()
table.note(f"of the {len(first)} in the last row, {mute} have no output")
table

# %% [markdown]
# A unit without *output* can simply go: nobody reads it. A unit without *input* is not silent, though. Its value is
# relu(bias), the same for every image, and the next layer uses it. Before the unit is removed, this constant has to be
# added to the biases of the next layer.
#
# ### Exercise 11.5: fold a constant · medium · two lines · 10 minutes
#
# Return the biases of the next layer after the units *without input* have been taken out. Return a new tensor; do not
# change `next_bias`. Biases are vectors, `next_weight` and `incoming` are matrices. Biases and weights are float tensors
# of one type.
#
# Expected: with `bias = [2., 1.]`, `incoming = [[0], [1]]`, `next_weight = [[3., 5.]]` and `next_bias = [10.]` it is
# `[16.]`: unit 0 handed on 2, and the next layer takes it three times.


# %% exercise="11.5"
def folded_bias(bias, incoming, next_weight, next_bias):
    """The next layer's biases, to which the constants of the units without input are
    added.

    bias: [units]. incoming: bool [units, inputs]; ReLU follows. next_weight: [outputs,
    units]. next_bias: [outputs].
    """
    # BEGIN SOLUTION
    empty = ~incoming.any(dim=1)
    return next_bias + next_weight[:, empty] @ torch.relu(bias[empty])
    # END SOLUTION


# %%
check("11.5", folded_bias)

# %% [markdown]
# First a case where the outputs do change: in the *trained dense* network of seed 0 we remove, by hand, all inputs of the
# first 20 units of the second layer. Then these units are taken out, once without folding and once with it. Which of the
# two leaves the outputs as they were?

# %%
import torch.nn.functional as F

folded_bias_ = use("11.5", folded_bias)
other = lth.models.lenet_300_100(seed=0).to(data.device)
tickets[0][0].trained.restore(other)
cut = {name: kept.clone() for name, kept in lth.Mask.ones(other).items()}
cut["fc2.weight"][:20] = False
lth.Mask(cut).apply_(other)

# %%
p = {name: value.detach() for name, value in other.named_parameters()}
first = torch.relu(F.linear(images.flatten(1), p["fc1.weight"], p["fc1.bias"]))
second = torch.relu(F.linear(first, p["fc2.weight"], p["fc2.bias"]))
outputs = F.linear(second, p["fc3.weight"], p["fc3.bias"])

# %%
gone = dead_units_(cut["fc2.weight"], cut["fc3.weight"])
stay = [unit for unit in range(100) if unit not in gone]
folded = folded_bias_(p["fc2.bias"], cut["fc2.weight"], p["fc3.weight"], p["fc3.bias"])
table = lth.Table(
    {"bias": "", "outputs change by at most": ".1e"},
    title=f"{len(gone)} units taken out",
)
for name, bias in (("without folding", p["fc3.bias"]), ("folded", folded)):
    smaller = F.linear(second[:, stay], p["fc3.weight"][:, stay], bias)
    table.add(name, (smaller - outputs).abs().max())
table

# %% [markdown]
# Now the ticket. Look at the biases of those units of its second layer that have no input and are still read.

# %%
m = ticket.mask
empty = ~m["fc2.weight"].any(dim=1) & m["fc3.weight"].any(dim=0)
print("their biases:", model.get_parameter("fc2.bias").detach()[empty].tolist())

# %% [markdown]
# If there are any, they are exactly 0. Our networks begin with biases of 0, and rewinding brings them back to it. A unit
# without input then stands at 0, at the corner of ReLU, where torch takes the gradient as 0; so training never moves its
# bias. The tickets of this lesson therefore need no folding. A mask on trained weights can need it, and so can a network
# whose biases begin elsewhere, as those of `torch.nn.Linear` do.
#
# `export.compact` does this for all layers, and again until nothing changes, since a unit that goes may leave another
# without input or output.
#
# ### Predict
#
# The tickets keep about 1.6 % of the weights. How many percent of the *dense* network's weights does the compacted
# network still have (counted with its zeros)?

# %% tags=["prediction"]
my_percent_after_compaction = 20  # such as 20

# %%
compacted = {}
table = lth.Table(
    {
        "seed": "d",
        "units, instead of 300, 100, 10": "",
        "largest difference of outputs": ".1e",
    }
)
for s in seeds:
    source = lth.models.lenet_300_100(seed=s).to(data.device).eval()
    tickets[s][-1].trained.restore(source)
    compacted[s] = export.compact(source, tickets[s][-1].mask)
    widths = [
        layer.out_features
        for layer in compacted[s]
        if isinstance(layer, torch.nn.Linear)
    ]
    off = (compacted[s](images) - source(images)).abs().max()
    table.add(s, ", ".join(map(str, widths)), off)
table

# %%
left = evidence.interval(
    [
        100 * lth.models.count_weights(c) / lth.models.count_weights(model)
        for c in compacted.values()
    ],
    within=evidence.PERCENT,
)
points = [("weights after compaction", my_percent_after_compaction, left)]
stamp = (
    f"LeNet-300-100, tickets of {len(seeds)} seeds with {100 * ticket.density:.1f} "
    f"% of the weights, tier {lth.tier()}"
)
lth.plots.show(
    lth.plots.predicted(points, unit="% of the dense network's weights", stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit="% of the dense network's weights"),
)

# %% [markdown]
# The same with more and smaller rounds: the masks of the run that came with the course, where each of 20 rounds removed a
# fifth (one seed). We put them on the weights of our own network; only the mask decides how many units stay.

# %%
from lthkit.runs import experiments

folder = experiments.recorded("winning-ticket")
table = lth.Table(
    {"round": "d", "kept (%)": ".1f", "after compaction (%)": ".1f"}, title="Recorded"
)
for level in (7, 12, 15, 18, 20):
    recorded = experiments.load_mask(folder, seed=0, level=level)
    part = lth.models.count_weights(
        export.compact(model, recorded)
    ) / lth.models.count_weights(model)
    table.add(level, 100 * recorded.density, 100 * part)
table

# %% question="11.Q4"
quiz("11.Q4", "a")

# %% [markdown]
# Practically none lacks an *input*, and still our sparsest tickets have dead units. In the run of the solved edition, all
# of those in the first layer lack an *output*: the second layer has only 100 rows, and at 1.6 % a column of 100 keeps 1.6
# weights on average. A random mask would leave a fifth of such columns empty (0.984 to the power of 100).
#
# Magnitude pruning removes single weights wherever they are small, and it does not aim at units. So most units keep a few
# weights, and the dense rest stays large. If the goal is a small *dense* network, one has to remove whole units or
# channels from the start; that is called **structured pruning**. We did not test how sparse such masks can be at the same
# accuracy.
#
# And what does compaction bring in time? Here are all tickets, at batch 256, beside the weights that were left.

# %%
ratios = []
for s in seeds:
    row = bench.break_even(
        model,
        [tickets[s][-1].mask],
        shape=shape,
        batches=(256,),
        variants={"compacted": export.compact},
        repetitions=turns,
    )[0]
    ratios.append(row["ratio"])
b = evidence.interval(ratios, within=evidence.POSITIVE)
print(
    f"time over dense time: {b.said('.2f')}, n = {b.n} tickets; "
    f"weights left: {left.mean / 100:.2f}"
)

# %% [markdown]
# Compare the two numbers. Both networks are dense, so fewer operations should mean less time here, by about the same
# factor.
#
# ## What hardware wants: 2:4
#
# Some GPUs skip zeros, but only in one pattern: of every four neighbouring weights in a row at most two may be kept
# (**2:4 sparsity**; NVIDIA, compute capability 8.0 and newer, in half precision). Our own tickets were not made for it.
# Do they fit by accident?

# %%
fit = [
    (m.reshape(-1, 4).sum(1) <= 2).float().mean().item()
    for m in (t.mask["fc1.weight"] for t in tickets[0])
]
lth.Table(
    {"weights left (%)": ".1f", "groups of four that fit, first layer (%)": ".1f"},
    [(100 * r.density, 100 * part) for r, part in zip(tickets[0], fit, strict=True)],
)

# %% [markdown]
# A very sparse ticket fits nearly everywhere. It gains nothing from being sparser than half: the hardware stores and
# multiplies two of four, whether they are 0 or not, so twice as fast is the limit. `export.two_four` makes such a mask;
# the next cell times it, if there is a GPU for it.

# %%
print(export.two_four(torch.tensor([[0.9, 0.1, 0.5, 0.2, 0.3, 0.3, 0.8, 0.3]])).int())
why_not = export.no_semi_structured(data.device)
print(why_not or torch.cuda.get_device_name())
if not why_not:
    table = lth.Table({"batch": "d", "of the dense time": ".2f", "quartiles": ""})
    for row in bench.semi_structured(4096, 4096, device=data.device, repetitions=turns):
        table.add(row["batch"], row["ratio"], f"[{row['low']:.2f}, {row['high']:.2f}]")
    table.show()

# %% [markdown]
# ## Training: compute only for what is kept
#
# So far we *used* a finished ticket. Now we *train* one. The usual way is to compute everything and to multiply by the
# mask. Then a ticket with 2 % of the weights trains no faster than the dense network. What would it take to do better?
#
# In a training step, a layer needs three matrix products. Let images be columns: `X` is [inputs, images] and `W` is
# [units, inputs]. A third matrix, `delta` [units, images], says how the loss changes with each output of the layer. (The
# loss is a mean over n images, and `delta` has its 1/n already.)
#
# | product | dense | what a ticket needs of it |
# |---|---|---|
# | forward | `W @ X` | multiplications by the kept weights |
# | gradient of the inputs | `W.T @ delta` | multiplications by the kept weights |
# | gradient of the weights | `delta @ X.T` | the results at the kept places |
#
# In the first two, a *factor* is sparse, as in exercise 11.2. The third is of another kind. Both factors are dense, and
# few of the *results* are wanted. Then comes the optimizer. Adam holds two numbers for each weight, and those of removed
# weights are never needed.
#
# Here is the third product for the small layer of the beginning, with two images:

# %% tags=["nbval-check-output"]
delta = torch.tensor(
    [[1.0, 0.0], [-1.0, 2.0], [0.5, 0.5], [0.0, 1.0]]
)  # 4 units, 2 images
entering = torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, 1.0]])  # 3 inputs, 2 images
print("kept:", (weight != 0).int().tolist())
print(delta @ entering.T)
print("at the kept places:", (delta @ entering.T)[weight != 0])
print("the last of them alone:", delta[3] @ entering[2])

# %% [markdown]
# The whole product has twelve numbers. The mask throws seven of them away. But each number is a sum of its own: the
# gradient of the weight in row 3, column 2 is row 3 of `delta` times row 2 of the inputs. So nobody has to compute the
# seven.
#
# ### Exercise 11.6: the gradient at the kept places · medium · two lines · 10 minutes
#
# Return the gradients of the kept weights, one after another, row by row, as in CSR. Do it without the whole product. The
# check sees your numbers only, so it cannot see how you came to them. All three are matrices; `delta` and `inputs` are
# float tensors of one type. If nothing is kept, the answer is an empty vector.
#
# Expected: with `delta = [[1.], [2.]]`, `inputs = [[3.], [5.]]` and `kept = [[1, 0], [1, 1]]` (as bools) it is
# `[3., 6., 10.]`.


# %% exercise="11.6"
def kept_gradient(delta, inputs, kept):
    """The entries of delta @ inputs.T where kept is True, row by row: a tensor [number
    of kept weights].

    delta: [units, images]. inputs: [inputs, images]. kept: bool [units, inputs].
    """
    # BEGIN SOLUTION
    units, columns = kept.nonzero(as_tuple=True)
    return (delta[units] * inputs[columns]).sum(dim=1)
    # END SOLUTION


# %%
check("11.6", kept_gradient)

# %% [markdown]
# Now the first layer of the sparsest ticket, with a batch of 60:

# %%
kept_gradient_ = use("11.6", kept_gradient)
kept = ticket.mask["fc1.weight"].cpu()
delta, entering = torch.randn(300, 60), torch.rand(784, 60)
at_kept = kept_gradient_(delta, entering, kept)
off = (at_kept - (delta @ entering.T)[kept]).abs().max()
print(
    f"{len(at_kept):,} gradients instead of {kept.numel():,}; largest difference from "
    f"the whole product: {off:.1e}"
)

# %% [markdown]
# ### The three products, measured
#
# torch has the third product as `torch.sparse.sampled_addmm`: it fills a CSR matrix that says where. For the second, the
# transposed matrix needs a CSR of its own, because rows become columns. It is the same pattern, read the other way: made
# once, as the mask does not change. Whether the products can be done here depends on how torch was built, and for which
# processor. If the next cell gives a reason why not, the cells of this part print it and go on.

# %%
from lthkit.pruning.compressed import csr
from lthkit.training.choices import no_sparse

why_no_csr = no_sparse(data.device)
print(why_no_csr or "sparse products for training: yes")


# %%
def three_products(kept, batch):
    """Name -> (dense, sparse). Dense has images as rows, like torch.nn.Linear; sparse
    has them as columns."""
    units, inputs = kept.shape
    w, x = torch.randn(units, inputs) * kept, torch.rand(batch, inputs)
    delta = torch.randn(batch, units)
    x_columns, delta_columns = x.T.contiguous(), delta.T.contiguous()
    sparse = csr(*compressed_rows(w, kept), kept.shape)
    turned = csr(*compressed_rows(w.T, kept.T), kept.T.shape)
    where = csr(*compressed_rows(w, kept), kept.shape)

    def sampled(_):
        return torch.sparse.sampled_addmm(
            where, delta_columns, x_columns.T, beta=0.0, out=where
        )

    return {
        "forward": (lambda _: x @ w.T, lambda _: sparse @ x_columns),
        "input gradient": (lambda _: delta @ w, lambda _: turned @ delta_columns),
        "weight gradient": (lambda _: delta.T @ x, sampled),
    }


# %% [markdown]
# First right, then fast. Each form has the layout that suits it: the dense one was faster with images as rows.

# %%
table = lth.Table({"product": "", "largest difference": ".1e"})
for name, (dense, sparse_form) in (
    {} if why_no_csr else three_products(kept, 60).items()
):
    expected, got = dense(None), sparse_form(None)
    if got.layout == torch.sparse_csr:
        expected, got = expected[kept], got.values()
    else:
        expected = expected.T
    table.add(name, (got - expected).abs().max())
print(why_no_csr) if why_no_csr else table.show()


# %%
def time_products(kept, batch):
    found = []
    for name, (dense, sparse) in three_products(kept, batch).items():
        row = {"name": name, "batch": batch, "density": kept.float().mean().item()}
        found.append(row | bench.against(sparse, dense, kept, repetitions=turns))
    return found


timed_products = []
for s in [] if why_no_csr else seeds:
    for t in tickets[s][1:]:
        timed_products += [
            row | {"seed": s} for row in time_products(t.mask["fc1.weight"], 60)
        ]

# %% [markdown]
# A line for each product, all of the first layer, at the densities that our tickets have there. (In a training, the first
# layer needs only two of the three, because nobody asks for a gradient of the images. The second layer needs all.) The
# line at 1 is the dense product. Where
# do the lines cross 1? Which of the three products gains least?

# %%
stamp = (
    f"300 × 784, tickets of {len(seeds)} seeds, {turns} turns each, tier "
    f"{lth.tier()}, {here}"
)
if timed_products:
    lth.plots.show(
        lth.plots.break_even(timed_products, stamp=stamp),
        alt=lth.plots.describe_break_even(timed_products),
    )
table = lth.Table(
    {"product": "", "times as fast": ".1f[]", "n": "d"},
    title="The sparsest tickets, all seeds",
)
for name in dict.fromkeys(row["name"] for row in timed_products):
    sparsest = [row for row in timed_products if row["name"] == name][
        5::6
    ]  # six tickets for each seed
    b = evidence.interval(
        [1 / row["ratio"] for row in sparsest], within=evidence.POSITIVE
    )
    table.add(name, b, b.n)
print(why_no_csr) if why_no_csr else table.show()

# %% question="11.Q5"
quiz("11.Q5", "c")

# %% [markdown]
# ### Predict
#
# Now whole trainings: batches drawn and normalised, all layers, biases, activations, Adam, and the validation and the test
# split at the end. The sparsest tickets keep about 1.6 % of the weights. You have just seen what the products of
# their first layer gain. How many times as fast is their **whole training**, compared with the masked dense one?

# %% tags=["prediction"]
my_times_as_fast = 3  # such as 3

# %% [markdown]
# ### Run
#
# `lth.train` has both ways. `Choice(sparse=True)` trains with the products above, and with gradients and optimizer state
# of the kept weights only. It does so in each layer where that was found to pay: a table by size and density says which
# (`SPARSE_BELOW` in `lthkit/training/choices.py`). In all else the two ways are the same, one thread included. The tickets of
# every seed, from a quarter of the weights on, are trained in both ways, in turns.

# %%
from dataclasses import replace
from functools import partial

length = lth.by_tier(smoke=5, laptop=200, gpu=200)
masked_dense = lth.training.Choice(threads=1, written_out=True)
ways = {"masked dense": masked_dense, "sparse": replace(masked_dense, sparse=True)}


# %%
def both_ways(seed, mask, recipe):
    """Train a ticket in both ways, in turns. A timing for each, and (result, network)
    for each."""
    made = {}

    def training(name):
        net = lth.models.lenet_300_100(seed=seed)
        made[name] = (
            lth.train(
                net, data, mask=mask, seed=seed, recipe=recipe, choice=ways[name]
            ),
            net,
        )

    work = {name: partial(training, name) for name in ways}
    return bench.interleaved(
        work, repetitions=lth.by_tier(smoke=1, laptop=3, gpu=3), warmups=0
    ), made


# %%
trainings = []
for s in [] if why_no_csr else seeds:
    for t in tickets[s][2:]:
        timings, made = both_ways(
            s, t.mask, lth.Recipe(steps=length, evaluate_every=length)
        )
        (dense_result, dense_net), (sparse_result, sparse_net) = made.values()
        pairs = zip(dense_net.parameters(), sparse_net.parameters(), strict=True)
        trainings.append(
            {
                "seed": s,
                "density": t.density,
                "seconds": [timing.time.median for timing in timings],
                "ratio": timings[1].ratio.median,
                "layers": [
                    name.removesuffix(".weight") for name in sparse_result.sparse
                ],
                "difference": max((a - b).abs().max().item() for a, b in pairs),
                "accuracy": [
                    100 * result.test_accuracy
                    for result in (dense_result, sparse_result)
                ],
            }
        )

# %%
table = lth.Table(
    {
        "weights left (%)": ".1f",
        "dense (s)": ".2f",
        "sparse (s)": ".2f",
        "times as fast": ".2f[]",
        "accuracy, dense (%)": ".2f",
        "accuracy, sparse (%)": ".2f",
        "largest difference": ".1e",
        "sparse layers": "",
    },
    notes=[f"{length} steps; means over {len(seeds)} seeds; dense is masked dense"],
)
for density in dict.fromkeys(row["density"] for row in trainings):
    at = [row for row in trainings if row["density"] == density]
    b = evidence.interval([row["ratio"] for row in at], within=evidence.POSITIVE)
    seconds = (sum(row["seconds"][i] for row in at) / len(at) for i in (0, 1))
    accuracies = (sum(row["accuracy"][i] for row in at) / len(at) for i in (0, 1))
    off, layers = max(row["difference"] for row in at), ", ".join(at[0]["layers"])
    table.add(100 * density, *seconds, b, *accuracies, off, layers or None)
table.note("largest difference: of the final weights, over all seeds")
print(why_no_csr) if why_no_csr else table.show()

# %% [markdown]
# Read the first line as a test of the measurement. There no layer is sparse enough for the table, so both ways are the
# same program: the ratio should be near 1 and the difference 0. From the next line on, the numbers are added up in another
# order. Most differences of the final weights are then as small as rounding, but a single weight may differ by far more. We looked at
# two such weights: in the first step their gradient was nothing but rounding. Adam divides a gradient by its own
# size, so it makes a visible step even of that. Compare the accuracies of a line: the training is the same one, and it costs less. Your
# prediction beside the last line:

# %%
last_density = tickets[0][-1].density
speedups = [row["ratio"] for row in trainings if row["density"] == last_density]
if speedups:
    unit = "times as fast as masked dense training"
    measured = evidence.interval(speedups, within=evidence.POSITIVE)
    points = [
        (f"{100 * last_density:.1f} % of the weights", my_times_as_fast, measured)
    ]
    stamp = (
        f"LeNet-300-100, tickets of {len(seeds)} seeds, {length} steps, batch 60, tier "
        f"{lth.tier()}, {here}"
    )
    lth.plots.show(
        lth.plots.predicted(points, unit=unit, stamp=stamp),
        alt=lth.plots.describe_predicted(points, unit=unit),
    )
else:
    print(why_no_csr)

# %% [markdown]
# ### Where the rest of the time is
#
# The whole gains much less than the products do. Amdahl said in 1967 why: if only a part of the work becomes faster, the
# part that stays soon takes most of the time. (G. Amdahl, AFIPS Spring Joint Computer Conference 1967. He spoke of
# parallel computers.) We take a training step apart, with the sparsest ticket of seed 0: the clock is read before and after
# two of its parts.

# %%
from time import perf_counter


def clocked(function, times):
    """The function, which from now on writes down how long each of its calls takes."""

    def wrapped(*arguments):
        begun = perf_counter()
        result = function(*arguments)
        times.append(perf_counter() - begun)
        return result

    return wrapped


# %%
def watched(recipe):
    """For both ways a step that writes down its times, and what it writes into."""
    made, updates = {}, {}
    times: dict[str, dict[str, list[float]]] = {}
    for name, way in ways.items():
        net = lth.models.lenet_300_100(seed=0)
        update = lth.training.updater(
            net, data, recipe=recipe, masks=[ticket.mask], seeds=[0], choice=way
        )
        parts = times[name] = {"forward, gradients": [], "Adam": [], "a step": []}
        for holder, method, part in (
            (update, "gradients", "forward, gradients"),
            (update.optimizer, "step", "Adam"),
        ):
            setattr(holder, method, clocked(getattr(holder, method), parts[part]))
        made[name], updates[name] = update, clocked(update, parts["a step"])
    return made, updates, times


# %%
def step_apart(recipe):
    """The parts of one step for both ways, timed in turns of twenty steps."""
    made, updates, times = watched(recipe)
    for _ in range(turns):
        for one_step in updates.values():
            for step in range(20):
                one_step(step)
    for parts in times.values():
        calls = zip(
            parts["a step"], parts["forward, gradients"], parts["Adam"], strict=True
        )
        parts["all else"] = [whole - first - second for whole, first, second in calls]
    return made, times


# %%
def show_step_apart(recipe):
    """Show the median times, and return that of a sparse step."""
    made, times = step_apart(recipe)
    held = [update.held_bytes() / 1e6 for update in made.values()]
    table = lth.Table(
        {"part of a step": "", "dense (µs)": ",.0f", "sparse (µs)": ",.0f"},
        notes=[
            f"held beside data and activations: {held[0]:.2f} MB dense, {held[1]:.2f} "
            f"MB sparse"
        ],
    )
    for part in ("forward, gradients", "Adam", "all else", "a step"):
        both = (
            1e6 * torch.tensor(parts[part]).median().item() for parts in times.values()
        )
        table.add(part, *both)
    table.show()
    return 1e6 * torch.tensor(times["sparse"]["a step"]).median().item()


# %%
if why_no_csr:
    print(why_no_csr)
else:
    sparse_step = show_step_apart(lth.Recipe())
    alone = time_products(ticket.mask["fc1.weight"], 60)
    alone = [
        row for row in alone if row["name"] != "input gradient"
    ]  # which the first layer does not need
    alone += time_products(ticket.mask["fc2.weight"], 60)
    dense_alone, sparse_alone = (
        1e6 * sum(row[key] for row in alone) for key in ("dense_seconds", "seconds")
    )
    print(
        f"the products of fc1 and fc2 alone: {dense_alone:.0f} µs dense, "
        f"{sparse_alone:.0f} µs sparse"
    )
    faster_still = sparse_step / (sparse_step - sparse_alone)
    print(
        f"if the sparse ones took no time at all: a step {faster_still:.2f} times as "
        f"fast as now"
    )

# %% [markdown]
# Compare the last line with 1: not much is left to win in the products. The gain of the step comes from two places, the
# products and Adam. What stays is the rest of "forward, gradients": images are copied into columns, and there are biases,
# activations, the loss, the small output layer, and many small calls of torch. These do not depend on how many weights are
# kept. (The products alone were timed again and again on the same numbers, which then lie close to the processor. Inside
# a step they may take longer.)
#
# Multiply a step by the number of steps, and compare with the seconds of a training above. What is missing is the
# evaluations, and they shrink less than a step does. So a whole training gains less than its steps.
#
# ### Where it is still not fast: batch 1
#
# The same three products with a single image, for the tickets of seed 0. (1 is the time of the dense product.) Compare with the picture above: where is 1
# crossed now, and how much does the sparsest ticket gain? Then the steps taken apart, and whole trainings. From which part
# of the step does their gain come?

# %%
at_one = [
    time_products(t.mask["fc1.weight"], 1) for t in tickets[0][1:] if not why_no_csr
]
if why_no_csr:
    print(why_no_csr)
else:
    lth.Table(
        {"weights left (%)": ".1f", **{row["name"]: ".2f" for row in at_one[0]}},
        [
            (100 * found[0]["density"], *(row["ratio"] for row in found))
            for found in at_one
        ],
        title="Time over dense time, batch 1",
    ).show()

# %%
recipe_at_one = lth.Recipe(batch_size=1, steps=length, evaluate_every=length)
if not why_no_csr:
    show_step_apart(recipe_at_one)
speedups_at_one = []
for s in [] if why_no_csr else seeds:
    timings, _ = both_ways(s, tickets[s][-1].mask, recipe_at_one)
    speedups_at_one.append(timings[1].ratio.median)
if speedups_at_one:
    b = evidence.interval(speedups_at_one, within=evidence.POSITIVE)
    print(
        f"training at batch 1, sparsest tickets: {b.said('.2f')} times as fast, "
        f"n = {b.n}"
    )

# %% [markdown]
# A column that was looked up is now used once, and a call may cost more than what it computes. So the products have to be
# sparser to win, and they win less. In our run, "forward, gradients" gained nothing at all, and the whole gain came from
# Adam. Adam has as much to do for one image as for sixty.
#
# ### Where it hardly pays: convolutions
#
# A convolution can be written as a product too. For each place in each image, take its **patch**: the 3 × 3 numbers of
# every channel that the filter sees. Write the patches side by side as columns. Then the convolution is `W @ patches`, and
# `W` can be in CSR. But the patches have to be written first, nine times as many numbers as the images have. This part
# does not know about the mask.
#
# We take a convolution from 16 channels to 32, filters of 3 × 3, images of 16 × 16, batch 60, and random masks. The patches are written in
# two ways: by `torch.nn.functional.unfold`, and by a copy of our own. All times are divided by that of torch's `conv2d`.


# %%
def our_patches(x):
    """[n, channels, h, w] -> [channels * 9, n * h * w], for filters of 3 x 3 and
    padding 1."""
    # no copy yet
    views = F.pad(x, (1, 1, 1, 1)).transpose(0, 1).unfold(2, 3, 1).unfold(3, 3, 1)
    return views.permute(0, 4, 5, 1, 2, 3).reshape(9 * x.shape[1], -1)


def sparse_convolution(sparse, x):
    # [32, n * h * w]: images stay columns for the next layer
    return sparse @ our_patches(x)


# %%
x = torch.randn(60, 16, 16, 16)
patches = our_patches(x)
print(f"{x.numel():,} numbers in the images, {patches.numel():,} in the patches")
filters = torch.randn(32, 16, 3, 3)
table = lth.Table({"patches alone": "", "of conv2d's time": ".2f", "quartiles": ""})
for name, write in (
    ("torch's unfold", partial(F.unfold, kernel_size=3, padding=1)),
    ("our copy", our_patches),
):
    row = bench.against(
        write, partial(F.conv2d, weight=filters, padding=1), x, repetitions=turns
    )
    table.add(name, row["ratio"], f"[{row['low']:.2f}, {row['high']:.2f}]")
table


# %%
def time_convolution(density):
    kept = (
        torch.rand(filters.shape, generator=torch.Generator().manual_seed(0)) < density
    )
    dense = partial(F.conv2d, weight=filters * kept, padding=1)
    in_csr = csr(*compressed_rows(filters, kept), (32, 144))
    images_back = (
        sparse_convolution(in_csr, x).unflatten(1, (60, 16, 16)).transpose(0, 1)
    )
    assert torch.allclose(images_back, dense(x), atol=1e-4)
    product = bench.against(lambda _: in_csr @ patches, dense, x, repetitions=turns)
    both = bench.against(
        partial(sparse_convolution, in_csr), dense, x, repetitions=turns
    )
    quartiles = f"[{both['low']:.2f}, {both['high']:.2f}]"
    return 100 * kept.float().mean(), product["ratio"], both["ratio"], quartiles


# %%
table = lth.Table(
    {
        "weights left (%)": ".1f",
        "the product alone": ".2f",
        "with the patches": ".2f",
        "quartiles": "",
    },
    title="Time over conv2d's time",
)
for density in () if why_no_csr else (0.25, 0.125, 0.06, 0.03, 0.016):
    table.add(*time_convolution(density))
print(why_no_csr) if why_no_csr else table.show()

# %% [markdown]
# Look at the last line. The product alone takes a small part of the time of `conv2d`. With the patches it takes several
# times as long, and no mask, however sparse, can be faster than the patches alone. With torch's own unfolding, the patches
# alone took longer than `conv2d` in our run: then nothing is left to gain. A better copy made the difference. It is Amdahl
# again, and the weak competitor too: a slow copy would have "shown" that convolutions never pay. We timed the forward
# product only, and `lthkit` trains convolutions dense.
#
# There are ways round the patches: a program that multiplies without writing them (Park et al. 2017), or filters of 1 × 1,
# which have no patches (Elsen et al. 2020). The table further below has what they report. Both wrote their own programs.
#
# ### What it took, and what this does not show
#
# Three things: a layout, one pattern, and less state. With images as columns, torch's sparse products fit one another. One
# pattern of places, read in two directions, serves all three products. Gradients and Adam's averages are held for kept
# weights only. None of these does anything about a mask above the break-even density, and a zero in a dense tensor still
# costs what any other number costs.
#
# We measured float32, one thread of one CPU, and fully connected layers. The table multiplies a layer of 100,000 weights
# or more in CSR below 15 % of them, a layer of 20,000 or more below 8 %, and smaller ones never. So the first trainings of
# a chain of pruning rounds are dense, and gain nothing. GPUs were not measured.

# %% [markdown]
# ## What was published, and what we measured
#
# | what | published | source |
# |---|---|---|
# | torch's sparse product (both matrices sparse, CPU, one thread) beside the dense one | slower at 80 % sparsity (230 ms against 98), faster at 90 % (54 against 105) | [pytorch pull request 51647](https://github.com/pytorch/pytorch/pull/51647), comment of 19 February 2021 |
# | the same on a GPU | slower at 50 % (21.4 ms against 2.24), faster from 90 % on | same |
# | convolutions of AlexNet without writing patches, three Intel processors | 3.1 to 7.3 times as fast as dense ones | [Park et al. 2017](https://arxiv.org/abs/1608.01409), abstract |
# | whole mobile networks, sparse convolutions, one phone (Snapdragon 835) | 1.3 to 2.4 times as fast as dense ones | [Elsen et al. 2020](https://arxiv.org/abs/1911.09723), abstract |
# | 2:4, one linear layer of 10240 × 3072, A100 | 1.38 times as fast | [PyTorch's tutorial](https://pytorch.org/tutorials/advanced/semi_structured_sparse.html) on semi-structured sparsity |
# | 2:4, BERT on question answering | 1.3 times as fast; F1 from 86.92 to 86.48 | same |
# | 2:4, one layer of 4096 × 4096 at batch 1 | 0.11 times as fast, that is nine times slower | [pytorch issue 111339](https://github.com/pytorch/pytorch/issues/111339) |
#
# Ours, in the terms of the first line:

# %%
table = lth.Table(
    {"batch": "d", "even at (% sparsity)": ".0f", "CSR was faster": ""},
    title="LeNet-300-100, sparse weights and dense images",
)
for batch in (256, 1):
    won = len(seeds) - never[batch]
    crossing = 100 - crossings[batch].mean if won else None
    table.add(batch, crossing, f"{won} of {len(seeds)} seeds")
table

# %% [markdown]
# The first line was measured on other matrices, with an older torch, and with *both* matrices sparse, while our images
# are dense; so compare the order of magnitude only. What agrees is the message: with zeros at scattered places, half of
# the weights is too many for a gain. The first line has no batch of one. The last line has one, for another kind of
# sparsity, and there it is a hard case as in our run.
#
# ## Traps
#
# - **Counting zeros and calling it speed.** "98 % fewer operations" is a count. Ask for seconds, the batch size, the
#   threads, and what it was compared with.
# - **The weak competitor.** Sparse code beside a slow dense program looks fast.
# - **The transposed product.** `F.linear(x, csr_weight)` and `csr_weight @ x.T` give the same numbers, and not in the
#   same time. Time such variants on your machine before you blame the format.
# - **A unit without input is not 0** unless its bias happens to be. It hands on relu(bias).
# - **Bools in memory.** `torch.bool` takes a byte for each entry, so a mask in memory is a quarter of the weights, and
#   masked dense training needs *more* memory than training without a mask.
# - **The gain of another part.** At batch 1 a sparse training may be faster although no product is. Take the time apart
#   before you say what made it faster.
#
# ## Summary
#
# - Zeros in a dense tensor cost what other numbers cost. The number of operations falls, the time does not.
# - On disk a ticket is small, but its places have to be written too. In CSR the places take as many bytes as the values.
#   As bits they take more than the values when fewer than 1 in 32 weights are left.
# - CSR begins to pay below a density that depends on the batch size and the machine; your chart has it for yours.
# - Compaction changes no output beyond rounding, and on these tickets it leaves most of the network standing. For small
#   dense networks, prune structures.
# - Training gains too if its three products, its gradients and the optimizer's state are those of the kept weights only.
#   The whole gains less than the products, because the rest of a step does not shrink.
#
# **What this lesson does not tell you.** How a program written for sparse networks would do (there are several for CPUs;
# we measured torch's own products only). How sparse training does on a GPU, on several threads, in half precision, or on a
# processor other than yours. What happens in large networks, where memory and not arithmetic is the limit. How fast it is
# on a phone. And whether a structured ticket can be as good as an unstructured one.
#
# **Next:** [lesson 12](../notebooks/12_broken_tickets.ipynb) is a museum of broken tickets: real bugs of real repositories, to be found and repaired.
#
# [docstrings]
