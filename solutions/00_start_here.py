# %% [markdown]
# # 00 · Start here
#
# **You will** check that this machine can do the course, meet the data, train a first network, and solve a first
# exercise. **Time:** about 15 minutes, of which the computer works one.
#
# [contents]
#
# You need Python and some calculus. You do not need a GPU, and after the installation you do not need a network.

# %% tags=["setup"]

# %% [markdown]
# ## Is the machine ready?
#
# The course stands on one small package, `lthkit`. We import it as `lth`. The cell below says what it found. A GPU is
# welcome but not needed: `device` may well be `cpu`.

# %%
import platform

import torch

import lthkit as lth

print("Python", platform.python_version(), "· torch", torch.__version__)
print("lthkit", lth.__version__, "· tier:", lth.tier())
print("device:", lth.resolve_device("auto"))

# %% [markdown]
# The **tier** is the size of the experiments. `laptop` fits two processor cores: minutes a lesson. `smoke` runs a lesson
# in seconds and shows only that it runs; its numbers mean nothing. `gpu` trains longer, nearer to the published experiments. The
# environment variable `LTHKIT_TIER` chooses. The code is the same in all of them. (A fourth tier, `recorded`, has the sizes of
# `laptop` and reads the longest experiment from a recorded run.)

# %% [markdown]
# ## The data
#
# We work with a part of Fashion-MNIST ([Xiao, Rasul and Vollgraf 2017](https://arxiv.org/abs/1708.07747)): small grey pictures of clothes, in ten classes.
# It comes with the package, so nothing is fetched. Watch the three sizes that the cell prints. (The name of the data tells the number of *training* images.)

# %%
data = lth.load_data("fashion-mnist")
print(data.label, data.shape)
table = lth.Table({"split": "", "images": ",", "numbers": "", "first labels": ""})
for part in ("train", "validation", "test"):
    split = getattr(data, part)
    labels = " ".join(str(label) for label in split.labels[:5].tolist())
    table.add(part, len(split), str(split.images.dtype), labels)
table

# %% [markdown]
# There are three splits, and each has one purpose. We fit the weights on **train**. We make choices, such as when to stop,
# on **validation**. We read **test** once, when a training is over, and report that number. If a choice looks at the test
# split, the reported number is too good.
#
# Here are some training images. Which classes would you confuse?

# %%
lth.plots.show(
    lth.plots.samples(data),
    alt="Six small grey pictures for each of the ten classes of Fashion-MNIST: "
    "T-shirts, trousers, pullovers, dresses, "
    "coats, sandals, shirts, sneakers, bags and ankle boots.",
)

# %% [markdown]
# A shirt, a pullover and a coat look much alike at this size. This is one reason why our accuracies stay well below 100 %.
#
# ## A first network
#
# LeNet-300-100 is a small, classic network that papers on pruning often use: 784 inputs, one for each pixel, then 300 units, 100 units and 10
# outputs. How many **weights** is that? Multiply neighbouring sizes before you run the cell.

# %% tags=["nbval-check-output"]
model = lth.models.lenet_300_100(seed=0)
table = lth.Table({"layer": "", "shape": "", "weights": ","})
for name, weight in lth.prunable(model).items():
    table.add(name, " × ".join(map(str, weight.shape)), weight.numel())
table.add("together", None, sum(w.numel() for w in lth.prunable(model).values()))
table

# %% [markdown]
# The first layer has 88 % of all weights: 235,200 of 266,200. When we remove weights later, most come from there. Biases are
# not counted and never removed, because there are few of them.
#
# Now train such a network, from a new start. An *update*, or *step*, takes one batch of 60 images. The validation loss is measured now and then; the
# *early-stop step* is the step at which it was least.

