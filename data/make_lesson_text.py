"""Make `lesson-text.txt` and its line in `SHA256SUMS` from the prose of this course's own lessons.

Run once, by hand:  python data/make_lesson_text.py
It reads `solutions/00_*.py` to `solutions/11_*.py` as they are now. The file that is in the repository was made once and stays
as it is when lessons change, so that numbers which were measured on it can be measured again.

Only whole paragraphs of prose go in: no code, no tables, no formulas, no headings. A link leaves its words. A paragraph that
stands in several lessons is left out, for it would lie in several splits. Signs outside of ASCII become what SIGNS says; a
paragraph with any other is left out. Of each lesson the first 80 % of the paragraphs are for training, the next 10 % for
validation, the last 10 % for the test. The three splits stand one after the other, with a form feed between them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

from make_embedded import record_checksum

HERE = Path(__file__).resolve().parent
TARGET = HERE / "lesson-text.txt"
LESSONS = range(12)
PARTS = (0.8, 0.9, 1.0)  # where each split of a lesson ends
SIGNS = str.maketrans(
    {
        "–": "-",
        "−": "-",
        "×": "x",
        "²": "2",
        "θ": "theta",
        "₀": "0",
        "₁": "1",
        "≈": "about",
        "’": "'",
        "µ": "u",
    }
)
ALLOWED = set(map(chr, range(32, 127))) - set("`$|<>{}\\^~@&")


def paragraphs(source: str) -> list[str]:
    """The prose of a lesson, paragraph by paragraph, each on one line."""
    cells = re.split(r"^# %%", source, flags=re.M)
    found = []
    for cell in cells:
        if not cell.startswith(" [markdown]"):
            continue
        lines = [line.removeprefix("#").strip() for line in cell.splitlines()[1:]]
        for block in "\n".join(lines).split("\n\n"):
            if block.lstrip().startswith(("#", "|", "$$", "[", "```", "-", ">", "!")):
                continue
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
            text = re.sub(r"[*_`]", "", text).translate(SIGNS)
            if len(text) >= 60 and set(text) <= ALLOWED:
                found.append(text)
    return found


def main() -> None:
    """Read the lessons, cut each into three, write the text, record its checksum."""
    sources = [next((HERE.parent / "solutions").glob(f"{number:02d}_*.py")) for number in LESSONS]
    lessons = [paragraphs(path.read_text(encoding="utf-8")) for path in sources]
    seen = Counter(text for lesson in lessons for text in lesson)
    splits: list[list[str]] = [[], [], []]
    for lesson in lessons:
        own = [text for text in lesson if seen[text] == 1]
        ends = [0, *(round(part * len(own)) for part in PARTS)]
        for split, begin, end in zip(splits, ends, ends[1:], strict=False):
            split += own[begin:end]
    text = "\f".join("\n".join(split) + "\n" for split in splits)
    TARGET.write_text(text, encoding="ascii", newline="\n")
    record_checksum(TARGET)
    print(f"characters: {[len(part) for part in text.split(chr(12))]}, {len(set(text)) - 1} different ones")


if __name__ == "__main__":
    if len(sys.argv) != 1:
        raise SystemExit(__doc__)
    main()
