"""The classroom: checks that explain, hints, and the build that makes both editions of a lesson from one source."""

from lthkit.classroom.check import check, grade_cell, hint, progress, quiz, use
from lthkit.classroom.drive import keep_on_drive

__all__ = ["check", "grade_cell", "hint", "keep_on_drive", "progress", "quiz", "use"]
