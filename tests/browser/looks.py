"""What a page must not do, asked of the page itself: scroll sideways, break a word, fall below a contrast."""

from __future__ import annotations

from typing import Any

_SKIPPED = ".MathJax, mjx-container, style, script, .cm-editor, .jp-InputPrompt, .jp-OutputPrompt, details:not([open]) pre"

# What is wider than its place: prose, tables, what the classroom says, printed text.
_SIDEWAYS = """root => [...root.querySelectorAll(
    '.jp-RenderedMarkdown, .jp-RenderedHTMLCommon, .jp-RenderedText, div.lth-table, div.lth-says, div.lth-says pre, table')]
    .filter(e => e.getClientRects().length && (e.scrollWidth > e.clientWidth + 1
        || (e.parentElement && e.getBoundingClientRect().right > e.parentElement.closest('.jp-Cell, body')
            .getBoundingClientRect().right + 1)))
    .map(e => e.className + ' ' + e.scrollWidth + ' > ' + e.clientWidth + ': ' + e.textContent.trim().slice(0, 80))"""

# A word that is on two lines. In prose a hyphen ends a word, in a table it does not.
_BROKEN = """([root, skipped]) => {
    const found = [], texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let t = texts.nextNode(); t; t = texts.nextNode()) {
        const e = t.parentElement;
        if (!e || e.closest(skipped) || !e.getClientRects().length) continue;
        const words = e.closest('div.lth-table') ? /[\\p{L}\\p{N}_.,-]{2,}/gu : /[\\p{L}\\p{N}_.,]{2,}/gu;
        for (const word of t.data.matchAll(words)) {
            const range = document.createRange();
            range.setStart(t, word.index); range.setEnd(t, word.index + word[0].length);
            const tops = new Set([...range.getClientRects()].filter(r => r.width > 0).map(r => Math.round(r.top / 4)));
            if (tops.size > 1) found.push(word[0]);
        }
    }
    return found; }"""

# Texts with less contrast against what is behind them than they need.
_PALE = """([root, least, skipped]) => {
    const rgb = s => { const v = s.match(/[\\d.]+/g).map(Number); return v.length > 3 ? v : [...v, 1]; };
    const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
    const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
                         return .2126 * r + .7152 * g + .0722 * b; };
    const known = new Map([[null, [[255, 255, 255, 1], 1]]]);  // of an element: what is behind its text, and its opacity
    const ground = e => {
        if (!known.has(e)) { const [b, o] = ground(e.parentElement), s = getComputedStyle(e); known.set(e, [over(rgb(s.backgroundColor), b), o * s.opacity]); }
        return known.get(e); };
    const found = [], texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let t = texts.nextNode(); t; t = texts.nextNode()) {
        const e = t.parentElement;
        if (!t.data.trim() || !e || e.closest(skipped) || !e.getClientRects().length) continue;
        const [back, opacity] = ground(e);
        const own = rgb(getComputedStyle(e).color), [hi, lo] = [light(over([...own.slice(0, 3), own[3] * opacity], back)), light(back)].sort((a, b) => b - a);
        const ratio = (hi + .05) / (lo + .05), sign = e.closest('.lth-sign, li > span, th > span') && t.data.trim().length < 3;
        if (ratio < (sign ? 3 : least)) found.push(ratio.toFixed(2) + ' ' + e.className + ': ' + t.data.trim().slice(0, 60));
    }
    return found; }"""


def sideways(element: Any) -> list[str]:
    """Parts of an element, a locator of one, that are wider than their place."""
    return list(element.evaluate(_SIDEWAYS))


def broken_words(element: Any) -> list[str]:
    """Words in it that go on in the next line without a hyphen."""
    return list(element.evaluate(f"(e, s) => ({_BROKEN})([e, s])", _SKIPPED))


def pale(element: Any, least: float = 4.5) -> list[str]:
    """Texts in it with a contrast below `least`; for signs that stand beside words, below 3."""
    return list(element.evaluate(f"(e, [l, s]) => ({_PALE})([e, l, s])", [least, _SKIPPED]))
