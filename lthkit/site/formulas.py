"""Formulas as MathML, made when the site is built, so that no page needs a script or a font for them."""

from __future__ import annotations

from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def mathml(formula: str, *, block: bool) -> str:
    """A formula in LaTeX as MathML, which browsers show by themselves.

    Raises:
        ExtensionError: it cannot be read, or has a command that is not known; the text shows the formula.
    """
    try:
        made = str(convert(formula.strip(), display="block" if block else "inline"))
    except Exception as error:  # the package has a dozen of classes for it
        raise ExtensionError(f"the formula {formula.strip()!r} cannot be read: {error!r}") from error
    if "\\" in made:
        raise ExtensionError(f"the formula {formula.strip()!r} has a command that latex2mathml does not know")
    return made


def _inline(translator: Any, node: Any) -> None:
    translator.body.append(mathml(node.astext(), block=False))
    raise SkipNode


def _block(translator: Any, node: Any) -> None:
    translator.body.append(f'<div class="formula">{mathml(node.astext(), block=True)}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx: formulas are written by this module, and not by MathJax."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
