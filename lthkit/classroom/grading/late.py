"""The rule for late work: what a submission loses that came after its due time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class LateRule:
    """Work loses `percent_per_day` of its points for each day begun after the due time, and is worth nothing after
    `days` days. The first `grace_minutes` are free."""

    percent_per_day: float = 10.0
    days: int = 5
    grace_minutes: int = 15

    def __post_init__(self) -> None:
        if not 0 <= self.percent_per_day <= 100 or self.days < 0:
            raise ValueError(
                f"late work cannot lose {self.percent_per_day:g} % a day and all after {self.days} days; expected 0 to 100 "
                "% and 0 days or more."
            )

    def sentence(self) -> str:
        return (
            f"Late work loses {self.percent_per_day:g} % of its points for each day begun, and is worth nothing after "
            f"{self.days} days; the first {self.grace_minutes} minutes are free."
        )


def days_late(rule: LateRule, due: datetime | None, handed_in: datetime | None, *, extension: int = 0) -> int:
    """Days begun after the due time and its extension (in days); 0 in time, without a due time, or if unknown when."""
    if due is None or handed_in is None:
        return 0
    tick = timedelta(
        microseconds=1
    )  # counted in whole numbers, since an extension may be longer than any date allows
    day, over = timedelta(days=1) // tick, (handed_in - due) // tick
    over -= extension * day
    return 0 if over <= rule.grace_minutes * (day // 1440) else -(-over // day)


def kept(rule: LateRule, days: int) -> float:
    """The part of its points, 0 to 1, that work keeps which is so many days late."""
    if days > rule.days:
        return 0.0
    return max(0.0, 1 - days * rule.percent_per_day / 100)


def parse_time(text: str) -> datetime:
    """A due time: "2026-10-01" (the end of that day) or "2026-10-01 18:00", in local time.

    Raises:
        ValueError: it is neither.
    """
    text = text.strip()
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time; write a day, 2026-10-01 (its end is meant), or day and time, 2026-10-01T18:00."
        ) from None
    if time.tzinfo is not None:
        time = time.astimezone().replace(tzinfo=None)
    return time.replace(hour=23, minute=59, second=59) if len(text) == 10 else time
