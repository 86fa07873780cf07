"""Trainings in threads that meet are done as one, and nobody waits for ever."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

import lthkit as lth
from lthkit.training import meetings
from lthkit.training.meetings import Meeting
from tests.conftest import small_net
from tests.training.test_loop import SGD


def test_drivers_that_meet_get_what_they_would_get_alone(tiny, monkeypatch):
    """Three IMP runs in three threads: every round one stacked training."""
    sizes = []
    original = meetings.train_together

    def spy(models, *arguments, **kwargs):
        sizes.append(len(models))
        return original(models, *arguments, **kwargs)

    monkeypatch.setattr(meetings, "train_together", spy)
    meeting, rounds, ready = Meeting(), {}, threading.Barrier(3)

    def driver(seed):
        with meeting.joined() as train:
            ready.wait()
            rounds[seed] = list(lth.imp(small_net, tiny, rounds=2, recipe=SGD, seed=seed, train=train))

    threads = [threading.Thread(target=driver, args=(s,)) for s in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sizes == [3, 3, 3]
    for seed, met in rounds.items():
        for a, b in zip(met, lth.imp(small_net, tiny, rounds=2, recipe=SGD, seed=seed), strict=True):
            assert a.mask.distance(b.mask) < 0.01
            assert a.result.validation_loss == pytest.approx(b.result.validation_loss, rel=0.01)


def test_who_leaves_a_meeting_holds_nobody_up(tiny):
    """Catches: a deadlock when a thread ends, or fails, while the others wait for it."""
    meeting, ready, done = Meeting(), threading.Barrier(2), []

    def failing():
        with pytest.raises(ZeroDivisionError), meeting.joined():
            ready.wait()
            raise ZeroDivisionError

    def waiting():
        with meeting.joined() as train:
            ready.wait()
            done.append(train(small_net(seed=0), tiny, recipe=SGD))

    threads = [threading.Thread(target=f, daemon=True) for f in (failing, waiting)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 1 and done[0].steps == SGD.steps


def test_an_error_in_a_meeting_reaches_everyone(tiny):
    """Catches: threads that wait for ever for a result that failed."""
    meeting, ready, errors = Meeting(), threading.Barrier(2), []

    def driver(seed):
        with meeting.joined() as train:
            ready.wait()
            try:
                train(small_net(seed=seed), tiny, recipe=replace(SGD, lr=1e30), seed=seed)
            except lth.TrainingDiverged as error:
                errors.append(error)

    threads = [threading.Thread(target=driver, args=(s,), daemon=True) for s in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(errors) == 2
