"""The classroom: checks that explain, hints, and the build that makes both editions of a lesson from one source."""

from lthkit.classroom.checking import check, grade_cell, use
from lthkit.classroom.drive import keep_on_drive
from lthkit.classroom.hints import hint
from lthkit.classroom.questions import quiz
from lthkit.classroom.set_up import ready
from lthkit.classroom.standing import progress

__all__ = ["check", "grade_cell", "hint", "keep_on_drive", "progress", "quiz", "ready", "use"]
