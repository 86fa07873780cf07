# %% [markdown]
# # 12 · Broken tickets: a museum
#
# **You will** visit seventeen bugs, sixteen of public code and one of our own, each from its symptom: a number or a figure that looks like a result. You find the
# line, you mend it, and only then you open the label. On the way you write five items of a checklist; at the end you run
# the whole checklist on your own runs. **Time:** about 120 minutes; of these the computer works about one.
#
# [contents]
#
# You need five words. A **mask** says which weights stay. The **density** is the fraction that stays. A **ticket** is a mask with the
# initial weights of what it keeps. A **rewind** gives these weights back after a training. A **control** is a training that takes
# one cause away ([lesson 05](../notebooks/05_winning_tickets.ipynb)).

# %% tags=["setup"]

# %% [markdown]
# ## Why a museum
#
# A program that crashes is mended at once. The bugs in here did not crash. Each gave a number that could have been true, and
# some lived for years in code that many people used. Nobody is to be laughed at: we have made several of them ourselves.
#
# We did not copy anything. Each exhibit is a few lines of our own that make the same mistake. The label says where the
# original was, from when to when, and whom it misled. All addresses were looked up in stored copies in November 2026.
#
# How to visit an exhibit:
#
# 1. Read what **the report says**, and run the two cells. What did you expect to see?
# 2. Read the function. One or two lines are wrong, or one is missing.
# 3. Mend it **in its own cell**, and run both cells again, until you read *The symptom is gone*.
# 4. Open **the label**. If you are stuck, open **where to look** first.
#
# Visit the rooms in any order, and not all in one day. If you find nine of the seventeen without a label, you have done well.

# %% [markdown]
# ## Small enough to print
#
# First a ticket that you can check by eye: one layer with six weights. `before` is its state at initialisation, `start` the state from
# which its training began, `after` the state at the end. Four questions can be answered from these lines. Which ones have the answer no?

# %% tags=["nbval-check-output"]
import copy
import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

import lthkit as lth
from lthkit.classroom import check, hint, quiz, use
from lthkit.evidence import museum

torch.set_printoptions(precision=2, sci_mode=False)
mask = torch.tensor([[True, True, False], [True, False, False]])
before = torch.tensor([[0.3, -0.2, 0.1], [0.4, -0.1, 0.2]])
start = torch.tensor([[0.3, -0.2, 0.0], [0.5, 0.0, 0.0]])
after = torch.tensor([[0.9, -0.7, 0.01], [0.8, 0.0, 0.0]])
print("half of the weights stay:     ", int(mask.sum()) == mask.numel() / 2)
print("removed weights are 0:        ", bool((after[~mask] == 0).all()))
print("began from its initial weights:", torch.equal(start[mask], before[mask]))
print("every kept weight was trained: ", bool((after != start)[mask].all()))

# %% [markdown]
# Two answers are no. A removed weight has become 0.01: the mask was not held. And a kept weight began at 0.5, where its initial value is
# 0.4: the rewind was not exact. Neither is large, and no accuracy would show it. Each of these lines is an item of a
# **checklist**; `lth.audit` asks fifteen such questions.

# %%
lth.audit(
    None,
    {"w": mask},
    before={"w": before},
    start={"w": start},
    after={"w": after},
    density=0.5,
)

# %% [markdown]
# Read the verdicts in the middle column. An item **holds**, **fails**, or **cannot be told**; then the audit says what it would need. It never says "fine"
# about something that it has not seen.
#
# ## The way of an experiment
#
# Here is the way of an experiment with tickets, and the places at which the exhibits break it:

# %%
lth.plots.diagram("12")

# %% [markdown]
# The exhibits train LeNet-300-100 for one to two seconds at most, on the first batches of Fashion-MNIST. So the accuracies are
# low, and they are all from one seed: they show symptoms, not results. Where the loop is not what is broken, it is this one.
# (It is `museum.train`.)


# %%
def train(model, batches, mask=None):
    """Adam over the batches; removed weights are 0 at the start and after each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)

    def hold():
        for name, weight in model.named_parameters():
            if mask is not None and name in mask:
                weight.data[~mask[name]] = 0

    hold()
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        hold()


# %% [markdown]
# ## Room 1: zeros
#
# ### Exhibit 1
#
# **The report says:** *a ticket with 1 % of the weights loses nothing.*


# %%
def retrain(model, mask, batches):
    """Prune the network, then train what is left of it."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1.2e-3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in mask:
                weight *= mask[name]
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


# %%
museum.visit(1, retrain)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# Compare with `train` above. How often is the mask used here? Print how many weights are not 0 after the training.
#
# </details>
#
# <details><summary>The label</summary>
#
# **The mask that was forgotten.** The network is pruned once. Then the optimizer moves every weight, the removed ones too, and after a few steps
# all of them are at work. Mended: multiply by the mask again after each `optimizer.step()`.
#
# A notebook of a public course trained like this in September 2026. A review ([jsboige/CoursIA, pull request 16192](https://github.com/jsboige/CoursIA/pull/16192)) printed
# the number: 229,956 of 234,752 weights were not 0, **98.0 %**. The
# notebook, says the same review, had compared two dense networks, and had read their difference of 0.15 points as evidence for the lottery. It was found before many could read it, because somebody counted.
#
# </details>

# %% tags=["solution-only"]
museum.visit(1, museum.exhibit(1).mended)

# %% question="12.Q1"
quiz("12.Q1", "a")

# %% [markdown]
# ### Exhibit 2
#
# **The report says:** *pruned to 5 % and fine-tuned, the network is as good as before.* The optimizer is SGD with momentum, the same one that trained
# the dense network. Here the authors were careful: the gradients of removed weights are masked at every step. They also saved the ticket in a small file that has the kept
# weights only, and read it again.


# %%
def finetune(model, mask, optimizer, batches):
    """Go on training a pruned network with the optimizer that trained it."""
    for images, labels in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in mask:
                weight.grad *= mask[name]
        optimizer.step()


