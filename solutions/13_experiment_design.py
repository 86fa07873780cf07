# %% [markdown]
# # 13 · Experiment design
#
# **You will** measure how often a single seed names the wrong winner, plan how many seeds a question needs and at what price, fix a prediction before
# a run, read papers beside their replications, and run a grid of trainings from one file. **Time:** about 130 minutes; the
# computer works one to two of them.
#
# [contents]
#
# You need three words. A **paired difference** is the accuracy of one arm minus that of another, with the same seed. The **95 % interval** is that of
# [lesson 05](../notebooks/05_winning_tickets.ipynb). The **standard deviation** (sd) says how far single seeds lie from their mean.

# %% tags=["setup"]

# %% [markdown]
# ## Good advice, and what it leaves open
#
# Whoever begins with lottery tickets is given a short list: train the dense baseline first; let the sparsity grow slowly; write down the seeds, the
# rewind point and the schedule. It is good advice. But it does not say how *many* seeds, when you may *stop* adding more, or what it means if
# two arms come out alike. Experiments go wrong at exactly these places, and nothing crashes.
#
# This lesson makes the list measurable. Each question gets a number from runs that were really made: forty seeds of one cheap cell (one network, one
# data set, one recipe), recorded with the course.
#
# ## Small enough to print
#
# Five seeds of two arms, written down by hand. The two accuracies of a seed belong together, so we subtract them seed by seed.

# %% tags=["nbval-check-output"]
from math import sqrt
from statistics import mean, stdev

import lthkit as lth
from lthkit import evidence
from lthkit.classroom import check, hint, quiz, use

arm_a = [85.1, 84.6, 85.9, 84.9, 85.4]
arm_b = [84.8, 84.8, 85.1, 84.4, 85.2]
gaps = [round(a - b, 1) for a, b in zip(arm_a, arm_b, strict=True)]
print("A - B, seed by seed:", gaps)

# %% [markdown]
# Arm A is ahead in four seeds of five. If you had run the second one only, you would have named the other winner. Now the interval, from scratch.
# The **standard error**, sd / √n, says how far the mean of n seeds lies from that of very many. The factor 2.776 is that of Student's t for five seeds. Look how wide the interval is beside the mean.

# %% tags=["nbval-check-output"]
error = stdev(gaps) / sqrt(len(gaps))
low, high = mean(gaps) - 2.776 * error, mean(gaps) + 2.776 * error
print(f"mean {mean(gaps):+.2f}, sd {stdev(gaps):.2f}, standard error {error:.2f}")
print(f"95 % interval {low:+.2f} to {high:+.2f}")
print(f"in one line   {evidence.interval(gaps):+.2f[]}")

# %% [markdown]
# Four seeds of five agree, and still the interval contains 0. Both are true: A *was* better in these seeds, and these seeds do not show that A *is*
# better.
#
# ## Forty seeds of one cell
#
# LeNet-300-100 on the embedded Fashion-MNIST, Adam, at most 4,000 steps with a patience of 1,500, the same in all arms. Each seed has eight
# trainings: the dense network; **the same network once more with another order of the images**; and, at 35 % and at 12 % of the weights, the ticket,
# its mask with new weights, and its weights under a shuffled mask.
#
# The second arm is there for a reason. It is the dense network again, so over very many seeds it can be neither better nor worse. Whatever difference
# it shows is luck.

# %%
from lthkit.runs import experiments, report

folder = experiments.recorded("seeds")
config, summary, rows = experiments.load(folder)
stamp, seeds = report.stamp(config, summary), config["seeds"]
table = lth.Table(
    {"arm": "", "weights left (%)": ".0f", "test accuracy (%)": ".2f[]", "sd": ".2f"},
    title=f"{len(seeds)} seeds, recorded",
    keys=2,
    notes=["mean and 95 % interval; sd of single seeds, in points"],
)
cells = sorted({(row["round"], row["arm"]) for row in rows})
for level, arm in cells:
    percent = [100 * v for v in evidence.by_seed(rows, arm, level).values()]
    band = evidence.interval(percent, within=evidence.PERCENT)
    table.add(arm, 100 * evidence.density_of(rows, level), band, stdev(percent))
table

# %% [markdown]
# Four differences will go through this lesson. The function below pairs them by seed, in points.

# %%
dense, again = ("dense", 0), ("dense, other order", 0)
ticket, fresh, shuffled = ((arm, 2) for arm in ("ticket", "re-initialised", "shuffled"))


def paired(one, other):
    """Paired differences in points, one for each seed; an arm is (name, round)."""
    return evidence.paired(rows, one, other).times(100).values


pairs = {
    "ticket - dense": paired(ticket, dense),
    "ticket - re-initialised": paired(ticket, fresh),
    "shuffled - re-initialised": paired(shuffled, fresh),
    "dense, other order - dense": paired(again, dense),
}
evidence.differences(
    {name: evidence.interval(values) for name, values in pairs.items()},
    unit="points of test accuracy",
    title="At 12 % of the weights, where there is a mask",
    digits=3,
)

# %% [markdown]
# With forty seeds we know these differences well. That is the luxury of this lesson: we can now ask what somebody with **one** seed, or with three, would have said.
#
# But look at the last line first. These two arms are the same network with another order of the images. There *is* no difference, and the interval of forty seeds excludes 0. Nobody made
# a mistake: a 95 % interval misses the truth once in twenty times, and this is such a time. We found it after the run, as you do now, and left it in. From the result alone you
# could not tell it from a discovery. In the section *The difference that cannot be* we do with it what one should do with any surprise.
#
# ## Predict
#
# Take the difference *ticket - re-initialised* at 12 % of the weights.
#
# - You train both arms with one seed. In how many percent of such experiments is the wrong arm ahead?
# - How many seeds does it take to see a true difference of half a point in four experiments out of five?

# %% tags=["prediction"]
my_wrong_percent = 20  # such as 20
my_seeds_for_half_a_point = 5  # such as 5

# %% [markdown]
# ## The noise floor
#
# ### Exercise 13.1: how often the winner of one seed loses · easy · three lines · 8 minutes
#
# You get the paired differences A - B of many seeds. The winner over all seeds is A if their mean is above 0, else B; the mean is never exactly 0.
# Return the fraction of seeds whose own difference is on the other side. Where a difference is exactly 0, neither arm wins, and it counts half;
# a small difference that is not 0 counts like any other.
#
# Expected: `wrong_winner_rate([0.4, -0.1, 0.3, 0.2])` is `0.25`. There is at least one seed.


# %% exercise="13.1"
def wrong_winner_rate(differences):
    """The fraction of seeds whose difference has the other sign than the mean of all.

    differences: list of paired differences, one a seed. A difference of 0 counts half.
    """
    # BEGIN SOLUTION
    side = 1 if sum(differences) > 0 else -1
    wrong = sum(1 if side * d < 0 else 0.5 if d == 0 else 0 for d in differences)
    return wrong / len(differences)
    # END SOLUTION


# %%
check("13.1", wrong_winner_rate)

# %%
wrong_winner_rate_ = use("13.1", wrong_winner_rate)

# %% [markdown]
# On the recorded seeds. There is no rate where the interval of all forty seeds contains 0, because nobody knows who wins, and none for the two arms that are the same.

# %%
table = lth.Table(
    {"difference": "", "mean (points)": "+.3f[]", "a single seed is wrong (%)": ".0f"}
)
for name, values in pairs.items():
    band = evidence.interval(values)
    shows = band.says == "excludes 0" and name != "dense, other order - dense"
    table.add(name, band, 100 * wrong_winner_rate_(values) if shows else None)
table

# %% [markdown]
# And your first prediction: the diamond, if you made one. The measured share has an interval too, because forty seeds are not all seeds.

