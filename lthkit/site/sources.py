"""Pages with the code of the package, to which the reference links. They are small, and they are not searched."""

from __future__ import annotations

import html
from pathlib import Path

from lthkit.classroom.editions import tool
from lthkit.site.links import Links

ASSETS = Path(__file__).with_name("assets")
# Kinds of words that get a colour, and the class that the theme has one for.
COLOURS = (("Comment", "c1"), ("Literal.String.Doc", "sd"), ("Literal.String", "s1"), ("Keyword", "k"))


def place(file: str, line: int = 0) -> str:
    """The page of a file of code, such as "lthkit/pruning/masks.py", at one of its lines."""
    return f"source/{file.removesuffix('.py')}.html" + (f"#line-{line}" if line else "")


def page(file: str, text: str) -> str:
    """A file of code as a whole page. file: its name in the repository; text: what stands in it."""

    def to(other: str) -> str:
        return html.escape(Links.from_page(place(file), other))

    code = "\n".join(f'<span id="line-{i}">{line}</span>' for i, line in enumerate(_lines(text), start=1))
    shell = (ASSETS / "source-page.htm").read_text(encoding="utf-8")
    said = {
        "FILE": html.escape(file), "SHOWN": html.escape(file).replace("/", "/<wbr>"), "STATIC": to("_static"), "START": to("index.html"),
        "REFERENCE": to("reference/index.html"), "CODE": code,  # the last, for it may have such names
    }  # fmt: skip
    for name, value in said.items():
        shell = shell.replace(f"[[{name}]]", value)
    return shell


def _lines(text: str) -> list[str]:
    """The lines of Python code as HTML; a word that goes over several lines has its colour in each."""
    lexer = tool("pygments.lexers").PythonLexer()
    lines = [""]
    for kind, word in lexer.get_tokens(text):
        colour = next((short for name, short in COLOURS if str(kind).startswith(f"Token.{name}")), "")
        for i, part in enumerate(word.split("\n")):
            if i:
                lines.append("")
            shown = html.escape(part, quote=False)
            lines[-1] += f'<span class="{colour}">{shown}</span>' if colour and part.strip() else shown
    return lines[:-1] if not lines[-1] else lines
