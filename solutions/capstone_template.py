# %% [markdown]
# # Capstone: an experiment of your own
#
# **You will** answer one open question, or one of your own, from the prediction to the verdict. **Time:** about 10 hours over four weeks; of
# these the computer works about 15 minutes.
#
# [contents]
#
# Fill in the cells from top to bottom. Each of them says what is still to do and stops nowhere, so you can run the notebook as a whole at any time. What you
# write in your own words replaces the lines in *italics*. The worked example, [`solutions/capstone_example.ipynb`](../solutions/capstone_example.ipynb), has the same sections.
#
# Three rules. **Register before you train**: a plan that is registered is never changed. **Look once**: the run shows nothing before its last
# training has ended. **A null result is a result**: it is worth as much as any other, if the plan was good.

# %% tags=["setup"]

# %% [markdown]
# ## Question
#
# Choose one of eight, or bring your own. `capstone.question(3)` in a cell of its own says what is known, what goes wrong and what to read.

# %%
import lthkit as lth
from lthkit import evidence
from lthkit.classroom import capstone
from lthkit.runs import Plan, Predicted, carry_out, checks, hand_in, outcome

capstone.questions()

# %%
question = ""  # one sentence that ends with a question mark
folder = lth.storage.runs_folder() / f"capstone-{lth.tier()}"  # of this plan alone
print(question or "To do: write the question.")

# %% [markdown]
# ## What is known
#
# *Half a page: who has asked this before, on which network and data, with how many seeds. For each source say whether you read it or only its
# abstract. "Not known to me" is a good answer, if you have looked.*
#
# ## Prediction
#
# A prediction is a difference between two arms, and where its 95 % interval will lie: "above" a bound, "below" it, or "within" it, which is between minus and plus
# the bound. The first prediction is your question. A second one may say that the control is beaten.

# %%
# predictions = (Predicted("ticket", "shuffled", "above", 0.0),)
predictions: tuple[Predicted, ...] = ()
for one in predictions:
    print(f"{one.name}: {one.claim} {one.bound:g}")
if not predictions:
    print("To do: write one prediction or two, as in the line above.")

# %% [markdown]
# *Why do you expect this? What would surprise you?*
#
# ## Design
#
# The **arms** are what you compare; the **controls** are those of them that take a possible cause away. The **effect** is the smallest difference that would matter
# to you, in points. The **sd** is that of the paired differences: take it from a recorded run of a similar cell
# ([lesson 13](../notebooks/13_experiment_design.ipynb)), or from pilot seeds that you do not use again. Say in the note which.

# %%
arms = ()  # such as ("ticket", "dense", "shuffled")
controls = ()  # such as ("shuffled",)
seeds = range(100, 100 + lth.by_tier(smoke=3, laptop=20, gpu=20))
effect = None  # such as 0.5
sd = None  # such as 0.6
minutes = 15
trainings, steps = 4, 2000  # of one seed, with its searches; of one training
note = ""  # where sd is from, pilot seeds, what counts as an update
if effect and sd:
    print("needed:", evidence.design(effect, sd=sd, trainings=trainings, steps=steps))
    plan_here = evidence.design(
        effect, sd=sd, trainings=trainings, steps=steps, seeds=len(seeds)
    )
    print("planned:", plan_here)
else:
    print("To do: arms, controls, the effect that matters, and the sd.")

# %% [markdown]
# *Which other cause could make this difference, and which control takes it away? How was each arm tuned, with how many tries, and on which split?*
#
# When all of this is settled, the next cell registers it. Send the twelve digits to your instructor, or to a friend, **before** you train, and write
# them into `announced`.

# %%
announced = ""  # the digits, once you have sent them
if question and predictions and arms and controls and effect and sd:
    plan = Plan(
        question=question,
        arms=arms,
        controls=controls,
        predictions=predictions,
        seeds=tuple(seeds),
        effect=effect,
        sd=sd,
        minutes=minutes,
        note=note,
    )
    print(lth.filled(plan))
    print("digest:", plan.register(folder))
