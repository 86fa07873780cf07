"""Pictures that answer: figures of recorded runs that move when touched, without a kernel and without a network.

On the course's pages a picture is a fragment of HTML, in a notebook a frame above the figure that stands still. This file
is the table of contents.
"""

from __future__ import annotations

from lthkit.pictures.showing import MOST_BYTES, NAMES, frame, page, show, site

__all__ = ["MOST_BYTES", "NAMES", "frame", "page", "show", "site"]