# %%
side = 1 if mean(pairs["ticket - re-initialised"]) > 0 else -1
wrong = [
    100.0 if side * d < 0 else 50.0 if d == 0 else 0.0
    for d in pairs["ticket - re-initialised"]
]
points = [("wrong winner", my_wrong_percent, evidence.interval(wrong))]
unit = "% of experiments with one seed"
lth.plots.show(
    lth.plots.predicted(points, unit=unit, stamp=stamp),
    alt=lth.plots.describe_predicted(points, unit=unit),
)

# %% [markdown]
# Now play with it. First one experiment after the other, as they would come to you: draw, see who wins, draw again. (This picture needs no
# kernel. In a notebook that you have not trusted it is left out.)

# %%
lth.pictures.show("seeds")

# %% [markdown]
# Then very many. The sampler draws experiments of a few seeds from the forty, 2,000 of them, and counts. Each time, the same seed may come twice, as if there were very many
# seeds like these. You can choose among four comparisons. Three are differences from above. The fourth is called *nothing*, because there we know that there is no difference: we take the dense network against itself, and
# subtract the mean of the forty seeds from each of them.
#
# Look first at the middle line: one such experiment, as you would have seen it. Then move the number of seeds, and watch the orange part of the lowest picture, where the wrong arm is ahead.
# An arrow at the edge says that the interval goes on. (Use the arrow keys or the mouse. Without a running kernel the picture stands still, at three seeds.)

# %%
values = pairs["dense, other order - dense"]
nothing = [d - mean(values) for d in values]
names = ["ticket - re-initialised", "ticket - dense", "shuffled - re-initialised"]
drawn_from = {name: pairs[name] for name in names} | {"nothing": nothing}
lth.explore.seed_sampler(drawn_from, seeds=3, stamp=stamp)

# %% [markdown]
# The same for all numbers of seeds at once. Above: how often the wrong arm is ahead. Below: how often the 95 % interval excludes 0, so that the difference is *seen*. In *nothing* no arm is better, so no arm can be the wrong
# one: it has a line below only. There each interval that excludes 0 is a false alarm.

# %%
three = {name: drawn_from[name] for name in (*names[:2], "nothing")}
lth.plots.show(
    lth.plots.chances(three, stamp=stamp), alt=lth.plots.describe_chances(three)
)

# %% [markdown]
# Two things differ that are easily confused. The *right arm is ahead* soon: the upper lines fall fast. That it is *shown* takes many more seeds: the
# lower lines rise slowly. The thin grey lines are what planning says before the run; we come to it below. And *nothing* is called a difference in about one experiment of twenty,
# however many seeds there are. That is what "95 %" means.

# %% question="13.Q1"
quiz("13.Q1", "c")

# %% [markdown]
# ### What pairing is worth
#
# What do the arms of a seed share? Most of them the order of the images; ticket, shuffled mask and both dense networks their initial weights. If that makes two arms a little
# better or worse *together*, it cancels in the difference, and the paired interval is narrower. How much does it help here? The correlation says how
# much two arms rise and fall together. The last two columns are the sd of a difference: of the same seed in both arms (paired), and of any seed of one arm with any seed of the other (unpaired).

# %%
import torch

from lthkit.evidence.student import quantile

table = lth.Table(
    {"difference": "", "correlation": "+.2f", "sd paired": ".2f", "sd unpaired": ".2f"}
)
for name, (one, other) in {
    "ticket - dense": (ticket, dense),
    "ticket - re-initialised": (ticket, fresh),
    "shuffled - re-initialised": (shuffled, fresh),
    "dense, other order - dense": (again, dense),
}.items():
    x, y = (
        [100 * evidence.by_seed(rows, *arm)[s] for s in seeds] for arm in (one, other)
    )
    correlation = torch.corrcoef(torch.tensor([x, y]))[0, 1]
    table.add(
        name, correlation, stdev(pairs[name]), sqrt(stdev(x) ** 2 + stdev(y) ** 2)
    )
error = 1 / sqrt(len(seeds) - 1)
table.note(f"standard error of a correlation near 0: {error:.2f}")
table

# %%
for n in (5, len(seeds)):
    of_pairs, of_groups = quantile(0.975, n - 1), quantile(0.975, 2 * n - 2)
    print(f"Student's t, {n} seeds: paired {of_pairs:.3f}, unpaired {of_groups:.3f}")
    wider = 100 * (of_pairs / of_groups - 1)
    print(f"    at the same sd the paired interval is {wider:.0f} % wider")

# %% [markdown]
# Pairing helps where two arms rise and fall together: the higher the correlation, the smaller the paired sd. Where the correlation is near 0, the two sds nearly agree; where it is below 0, the
# paired sd is even the larger one.
#
# And pairing has a price. Five pairs are five numbers, with 4 degrees of freedom; two groups of five have 8. So Student's t is larger, and at the same sd the paired interval is wider. With forty
# seeds the price is small. Pair anyway where the arms share their seeds: the unpaired interval assumes that they share nothing. How much pairing brings, a pilot run shows, as here; but see in the note how rough a correlation is.
#
# ## How many seeds?
#
# The standard error falls with √n. To see a difference *d*, the interval must end before 0, so *d* must be about 1.96 standard errors. But then the
# interval excludes 0 in every second experiment only: half of the means fall below *d*. To see it in four experiments out of five, we need 0.84
# standard errors more. (These two numbers are from the normal distribution.) So
#
# $$ d = 2.8 \cdot \frac{\mathrm{sd}}{\sqrt n} \qquad\Longrightarrow\qquad n = \Big(\frac{2.8\,\mathrm{sd}}{d}\Big)^2 . $$
#
# The probability to see a difference that is there is called the **power**: here 80 %.
#
# ### Exercise 13.2: seeds for a difference · easy · two lines · 8 minutes
#
# Write the formula. `effect` is the difference that is worth seeing; it is not 0, and it may be below 0. `sd` is the standard deviation of the paired
# differences, in the same unit. Use the factor 2.8. Round up to a whole number (one that is whole already stays), and return at least 2: with one seed
# there is no interval.
#
# Expected: `seeds_for(0.5, 0.6)` is `12`.

# %% exercise="13.2"
import math


def seeds_for(effect, sd):
    """The number of paired seeds that see a true mean difference with power 80 %.

    effect: the difference. sd: of the paired differences, in the same unit.
    """
    # BEGIN SOLUTION
    n = (2.8 * sd / effect) ** 2
    return max(2, math.ceil(n))
    # END SOLUTION


# %%
check("13.2", seeds_for)

# %%
seeds_for_ = use("13.2", seeds_for)

# %% [markdown]
# `evidence.seeds_needed` does not take the normal distribution but Student's t, because the sd is itself estimated from the seeds. So with few seeds it asks for some more.
# Look at the last two lines: what does half the effect cost?

# %%
sd = evidence.spread(pairs["ticket - re-initialised"]).sd
table = lth.Table(
    {"effect (points)": ".2f", "yours": ",", "evidence.seeds_needed": ","},
    title=f"Seeds for power 80 %, sd {sd:.2f} points",
)
for effect in (2.0, 1.0, 0.5, 0.25):
    needed = evidence.seeds_needed(effect, sd=sd, power=0.8)
    table.add(effect, seeds_for_(effect, sd), needed)
table

# %%
needed = evidence.seeds_needed(0.5, sd=sd, power=0.8)
mine = my_seeds_for_half_a_point
print("predicted for half a point:", "no prediction" if mine is None else mine)
print("needed:", needed)
print(f"five seeds see {evidence.smallest_effect(sd=sd, seeds=5):.2f} points or more")

# %% [markdown]
# The last line turns the question round: the smallest difference that five seeds see with power 80 %. Keep that number in mind whenever a paper shows
# three or five seeds and says "no significant difference".
#
# ### What it costs
#
# Seeds are not free. A **design** is the plan with its price: trainings, updates and minutes. The price of an arm is everything that it takes. A ticket of two rounds
# takes three trainings, its control one more. One training is timed on your machine, and the minutes follow from it.

# %%
from lthkit.training.choices import cores

