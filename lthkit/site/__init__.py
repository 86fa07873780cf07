"""The course as a site: pages made of the executed lessons, the ledger and the docstrings, and served on this machine."""

from __future__ import annotations

from lthkit.site.building import build_site
from lthkit.site.serving import serve, server

__all__ = ["build_site", "serve", "server"]