# %%
museum.visit(2, finetune)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# The gradient of a removed weight is 0. What else does `optimizer.step()` add to a weight, and from when is it?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The momentum of the dead.** The momentum buffer remembers the gradients from before the pruning, and goes on moving the removed
# weights while it fades. Mended: `optimizer.state[weight]["momentum_buffer"] *= mask[name]` before the first step, or the mask on the
# weight after each step.
#
# Reported in October 2018 ([ruihangdu/PyTorch-Deep-Compression, issue 2](https://github.com/ruihangdu/PyTorch-Deep-Compression/issues/2): the answer was that the gradients are masked), again
# in December 2019 ([he-y/filter-pruning-geometric-median, issue 47](https://github.com/he-y/filter-pruning-geometric-median/issues/47)), and in May 2025 with weight decay, in code whose masked weights were
# to stay as they are ([OPTML-Group/Unlearn-Saliency, issue 32](https://github.com/OPTML-Group/Unlearn-Saliency/issues/32); answered in February 2026). Adam's moments do the same.
#
# </details>

# %% tags=["solution-only"]
museum.visit(2, museum.exhibit(2).mended)

# %% question="12.Q2"
quiz("12.Q2", "b")

# %% [markdown]
# ### Exhibit 3
#
# **The report says:** *our function holds the zeros as well as a mask does.* Its accuracy is about the same. Then look at the figure: each
# mark is a kept weight of the first layer, before and after the training.


# %%
def freeze_removed(model, eps=1e-6):
    """After the backward pass: no gradient for weights that are 0."""
    for name, weight in model.named_parameters():
        if "weight" in name:
            weight.grad[weight < eps] = 0


# %%
shown = museum.visit(3, freeze_removed)
shown

# %%
lth.plots.show(
    lth.plots.before_and_after(**shown.points, stamp="one training, one seed"),
    alt=lth.plots.describe_before_and_after(**shown.points),
)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# One side of the figure lies on the diagonal. For which weights is `weight < eps` true?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The frozen half.** Every negative weight is below `eps`, so every negative weight loses its gradient. Half of the network stands
# still, and the other half learns enough to look right. Mended: `weight.abs() < eps`.
#
# In the best-known reimplementation of the lottery ticket experiments. Reported in May 2020
# ([rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch, issue 5](https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/issues/5)), asked about in September 2020 ("why my experiment results can't reach the original
# performance?", [issue 7](https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/issues/7)), and found again in February 2025 ("why has no one noticed it?", [issue 31](https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/issues/31)). Issue 5 is
# open, and the line was still in `main.py` when we read it.
#
# </details>

# %% tags=["solution-only"]
museum.visit(3, museum.exhibit(3).mended)

# %% [markdown]
# ### Exercise 12.1: weights that are alive · easy · four lines · 6 minutes
#
# Write the first item of the checklist. For each name in `mask`, count the removed weights that are **not exactly 0** in
# `state`, however small they are. Return a dict from name to count, with the names that have at least one such weight. NaN is not 0, so it
# counts. A kept weight may be any number, infinity too.
#
# The tensors are of any shape and any type. The state may have more names than the mask. The mask may be empty; then so is the result.
#
# Expected: `alive_weights({"w": torch.tensor([0.5, 0.2, 0.0])}, {"w": torch.tensor([True, False, False])})` is `{"w": 1}`.


# %% exercise="12.1"
def alive_weights(state, mask):
    """name -> how many removed weights are not exactly 0; only names that have some.

    state: name -> tensor. mask: name -> bool tensor, True = kept.
    """
    # BEGIN SOLUTION
    counts = {n: int((state[n][~keep] != 0).sum()) for n, keep in mask.items()}
    return {name: count for name, count in counts.items() if count}
    # END SOLUTION


# %%
check("12.1", alive_weights)

# %%
alive_weights_ = use("12.1", alive_weights)
print(alive_weights_({"w": after}, {"w": mask}))

# %% [markdown]
# ### Exercise 12.2: a step that keeps zeros · medium · two lines · 8 minutes
#
# Write a step of SGD with momentum that does better than exhibit 2:
#
# $$v \leftarrow \mu\, v + g, \qquad w \leftarrow w - \eta\, v$$
#
# Here $v$ is the velocity, $g$ the gradient, $\mu$ the momentum and $\eta$ the learning rate. After the step, weight **and** velocity are
# exactly 0 at removed places, whatever was there: a removed weight may not be 0 yet, because the mask is new, and the gradient or the velocity may
# be NaN or infinity there. A NaN at a kept place stays: it is to be seen. Return new tensors and leave the arguments as they are.
#
# The tensors are of any shape, float32 or float64, all of one type.
#
# Expected: with weight `[1.0, 0.0]`, gradient `[0.5, 0.5]`, velocity `[0.2, 0.4]`, mask `[True, False]`, rate 0.1 and momentum 0.9, the
# new weight is `[0.932, 0.0]` and the new velocity `[0.68, 0.0]`.


# %% exercise="12.2"
def masked_step(weight, gradient, velocity, mask, lr, momentum):
    """The pair (new weight, new velocity); both are exactly 0 where `mask` is False."""
    # BEGIN SOLUTION
    velocity = (momentum * velocity + gradient).where(mask, 0)
    return (weight - lr * velocity).where(mask, 0), velocity
    # END SOLUTION


# %%
check("12.2", masked_step)

# %%
masked_step_ = use("12.2", masked_step)
one, half = torch.ones(2), torch.tensor([True, False])
print(masked_step_(one, one, one, half, 0.1, 0.9))

# %% [markdown]
# ## Room 2: counts
#
# ### Exhibit 4
#
# **The report says:** *whether 20 or 30 % of this layer go makes no difference.* The weights are stored coarsely, with
# 5 bits each, and ranked as they are stored. Compare the accuracies digit by digit.


