"""What lies on disk: files that are whole or absent, run folders with an owner, snapshots to go on from, records of runs.

This file is the table of contents.
"""

from __future__ import annotations

from lthkit.storage.files import (
    CannotWrite,
    DamagedFile,
    load_arrays,
    read_json,
    read_sealed,
    save_arrays,
    write_bytes,
    write_json,
    write_sealed,
    write_text,
)
from lthkit.storage.folders import (
    RunBusy,
    keep_no_runs,
    keep_runs,
    open_run,
    working_in,
)
from lthkit.storage.identity import (
    Nameless,
    name_of,
    network_name,
)
from lthkit.storage.owners import (
    RunMismatch,
    canonical,
)
from lthkit.storage.records import (
    Row,
    environment,
    processor,
    read_table,
    run_id,
    runs_folder,
    write_table,
)
from lthkit.storage.snapshots import (
    Interrupted,
    Snapshots,
    TimeUp,
)

__all__ = [
    "CannotWrite",
    "DamagedFile",
    "Interrupted",
    "Nameless",
    "Row",
    "RunBusy",
    "RunMismatch",
    "Snapshots",
    "TimeUp",
    "canonical",
    "environment",
    "keep_no_runs",
    "keep_runs",
    "load_arrays",
    "name_of",
    "network_name",
    "open_run",
    "processor",
    "read_json",
    "read_sealed",
    "read_table",
    "run_id",
    "runs_folder",
    "save_arrays",
    "working_in",
    "write_bytes",
    "write_json",
    "write_sealed",
    "write_table",
    "write_text",
]