data = lth.load_data("fashion-mnist")
timing = lth.by_tier(smoke=40, laptop=300, gpu=300)
short = lth.Recipe(steps=timing, evaluate_every=timing // 2)
timed = lth.train(lth.models.lenet_300_100(seed=0), data, recipe=short, seed=0)
steps = round(mean(row["steps"] for row in rows))  # of a training, stopped early
seconds = timed.seconds * steps / timing
print(
    f"{steps:,} steps take {seconds:.1f} seconds here, {cores()} trainings side by side"
)

# %%
table = lth.Table(
    {
        "effect (points)": ".2f",
        "comparisons": "d",
        "seeds": ",",
        "trainings": ",",
        "updates": ",",
        "minutes here": ",.1f",
    },
    keys=2,
)
for effect, comparisons in ((1.0, 1), (0.5, 1), (0.5, 3), (0.25, 1)):
    plan = evidence.design(
        effect,
        sd=sd,
        trainings=4,  # dense and two rounds of the ticket; one control
        steps=steps,
        comparisons=comparisons,
        seconds=seconds,
        at_once=cores(),
    )
    price = plan.trainings, plan.updates, plan.minutes
    table.add(effect, comparisons, plan.seeds, *price)
table

# %% [markdown]
# By the formula, half the effect takes four times as many seeds. That is so where there are many. With few seeds Student's t asks for some more, so the first halving costs less than four times as much; look at both
# steps in the table. Three comparisons share the 5 % among them, so each needs a few seeds more. If the price is too high, you
# have three honest ways: a larger effect to look for, a cheaper cell, or another question. "Fewer seeds, and we shall see" is none of them.
#
# ### The sd is not known either
#
# The plan needs the sd, and before the run you do not have it. A pilot run gives an estimate. How good is it? We pretend that a few of the recorded seeds are the
# pilot, and let them plan for half a point.

# %%
table = lth.Table(
    {
        "pilot": "",
        "sd (points)": "",
        "seeds for half a point": "",
        "from": ",",
        "to": ",",
    }
)
for pilot in (3, 5, 10, 40):
    known = evidence.spread(pairs["ticket - re-initialised"][:pilot])
    ends = [evidence.seeds_needed(0.5, sd=s) for s in (known.low, known.high)]
    most_likely = evidence.seeds_needed(0.5, sd=known.sd)
    table.add(f"{pilot} seeds", f"{known:.2f}", f"{most_likely:,}", *ends)
table.note("sd with its 95 % interval, and the seeds needed at its two ends")
table

# %% [markdown]
# Three seeds know the sd so badly that their plan reaches from a handful of seeds to more than a hundred. Take the sd from a recorded run of a similar cell if you can, or plan with the upper end
# of a pilot run. The seeds of a pilot run are for planning; leave them out of the verdict.

# %% question="13.Q2"
quiz("13.Q2", "a")

# %% [markdown]
# ## Looking again and again
#
# The interval of five seeds contains 0, just. So we train one more. And one more, until it excludes 0. It feels like care. What does it do?
#
# ### Exercise 13.3: looking after each seed, and stopping · medium · four lines · 10 minutes
#
# The differences are in the order in which the seeds came in; at least one seed has come in. After `first` seeds (2 or more) somebody looks at the interval of
# all seeds so far, and then again after each new seed. Return the number of seeds at the first look where the interval excludes 0, or `None` if that
# never happens. There may be fewer seeds than `first`; then there is no look. All differences may be equal, or all 0; then they have no spread, and there is no claim; `.says` takes care of that. `evidence.interval(values).says` is `"excludes 0"`
# where there is a claim, and only there.
#
# Expected: `first_stop([0.5, 0.1, 0.4, 0.6, 0.5, 0.7], 3)` is `4`.


# %% exercise="13.3"
def first_stop(differences, first):
    """The number of seeds at which the interval of all seeds so far first excludes 0.

    differences: list in the order of arrival. first: seeds at the first look. None if
    it never does.
    """
    # BEGIN SOLUTION
    for n in range(first, len(differences) + 1):
        if evidence.interval(differences[:n]).says == "excludes 0":
            return n
    return None
    # END SOLUTION


# %%
check("13.3", first_stop)

# %%
first_stop_ = use("13.3", first_stop)

# %% [markdown]
# Let it loose on *nothing*, where there is no difference. Three hundred teams draw twenty seeds each, look from the third seed on, and stop at the first
# "excludes 0".

# %%
import random

rng = random.Random(0)
teams = [rng.choices(nothing, k=20) for _ in range(300)]
stops = [first_stop_(team, 3) for team in teams]
once = [evidence.interval(team).says == "excludes 0" for team in teams]
peeked = sum(n is not None for n in stops)
print(f"looked once, at twenty seeds: {100 * sum(once) / 300:.0f} % found a difference")
print(f"looked after each seed:       {100 * peeked / 300:.0f} % found a difference")

# %% [markdown]
# All teams draw from the same forty seeds, so these shares are rough. `evidence.false_alarms` simulates the same with new normal numbers for each of 20,000
# teams. That repeated looks raise the error is known since [Armitage, McPherson and Rowe (1969)](https://doi.org/10.2307/2343787) (abstract); a test of `lthkit` holds the simulation
# against an exact calculation. The line at 5 % is what was promised.

# %%
looks = list(range(3, 21))
alarms = {
    "after each seed": (looks, evidence.false_alarms(looks)),
    "once, at 20 seeds": ([20], evidence.false_alarms([20])),
    "after each seed, each look at 5 % / 18": (
        looks,
        evidence.false_alarms(looks, alpha=0.05 / len(looks)),
    ),
}
lth.plots.show(
    lth.plots.looks(alarms, stamp="simulated, 20,000 experiments without a difference"),
    alt=lth.plots.describe_looks(alarms),
)

# %% [markdown]
# Each look is another chance to be fooled. The cure is simple: fix the number of seeds before the run, and look once. If you want to look in between, share the 5 % among
# the looks, as in the lowest line; that is on the safe side, and it costs power. And if you have looked already: say so, and repeat it with *new* seeds whose number is fixed.

# %% question="13.Q3"
quiz("13.Q3", "d")

# %% [markdown]
# ## Many arms
#
# It is the same trap in another direction. Compare six arms that are all equal with a baseline, each at 5 %, and each comparison has its own chance to mislead. How often does it
# happen to *some* arm of the six? (If the six are independent; they share a baseline, so it is somewhat less.)

# %%
for what, chance in (("different", 0.05), ("better", 0.05 / 2)):
    misled = 100 * (1 - (1 - chance) ** 6)
    print(f"some arm of six looks {what}: {misled:.0f} % of the experiments")

# %% [markdown]
# [Holm (1979)](https://www.jstor.org/stable/4615733) has a rule that keeps the error of the whole family at 5 %. It needs the **p-value** of each comparison: how often seeds
# alone would give a mean as far from 0. The interval excludes 0 exactly where p is below 0.05.
#
# ### Exercise 13.4: which may be claimed together · medium · six lines · 12 minutes
#
# Holm's rule, for m comparisons: sort the p-values. Compare the smallest with alpha / m, the next with alpha / (m - 1), and so on; the last is compared with
# alpha itself. A comparison is claimed if its p-value is at most its limit; exactly at its limit is claimed. **Stop at the first one that fails**: it and all larger ones are not
# claimed. Return the names of the claimed comparisons, smallest p-value first. There is one comparison or more, and no two p-values are equal. A p-value may be as small as 6e-12, which is
# 0.000000000006.
#
# Expected: `holm_claims({"a": 0.01, "b": 0.04, "c": 0.03}, 0.05)` is `["a"]`.


# %% exercise="13.4"
def holm_claims(p_values, alpha):
    """Names of the comparisons that may be claimed together, smallest p-value first.

    p_values: comparison -> p-value. alpha: the error of the whole family.
    """
    # BEGIN SOLUTION
    claimed = []
    for i, name in enumerate(sorted(p_values, key=p_values.get)):
        if p_values[name] > alpha / (len(p_values) - i):
            break
        claimed.append(name)
    return claimed
    # END SOLUTION


# %%
check("13.4", holm_claims)

# %%
holm_claims_ = use("13.4", holm_claims)

# %% [markdown]
# Seven arms against the dense network, of which one is the dense network itself. First with the five seeds that a lesson usually has, then with all forty.
# `evidence.holm` multiplies the p-values instead of dividing the limits; the result is the same.

# %%
against = {
    f"{arm}, {100 * evidence.density_of(rows, level):.0f} %": paired(
        (arm, level), dense
    )
    for level, arm in cells
    if (arm, level) != dense
}
table = lth.Table(
    {"arm - dense": "", "seeds": "d", "p": "", "adjusted": "", "claimed": ""}, keys=2
)
for count in (5, len(seeds)):
    p_values = {name: evidence.p_value(v[:count]) for name, v in against.items()}
    adjusted, claims = evidence.holm(p_values), holm_claims_(p_values, 0.05)
    for name, p in p_values.items():
        alone = "alone only" if p < 0.05 else "no"
        says = "together" if name in claims else alone
        p_said, adjusted_said = map(evidence.p_said, (p, adjusted[name]))
        table.add(name, count, p_said, adjusted_said, says)
table

# %% [markdown]
# "Alone only" are those that would have been announced without the correction. Which arms does it take away at five seeds, and are they there at forty? A correction does
# not make a result wrong; it says that this many seeds cannot carry this many questions. Ask fewer questions, or take more seeds. Whatever was looked at
# counts, also what did not make it into the table of the paper.
#
# And find the dense network among its own rivals. At forty seeds even Holm's rule lets it through. The rule keeps the error of a family at 5 %, not at 0.
#
# ## What a null result says
#
# "We found no significant difference." Is there none, or could it not be seen? The interval knows, if you hold it against a **margin** as well: the smallest difference that
# would matter to you, chosen before the run.

# %%
lth.plots.diagram("13")

# %% [markdown]
# ### Exercise 13.5: four verdicts · medium · five lines · 10 minutes
#
# You get the two ends of an interval and a margin above 0. Two questions have four answers. Does the interval exclude 0? And does it lie between -margin and +margin?
#
# | | between the margins | not between them |
# |---|---|---|
# | excludes 0 | `"small"`: a difference, too small to matter | `"different"` |
# | contains 0 | `"same"`: no difference that matters | `"open"`: nothing is shown |
#
# An interval with one end exactly at 0 contains 0. An interval with one end exactly at a margin does not lie between the margins.
#
# Expected: `what_it_says(-0.4, 1.2, 0.5)` is `"open"`.


# %% exercise="13.5"
def what_it_says(low, high, margin):
    """Hold the interval from low to high against 0 and against a margin.

    Returns "different", "small", "same" or "open".
    """
    # BEGIN SOLUTION
    apart = low > 0 or high < 0
    inside = -margin < low and high < margin
    if inside:
        return "small" if apart else "same"
    return "different" if apart else "open"
    # END SOLUTION


# %%
check("13.5", what_it_says)

# %%
what_it_says_ = use("13.5", what_it_says)

# %% [markdown]
# The four differences, with five seeds and with forty, and a margin of half a point. Watch "open" disappear.

# %%
table = lth.Table(
    {"difference": "", "seeds": "d", "95 % interval": "+.3f[]", "says": ""}, keys=2
)
for count in (5, len(seeds)):
    for name, values in pairs.items():
        band = evidence.interval(values[:count])
        table.add(name, count, band, what_it_says_(band.low, band.high, 0.5))
table

# %% [markdown]
# A null result is a result where the interval is narrow. `evidence.against_margin` does this with the usual test of equivalence. It asks two questions, each at 5 %: is the difference above the lower margin, and is it below the upper one?
# Only if both say yes is a difference that matters ruled out. It comes to the same to ask whether the **90 %** interval lies between the margins: it leaves 5 % out at each end ([Schuirmann 1987](https://doi.org/10.1007/BF01068419); as [SAS documents it](https://support.sas.com/documentation/cdl/en/statug/63962/HTML/default/statug_ttest_a0000000128.htm)). Here it judges the
# shuffled mask against the re-initialised one. How many seeds does it take to *show* that no difference of half a point is there?

# %%
table = lth.Table({"seeds": "d", "90 % interval": "", "p": "", "says": ""})
for count in (3, 5, 10, 20, 40):
    held = evidence.against_margin(pairs["shuffled - re-initialised"][:count], 0.5)
    reach = f"{held.low:+.2f} to {held.high:+.2f}"
    table.add(count, reach, evidence.p_said(held.p), held.says)
table

# %% question="13.Q4"
quiz("13.Q4", "b")

# %% [markdown]
# ## Validation or test
#
# So far the noise came from the seeds. Now we add some of our own. A training is evaluated dozens of times, and the accuracy jumps up and down. Whoever reports the best **test**
# accuracy of all evaluations reports the best jump.
#
# ### Exercise 13.6: what choosing on the test split gains · easy · two lines · 6 minutes
#
# You get the validation loss and the test accuracy at the same evaluations of one training (one evaluation or more). The honest number is the test
# accuracy at the evaluation of least validation loss; if several have the same least loss, the first one counts. A loss may be above 1. Return by how much the best test accuracy of all evaluations is higher.
#
# Expected: `optimism([0.60, 0.45, 0.50], [0.80, 0.84, 0.86])` is `0.02`.


# %% exercise="13.6"
def optimism(validation_loss, test_accuracy):
    """The best test accuracy minus the one at the first least validation loss.

    Two lists of one length: one number for each evaluation of a training.
    """
    # BEGIN SOLUTION
    step = validation_loss.index(min(validation_loss))
    return max(test_accuracy) - test_accuracy[step]
    # END SOLUTION


# %%
check("13.6", optimism)

# %%
optimism_ = use("13.6", optimism)

# %% [markdown]
# The recorded run has every evaluation of the dense network and of the ticket. For each seed, how much is gained?

# %%
from lthkit.runs import results

curves = results.read_results(folder, "curves.csv", summary)
gained: dict[str, list[float]] = {}
for arm in ("dense", "ticket"):
    for seed in seeds:
        own = [r for r in curves if r["arm"] == arm and r["seed"] == seed]
        loss, test = ([r[c] for r in own] for c in ("validation_loss", "test_accuracy"))
        gained.setdefault(arm, []).append(100 * optimism_(loss, test))
per_seed = [d - t for d, t in zip(gained["dense"], gained["ticket"], strict=True)]
table = lth.Table({"": "", "gained on test (points)": ".2f[]"})
for name, values in (gained | {"dense - ticket": per_seed}).items():
    table.add(name, evidence.interval(values))
table

# %% [markdown]
# Nothing was trained any better; the number is higher because it was chosen. But part of it need not be luck: in both arms the accuracy goes on rising after the
# validation *loss* has turned up. So we choose once more, honestly, by validation **accuracy**, and look how much of the gain is left.

# %%
by_accuracy: dict[str, list[float]] = {}
for arm in ("dense", "ticket"):
    for seed in seeds:
        own = [r for r in curves if r["arm"] == arm and r["seed"] == seed]
        best = max(own, key=lambda r: (r["validation_accuracy"], -r["step"]))
        by_accuracy.setdefault(arm, []).append(100 * best["test_accuracy"])
gains = {}
for arm, level in (dense, ticket):
    top = evidence.by_seed(rows, arm, level, "best_test_accuracy").values()
    gains[arm] = [100 * t - v for t, v in zip(top, by_accuracy[arm], strict=True)]
gains["dense - ticket"] = [d - t for d, t in zip(*gains.values(), strict=True)]
lth.Table(
    {"chosen by validation accuracy": "", "gained (points)": ".2f[]"},
    [(name, evidence.interval(values)) for name, values in gains.items()],
)

# %% [markdown]
# Both arms still gain, from nothing. Compare with the table before: of the dense network's gain more than half came from the rule, of the ticket's hardly anything. Which of the two gains more now? The last line takes the difference seed by seed, and its interval contains 0, so this run does not say. And what does the rule do to the *comparison*? The lead of the ticket, with the step chosen in three ways:

# %%
by_test = evidence.paired(rows, ticket, dense, "best_test_accuracy").times(100)
both = zip(by_accuracy["ticket"], by_accuracy["dense"], strict=True)
lth.Table(
    {"step chosen by": "", "ticket - dense (points)": "+.2f[]"},
    [
        ("validation loss", evidence.interval(pairs["ticket - dense"])),
        ("validation accuracy", evidence.interval([t - d for t, d in both])),
        ("test accuracy", by_test),
    ],
)

# %% [markdown]
# Compare the first two lines: both are honest, and the lead is not the same. Which step is reported belongs to the claim, so it belongs into the plan, before the run.
#
# The same trap once more, with seeds: "we report the best of five runs". Draw five dense networks, report the best **test** accuracy; or choose the one of best **validation**
# accuracy and report its test accuracy. A thousand draws:

# %%
validation = evidence.by_seed(rows, *dense, "validation_accuracy")
tested = evidence.by_seed(rows, *dense)
draws = [rng.sample(seeds, 5) for _ in range(1000)]
reported = {
    "the mean of five": [mean(tested[s] for s in five) for five in draws],
    "best by validation": [
        tested[max(five, key=lambda s: validation[s])] for five in draws
    ],
    "best by test": [max(tested[s] for s in five) for five in draws],
}
lth.Table(
    {"what is reported": "", "test accuracy (%), mean of the draws": ".2f"},
    [(name, 100 * mean(values)) for name, values in reported.items()],
)

# %% [markdown]
# The first line is what one training gives. The second is what you get if you may keep the best of five: it costs five trainings, and it is honest, because the test split had no part in the choice. The
# third is what nobody will get again.

# %% question="13.Q5"
quiz("13.Q5", "c")

# %% [markdown]
# ## The early stop is a noisy quantity
#
# "Our ticket learns faster" is often shown by the step of least validation loss. Here are the first eight of the forty seeds, for each arm. The loss jumps from one evaluation to the
# next, and the ring sits wherever the deepest jump happens to be.

# %%
few = {
    arm: [r for r in curves if r["arm"] == arm and r["seed"] < 8]
    for arm in ("dense", "ticket")
}
eight = stamp.replace(f"{len(seeds)} seeds", f"8 of {len(seeds)} seeds")
lth.plots.show(
    lth.plots.stopping(few, stamp=eight), alt=lth.plots.describe_stopping(few)
)

# %% [markdown]
# Now all forty seeds. How little decides where the early stop is? Look at the *runner-up*, the evaluation with the second least loss. The last two columns say how much higher its loss is, and how many steps away it lies.
# If noise had made the least loss higher by that much, the runner-up would be the early stop.

# %%
from statistics import median

table = lth.Table(
    {
        "arm": "",
        "early-stop step": ",.0f[]",
        "seeds reach": "",
        "runner-up, higher by (%)": ".1f",
        "and away by (steps)": ",.0f",
    }
)
for arm in ("dense", "ticket"):
    stops, higher, away = [], [], []
    for seed in seeds:
        own = [r for r in curves if r["arm"] == arm and r["seed"] == seed]
        first, second, *_ = sorted(own, key=lambda r: r["validation_loss"])
        stops.append(first["step"])
        higher.append(100 * (second["validation_loss"] / first["validation_loss"] - 1))
        away.append(abs(second["step"] - first["step"]))
    reach = f"{min(stops):,} to {max(stops):,}"
    runner_up = median(higher), median(away)
    table.add(arm, evidence.interval(stops), reach, *runner_up)
table.note("runner-up: medians over the seeds")
table

# %% [markdown]
# A ratio of two such numbers is noisier still. [Lesson 05](../notebooks/05_winning_tickets.ipynb) met the claim of [Frankle and Carbin (2019)](https://arxiv.org/abs/1803.03635) that a ticket stops 38 % earlier. Here is the share of the
# dense network's steps that our ticket saves, as five seeds show it and as forty do; and the number of seeds that it takes to tell 38 % from the 21 % of the replication that comes further below. Those two are of MNIST and of a larger ticket than ours: take the noise from our run, not the size.

# %%
before, after = (evidence.by_seed(rows, *arm, "best_step") for arm in (dense, ticket))
earlier = [100 * (1 - after[s] / before[s]) for s in seeds]
table = lth.Table({"seeds": "d", "earlier by (%)": ".0f[]", "sd": ".0f"})
for count in (5, 10, len(seeds)):
    some = earlier[:count]
    table.add(count, evidence.interval(some), stdev(some))
needed = evidence.seeds_needed(38 - 21, sd=stdev(earlier))
table.note(f"to tell 38 % from 21 % at this sd: {needed} seeds")
table

# %% [markdown]
# ## Before the run: prediction, rule, verdict
#
# Whoever knows the result finds a reason for it. So the prediction is written down **before** the run, with the rule that will judge it and with all seeds. In this course such a
# note is an object, `evidence.Registered`. It has a *digest*: twelve characters made from all that it says. Publish them, or commit the file, and nobody can exchange the prediction later, not even you.

# %%
note = evidence.Registered(
    compared="A - B, test accuracy", claim="above", bound=0.0, seeds=(0, 1, 2, 3, 4)
)
print(lth.filled(note.says))
print("digest", note.digest)
print(lth.filled(note.verdict(dict(enumerate(gaps)))))

# %% [markdown]
# The verdict is computed, not felt: **held** if the whole interval lies where it was predicted, **failed** if all of it lies outside, **open** otherwise. And it is refused if the
# seeds are others than those registered. Leave the bad seed out, and see:

# %%
try:
    note.verdict({seed: gap for seed, gap in enumerate(gaps) if gap > 0})
except ValueError as refusal:
    print(lth.filled(refusal))

# %% [markdown]
# The recorded run was made in this way. Six predictions stand in its configuration. They were written after a look at five pilot seeds, which are not among the forty, and
# before the first of the forty was trained. Here they are with their verdicts. Nothing was left out.

# %%
earlier_steps = {
    s: evidence.by_seed(rows, "ticket", 1, "best_step")[s] - before[s] for s in seeds
}
in_order = [
    paired(ticket, fresh),
    paired(ticket, dense),
    paired(again, dense),
    paired(shuffled, fresh),
    list(earlier_steps.values()),
    earlier,
]
table = lth.Table({"registered": "", "measured": "", "verdict": ""})
for registered, values in zip(evidence.registered_in(config), in_order, strict=True):
    verdict = registered.verdict(dict(zip(seeds, values, strict=True)))
    table.add(registered.says, f"{verdict.interval:+.2f[]}", verdict.outcome)
table

# %% [markdown]
# Read those that did not hold twice: they are the reason why one registers. "Open" does not mean that the prediction was nearly right. It means that forty seeds do not decide it. A prediction that
# could not fail is not worth a run.
#
# ### The difference that cannot be
#
# One of the open ones is the dense network against itself, and we know why: bad luck. What would you do if you did *not* know? Not explain it; there is always an explanation. Not drop it either. You register it anew, with
# **new** seeds whose number is fixed, and run it once. We did: seeds 40 to 79, the same two arms, the same rule.

# %%
config_2, summary_2, rows_2 = experiments.load(experiments.recorded("seeds-again"))
once_more = evidence.registered_in(config_2)[0]
new = evidence.paired(rows_2, again, dense).times(100).values
lth.Table(
    {"dense, other order - dense": "", "points": "+.2f[]"},
    [
        ("seeds 0 to 39", evidence.interval(pairs["dense, other order - dense"])),
        ("seeds 40 to 79", evidence.interval(new)),
    ],
    notes=[str(once_more.verdict(dict(zip(config_2["seeds"], new, strict=True))))],
)

# %% [markdown]
# The new interval contains 0 and lies between the margins: the prediction held, and the surprise is gone. Had the difference been there again, we would now have something to explain: most likely a
# bug in the recording. That is what the second run is for. It does not wipe out the first; both stand in the table, and nobody has to guess which of them was shown.
#
# ## Equal budgets, tuned baselines
#
# The last trap needs no bad luck at all. A method is worked on for weeks; its baseline is taken as it stands. Let us build such a result. Our "method" is silly on purpose:
# **remove half of the weights at random, before training.** We choose its learning rate among several. The baseline is the dense network with SGD at the learning rate 0.01, taken as it stands.
#
# Predict, in points of test accuracy:
#
# - half of the weights, learning rate chosen, minus the dense network at 0.01 = ?
# - the same minus the dense network whose learning rate was chosen, too = ?

# %% tags=["prediction"]
my_gain_untuned = 0.5  # such as 0.5
my_gain_tuned = -0.5

# %% [markdown]
# We register the second one for everybody, since it is our own claim: with both tuned, the two arms differ by less than one point. So the whole interval should lie between -1 and +1.

# %%
judged = lth.by_tier(
    smoke=(0, 1, 2), laptop=(0, 1, 2, 3, 4, 5, 6, 7), gpu=tuple(range(8))
)
ours = evidence.Registered(
    "half of the weights, tuned - dense, tuned; test accuracy", "within", 1.0, judged
)
print(lth.filled(ours.says))
print("digest", ours.digest)

# %% [markdown]
# How many learning rates are tried depends on the tier: five, or two at `smoke`. The learning rate is chosen by **validation** accuracy, on two seeds that are not used again. Then the chosen ones are trained with new seeds. Each arm gets the same number of steps.

# %%
rates = lth.by_tier(
    smoke=(0.01, 0.1),
    laptop=(0.01, 0.03, 0.1, 0.2, 0.3),
    gpu=(0.01, 0.03, 0.1, 0.2, 0.3),
)
length = lth.by_tier(smoke=20, laptop=600, gpu=600)


def trained(arm, rate, seed):
    model = lth.models.lenet_300_100(seed=seed)
    mask = lth.Mask.ones(model)
    if arm == "half":
        mask = lth.prune_to(mask, lth.random(model, seed=seed), 0.5, scope="layerwise")
    recipe = lth.Recipe(
        steps=length, optimizer="sgd", lr=rate, evaluate_every=length // 5
    )
    return lth.train(model, data, mask=mask, recipe=recipe, seed=seed)


# %%
tries = [
    (arm, rate, seed)
    for arm in ("half", "dense")
    for rate in rates
    for seed in (100, 101)
]
done = dict(
    zip(tries, lth.training.each(trained, tries, device=data.device), strict=True)
)
table = lth.Table({"learning rate": "g", "half (%)": ".2f", "dense (%)": ".2f"})
chosen: dict[str, tuple[float, float]] = {}
for rate in rates:
    by_arm = {
        arm: mean(done[arm, rate, seed].validation_accuracy for seed in (100, 101))
        for arm in ("half", "dense")
    }
    table.add(rate, *(100 * v for v in by_arm.values()))
    for arm, accuracy in by_arm.items():
        chosen[arm] = max(chosen.get(arm, (0.0, 0.0)), (accuracy, rate))
table.note("validation accuracy, mean of two seeds")
table.note(f"chosen: half {chosen['half'][1]:g}, dense {chosen['dense'][1]:g}")
table

# %%
arms = {
    "half, tuned": ("half", chosen["half"][1]),
    "dense, 0.01": ("dense", 0.01),
    "dense, tuned": ("dense", chosen["dense"][1]),
}
jobs = [(*arm, seed) for arm in arms.values() for seed in judged]
last = [
    100 * r.test_accuracy for r in lth.training.each(trained, jobs, device=data.device)
]
by_arm = {name: last[i * len(judged) :][: len(judged)] for i, name in enumerate(arms)}

# %%
won = {
    f"half, tuned - {other}": [
        a - b for a, b in zip(by_arm["half, tuned"], by_arm[other], strict=True)
    ]
    for other in ("dense, 0.01", "dense, tuned")
}
here = (
    f"LeNet-300-100, {data.label}, {len(judged)} seeds, {length} steps, tier "
    f"{lth.tier()}"
)
lth.plots.show(
    lth.plots.paired_differences(won, title="What a method gains", stamp=here),
    alt=lth.plots.describe_differences(won),
)

# %%
guesses = (my_gain_untuned, my_gain_tuned)
compared = [
    (name, mine, evidence.interval(values))
    for (name, values), mine in zip(won.items(), guesses, strict=True)
]
lth.plots.show(
    lth.plots.predicted(compared, unit="points of test accuracy", stamp=here),
    alt=lth.plots.describe_predicted(compared, unit="points"),
)
verdict = ours.verdict(
    dict(zip(judged, won["half, tuned - dense, tuned"], strict=True))
)
print(lth.filled(verdict))

# %% [markdown]
# At tier `laptop` the first line is a "significant improvement": the interval excludes 0, the seeds are paired, the test split was read once per training. And it says nothing about pruning. It says
# that five learning rates are better than one. The second line gives both the same five tries, and in the run of the solved edition the sign turned round: half of the weights, removed at random, *cost* accuracy. Our own
# registered prediction did not hold there, either. It was open: we had thought that the cost would be smaller. (Tier `smoke` trains too briefly to show any of this.)
#
# We ran this cell once more, on another processor, which rounds its sums otherwise. The first line said the same. For the second, another rate won for half of the weights, and the interval contained 0. So eight seeds
# carry the first line, and not the second: whether half of the weights cost anything is open.
#
# It happens to others too. [Melis, Dyer and Blunsom (2018)](https://arxiv.org/abs/1707.05589) tuned language models of several kinds alike, with the same large search, and the standard LSTM came out ahead of the more recent
# ones (abstract). And [Blalock et al. (2020)](https://arxiv.org/abs/2003.03033) went through 81 papers on pruning and found them evaluated so differently that methods can hardly be compared (abstract).
#
# What is an equal budget? At least this: as many tries for each arm, on the validation split; as many steps; and for a ticket the price of the search beside it
# ([lesson 10](../notebooks/10_hybrid.ipynb)).

# %% question="13.Q6"
quiz("13.Q6", "d")

# %% [markdown]
# ## Two papers and their replications
#
# Now read with these eyes. For each number ask: how many seeds, which spread, how many tries, chosen on what, compared with what? Two cases for which somebody did the work again.
#
# ### A replication that held
#
# [Renda, Frankle and Carbin (2020)](https://arxiv.org/abs/2003.02389) compare ways to retrain a pruned network ([lesson 06](../notebooks/06_rewinding.ipynb)). [Mikler (2021)](https://arxiv.org/abs/2109.09670) wrote the code anew from the paper alone, for the
# ML Reproducibility Challenge, and reports that he could reproduce the results in all scenarios of the original that he tried. On larger networks, Wide ResNets, he found a limit that the paper does not have: learning-rate rewinding loses accuracy at low
# sparsity (both from his abstract). The numbers of the original, from the raw data that its authors published with their code: ResNet-20, CIFAR-10, 10.7 % of the weights, iterative, median of three runs.

# %%
published = {
    "fine-tuning": 89.32,
    "weight rewinding": 91.00,
    "learning-rate rewinding": 91.01,
    "rewinding to step 0": 86.68,
}
table = lth.Table(
    {"way to retrain": "", "test accuracy (%)": ".2f", "minus fine-tuning": "+.2f"}
)
for name, accuracy in published.items():
    table.add(name, accuracy, accuracy - published["fine-tuning"])
visible = evidence.smallest_effect(sd=sd, seeds=3)
large = [
    name
    for name, accuracy in published.items()
    if abs(accuracy - published["fine-tuning"]) >= visible
]
table.note(
    f"if their sd were ours ({sd:.2f}), three seeds would see {visible:.1f} points"
)
table.note(f"as large as that beside fine-tuning: {', '.join(large)}")
table

# %% [markdown]
# Look at the note below the table. The spread of their seeds is not in it, and ours is that of another network; take it as an order of magnitude. Then all three differences to fine-tuning are
# large enough for three seeds, and the 0.01 between the two rewindings is nothing. That the two are "alike" is a null result, and for that a margin and a spread are missing.
#
# ### One that failed, and one that needs care
#
# An independent replication of [Frankle and Carbin (2019)](https://arxiv.org/abs/1803.03635), not peer reviewed, registered its claims with a tolerance for each before the
# run ([kowshikgunda71/repro-lottery-ticket](https://github.com/kowshikgunda71/repro-lottery-ticket), 2026). It publishes each seed. LeNet-300-100 on MNIST:

# %%
replication = {
    "stops earlier at 21 % (%)": (38, 15, [46.7, 0.0, -2.56, 44.7, 18.2]),
    "ticket - dense at 13.5 % (points)": (0.3, 0.3, [-0.05, 0.31, 0.39, 0.27, 0.14]),
    "ticket - re-initialised at 21 % (points)": (
        0.5,
        0.4,
        [0.36, 0.38, 0.32, 0.31, 0.57],
    ),
}
table = lth.Table(
    {"claim": "", "paper": "g", "tolerance": "", "replication": "+.2f[]", "theirs": ""}
)
for name, (paper, tolerance, values) in replication.items():
    inside = abs(mean(values) - paper) <= tolerance
    said = "replicated" if inside else "not replicated"
    table.add(name, paper, f"± {tolerance:g}", evidence.interval(values), said)
table.note("mean and 95 % interval of their five seeds, computed here")
table

# %% [markdown]
# Read it line by line.
#
# - **38 % earlier: not replicated.** But the interval contains 38, and it contains 0. Five seeds of so noisy a quantity decide neither, and its authors say so: not replicated *at this sample size*.
# - **More than 0.3 points at 13.5 %: "replicated".** The tolerance was ± 0.3, so everything from 0 to 0.6 passes. A ticket that gains nothing at all would have passed, at the edge, and the interval just contains 0,
#   and 0.3 too. A rule that a null result passes is no test. (Their own erratum says another thing about this rule: the claim is one-sided, "more than", and the rule was not.)
# - **Better than re-initialised: replicated.** Here the interval is far from 0, and the claim that the initial weights matter rests on this control.
#
# The other half of that replication is the small convolutional network Conv-2 on CIFAR-10, three seeds. [Frankle and Carbin (2019)](https://arxiv.org/abs/1803.03635) report that the ticket with 4.6 % of the weights gains 3.4 points.

# %%
conv_2_dense, conv_2_ticket = [70.17, 69.75, 69.33], [68.30, 68.28, 68.69]
gain = [t - d for t, d in zip(conv_2_ticket, conv_2_dense, strict=True)]
lth.Table(
    {"Conv-2, CIFAR-10": "", "dense (%)": "", "ticket - dense (points)": ""},
    [
        ("paper", "67.6 (validation)", "+3.4"),
        (
            "replication",
            f"{mean(conv_2_dense):.2f}",
            f"{evidence.interval(gain):+.2f[]}",
        ),
    ],
    notes=["replication: three seeds, 100 % and 4.57 % of the weights, test accuracy"],
)

# %% [markdown]
# **This one failed.** The interval of the replication is wide and contains 0, so it does not say that the ticket is worse. But it excludes + 3.4 by far. Which of the two
# is right? The table has a hint: the dense network of the replication is better than the paper's by about two points (theirs on the test split, the paper's on the validation split), so there was less to gain. The paper does not state how it
# normalised its images; the replication had to guess, and says so. A weak baseline makes a strong method: the trap of the section before. What would decide it? Both ways to normalise, both
# arms, enough seeds, registered. How many seeds, you can compute now.

# %% [markdown]
# ### The ledger of this course
#
# We did for this course what that replication did. Every claim that we tested is in one file, `data/claims.toml`: its words, the paper and the place, the seeds, the
# rule, and our prediction. All of it was written down before the run, and the run's configuration holds a hash of that text. The verdicts are computed from the recorded rows.
#
# - *reproduced*: the whole interval lies where the claim says, in every part of the rule;
# - *partly*: in some parts; *not reproduced*: in none, and in one at least it lies wholly outside;
# - *contested*: our seeds do not decide it; *not run*: there is no complete record, and the ledger says what it would cost.

# %%
from lthkit import ledger

book = ledger.load_ledger()
ruled = [ledger.judge(one, errata=book.errata) for one in book.values()]
ledger.ledger_table(ruled)

# %% [markdown]
# The table has the first part of each rule only. A claim in words, with all its parts, is what the cell after this one prints, or `lthkit claims ID` in a terminal. Look for the stars first: there our prediction was wrong. Then take one claim and try to break its verdict. Whoever finds a mistake in a rule or in a number gets an
# entry among the errata. In a terminal: `lthkit claims`, `lthkit claims hill-mnist`, and `lthkit claims hill-mnist --rerun --tier laptop` repeats one on your machine.

# %%
print(ledger.claim_text(ruled[list(book).index("rewind-0-fails-14")]))

# %% [markdown]
# ## A grid in one file
#
# A claim about methods needs many trainings: methods × densities × seeds. Three nested loops in a notebook do it, until the machine sleeps, a seed more is wanted, or a second
# machine should help. So write down the **grid**, and leave the loops to the machine. A grid is a small file in the format [TOML](https://toml.io): a name, `=`, a value. A list is an axis, and
# every value of one axis meets every value of the others. A table, such as `[recipes.short]`, says what differs from the usual recipe of the network.
#
# The question is one of [lesson 08](../notebooks/08_pruning_at_init.ipynb). Prune before any training: is SNIP, which looks at images, better than magnitude, which looks at none? And than chance?

# %%
from lthkit import sweeps

text = """\
methods = [
  "dense",
  {method = "prune-at-init", score = ["snip", "magnitude", "random"]},
]
densities = [0.2, 0.05]
seeds = [0, 1, 2]

[recipes.short]
"""
steps, every = lth.by_tier(smoke=(10, 10), laptop=(600, 150), gpu=(600, 150))
text += f"steps = {steps}\nevaluate_every = {every}\n"
folder = lth.storage.runs_folder() / f"criteria-{lth.tier()}"
file = lth.storage.write_text(folder.with_suffix(".toml"), text)
print(text)

# %% [markdown]
# Before the first run we fix what will be judged: one comparison, at 5 % of the weights, with four seeds, once. The file asks for three of them; the fourth comes later. If we added it *because* the interval
# of three contains 0, it would be the trap of *looking again and again*, above.

# %%
claim = evidence.Registered(
    "snip - magnitude at 5 %, test accuracy, points", "above", 0.0, (0, 1, 2, 3)
)
print(lth.filled(claim.says))
print("digest", claim.digest)

# %% [markdown]
# ### What it will take
#
# A file is read whole, and every mistake in it is named before anything starts. Then comes the plan, with its price. In a terminal, `lthkit sweep FILE.toml --dry-run` prints the same.
#
# The unit of work is the **cell**: one method with one seed. All densities of one method and seed belong to one cell. A cell has a folder of its own, named after all that decides its numbers
# (method, network, data, recipe, seed) but not after how far it goes.


# %%
def planned(file):
    """Print what is missing in the folder, and what that takes."""
    plan = sweeps.plan(sweeps.read_grid(file), folder)
    paces = sweeps.paces_of(plan, sweeps.datasets_of(plan.grid), seconds=0.2)
    seconds = sweeps.estimate(plan, paces, workers=workers)
    print(sweeps.text_of(plan, seconds=seconds, workers=workers))


workers = lth.by_tier(smoke=1, laptop=cores(), gpu=cores())
planned(file)

# %% [markdown]
# Predict:
#
# - Test accuracy of SNIP minus that of chance, both at 5 % of the weights, in points = ?
# - SNIP minus magnitude, in the same way = ?
# - We shall add a third density, 0.02, and a fourth seed to the file. How many trainings are then missing?

# %% tags=["prediction"]
my_snip_over_random = 3.0  # such as 3.0
my_snip_over_magnitude = 1.0
my_missing_trainings = 40  # such as 40

# %% [markdown]
# Now run it. The cells go to processes of this machine, one for each core. Each training that ends is one more file. If you stop it, what has ended stays, and the same call goes on.

# %%
swept = sweeps.run(sweeps.read_grid(file), folder, workers=workers)
lth.plots.sweep_tables(swept)[0]

# %% [markdown]
# ### One density and one seed more
#
# We change two lines of the file, and ask for the plan again.

# %%
text = text.replace("[0.2, 0.05]", "[0.2, 0.05, 0.02]")
text = text.replace("seeds = [0, 1, 2]", "seeds = [0, 1, 2, 3]")
lth.storage.write_text(file, text)
planned(file)

# %% [markdown]
# What is finished is not done again. Each old cell of a criterion lacks one density; the new seed lacks everything. The folder remembers, so if you run this lesson once more, both plans say that there is nothing to do.

# %%
first_rows, swept = swept, sweeps.run(sweeps.read_grid(file), folder, workers=workers)
expected = my_missing_trainings
print("predicted:", "no prediction" if expected is None else expected)
print(f"missing:   {len(swept) - len(first_rows)} of {len(swept)}")

# %% [markdown]
# In the picture, look at chance first: at the smallest density it falls off, and its band is the widest. At the next one, whether two criteria differ, only paired differences can say; they come below.

# %%
stamp = f"LeNet-300-100, {data.label}, {steps} steps, tier {lth.tier()}"
lth.plots.show(
    lth.plots.sweep(swept, title="Three criteria before training", stamp=stamp),
    alt=lth.plots.describe_sweep(swept),
)

# %% [markdown]
# Bands of single lines are not the comparison: the seeds are paired, so we subtract first, and take the interval then. A row of the table has all that we need: `score`, `asked` (the density), `seed`, and what was measured.


# %%
def at_5_percent(score):
    """Test accuracy in %, by seed."""
    own = [r for r in swept if r["score"] == score and r["asked"] == 0.05]
    return {row["seed"]: 100 * row["test_accuracy"] for row in own}


snip = at_5_percent("snip")
minus = {
    other: {seed: snip[seed] - value for seed, value in at_5_percent(other).items()}
    for other in ("random", "magnitude")
}
guesses = (my_snip_over_random, my_snip_over_magnitude)
compared = [
    (f"snip - {other}", guess, evidence.interval(list(values.values())))
    for (other, values), guess in zip(minus.items(), guesses, strict=True)
]
lth.plots.show(
    lth.plots.predicted(compared, unit="points of test accuracy", stamp=stamp),
    alt=lth.plots.describe_predicted(compared, unit="points"),
)

# %%
print(lth.filled(claim.verdict(minus["magnitude"])))
for criterion, values in minus.items():
    band = evidence.interval(list(values.values()))
    print(f"snip - {criterion}: {band:+.2f[]} points, {band.says}; {band.n} seeds")

# %% [markdown]
# Read the numbers as this lesson has taught. An interval that excludes 0 says which of the two is ahead *here*: this network, these data, so many steps, this density. One that contains 0 says that four
# seeds do not decide it. And only the registered comparison was fixed before the run; the other one, and every other pair in the picture, is a question for new seeds. (Tier `smoke` trains too briefly to show anything.)
#
# In the run of the solved edition our prediction failed: at 5 % SNIP was *behind* magnitude. And look at SNIP against chance: nineteen of twenty weights are gone, and the interval of four seeds still contains 0, if only just. Why is the
# difference so small? Is it the short training, as the open markers suggest? Is it this small network? An explanation is soon found; a test is two lines in the file. Put a `[recipes.long]` beside the short one, and `seeds` that are new.
#
# The same file is enough for a laptop and for a cluster. At tier `laptop` it is `runs/criteria-laptop.toml`. In a terminal, in the folder of this notebook:
#
# | to | give |
# |---|---|
# | see the plan | `lthkit sweep runs/criteria-laptop.toml --dry-run` |
# | run it, and go on with it | `lthkit sweep runs/criteria-laptop.toml`, with `--minutes 50` if the time is short |
# | see how far it is | `lthkit list`, `lthkit show criteria-laptop` |
# | let a second machine help, on a shared folder | the same command there |
# | have all rows in Python | `lth.results("runs/criteria-laptop")` |
#
# The guide "From a laptop to a cluster" (`solutions/from_a_laptop_to_a_cluster.md`) goes on from here: every key of the file, many machines, and what happens when one of them dies.

# %% question="13.Q7"
quiz("13.Q7", "b")

# %% [markdown]
# ## Towards an experiment of your own
#
# The list from the beginning, with what you now have for each line:
#
# | before the run | with |
# |---|---|
# | baseline first, and tuned with as many tries as the method | `lth.train`, validation accuracy, a table of tries |
# | which difference matters, and how many seeds see it | `evidence.spread`, `evidence.seeds_needed` |
# | the price: trainings, updates, minutes | `evidence.design` |
# | prediction, rule, all seeds | `evidence.Registered`, and its digest in your notes |
# | sparsity in small steps; seeds, rewind point, schedule written down | the run folder has them: `lth.imp(..., folder=)` |
# | all methods, densities and seeds, as one plan with its price | a grid in a file: `lthkit sweep FILE.toml --dry-run` |
#
# | after it | with |
# |---|---|
# | the verdict, also if it failed | `Registered.verdict` |
# | several comparisons | `evidence.p_value`, `evidence.holm` |
# | no difference? | `evidence.against_margin` |
# | the test split read once, the step chosen on validation | `lth.train` does; say it when your own loop does not |
#
# Take a question of your own, and fill in the first table before you train anything. If a line stays empty, that is the line at which the experiment would have gone wrong.
#
# ## Traps
#
# - **The lucky seed.** One seed, or the best of five. The winner of one seed is wrong as often as the noise floor says.
# - **"No significant difference", with three seeds.** Ask which difference three seeds could have seen.
# - **Seeds until it works.** The number of seeds is part of the plan; so are the failed trainings.
# - **Seven arms, one star.** All comparisons count, also those that were not printed.
# - **The best epoch on test.** It adds a gain to every arm, and nothing says that it is the same for each: it grows with the noise and with the number of looks.
# - **The step that is reported.** Least loss or best accuracy: both are honest, and the lead of an arm may differ by half. Say which, before the run.
# - **A number for "faster".** Early-stop steps of single seeds differ by factors. Give the seeds.
# - **The baseline from an old paper.** As many tries for it as for the method.
#
# ## Summary
#
# - The noise floor of a cell is a number. Measure it, and you know what a seed is worth.
# - Power, seeds and price belong together: half the effect costs up to four times as much, and for many seeds nearly that.
# - An interval has four things to say, not two. "Contains 0" is the beginning of an answer.
# - Looking often, comparing often and choosing on test all do the same: they turn luck into results.
# - Two arms that were the same came out different with forty seeds. A surprise is a question; new seeds, fixed in number, answer it.
# - A prediction with its rule, registered before the run, costs five minutes.
#
# **What this lesson does not tell you.** We let one thing vary, the seed. Other draws of the training and test images, other data sets, other networks vary too, and an interval over seeds says nothing about them
# ([Bouthillier et al. 2021](https://arxiv.org/abs/2103.03098) measure such sources, abstract). All intervals here are t-intervals; they assume that the differences are about normal, which forty seeds can check only roughly. And no plan tells you whether a question was worth
# asking.
#
# **Next:** [lesson 14](../notebooks/14_beyond.ipynb) goes beyond: untrained networks, masks that move, and what does not hold. Or an experiment of your own: `lthkit start capstone` in a
# terminal gives you a notebook for it, with eight questions to choose from; `capstone_example.ipynb`, beside the lessons, is one from beginning to end.
#
# [docstrings]