# %%
def keep_largest(scores, fraction):
    """True for what stays when the fraction with the lowest scores goes."""
    k = round(fraction * scores.numel())
    threshold = scores.flatten().kthvalue(k).values
    return scores > threshold


# %%
museum.visit(4, keep_largest)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# Two requests give one accuracy. Do they give one mask? Count what stays. How many scores are *equal* to the threshold, if there are only a few
# different values?
#
# </details>
#
# <details><summary>The label</summary>
#
# **All ties go.** Everything equal to the threshold is removed, so two different requests end at the same border. Mended: sort
# once, and remove the first `k` of the order: `mask[scores.flatten().argsort(stable=True)[:k]] = False`.
#
# In NNI, a tool of Microsoft ([microsoft/nni, pull request 4580](https://github.com/microsoft/nni/pull/4580)), a test failed now and then, because the real sparsity was 66.7 % where 50 % had been asked for. The change of February 2022
# set the *seed of the test*, and left a note that ties need care. SparseML mended the same in April 2022, from a threshold
# to an exact number ([neuralmagic/sparseml, pull request 678](https://github.com/neuralmagic/sparseml/pull/678)). A relative: `ceil` and `>` together remove one weight more than asked
# for in each round, as in [`sparse_global.py` of open_lth](https://github.com/facebookresearch/open_lth/blob/master/pruning/sparse_global.py).
#
# </details>

# %% tags=["solution-only"]
museum.visit(4, museum.exhibit(4).mended)

# %% [markdown]
# ### Exhibit 5
#
# **The report says:** *in each round half of the weights go; the count is exact.* It is. The score is the distance that a weight has moved since
# initialisation. Now compare the last two columns. If a weight that has gone stays away, then each place that changes is a weight that goes, and the two
# numbers are equal.


# %%
def next_mask(mask, scores, density):
    """The mask of the next round: of all weights, those with the highest scores."""
    flat = torch.cat([scores[name].flatten() for name in mask])
    k = round(density * flat.numel())
    threshold = flat.sort(descending=True).values[k]
    return {name: scores[name] > threshold for name in mask}


# %%
museum.visit(5, next_mask)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# What is `mask` used for in this function? A removed weight is 0, and it has moved from its initial value to 0. What is its score?
#
# </details>
#
# <details><summary>The label</summary>
#
# **Weights that come back.** Removed weights are ranked with the others, and some win. The count stays right, so counting finds
# nothing. Mended: `scores[name].where(mask[name], -torch.inf)` before the ranking.
#
# In the published code of SynFlow, the lines that would exclude removed scores are commented out ([ganguli-lab/Synaptic-Flow, `Pruners/pruners.py`](https://github.com/ganguli-lab/Synaptic-Flow/blob/master/Pruners/pruners.py)). We ran its
# iterative mode on a small network: some of the kept weights had been removed before. In SparseML, one place rounded and another cut off, and a
# pruned weight was "subsequently unpruned" (March 2022, [pull request 589](https://github.com/neuralmagic/sparseml/pull/589)).
#
# </details>

# %% tags=["solution-only"]
museum.visit(5, museum.exhibit(5).mended)

# %% [markdown]
# ### Exhibit 6
#
# **The report says:** *we compared two ways to rank, layer by layer and over all layers; it makes no difference.* The function of the second
# way:


# %%
def global_mask(weights, density):
    """Over all layers together, keep the fraction `density` of largest magnitude."""
    mask = {}
    for name, weight in weights.items():
        threshold = weight.abs().quantile(1 - density)
        mask[name] = weight.abs() > threshold
    return mask


# %%
museum.visit(6, global_mask)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# How many thresholds does this function have? Print the density of each layer.
#
# </details>
#
# <details><summary>The label</summary>
#
# **A layer's threshold.** The threshold is taken inside the loop, so each layer has its own, and this *is* the layerwise mask. The total is right. Mended: one
# threshold, from all weights in one tensor.
#
# Caught in a review of NNCF, a tool of Intel, in September 2020: with the change, a level of 60 % "will always set 60 % sparsity locally for each module", in
# the global scenario too, "which is wrong" ([openvinotoolkit/nncf, pull request 127](https://github.com/openvinotoolkit/nncf/pull/127)). Whoever reads a table with one
# density for all layers, under the word *global*, has found it.
#
# </details>

# %% tags=["solution-only"]
museum.visit(6, museum.exhibit(6).mended)

# %% [markdown]
# ### Exhibit 7
#
# **The report says:** *surprisingly, the network gets better the more of it is pruned.*


# %%
def compress(model, prune_ratio):
    """Prune the fraction `prune_ratio` of the weights, and return the mask."""
    mask = {}
    for name, weight in model.named_parameters():
        if "weight" in name:
            k = round(prune_ratio * weight.numel())
            mask[name] = torch.zeros(weight.numel(), dtype=torch.bool)
            mask[name][weight.abs().flatten().topk(k).indices] = True
            mask[name] = mask[name].view(weight.shape)
    return mask


# %%
museum.visit(7, compress)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# `k` of them become True. Does True mean kept, or removed?
#
# </details>
#
# <details><summary>The label</summary>
#
# **Kept or removed.** The function keeps the fraction that it says it prunes. Mended: `round((1 - prune_ratio) * ...)`, or another name.
#
# In NeRV, `prune_ratio` is the fraction that is *kept*, and the README computed with it as if it were removed; a reader asked in July 2022 which
# value reproduces the paper, 0.4 or 0.6 ([haochen-rye/NeRV, issue 17](https://github.com/haochen-rye/NeRV/issues/17), answered in August). Numenta caught a sparsity that was a
# density in a review of April 2021 ([nupic.research, pull request 497](https://github.com/numenta/nupic.research/pull/497)). In this course a *density* is always
# what stays, and a *fraction*, as in `lth.prune`, always what goes. (The mended accuracies lie close together, and may still rise by a point: hardly anything
# goes, and it is one seed.)
#
# </details>