# %%
steps = lth.by_tier(smoke=40, laptop=1500, gpu=1500)
model = lth.models.lenet_300_100(seed=0)
result = lth.train(model, data, steps=steps, seed=0)
table = lth.Table({"step": ",", "training loss": ".3f", "validation loss": ".3f"})
for point in result.history[:: max(1, len(result.history) // 5)]:
    table.add(point.step, point.train_loss, point.validation_loss)
table.show()
print(
    f"early-stop step {result.best_step}, test accuracy there "
    f"{100 * result.test_accuracy:.1f} %"
)

# %% [markdown]
# The training loss goes on falling. The validation loss falls at first, then stops and wanders: more steps no longer help on
# new images. (In tier `smoke` you see the beginning only.) So we report the accuracy at the early-stop step, not at the
# end.
#
# `lth.train` changes the network that it is given. So the cell makes a new one first: run it twice, and it prints the same numbers. Without that line
# the second training would begin where the first one ended.
#
# ## Run it again
#
# A result that you cannot repeat is a rumour. *Initialisation* (the random first weights) and data order have seeds of their own. With the same seeds, on
# the same machine, a CPU gives the same numbers to the last bit. The next cell makes three comparisons of two short trainings each.


# %% tags=["nbval-check-output"]
def losses(init_seed, order_seed):
    network = lth.models.lenet_300_100(seed=init_seed)
    recipe = lth.Recipe(steps=40, evaluate_every=20)
    return [
        p.validation_loss
        for p in lth.train(network, data, recipe=recipe, seed=order_seed).history
    ]


lth.Table(
    ["second training", "losses are equal"],
    [
        ["same seeds", losses(0, 0) == losses(0, 0)],
        ["other initialisation", losses(0, 0) == losses(1, 0)],
        ["other data order", losses(0, 0) == losses(0, 1)],
    ],
)

# %% [markdown]
# Since the seed changes the result, one training is one draw. So [lesson 01](../notebooks/01_magnitude_pruning.ipynb) trains with three seeds and
# [lesson 05](../notebooks/05_winning_tickets.ipynb) with five, and they show the spread.
#
# ## How exercises work
#
# An exercise is a function to fill in. `check` tests it and says what it found; it never stops the notebook. `use` gives
# you your function once it passes, and a reference until then, so that *Run All* always reaches the end. What `use` gives has a name with a line at its end, such as
# `density_`; later cells call that one. `hint` gives
# one step more each time you call it.
#
# The title of an exercise says how long its solution is. It counts a statement as one line, even if the statement goes over several.
#
# Some rules hold in **every** exercise, so that no text repeats them:
#
# - Arguments stay as they are: work on copies, unless the text says that something is changed.
# - Torch's global random state stays as it is. If your function draws random numbers, make a `torch.Generator` for them.
# - A result has the type of what came in: from a float64 tensor a float64 tensor, unless the text says otherwise. *A
#   float* or *an integer* as a result is a Python number.
# - A *float tensor* may be float16, float32 or float64. A tensor *of any shape* may have no dimension (a single number),
#   one, two or four, and it may be empty.
# - A list or a dict may have one entry. It is empty only where the text says so.
# - `check` tries NaN, infinity and ties (equal numbers) only where the text speaks of them. It tries nothing else that a text does not name.
#
# ### Exercise 00.1: density · easy · one line · 3 minutes
#
# A **mask** is a tensor of True and False with the shape of a weight tensor: True where the weight stays. The **density**
# is the fraction that stays; the **sparsity** is the fraction that was removed. They add up to 1, and papers use both, so
# it pays to say which one you mean. A mask has at least one entry, and it has no dimension, or one, two or four.
#
# Expected: `density(torch.tensor([True, False, False, False]))` is `0.25`.


# %% exercise="00.1"
def density(mask):
    """The fraction of entries of a bool tensor that are True, as a float in [0, 1]."""
    # BEGIN SOLUTION
    return mask.sum().item() / mask.numel()
    # END SOLUTION


# %%
from lthkit.classroom import check, hint, progress, quiz, use

check("00.1", density)

# %%
density_ = use("00.1", density)

# %% [markdown]
# Not passed yet? Read what `check` found, or take a hint: remove the `#` and run the next cell, once for each step.

# %%
# hint("00.1")

# %% [markdown]
# `progress()` shows your passport: what you passed, what you passed with the solution shown (assisted), and what is open. It is a
# file on your own disk, and it is sent nowhere.

# %%
# progress()

# %% [markdown]
# Now use it on a real mask. We keep each weight of the first layer with probability 0.2 and count.

# %%
random_mask = torch.rand(300, 784, generator=torch.Generator().manual_seed(0)) < 0.2
print(f"density {density_(random_mask):.4f}, sparsity {1 - density_(random_mask):.4f}")

# %% [markdown]
# It is near 0.2 but not equal to it: each weight was a coin toss of its own. A method that promises to keep
# exactly 20 % has to count. `lthkit` *removes* exactly `round(fraction × remaining)` weights.
#
# ## When something cuts you off
#
# Save the notebook: your code and your answers are in it. Which exercises you passed and which questions you answered right is in the passport too. Trainings of this course take
# seconds or minutes, and are done again. If you want to keep them too, write `lth.keep_runs("my-runs")` in a cell
# below the one with `import lthkit as lth`. From then on each training is saved while it runs. Stop the kernel, let the laptop sleep, run the notebook
# again from the top: what is finished is read from the folder, and what was cut off goes on where it was. On a CPU it ends with
# the same bits as a training that nobody stopped.
#
# On **Colab** a runtime forgets everything when it ends. Before you begin, write `ready(drive=True)` in place of `ready()` in the last line of the set-up
# cell: it asks for access to your Google Drive and keeps runs and passport there. In a new runtime, *Run all* goes on.
#
# ## Questions
#
# Lessons also ask questions. Put the letter of an option, in quotes, in place of `None`, and run the cell.

# %% question="00.Q1"
quiz("00.Q1", "b")

# %% [markdown]
# ## Summary
#
# - `lth.load_data`, `lth.models`, `lth.train`: data, network, training; network and training have seeds of their own.
# - Choose on validation, report on test, read the test split once.
# - Density is what stays. Sparsity is what is gone.
#
# **What this lesson does not tell you:** whether any of these numbers hold with another seed. One training is an
# example, not evidence.
#
# **Next:** lessons [01](../notebooks/01_magnitude_pruning.ipynb) to [04](../notebooks/04_iterative_pruning.ipynb) build the tools one by one. [Lesson 05](../notebooks/05_winning_tickets.ipynb) puts them together and finds a winning ticket.
#
# [docstrings]
