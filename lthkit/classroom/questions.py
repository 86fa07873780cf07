"""Questions with options: which one is right, and why."""

from __future__ import annotations

from typing import Any

from lthkit.classroom import passport
from lthkit.classroom.exercises import Question, find_question
from lthkit.classroom.saying import say


def quiz(question_id: str, answer: Any) -> None:
    """Print a question with its options and, for a letter, whether that option is right and why. Never raises.

    `answer` is the letter of an option, such as "b", or None for no answer yet.
    """
    try:
        question = find_question(question_id)
    except ValueError as error:
        say(str(error))
        return
    letters = "abcdefgh"[: len(question.options)]
    chosen = answer.strip().lower().rstrip(".)") if isinstance(answer, str) else None
    lines = [f"{question.id}  {question.text}"]
    for letter, option in zip(letters, question.options, strict=True):
        lines.append(f"  {'>' if letter == chosen else ' '} {letter}) {option.text}")
    say(*lines, _verdict(question, letters, chosen, answer))


def _verdict(question: Question, letters: str, chosen: str | None, answer: Any) -> str:
    if answer is None:
        return 'Not answered yet: put the letter of an option in place of None, such as "a", and run the cell again.'
    if chosen is None or len(chosen) != 1 or chosen not in letters:
        return f'Answer with one letter in quotes, "{letters[0]}" to "{letters[-1]}".'
    option = question.options[letters.index(chosen)]
    passport.note_answer(question.id, option.right, say)
    return f"{'Right' if option.right else 'Not right'}. {option.because}"