# %% tags=["solution-only"]
museum.visit(7, museum.exhibit(7).mended)

# %% [markdown]
# ## Room 3: going back
#
# ### Exhibit 8
#
# **The report says:** *Adam learns much faster than SGD; both networks began from the same initial weights.* Look at the first point of each
# line.


# %%
def remember(model):
    """The weights as they are now, to go back to later."""
    return model.state_dict()


# %%
shown = museum.visit(8, remember)
shown

# %%
lth.plots.show(
    lth.plots.restarted(**shown.points, stamp="one seed"),
    alt=lth.plots.describe_restarted(shown.points["curves"]),
)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# `remember` is called before the first training, and `load_state_dict` before the second. What do the tensors in a state dict do while the model
# is trained? [Lesson 04](../notebooks/04_iterative_pruning.ipynb) tried it.
#
# </details>
#
# <details><summary>The label</summary>
#
# **The copy that is none.** A state dict holds the model's own tensors, and training writes into them. The second training goes on where the first
# ended. Mended: `tensor.clone()` for each, or `copy.deepcopy`.
#
# In the official PyTorch tutorial on transfer learning until December 2017 ("best_model_wts changes always to last epoch's state",
# [pytorch/tutorials, pull request 188](https://github.com/pytorch/tutorials/pull/188)); in the code of a textbook, where it compared Adam with SGD as here, until December
# 2022 ([dvgodoy/PyTorchStepByStep, pull request 28](https://github.com/dvgodoy/PyTorchStepByStep/pull/28)); in a tool for inference, where each round was to begin anew, in February 2023 ("any
# attempt to reload state dict in current version is doing nothing", [kmzzhang/nbi, issue 11](https://github.com/kmzzhang/nbi/issues/11)).
#
# </details>

# %% tags=["solution-only"]
museum.visit(8, museum.exhibit(8).mended)

# %% [markdown]
# One might think that a *ticket* that starts far above chance was not rewound. That is not so. The next cell takes a mask from a trained
# network and puts it on the initial weights, rightly rewound. Nothing is trained after that. How many images does it get right?

# %%
bench = museum.bench()
table = lth.Table({"weights left (%)": ".0f", "accuracy, untrained (%)": ".1f"})
for density in (1.0, 0.2, 0.1, 0.02):
    ticket = bench.ticket(bench.mask(density))  # the initial weights under a mask
    table.add(100 * density, bench.accuracy(ticket))
table

# %% [markdown]
# The whole initial network is at chance, and the pruned one is not. Which weights were removed is knowledge too: the mask was made by
# training. (Zhou et al. 2019 call such a mask a *supermask*, [arXiv 1905.01067](https://arxiv.org/abs/1905.01067).) So do not judge a rewind by an accuracy. Compare the numbers.

# %% question="12.Q3"
quiz("12.Q3", "b")

# %% [markdown]
# ### Exhibit 9
#
# **The report says:** *we checked the rewind: no kept weight differs from its initial value.* The layers were pruned by
# `torch.nn.utils.prune`. Compare the two accuracies, digit by digit.


# %%
def rewind(layers, initial):
    """Give the pruned layers their initial weights again."""
    with torch.no_grad():
        for name, layer in layers.items():
            layer.weight.data = initial[name].clone()


# %%
museum.visit(9, rewind)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# `torch.nn.utils.prune` renames things. Print `[n for n, _ in layer.named_parameters()]` of a pruned layer. From what is `layer.weight` computed, and when?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The rewind that nobody reads.** In a layer pruned by torch the parameter is `weight_orig`; `weight` is the product of it and the mask, made anew before
# each forward pass. What is written into `weight` is gone with the next batch. Mended: `layer.weight_orig.copy_(initial[name])`.
#
# In Lightning, whose callback `ModelPruning` has the lottery ticket reset *on by default*. Reported in July 2022 with the printed parameters
# ([Lightning-AI/pytorch-lightning, issue 13643](https://github.com/Lightning-AI/pytorch-lightning/issues/13643)), mended by a change of September 2025 ([pull request 21191](https://github.com/Lightning-AI/pytorch-lightning/pull/21191)). For three years whoever used it fine-tuned, and
# wrote "lottery ticket" over the table.
#
# </details>

# %% tags=["solution-only"]
museum.visit(9, museum.exhibit(9).mended)

# %% [markdown]
# ### Exhibit 10
#
# **The report says:** *to compute SNIP's scores costs accuracy.* But a score only looks at a network, and no weight was changed. (The network has batch norm, and the
# fifty batches are sorted by class.)


# %%
def snip_scores(model, batches):
    """How much the loss would change without each weight: |weight * gradient|."""
    model.train()
    total = {name: 0.0 for name, _ in model.named_parameters() if "weight" in name}
    for images, labels in batches:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        for name, weight in model.named_parameters():
            if name in total:
                total[name] = total[name] + weight.grad
    weights = dict(model.named_parameters())
    return {name: (weights[name].detach() * total[name]).abs() for name in total}


# %%
museum.visit(10, snip_scores)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# A network has state that is no weight: `model.state_dict()` lists it. Who writes to it, and in which mode?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The network that was changed by looking.** In training mode every forward pass updates the running statistics of batch norm. Mended: `model.eval()` while scoring, or
# save the buffers and put them back.
#
# Reported for SparseML in May 2022: collecting gradients in training mode "can severely harm model's performance", for a pruned MobileNet from 55 to
# 18 % ([neuralmagic/sparseml, issue 756](https://github.com/neuralmagic/sparseml/issues/756)). It is also why a rewind of the weights alone is half a rewind.
#
# </details>

# %% tags=["solution-only"]
museum.visit(10, museum.exhibit(10).mended)

# %% [markdown]
# ### Exhibit 11
#
# **The report says:** *for the masks of SNIP, the weights that were scored are no better a start than others.* The authors made sure that scoring does not touch
# the network.


