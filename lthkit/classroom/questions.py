"""Questions with options: which one is right, and why."""

from __future__ import annotations

from typing import Any

from lthkit.classroom import passport
from lthkit.classroom.exercises import find_question
from lthkit.classroom.saying import Options, say

_BEFORE = "You answered it right before, and that counts."


def quiz(question_id: str, answer: Any) -> None:
    """Show a question with its options and, for a letter, whether that option is right and why. Never raises.

    `answer` is the letter of an option, such as "b", or None for no answer yet. A question that was answered right stays
    so, whatever is answered later.
    """
    try:
        question = find_question(question_id)
    except ValueError as error:
        say(str(error))
        return
    letters = "abcdefgh"[: len(question.options)]
    chosen = answer.strip().lower().rstrip(".)") if isinstance(answer, str) else None
    right = None
    if answer is None:
        verdict = 'Not answered yet: put the letter of an option in place of None, such as "a", and run the cell again.'
    elif chosen is None or len(chosen) != 1 or chosen not in letters:
        chosen = None
        verdict = f'Answer with one letter in quotes, "{letters[0]}" to "{letters[-1]}".'
    else:
        option = question.options[letters.index(chosen)]
        right = option.right
        verdict = f"{'Right' if right else 'Not right'}. {option.because}"
    before = passport.read(say).answers.get(question.id, False)
    if right is not None:
        passport.note_answer(question.id, right, say)
    options = Options([(a, o.text) for a, o in zip(letters, question.options, strict=True)], chosen, right)
    more = (_BEFORE,) if before and not right else ()
    state = "open" if right is None else "right" if right else "not right"
    say(f"{question.id}  {question.text}", options, verdict, *more, state=state)
