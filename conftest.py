"""What holds for every test: the smoke tier, and property tests without a clock."""

from __future__ import annotations

import os
import tempfile

from hypothesis import settings

# Folders of the checkout that hold no tests of ours; a room or its tests may bear such a name further down.
collect_ignore = ["build", "class", "dist", "my", "runs", "venv"]

# The kernels that nbval starts inherit these.
os.environ.setdefault("LTHKIT_TIER", "smoke")
# A lesson goes on with a run that it finds; a test must compute its own.
_runs = tempfile.TemporaryDirectory(prefix="lthkit-runs-", ignore_cleanup_errors=True)
os.environ["LTHKIT_RUNS"] = _runs.name
# pytest itself has read this by now. A kernel must not: somebody else's warning would end it before the first cell.
os.environ.pop("PYTHONWARNINGS", None)

# On two busy cores the time of a single example says nothing.
settings.register_profile("lthkit", deadline=None)
settings.load_profile("lthkit")