# %%
def snip_mask(model, images, labels, density):
    """The mask of largest |weight * gradient|, without touching the network."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    F.cross_entropy(model(images), labels).backward()
    weights = {n: w for n, w in model.named_parameters() if "weight" in n}
    scores = {name: (w.detach() * w.grad).abs() for name, w in weights.items()}
    everything = torch.cat([score.flatten() for score in scores.values()])
    threshold = everything.sort(descending=True).values[
        round(density * len(everything))
    ]
    return {name: score > threshold for name, score in scores.items()}


# %%
museum.visit(11, snip_mask)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# Read the note below the table. Nothing in a score is drawn at random, if the network and the batch are given. What is?
#
# </details>
#
# <details><summary>The label</summary>
#
# **Scores of another network.** The copy gets new random weights before it is scored. So no arm of the experiment trains the weights that were
# scored, and both arms are re-initialised: whatever their difference is, it is not the one that was asked about. Mended: leave the
# loop out, three lines from `for layer` to `xavier_normal_`.
#
# A reader asked in June 2020; the answer was that this is what the paper does ([mil-ad/snip, issue 3](https://github.com/mil-ad/snip/issues/3)). The paper's own code does have two sets of weights, one before
# and one after the pruning ([namhoonlee/snip-public, `model.py`](https://github.com/namhoonlee/snip-public/blob/master/snip/model.py)), while its text trains the network that was scored
# ([Lee et al. 2019](https://arxiv.org/abs/1810.02340), algorithm 1; see [lesson 07](../notebooks/07_snip.ipynb)). That SNIP does not mind a new initialisation is built into such numbers.
#
# </details>

# %% tags=["solution-only"]
museum.visit(11, museum.exhibit(11).mended)

# %% [markdown]
# ### Exhibit 12
#
# **The report says:** *iterative pruning brings nothing over a single cut.* You met this one in [lesson 04](../notebooks/04_iterative_pruning.ipynb). Do you still see it?


# %%
def find_masks(model, initial, batches, train, prune, rounds):
    """Iterative pruning: train, remove half of what remains, rewind, again."""
    train(model, batches, None)
    weights = {name: w.detach().clone() for name, w in model.named_parameters()}
    masks = [
        {n: torch.ones_like(w).bool() for n, w in weights.items() if "weight" in n}
    ]
    for _ in range(rounds):
        masks.append(prune(masks[-1], weights, 0.5))
        model.load_state_dict(initial)
        train(model, batches, masks[-1])
    return masks


# %%
museum.visit(12, find_masks)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# `prune(mask, weights, fraction)` ranks what it is given. Which training do these weights come from in the second round?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The loop that is not iterative.** `weights` are those of the dense network in every round. Cutting one fixed ranking twice is cutting it once. Mended: take the
# weights again at the end of the loop.
#
# In the guide from which this course grew (it is not public): its loop passed the dense network to the pruning function in each round, and had an
# argument for the rewind step that nothing used. It misled us, until we compared its mask with the one-shot mask.
#
# </details>

# %% tags=["solution-only"]
museum.visit(12, museum.exhibit(12).mended)

# %% [markdown]
# ### Exercise 12.3: what was not rewound · medium · eight lines · 10 minutes
#
# Write another item of the checklist. `before` is the state that a training should begin from, `start` the state that it did begin
# from. Return the names of the tensors that are **not** as in `before`, as a list in the order of `before`.
#
# A tensor with a mask counts at its kept places only: at removed places the start may be anything, NaN and infinity too. And a tensor without a mask counts
# everywhere; biases and buffers belong to the state. Ask for equal numbers, not nearly equal ones: a rewind is a copy. NaN is equal to nothing, not
# even to itself, so a tensor with a NaN that counts is in the list.
#
# Both states have the same names and shapes, perhaps in another order; go by name. The tensors are of any shape and any type, whole numbers too. The mask may be empty.
#
# Expected: `not_rewound({"w": torch.tensor([0.5, -0.3])}, {"w": torch.tensor([0.5, 0.9])}, {"w": torch.tensor([True, False])})` is `[]`,
# and with an empty mask it is `["w"]`.


# %% exercise="12.3"
def not_rewound(before, start, mask):
    """Names of the tensors in which `start` is not `before`, as a list.

    before, start: name -> tensor. mask: name -> bool tensor, True = kept; some names
    have none.
    """
    # BEGIN SOLUTION
    found = []
    for name, was in before.items():
        differs = was != start[name]
        if name in mask:
            differs = differs[mask[name]]
        if differs.any():
            found.append(name)
    return found
    # END SOLUTION


# %%
check("12.3", not_rewound)

# %% [markdown]
# Try it on exhibit 10, broken and mended. The trial of an exhibit has what an audit is given, here the states before and after the scoring:

# %%
not_rewound_ = use("12.3", not_rewound)
ten = museum.exhibit(10)
for label, function in (("broken", ten.broken), ("mended", ten.mended)):
    states = ten.tried(function, bench).given
    print(label, not_rewound_(states["before"], states["start"], {}))

# %% [markdown]
# ## Room 4: controls
#
# ### Exhibit 13
#
# **The report says:** *it does not matter which weights stay, only how many in each layer.*


# %%
def shuffled(masks, seed):
    """The same number of weights in each layer, at random places."""
    generator = torch.Generator().manual_seed(seed)
    for mask in masks.values():
        order = torch.randperm(mask.numel(), generator=generator)
        mask = mask.flatten()[order].view(mask.shape)
    return masks


# %%
museum.visit(13, shuffled)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# What does `mask = ...` inside the loop change: the dict, or the name?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The shuffle that shuffles nothing.** The new tensor gets the *name* `mask`, and is forgotten in the next turn of the loop. The dict is returned as it came. Mended: write into
# a new dict, `new[name] = ...`.
#
# In the published code of SynFlow, method `shuffle` ([ganguli-lab/Synaptic-Flow, `Pruners/pruners.py`](https://github.com/ganguli-lab/Synaptic-Flow/blob/master/Pruners/pruners.py); the repository is of 2020, and the method was still so when we read it).
# Its option `--shuffle` does nothing and says nothing. Whoever used it as a control compared a ticket with itself. The results of others on shuffled masks
# ([lesson 08](../notebooks/08_pruning_at_init.ipynb)) come from other code.
#
# </details>

# %% tags=["solution-only"]
museum.visit(13, museum.exhibit(13).mended)

# %% question="12.Q4"
quiz("12.Q4", "b")

# %% [markdown]
# ### Exhibit 14
#
# **The report says:** *the initial weights do not matter: re-initialised, the ticket is as good.*


# %%
def reinitialised(make, mask, batches, train, prune):
    """The re-initialised control: its mask, and the weights that it is trained from."""
    model = make(seed=6)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, batches, None)
    density = sum(m.sum() for m in mask.values()) / sum(
        m.numel() for m in mask.values()
    )
    return prune(model, float(density)), start


# %%
museum.visit(14, reinitialised)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# A re-initialised control has the *ticket's* mask. Whose mask has this one?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The control that searches again.** It trains the new network, prunes it by its own trained weights, and rewinds it. What it finds is a ticket of its own, with its own initial
# weights; nothing was taken away. Mended: return `mask` itself, with the new weights.
#
# In the reimplementation of exhibit 3, `--prune_type=reinit` draws new weights inside the pruning loop, so every later mask is found with
# them ([`main.py`](https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/blob/master/main.py), since 2019 or 2020; we read it in 2026). Its "random" curve is not the control of the paper.
#
# </details>

# %% tags=["solution-only"]
museum.visit(14, museum.exhibit(14).mended)

# %% [markdown]
# ### Exercise 12.4: which arm is it? · hard · eight lines · 15 minutes
#
# You get the mask and the initial weights of a ticket, and those of another training. Say what the other one is:
#
# - `"ticket"`: the same mask, and the ticket's weights;
# - `"re-initialised"`: the same mask, and in **every** tensor other weights;
# - `"shuffled"`: another mask in which each tensor keeps as many weights as in the ticket's, and the ticket's weights;
# - `"neither"`: anything else.
#
# Weights count where `mask`, the mask of the other training, keeps them; at all other places they may be anything, NaN and infinity too. A tensor has the
# ticket's weights if all numbers that count are exactly equal; if one of them is not, it has other weights. Masks are the same if they agree in every place
# of every tensor.
#
# All four dicts have the same names, perhaps in another order; go by name. The tensors are of any shape and any type, whole numbers too, and every tensor of
# a mask keeps at least one weight. No weight that counts is NaN.
#
# Expected: with masks `[True, True, False]` and `[False, True, True]` and equal weights it is `"shuffled"`.


# %% exercise="12.4"
def arm_of(ticket_mask, ticket_start, mask, start):
    """One of "ticket", "re-initialised", "shuffled", "neither".

    ticket_mask, mask: name -> bool tensor, True = kept. ticket_start, start: name ->
    initial weights.
    """
    # BEGIN SOLUTION
    same = all(torch.equal(mask[n], ticket_mask[n]) for n in mask)
    counts = all(mask[n].sum() == ticket_mask[n].sum() for n in mask)
    own = [torch.equal(start[n][mask[n]], ticket_start[n][mask[n]]) for n in mask]
    if same and all(own):
        return "ticket"
    if same and not any(own):
        return "re-initialised"
    return "shuffled" if counts and not same and all(own) else "neither"
    # END SOLUTION


# %%
check("12.4", arm_of)

# %% [markdown]
# Now let it name what exhibits 13 and 14 return, broken and mended.

# %%
arm_of_ = use("12.4", arm_of)
table = lth.Table(["exhibit", "broken", "mended"])
for number in (13, 14):
    this, named = museum.exhibit(number), []
    for function in (this.broken, this.mended):
        given = this.tried(function, bench).given
        ((_, control),) = given["controls"].items()
        arms = dict(given["mask"]), given["before"], dict(control["mask"])
        named.append(arm_of_(*arms, control["start"]))
    table.add(str(number), *named)
table

# %% [markdown]
# ## Room 5: numbers
#
# ### Exhibit 15
#
# **The report says:** *better than chance on labels that were drawn at random.* That cannot be. The figure has all readings of the first
# of five trainings.


# %%
def reported(history):
    """The test accuracy of a training, from (validation loss, test accuracy)."""
    best = 0.0
    for _, test_accuracy in history:
        if test_accuracy > best:
            best = test_accuracy
    return best


# %%
shown = museum.visit(15, reported)
shown

# %%
lth.plots.show(
    lth.plots.readings(**shown.points, stamp="labels drawn at random, seed 0"),
    alt=lth.plots.describe_readings(**shown.points),
)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# Which of forty readings is reported? What would you have reported, had you never seen the test split?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The best of forty.** The largest of many noisy numbers lies above their mean, even if there is nothing to know. Mended: choose by the validation
# loss, and report the test accuracy of that step.
#
# In a training script that has been copied into very many projects, asked about in September 2017 ([kuangliu/pytorch-cifar, issue 14](https://github.com/kuangliu/pytorch-cifar/issues/14), closed); in the
# reimplementation of exhibit 3, whose `best_accuracy` is the best of all epochs on the test set
# ([`main.py`](https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/blob/master/main.py)); in the scripts of Early-Bird, whose `best_prec1` is that of the test set
# ([GATECH-EIC/Early-Bird-Tickets, `main.py`](https://github.com/GATECH-EIC/Early-Bird-Tickets/blob/master/main.py)). Of the repositories on lottery tickets that we read, none held out a validation split.
#
# </details>

# %% tags=["solution-only"]
museum.visit(15, museum.exhibit(15).mended)

# %% question="12.Q5"
quiz("12.Q5", "b")

# %% [markdown]
# ### Exercise 12.5: how much the best flatters · easy · three lines · 6 minutes
#
# A training was measured several times; each time there is a validation loss and a test accuracy. By how much is the **best** of all test
# accuracies above the one at the **least validation loss**? Return the difference, a fraction, without rounding.
#
# A loss can be NaN, where the training had gone wrong for a moment; such a measurement cannot be *chosen* by its loss, but whoever takes the best of all test
# accuracies takes it from all of them. A loss can be large, and infinite too; that is a number. Of equal losses the first counts. There is at least one measurement, and at least one loss is a number.
#
# Expected: `flattery([0.9, 0.5, 0.7], [0.60, 0.70, 0.74])` is `0.04`.


# %% exercise="12.5"
def flattery(validation_losses, test_accuracies):
    """The best test accuracy minus the one at the least validation loss."""
    # BEGIN SOLUTION
    usable = [i for i, loss in enumerate(validation_losses) if loss == loss]
    chosen = min(usable, key=lambda i: validation_losses[i])
    return max(test_accuracies) - test_accuracies[chosen]
    # END SOLUTION


# %%
check("12.5", flattery)

# %%
flattery_ = use("12.5", flattery)
print(f"{100 * flattery_([0.9, 0.5, 0.7], [0.60, 0.70, 0.74]):.1f} points")

# %% [markdown]
# ### Exhibit 16
#
# **The report says:** *a ticket with its own initial weights is no better than a re-initialised one.* The initial weights were not stored; they
# were drawn again, from the same seed.


# %%
def set_seed(seed):
    """From here on, everything that is drawn is drawn again."""
    random.seed(seed)
    np.random.seed(seed)


# %%
museum.visit(16, set_seed)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# There are three generators in play: Python's, numpy's, and a third. Who draws the weights of `nn.Linear`?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The seed that reaches nobody.** The weights are drawn by torch, whose generator was not seeded. "The same initial weights" are new ones. Mended: `torch.manual_seed(seed)`.
#
# The helper of MNIST-1D seeded torch in 2020; since it was moved into the package in January 2024 it seeds `random` and numpy only
# ([greydanus/mnist1d, `mnist1d/utils.py`](https://github.com/greydanus/mnist1d/blob/master/mnist1d/utils.py)), and the lottery ticket notebook of May 2024 uses it. All its arms with "the same initialisation" are re-initialised. In its
# figure of 2020 the tickets lie about three points above the re-initialised networks, in its outputs of 2024 about a third of a point; that the seed
# explains all of it is our inference.
#
# </details>

# %% tags=["solution-only"]
museum.visit(16, museum.exhibit(16).mended)

# %% [markdown]
# ### Exhibit 17
#
# **The report says:** *the pruned network has a tenth of the weights.* Nobody looked at its file.


# %%
def save_ticket(model, mask, file):
    """Prune the network and save what is left of it."""
    for name, layer in model.named_modules():
        if f"{name}.weight" in mask:
            prune.custom_from_mask(layer, "weight", mask[f"{name}.weight"])
    torch.save(model.state_dict(), file)


# %%
museum.visit(17, save_ticket)

# %% [markdown]
# <details><summary>Where to look</summary>
#
# Print the names and sizes in `model.state_dict()` after `prune.custom_from_mask`. Then think of [lesson 11](../notebooks/11_sparse_is_not_fast.ipynb): what has to be in a file of a
# ticket, and what need not?
#
# </details>
#
# <details><summary>The label</summary>
#
# **The file that grew.** It holds all weights as `weight_orig`, and beside them a mask of as many numbers. Mended: store the kept values and one bit
# for each place (`tensor[mask]` and `np.packbits(mask)`), or `lthkit.export.save_packed`.
#
# Users of TensorFlow's tool measured 12.52 MB before the pruning and 50.02 MB after it, in November 2019
# ([tensorflow/model-optimization, issue 162](https://github.com/tensorflow/model-optimization/issues/162): the file of the training wrapper); readers of NeRV asked the same in May 2023
# ([issue 21](https://github.com/haochen-rye/NeRV/issues/21): "it will store two tensors"). Nothing is wrong with the weights, so no audit of weights finds it. What finds it is a question: **which file was measured,
# and what is in it?**
#
# </details>

# %% tags=["solution-only"]
museum.visit(17, museum.exhibit(17).mended)

# %% [markdown]
# ## Predict
#
# You have seen what an audit asks. It gets masks, states, and how often the test split was read; it sees no code. How many of the seventeen
# does it find?

# %% tags=["prediction"]
my_found = 12  # such as 12

# %% [markdown]
# ## Run
#
# The next cell tries every exhibit twice, broken and mended, and lets `lth.audit` look at both. An exhibit is *found* by an item that fails for the
# broken function and does not fail for the mended one.

# %%
museum.table()

# %%
by_item = {item: numbers for item, numbers in museum.grid().items() if numbers}
found = {number for numbers in by_item.values() for number in numbers}
said = "no prediction" if my_found is None else f"predicted {my_found}"
lth.Table(
    ["item of the audit", "exhibits that fail it"],
    [(item, ", ".join(map(str, numbers))) for item, numbers in by_item.items()],
    notes=[f"{said}, found {len(found)} of {len(museum.EXHIBITS)}"],
)

# %% [markdown]
# A few questions find nearly all of it. Look which items have the most numbers: whether the start is the state that was meant, and whether a mask follows
# from the weights that it is said to come from. Both need something that most people do not keep: a copy of the state at the start, and the
# trained weights of each round. **What is not saved cannot be audited.**
#
# ### What the labels say, and what we measured
#
# The published numbers are from the labels above; ours are from the exhibits. Other networks, other data: compare the kind, not the size.

# %%
some = [museum.exhibit(number) for number in (1, 4, 10)]
forgotten, ties, looked = (this.tried(this.broken, bench) for this in some)
state = forgotten.given["model"].state_dict()
weights = torch.cat([state[name].flatten() for name in forgotten.given["mask"]])
share = 100 * (weights != 0).float().mean()
gone = 100 * (1 - ties.given["mask"]["fc1.weight"].float().mean())
accuracies = ", ".join(row[1] for row in looked.table.rows)

table = lth.Table(["exhibit", "what", "published", "here"])
table.add("1", "weights at work under a forgotten mask (%)", "98.0", f"{share:.1f}")
table.add("4", "removed, of what was asked for (%)", "66.7 of 50", f"{gone:.1f} of 40")
table.add("10", "accuracy before and after scoring (%)", "55, 18", accuracies)
table

# %% [markdown]
# ## Your own runs
#
# Now the audit of real runs. First a small one, made here: a search with three seeds, and for one of its masks both controls, each in a
# folder of its own. (Runs that `lth.keep_runs()` keeps lie in such folders too, in `runs/kept`.)

# %%
data, lenet = lth.load_data("fashion-mnist"), lth.models.lenet_300_100
steps = lth.by_tier(smoke=10, laptop=200, gpu=200)
place = lth.storage.runs_folder() / "lesson-12" / f"{steps}-steps"
recipe = lth.Recipe(steps=steps, evaluate_every=min(20, steps))
chains = {}
for seed in (0, 1, 2):
    folder = place / f"imp-{seed}"
    search = lth.imp(
        lenet, data, rounds=2, fraction=0.5, seed=seed, recipe=recipe, folder=folder
    )
    chains[seed] = list(search)

# %%
first = chains[0][1]
shuffle, fresh = first.mask.shuffled(seed=1), lth.fresh_start(lenet, seed=0)
for name, mask_, begin in (
    ("shuffled", shuffle, first.rewind),
    ("re-initialised", first.mask, fresh),
):
    given = {"seed": 0, "recipe": recipe, "folder": place / name}
    lth.retrain(lenet, data, mask=mask_, weights_from=begin, **given)

# %% [markdown]
# `replay=True` asks for more than reading: the audit trains the first steps of the last round again, from the saved rewind point, and compares the validation
# loss with the recorded one. Where does an item say "cannot be told", and what would it need?

# %%
lth.audit(place / "imp-0", replay=True)

# %% [markdown]
# A run with several seeds, as `lthkit run` makes it, is audited as a whole. Here is the one that was recorded for this course. Of its rounds only the
# masks of one seed were kept, so much cannot be told. Here are only the items that are open, and what each would need:

# %%
recorded = lth.audit("winning-ticket")
rows = [(item, recorded[item].text) for item in recorded.open]
lth.Table(["cannot be told", "why, or what it needs"], rows, notes=[recorded.summary])

# %% [markdown]
# And yours: what you have kept from earlier lessons. On the command line the same is `lthkit audit runs`.

# %%
kept = lth.storage.runs_folder() / "kept"
if any(kept.glob("*/config.json")):
    lth.audit(kept).show()
else:
    print("No kept runs here. Call lth.keep_runs() before you run a lesson.")

# %% [markdown]
# Try to deceive it. The next cell takes the trained state of your search and spoils one number; exchange the line for another bug. Which
# bugs go through?

# %%
round_2 = chains[0][2]
spoiled = {name: tensor.clone() for name, tensor in round_2.trained.model.items()}
removed = (~round_2.mask["fc1.weight"]).nonzero()[0]
spoiled["fc1.weight"][tuple(removed)] = 1e-9  # a removed weight that is nearly 0
audited = lth.audit(
    lenet(seed=0),
    round_2.mask,
    before=round_2.rewind,
    after=spoiled,
    density=0.25,
    data=data,
    validation_accuracy=round_2.result.history[-1].validation_accuracy,
)
for item in ("zeros", "measured"):
    print(lth.filled(f"{audited[item].verdict} - {audited[item].text}"))

# %% [markdown]
# The accuracy is the same to the image, and the zeros fail. That is the point of exact questions: a small leak changes no accuracy today, and
# tomorrow's training starts from it.
#
# ### What an audit does not see
#
# - **The weights while they were measured.** If a mask is applied only before saving, the saved zeros are perfect. The item *measured* finds it, if the
#   accuracy that was said can be measured again.
# - **What was not tried.** A ticket may beat a dense network that nobody tuned, or that had fewer steps. Ask: *what did the baseline
#   get?* (Lesson 13 is about this.)
# - **What was chosen.** Ten runs and one report look like one run. Ask: *how many did you make?*
# - **What was measured.** Bytes, operations and seconds are three things (exhibit 17). Ask: *of what, with what, beside what?*

# %% question="12.Q6"
quiz("12.Q6", "c")

# %% [markdown]
# ## Traps
#
# - **The plausible number.** A bug that gives nonsense is found in a day. Be most careful with the result that you hoped for.
# - **Equal digits.** Two different computations do not agree to the last digit. If two arms do, they are one arm (exhibits 6, 9, 12, 13).
# - **The right total.** A count can be right and every weight wrong (exhibits 5 and 6).
# - **The test that was made to pass.** A seed in a test hides what a seed cannot mend (exhibit 4).
# - **Half a state.** Biases, buffers, the optimizer's moments: whatever a training changes is a part of the state.
#
# ## Summary
#
# - Most of these bugs are one line long, give no error, and leave the accuracy plausible.
# - They are found by exact questions, not by accuracies: are removed weights 0, do masks nest, is the start exactly the saved state, does the mask follow
#   from its scores, is the count the one that was said, how often was the test split read, is the control what its name says?
# - Such questions need copies: of the state at the start, of each mask, of the weights that were ranked. Save them.
# - An audit excludes mistakes. It does not show that a result is right.
#
# **What this lesson does not tell you.** How common each of these bugs is: we took those that we could find and cite. Whether a result that
# rested on one of them would change: for most nobody has tried. And the exhibits have one seed each; they show symptoms, not effects.
#
# **Next:** how many seeds a claim needs, and what a comparison has to have in common, before you plan an experiment of your own:
# [lesson 13](../notebooks/13_experiment_design.ipynb).
#
# [docstrings]
