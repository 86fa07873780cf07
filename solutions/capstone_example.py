# %% [markdown]
# # Capstone, a worked example: does a ticket need the order of its batches?
#
# **You will** read an experiment from the prediction to the verdict, one that did not find what it looked for, and check its record yourself. **Time:** about 40
# minutes; the computer needs less than one, because the run is recorded.
#
# [contents]
#
# The sections are those of the template that `lthkit start capstone` gives you. Take another question than this one.

# %% tags=["setup"]

# %% [markdown]
# ## Question
#
# A ticket is found by training a dense network. That training saw the images in one order, batch by batch, and the mask keeps the weights that
# became large *under this order*. Then the ticket is trained from its initial weights, usually in the same order again. **Does a ticket need the order of the batches in which it
# was found?** If it does, part of what we call a good ticket is a memory of a particular shuffle.

# %%
import lthkit as lth
from lthkit import evidence
from lthkit.runs import checks, experiments, outcome, read_plan

folder = experiments.recorded("capstone")
plan = read_plan(folder)
print(lth.filled(plan.question))

# %% [markdown]
# ## What is known
#
# - [Grosse and Backes (2020)](https://arxiv.org/abs/2006.07014) find several tickets in one network with the same initial weights; with less randomness in training they
#   overlap more than by chance (abstract read). So the order leaves a mark on the *mask*. That the ticket trains better in this order does not follow.
# - [Frankle et al. (2020)](https://arxiv.org/abs/1912.05671) train copies of a network in different orders and look at the path between them. LeNet ends in one valley from the
#   start (read in notes of others, not in the paper). This speaks against a large effect here.
# - An experiment that trains one ticket in its own order and in another one, with seeds and an interval: not known to us. We did not find one, which does not mean that there is none.
#
# ## Prediction
#
# We predicted that the order matters: the ticket in its own order does better than in another one, so the 95 % interval lies above 0. The reason: the mask was chosen by where the
# weights went under this order. The second prediction is no discovery. It says that this cell can see a difference at all: with new initial weights the same mask does worse.

# %%
for one in plan.predictions:
    print(f"{one.name}: {one.claim} {one.bound:g} {plan.unit}")

# %% [markdown]
# ## Design
#
# LeNet-300-100 on the embedded Fashion-MNIST, Adam. The dense network is trained, and one cut keeps about 12 % of the weights, layer by layer. Then three arms with **one mask**:
#
# - *same order*: initial weights, the order of the search;
# - *other order*: initial weights, another order;
# - *new weights*: other initial weights, the order of the search. The control.
#
# Between the first two nothing differs but the order. The trainings are short, so that 24 seeds fit into the budget; all have the same number of updates, and the step of least
# validation loss is reported. No learning rate was tuned for any arm; it is that of Frankle and Carbin (2019) for LeNet.

# %%
print(lth.filled(plan))
print(lth.filled(f"note: {plan.note}"))
sd, seeds = plan.sd, len(plan.seeds)
print(f"needed: {evidence.seeds_needed(plan.effect, sd=sd)} seeds; planned: {seeds}")

# %% [markdown]
# Half a point was taken as the smallest difference that matters, because that is about what the initial weights are worth in the record of
# [lesson 13](../notebooks/13_experiment_design.ipynb). The sd is the upper end of an interval from that record, so the plan is cautious.
#
# The plan was committed to the course's repository before the run, together with the program that trains. Its digest, twelve digits of all that stands in it:

# %%
announced = "c2a7f4b1ed0f"
print(plan.digest, plan.digest == announced)

# %% [markdown]
# ## Run
#
# `one_seed` of `data/record_capstone.py`: a search with `lth.imp`, then `lth.retrain` twice. Before the registration the program was tried with trainings of 20 updates, on three seeds that are
# not in the plan. Nothing else was run before.
#
# ## Automatic checks

# %%
checks(folder, digest=announced)

# %% [markdown]
# The weights are left out of this record; what the audit found while they were there stands in it. `lthkit audit capstone` shows every item. Two of them cannot be told, and it says what
# they would need.
#
# ## Results

# %%
found = outcome(folder)
found.means().show()
gaps = found.differences
stamp = f"LeNet-300-100, embedded Fashion-MNIST, {seeds} seeds, recorded"
lth.plots.show(
    lth.plots.paired_differences(gaps, title="Seed by seed", stamp=stamp),
    alt=lth.plots.describe_differences(gaps),
)

# %% [markdown]
# In the first line the strokes of the seeds lie on both sides of 0, and the interval contains 0. In the second line all of them lie on one side: the cell is able to show a difference, and
# a large one.

# %%
for name, values in gaps.items():
    print(f"{name}: above 0 in {sum(v > 0 for v in values)} of {len(values)} seeds")

# %% [markdown]
# ## Verdict

# %%
found.table.show()
for verdict in found.verdicts:
    print(lth.filled(verdict))

# %% [markdown]
# **The prediction did not hold.** By the registered rule the verdict is *open*, because the interval lies on both sides of the bound. The control did what was predicted of it.
#
# It would be easy to end here with "no significant difference". It would also be wrong to end here: that sentence is true of every experiment with too few seeds.
#
# ## What a null result says
#
# The plan had a margin, fixed before the run. Held against it, the first difference says more than "contains 0".

# %%
values = gaps["same order - other order"]
held = evidence.against_margin(values, plan.effect)
print(lth.filled(held.says))
print(f"90 % interval {held.low:+.2f} to {held.high:+.2f}, p = {held.p:.1g}")
share = max(abs(held.low), abs(held.high)) / found.verdicts[1].interval.mean
print(f"its farther end is {100 * share:.0f} % of what the initial weights are worth")

# %% [markdown]
# A difference of half a point or more, to either side, is ruled out at the usual 5 %. That is a result: in this cell a ticket does not need its order. If the order has an effect at all, it is small
# beside that of the initial weights. Smaller differences are *not* ruled out; who cares about a tenth of a point needs another plan:

# %%
spread = evidence.spread(values)
print(f"sd planned {plan.sd:g}, found {spread:.2f}")
print("seeds for a tenth of a point:", evidence.seeds_needed(0.1, sd=spread.sd))

# %% [markdown]
# The sd came out smaller than planned, so the interval is narrower than the plan had promised. Nobody knew that before: the plan was made for the larger one, and fewer seeds would
# have been a bet.
#
# ## Limits
#
# - One network, one data set, one density, Adam, and trainings that are short. Deep networks are the ones for which the order is known to matter early in training; this says
#   nothing about them. A network of [lesson 06](../notebooks/06_rewinding.ipynb), which is unstable at step 0, could prove us wrong, and it is the experiment that we would do next.
# - "Another order" is one other order for each seed. Orders that are unusual (classes one after the other) were not tried.
# - The ticket was found in one cut. After several rounds in the same order there might be more to remember.
# - The interval is over seeds. The test images are the same for all of them.
# - We had read that LeNet is stable before we predicted that the order matters. A careful reader would have predicted the null, with "within" as the claim. The verdict would
#   then have been another word for the same numbers, which is why the numbers stand here.
#
# ## Costs

# %%
found.costs().show()

# %% [markdown]
# The searches are in the time from the first seed to the last, and not in the lines above. The machine did other work at the same time. Would an eighth of the seeds have done?

# %%
power = evidence.power_of(plan.effect, sd=plan.sd, seeds=3)
print(f"three seeds, as planned: half a point is seen with probability {power:.2f}")

# %% [markdown]
# With three seeds the honest answer before the run would have been: do not run it.
#
# [docstrings]
