"""What a mask leaves of each layer: how many weights it keeps, and how many of these lie on a path from input to output.

A mask is made by counting, layer by layer or over all layers; whether the network still conducts is another question.
`pruning.connected` answers it weight by weight, `collapse` layer by layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from lthkit.machine.tables import Table
from lthkit.pruning.masks import Mask
from lthkit.pruning.paths import connected


@dataclass(frozen=True)
class Collapse:
    """Counts for each layer of a mask, by parameter name, in the mask's order. `print` shows them as a table.

    Attributes:
        total: weights of the layer.
        kept: of these, weights that the mask keeps.
        connected: of these, weights on a path of kept weights from input to output; the others do nothing.
    """

    total: Mapping[str, int]
    kept: Mapping[str, int]
    connected: Mapping[str, int]

    @property
    def emptied(self) -> list[str]:
        """Layers of which nothing is kept: layer collapse in the sense of Tanaka et al. 2020, section 3."""
        return [name for name, n in self.kept.items() if n == 0]

    @property
    def collapsed(self) -> list[str]:
        """Layers with nothing connected. In a network without shortcuts it is all layers or none."""
        return [name for name, n in self.connected.items() if n == 0]

    @property
    def disconnected(self) -> bool:
        """True if no kept weight lies on a path: the outputs do not depend on the input through any of these layers."""
        return not any(self.connected.values())

    @property
    def connected_share(self) -> float:
        """Connected weights over kept weights, from 0 to 1; 0 if nothing is kept."""
        return sum(self.connected.values()) / max(1, sum(self.kept.values()))

    @property
    def density(self) -> float:
        """Fraction of the weights that the mask keeps."""
        return sum(self.kept.values()) / sum(self.total.values())

    def table(self) -> Table:
        """What is kept and what is connected, a row a layer."""
        if self.disconnected:
            note = "no path leads from input to output"
        elif self.collapsed:
            note = f"collapsed, but bypassed: {', '.join(self.collapsed)}"
        else:
            note = f"{100 * self.connected_share:.1f} % of the kept weights are connected"
        rows = [(name, n, self.kept[name], self.connected[name]) for name, n in self.total.items()]
        return Table({"layer": "", "weights": ",", "kept": ",", "connected": ","}, rows, notes=[note])

    def __str__(self) -> str:
        return self.table().text()


def collapse(model: nn.Module, mask: Mask, shape: Sequence[int]) -> Collapse:
    """Count what `mask` keeps of each layer of `model`, and how much of it is connected (`pruning.connected`).

    The values of the weights do not matter, and nothing is trained. Layers that the mask leaves out count as whole.

    Args:
        shape: of one input, without the batch: (channels, height, width).

    Raises:
        ValueError: the mask belongs to another model; the model does not take inputs of this shape.
    """
    paths = connected(model, mask, shape)
    return Collapse(
        total={name: kept.numel() for name, kept in mask.items()},
        kept={name: int(kept.sum()) for name, kept in mask.items()},
        connected={name: int(on_path.sum()) for name, on_path in paths.items()},
    )
