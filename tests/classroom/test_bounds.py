"""What comes back from a submission has bounds, and is shown, never acted on: frames, names, values, control characters."""

from __future__ import annotations

import io

import pytest
import torch

from lthkit.classroom import running, values
from lthkit.classroom.compare import difference, show
from lthkit.classroom.exercises import Case, Exercise
from lthkit.classroom.judge import judge
from lthkit.classroom.process import in_worker
from lthkit.classroom.running import in_process
from lthkit.classroom.saying import harmless, in_markdown, say

LONG = 300_000
ONE = Exercise("99.1", lambda n: float(n), (Case((2,), "Two."), Case((3,), "Three.")))


def test_a_frame_that_claims_too_much_is_not_read() -> None:
    """Catches a worker that says 3 GB follow, and takes them."""

    class Pipe(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None and size < 1000, "the claimed bytes are asked for"
            return super().read(size)

    with pytest.raises(values.TooLarge, match="frame"):
        values.read_frame(Pipe((3 * 2**30).to_bytes(8, "big") + b"{}"))


def test_names_and_messages_are_short_whoever_wrote_them() -> None:
    """Catches a class whose name has 300 kB, and an overview of as much."""
    huge = type("X" * LONG, (Exception,), {})

    def raises(n: int) -> float:
        raise huge("y" * LONG)

    call = in_process(raises, (Case((1,)),)).calls[0]
    assert call.raised is not None
    assert len(call.raised.kind) <= values.NAME and len(call.raised.message) <= 300
    packed = values.pack(huge())
    assert len(packed) < 1000 and len(values.unpack(packed).kind) <= values.NAME
    for function in (
        raises,
        lambda n: huge(),
        lambda n: "z" * LONG,
        lambda n: {"k" * LONG: n},
        lambda n: [n] * LONG,
    ):
        lines = judge(ONE, function, runner=in_process).lines
        assert sum(map(len, lines)) < 10_000, max(map(len, lines))


def test_what_a_hostile_worker_writes_is_cut_on_this_side_too() -> None:
    """Catches bounds that only the writing side keeps, which belongs to the submission."""
    head = {"raised": {"kind": "K" * LONG, "message": "m" * LONG, "memory": False, "frames": [["f" * LONG, 1, "g" * LONG]] * 20},
            "same": None, "shares": False, "tracked": False, "unsendable": "u" * LONG, "random": False, "printed": 0}  # fmt: skip
    import json

    text = json.dumps(head).encode()
    call = running.read(len(text).to_bytes(8, "big") + text)
    assert call.raised is not None and len(str(call)) < 50_000


@pytest.mark.parametrize(
    "number",
    [10**400, -(10**400), 10**5000, float("inf"), 1e308],
    ids=["large", "small", "longest", "infinite", "float"],
)
def test_a_number_beyond_every_float_is_a_wrong_answer(number: float) -> None:
    """Catches a comparison that stops with OverflowError."""
    outcome = judge(ONE, lambda n: number, runner=in_worker)
    assert outcome.state == "wrong" and not any("OverflowError" in line for line in outcome.lines)
    assert difference(2.0, 10**400, rtol=1e-5, atol=0.0)


def test_long_values_are_shown_by_their_beginning() -> None:
    assert show([1, 2]) == "[1, 2]" and show({"a": 1.5}) == "{'a': 1.5}" and show((1,)) == "(1,)"
    assert show(list(range(1000))).endswith("... (1000 in all)]")
    assert len(show(["x" * 500] * 100)) < 2000
    assert len(show({"k" * 500: list(range(500))})) < 2000
    assert show(torch.tensor([1.0])) == "tensor([1.0])"


def test_control_characters_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Catches a name that clears the terminal, rings, or writes from right to left."""
    say("a\x1b[2Jb\x07", "caf\u00e9 \u202eabc")
    assert capsys.readouterr().out == "a\\x1b[2Jb\\x07\ncaf\\xe9 \\u202eabc\n"
    assert harmless("one\n\ttwo \ud55c\uae00") == "one\n\ttwo \ud55c\uae00"
    assert in_markdown("<b> ![x](http://e) | a\n# b") == "\\<b\\> !\\[x\\](http://e) \\| a \\# b"
