"""Run ids, run folders and tables."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime

import numpy as np
import pytest
import torch

from lthkit.storage import records
from lthkit.storage.files import DamagedFile


def test_run_ids_depend_on_the_content_and_not_on_the_order():
    a = records.run_id("x", {"lr": 0.1, "seeds": (0, 1)})
    assert a == records.run_id("x", {"seeds": [0, 1], "lr": 0.1})
    assert a != records.run_id("x", {"lr": 0.1, "seeds": (0, 2)})
    assert a.startswith("x-") and len(a) == 8


def test_a_table_comes_back_with_its_types(tmp_path):
    rows = [
        {"arm": "ticket", "seed": 0, "density": 1 / 3, "still_improving": True, "note": None},
        {"arm": 'dense, "whole"', "seed": 12, "density": 1.0, "still_improving": False, "note": "é"},
    ]
    records.write_table(tmp_path / "t.csv", rows)
    assert records.read_table(tmp_path / "t.csv") == rows
    assert b"\r" not in (tmp_path / "t.csv").read_bytes()


def test_a_truncated_table_is_noticed(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n4,5\n")
    with pytest.raises(DamagedFile, match="not every line"):
        records.read_table(tmp_path / "t.csv")


def test_the_environment_stamp_names_what_numbers_depend_on():
    stamp = records.environment()
    assert {"python", "torch", "lthkit", "processor", "cores", "gpu", "date"} <= stamp.keys()
    assert all("/" not in str(v) for k, v in stamp.items() if k != "processor"), (
        "no paths of the machine in a record"
    )


def test_the_environment_is_the_one_that_is_here():
    """Catches: a version beside another package's name, a processor in place of the system, a GPU that is not there."""
    records._installed.cache_clear()
    stamp = records.environment()
    assert stamp["python"] == ".".join(map(str, sys.version_info[:3]))
    assert stamp["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert stamp["numpy"] == np.__version__
    assert stamp["system"].split() == [platform.uname().system, platform.uname().machine]
    assert stamp["processor"] == records.processor() != stamp["system"]
    assert stamp["cores"] == os.cpu_count() and (stamp["gpu"] is None) == (not torch.cuda.is_available())
    assert abs((datetime.fromisoformat(stamp["date"]) - datetime.now()).days) <= 2


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch):
    def version(name):
        if name == "torchvision":
            raise records.PackageNotFoundError(name)
        return f"of {name}"

    monkeypatch.setattr(records, "version", version)
    records._installed.cache_clear()
    try:
        stamp = records.environment()
    finally:
        records._installed.cache_clear()
    packages = ("lthkit", "torch", "torchvision", "numpy")
    assert [stamp[p] for p in packages] == ["of lthkit", "of torch", "not installed", "of numpy"]


def test_versions_are_looked_up_once(monkeypatch):
    """Catches: package metadata read again for every table of a sweep; a date that is that of the first table."""
    calls = []
    monkeypatch.setattr(records, "version", lambda name: calls.append(name) or "1")
    records._installed.cache_clear()
    try:
        first = records.environment()
        monkeypatch.setattr(records, "datetime", _Tomorrow)
        second = records.environment()
    finally:
        records._installed.cache_clear()
    assert len(calls) == 4 and second["date"] == "2099-01-02" != first["date"]
    assert {**first, "date": ""} == {**second, "date": ""}


class _Tomorrow(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2099, 1, 2, tzinfo=tz)
