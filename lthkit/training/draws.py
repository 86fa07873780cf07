"""What a network draws by itself, dropout say. It draws from torch's global generator, which is seeded here from the run's
seed and the step, so that equal seeds give equal bits, after a stop too, and is put back afterwards.

Trainings in several threads share that generator, so those that draw take turns; those that do not draw are not held up.
Whether a network draws is known of torch's own layers and asked of any other at its first step. What is drawn from
Python's or numpy's generators, or by a thread that is not lthkit's, is not seeded here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from lthkit.machine.seeds import derived_seed, drawing_alone, global_generators

log = logging.getLogger("lthkit")

_ALWAYS = (nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
_IN_TRAINING = (nn.modules.dropout._DropoutNd, nn.RReLU)
_KNOWN = ("torch.nn.modules.", "lthkit.models", "lthkit.attention")
_NOTHING: AbstractContextManager[object] = nullcontext()


def draws(model: nn.Module, *, training: bool) -> bool | None:
    """Whether a pass of `model` draws random numbers: True or False where its layers are known, else None."""
    modules = list(model.modules())
    if any(isinstance(m, _ALWAYS) or (training and _drops(m)) for m in modules):
        return True
    known = all(type(m).__module__.startswith(_KNOWN) and "forward" not in vars(m) for m in modules)
    hooked = any(m._forward_hooks or m._forward_pre_hooks for m in modules)
    return False if known and not hooked else None


def _drops(module: nn.Module) -> bool:
    inside = getattr(module, "dropout", None)  # of recurrent layers and of attention: a probability
    return isinstance(module, _IN_TRAINING) or (isinstance(inside, float | int) and inside > 0)


class Draws:
    """`with draws.at(step):` around the passes of each step of a training."""

    def __init__(
        self,
        model: nn.Module,
        device: torch.device,
        seed: int,
        *,
        training: bool = True,
        own_code: bool = False,
    ) -> None:
        self.device, self.seed, self.name = device, seed, type(model).__name__
        self.drawing = draws(model, training=training)
        if own_code and not self.drawing:  # a loss or an optimizer of the user's own, which may draw too
            self.drawing = None
        self._own = self.drawing is None  # code of the user's own, which may begin to draw at any time
        self._asked = False
        self._left: torch.Tensor | None = None

    def at(self, step: int) -> AbstractContextManager[object]:
        """The context of this step: the global generators begin at a seed made of the run's and the step."""
        return _NOTHING if self.drawing is False else self._seeded(step)

    def look(self) -> None:
        """Now and then, between steps: if the global generator has moved meanwhile, the next step is asked again."""
        if not self._own or self.drawing:
            return
        with drawing_alone:
            now = torch.default_generator.get_state()
        if self._left is not None and not torch.equal(now, self._left):
            self.drawing = None
        self._left = now

    @contextmanager
    def _seeded(self, step: int) -> Iterator[None]:
        with global_generators(self.device, seed=derived_seed(self.seed, f"drawn in step {step}")) as drawn:
            yield
            if self.drawing is None:
                self.drawing = drawn()
                if self.drawing and self._asked:
                    log.warning(
                        "%s draws random numbers at step %d but did not at its first step; what it drew in between is not "
                        "seeded, so equal seeds may give other bits. nn.Dropout is seeded from the beginning.",
                        self.name,
                        step,
                    )
                self._asked = True
