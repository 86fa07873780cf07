"""A prediction with the rule that will judge it, fixed before a run; and the verdict, computed from the run's differences."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lthkit.evidence.statistics import Interval, interval
from lthkit.machine.checks import did_you_mean, is_number, plain
from lthkit.storage import files
from lthkit.storage.owners import canonical

CLAIMS = ("above", "below", "within")
FEWEST_SEEDS = 3  # the interval of two seeds is so wide that hardly any rule could be met


@dataclass(frozen=True)
class Registered:
    """What is predicted of a paired difference, and how it will be judged.

    The rule is always the same: the 95 % t-interval of the paired differences over exactly these seeds.

    compared: the difference in words, such as "ticket - dense, test accuracy".
    claim: where the interval is predicted to lie: "above" `bound`, "below" it, or "within" -`bound` and +`bound`.
    bound: in `unit`.
    seeds: all that the run will have. The verdict is refused for more, for fewer and for others.
    unit: of the differences and of `bound`.
    note: what else a reader should know, such as the seeds of a pilot run.
    """

    compared: str
    claim: str
    bound: float
    seeds: tuple[int, ...]
    unit: str = "points"
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("compared", "unit"):
            if not isinstance(value := getattr(self, name), str) or not value.strip():
                raise ValueError(f"{name}={value!r} was given; expected words, such as 'ticket - dense'.")
        if self.claim not in CLAIMS:
            raise ValueError(
                f"claim={self.claim!r} was given; expected one of {', '.join(CLAIMS)}."
                f"{did_you_mean(str(self.claim), CLAIMS)}"
            )
        if not is_number(self.bound) or not math.isfinite(self.bound):
            raise ValueError(f"bound={self.bound!r} was given; expected a finite number, such as 0.5.")
        if self.claim == "within" and not self.bound > 0:
            raise ValueError(
                f"bound={self.bound!r} was given; expected a margin above 0, because nothing lies within less."
            )
        object.__setattr__(self, "bound", float(self.bound))
        object.__setattr__(self, "seeds", _seeds(self.seeds))

    @property
    def digest(self) -> str:
        """Twelve hex digits of all that is registered. Publish them before the run: another prediction has others."""
        return hashlib.sha256(canonical(asdict(self)).encode()).hexdigest()[:12]

    @property
    def says(self) -> str:
        """The prediction as a sentence."""
        where = {
            "above": f"above {self.bound:g}",
            "below": f"below {self.bound:g}",
            "within": f"between {-self.bound:g} and {self.bound:g}",
        }[self.claim]
        return f"{self.compared}: the 95 % interval over {len(self.seeds)} seeds lies {where} {self.unit}."

    def verdict(self, differences: Mapping[int, float], *, paired: bool = True) -> Verdict:
        """Judge the run: `differences` has one number for each registered seed, in `unit`.

        Differences that are equal for all seeds decide nothing, and the verdict is "open": they have no spread, so how far
        other seeds would lie is not known. So come out a control that did nothing, and one number that was copied to all seeds.

        paired: the numbers compare two arms. False for what one arm has alone, such as a count, which may well be the same
            for all seeds; it is judged by its interval of width 0.

        Raises:
            ValueError: the seeds are not those registered, or a difference is no finite number.
        """
        if not isinstance(differences, Mapping):
            raise TypeError(
                f"differences is a {type(differences).__name__}; expected a dict, seed -> difference, so that it is "
                "known which seeds it has."
            )
        missing = sorted(set(self.seeds) - set(differences))
        extra = sorted(set(differences) - set(self.seeds))
        if missing or extra:
            parts = [
                f"{what}: {', '.join(map(str, seeds))}"
                for what, seeds in (("missing", missing), ("not registered", extra))
                if seeds
            ]
            raise ValueError(
                f"The seeds are not those that were registered ({'; '.join(parts)}). A verdict on other seeds is another "
                "experiment: train what is missing, leave out what is new, or register anew with new seeds."
            )
        band = interval([differences[seed] for seed in self.seeds])
        equal = paired and (band.unspread or band.half == 0)
        return Verdict(self, band, "open" if equal else self._outcome(band), equal)

    def _outcome(self, band: Interval) -> str:
        low, high, bound = band.low, band.high, self.bound
        held = {"above": low > bound, "below": high < bound, "within": -bound < low and high < bound}
        failed = {"above": high <= bound, "below": low >= bound, "within": low >= bound or high <= -bound}
        return "held" if held[self.claim] else "failed" if failed[self.claim] else "open"

    def save(self, path: Path | str) -> Path:
        """Write it to a file, before the run.

        Raises:
            ValueError: the file has another prediction already; a registered one is never changed.
        """
        path = Path(path)
        if path.exists() and (there := load_registered(path)) != self:
            raise ValueError(
                f"{path} has another prediction already (digest {there.digest}, this one {self.digest}); it is not "
                "changed. Give the new one another name, and keep both."
            )
        return files.write_sealed(path, self.record())

    def record(self) -> dict[str, Any]:
        """All that is registered and its digest, as plain values."""
        return asdict(self) | {"seeds": list(self.seeds), "digest": self.digest}


@dataclass(frozen=True)
class Verdict:
    """What came of a registered prediction.

    outcome: "held" if the whole interval lies where it was predicted, "failed" if all of it lies outside, else "open".
    equal: all differences are the same, so that there is no interval, and the outcome is "open".
    """

    registered: Registered
    interval: Interval
    outcome: str
    equal: bool = False

    def __str__(self) -> str:
        found, said = self.interval, self.registered
        if self.equal:
            return (
                f"{self.outcome}: {found.mean:+.2f} {said.unit} for each of {found.n} seeds; equal differences have no spread, so no "
                f"interval, and decide nothing. {said.says}"
            )
        return f"{self.outcome}: {found:+.2f[]} {said.unit}, n = {found.n}. {said.says}"


def load_registered(path: Path | str) -> Registered:
    """Read what `Registered.save` wrote. `files.DamagedFile` if it was altered since."""
    return of_record(files.read_sealed(path), str(path))


def of_record(record: Mapping[str, Any], where: str = "the record") -> Registered:
    """The prediction of a record. `files.DamagedFile` if it does not have the digest that stands beside it."""
    fields = {name: value for name, value in record.items() if name != "digest"}
    try:
        found = Registered(**fields)
    except (TypeError, ValueError) as error:
        raise files.DamagedFile(f"{where} is no registered prediction ({error}).") from error
    if found.digest != record.get("digest"):
        raise files.DamagedFile(
            f"{where} has the digest {record.get('digest')!r}, and its words have {found.digest!r}: it was altered after it "
            "was registered."
        )
    return found


def registered_in(config: Mapping[str, Any]) -> list[Registered]:
    """The predictions that stand under "registered" in the configuration of a run, in their order.

    Raises:
        ValueError: there are none. files.DamagedFile: one was altered after it was registered.
    """
    records = config.get("registered")
    if not records:
        raise ValueError(
            'The configuration has nothing under "registered": nothing was predicted before this run.'
        )
    return [of_record(record, f"prediction {i + 1} of the run") for i, record in enumerate(records)]


def _seeds(seeds: Any) -> tuple[int, ...]:
    given = plain(list(seeds)) if isinstance(seeds, tuple | list | range) else None
    whole = given is not None and all(isinstance(s, int) and not isinstance(s, bool) for s in given)
    if given is None or not whole or len(set(given)) < len(given) or len(given) < FEWEST_SEEDS:
        raise ValueError(
            f"seeds={seeds!r} were given; expected {FEWEST_SEEDS} different whole numbers or more, such as (0, 1, 2, 3, 4)."
        )
    return tuple(sorted(given))
