"""The classroom: checks that explain, hints, and the build that makes both editions of a lesson from one source."""

from lthkit.classroom.check import check, grade_cell, hint, progress, quiz, use

__all__ = ["check", "grade_cell", "hint", "progress", "quiz", "use"]
