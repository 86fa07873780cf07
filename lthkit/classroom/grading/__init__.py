"""Assignments for a class: `stage` makes them, `collect` takes what comes back, `run` grades it, `report` tells.

`course` is the folder that all four share. `answers` finds a student's functions in whatever was handed in, `judging`
says what a function is worth, `archives` knows how learning platforms pack, `roster` reads and writes lists, `late`
holds the rule for late work, and `wall` keeps a submission away from everybody's files.
"""