else:
    plan = None
    print("To do: fill in the cells above; then the plan is registered here.")

# %% [markdown]
# ## Run
#
# `one_seed` trains all arms of one seed. It returns, for each arm, the `Round` that counts, or the pair of mask and result. Choose nothing on the test
# split; make data of your own in a cell outside of it. Try it at `LTHKIT_TIER=smoke` first, which has a folder of its own. Everything that it trains is saved, so a run that
# was stopped goes on; the weights take a few megabytes a training.

# %%
data = lth.load_data("fashion-mnist")
recipe = lth.Recipe(steps=lth.by_tier(smoke=20, laptop=2000, gpu=2000))

# def one_seed(seed):
#     make = lth.models.lenet_300_100
#     given = {"recipe": recipe, "seed": seed}
#     rounds = list(lth.imp(make, data, rounds=1, fraction=0.9, **given))
#     ticket = rounds[-1]
#     other = ticket.mask.shuffled(seed)
#     again = lth.retrain(make, data, mask=other, weights_from=ticket.rewind, **given)
#     return {"ticket": ticket, "dense": rounds[0], "shuffled": (other, again)}
one_seed = None

if plan is None or one_seed is None:
    print("To do: register a plan, and write one_seed.")
else:
    rows = carry_out(folder, one_seed)
    print(len(rows), "trainings have ended")

# %% [markdown]
# ## Automatic checks
#
# Run this cell as often as you like; it looks at the folder and changes nothing. Once the run has ended it audits every training, which may take half a minute. *Passed* and
# *failed* are facts. Whether the controls are the right ones, no
# program knows.

# %%
checks(folder, digest=announced or None)

# %% [markdown]
# ## Results
#
# The test split was read once a training, at the step of least validation loss. Here you look at it for the first time. If you change anything after this cell, it is
# a new experiment, with a new plan and new seeds.

# %%
found = outcome(folder) if (folder / "summary.json").exists() else None
if found is None:
    print("To do: the run has not ended; there is nothing to look at.")
else:
    found.means().show()
    gaps, stamp = found.differences, f"{data.label}, tier {found.plan.tier}"
    lth.plots.show(
        lth.plots.paired_differences(gaps, title="Seed by seed", stamp=stamp),
        alt=lth.plots.describe_differences(gaps),
    )

# %% [markdown]
# *One sentence that reads the figure. One that reads the control.*
#
# ## Verdict
#
# By the rule that was registered, and by no other.

# %%
if found is None:
    print("To do: comes with the results.")
else:
    found.table.show()
    for verdict in found.verdicts:
        print(lth.filled(verdict))

# %% [markdown]
# *The verdict in your words. If it is not what you predicted, say so in the first sentence.*
#
# ## What a null result says
#
# "The interval contains 0" is no result. The last column of the table holds the differences against your margin: "no difference of 0.5" is one; "open" says
# that these seeds cannot tell.

# %%
if found is None:
    print("To do: comes with the results.")
else:
    margin = evidence.smallest_effect(sd=found.plan.sd, seeds=len(found.plan.seeds))
    print(f"planned: {margin:.2f} {found.plan.unit} are seen with probability 0.80")
    for name, values in found.differences.items():
        if len(set(values)) > 1:
            print(f"{name}: sd {evidence.spread(values):.2f}")

# %% [markdown]
# *What is ruled out, and what is not?*
#
# ## Limits
#
# *Which network, data and training is this true for? What did you not vary? What did you try before the plan, and what did you change after it? Which
# experiment could prove you wrong?*
#
# ## Costs

# %%
if found is None:
    print("To do: comes with the results.")
else:
    found.costs().show()

# %% [markdown]
# *Was it worth it? What would you do with ten times as much, and what with a tenth?*
#
# To hand in: this notebook, and a copy of the run without its weights. The line below makes one; take the `#` away.

# %%
# hand_in(folder, "capstone-to-hand-in")

# %% [markdown]
# [docstrings]
