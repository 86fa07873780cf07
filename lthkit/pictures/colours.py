"""The colours of the figures (`lthkit.plots`) for a page: those of the light theme are the same, the dark theme has lighter ones."""

from __future__ import annotations

from typing import Any

from lthkit.plots import LOOKS, SERIES

DARK = {  # the same hues; each has three times the contrast of the dark ground or more
    "#0072B2": "#5AB0E8",
    "#D55E00": "#FF9A56",
    "#007A59": "#4CC9A4",
    "#555555": "#B4B4B4",
    "#A8467F": "#E394BD",
    "#9A6700": "#DDAE45",
    "#333333": "#D8D8D8",
    "#7A4A21": "#CDA27C",
}
DARK_GROUND = {
    "paper": "#1c1e22",
    "ink": "#e9e9e9",
    "pale": "#3a3d43",
    "quiet": "#b5b9c0",
    "wrong": "#ff9a56",
    "field": "#272a30",
}
NAMED = {"ticket": "ticket", "re-initialised": "fresh", "shuffled": "shuffled", "dense": "dense"}


def looks() -> dict[str, dict[str, str]]:
    """Colour, mark and dash of each arm, and of "0" to "6" for any other lines; colours are names of variables."""
    found = {arm: _look(look, f"var(--{NAMED[arm]})") for arm, look in LOOKS.items()}
    found["one-shot"] = _look(SERIES[3], "var(--s3)")
    return found | {str(i): _look(look, f"var(--s{i})") for i, look in enumerate(SERIES)}


def variables() -> str:
    """The colours as CSS, for both themes: the page's own, if it says one, else that of the reader's system."""
    light = {NAMED[arm]: look.color for arm, look in LOOKS.items()}
    light |= {f"s{i}": look.color for i, look in enumerate(SERIES)}
    bright = _declared(light)
    dark = _declared({name: DARK[colour] for name, colour in light.items()} | DARK_GROUND)
    ground = "color-scheme:dark;"
    return (
        f".lth-picture{{color-scheme:light;{bright}}}"
        f'@media (prefers-color-scheme:dark){{html:not([data-theme="light"]) .lth-picture{{{ground}{dark}}}}}'
        f'html[data-theme="dark"] .lth-picture{{{ground}{dark}}}'
        "@media print{.lth-picture{break-inside:avoid}}\n"
    )


def _look(look: Any, colour: str) -> dict[str, str]:
    plain = {"-": "", "--": "7 4", ":": "1.5 3.5", "-.": "8 3 1.5 3"}
    dash = plain[look.dash] if isinstance(look.dash, str) else " ".join(f"{1.5 * d:g}" for d in look.dash[1])
    return {"color": colour, "marker": look.marker, "dash": dash}


def _declared(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
