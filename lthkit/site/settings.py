"""What Sphinx is told: the text of the `conf.py` of a site."""

from __future__ import annotations

from typing import Any

# The pages in their order, by chapter; "*" stands for the lessons.
CHAPTERS: dict[str, tuple[str, ...]] = {
    "Course": ("course", "*", "glossary"),
    "Results": ("claims", "records"),
    "Using it": ("package", "cluster", "instructors", "reference/index", "contributing"),
}
MAIN_PAGES = [
    ("course", "Course"),
    ("claims", "Claims"),
    ("glossary", "Glossary"),
    ("reference/index", "Reference"),
]


def conf() -> str:
    """The text of `conf.py`."""
    theme: dict[str, Any] = {
        "logo": {"text": "Winning Tickets"},
        **dict.fromkeys(
            ("navbar_start", "navbar_center", "navbar_end", "navbar_persistent"), []
        ),  # the header is ours
        "shorten_urls": False,  # else links to GitHub get a mark from a font that is left out
        "show_nav_level": 1,
        "navigation_depth": 2,
        "show_toc_level": 1,
        "secondary_sidebar_items": ["page-contents"],
        "primary_sidebar_end": [],
        "article_header_start": ["page-contents-folded"],
        "article_footer_items": ["previous-next"],
        "show_prev_next": False,
        "footer_start": ["site-footer"],
        "footer_end": [],
        "disable_search": True,  # the theme's own dialog; the page and the field are ours
        "pygments_light_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
        "back_to_top_button": False,
    }
    said: dict[str, Any] = {
        "project": "Winning Tickets",
        "author": "The lthkit authors",
        "language": "en",
        "extensions": ["myst_nb", "lthkit.site.formulas"],
        "templates_path": ["_templates"],
        "exclude_patterns": ["_*"],
        "highlight_language": "none",  # a folder tree is no Python; what is says so
        "html_theme": "pydata_sphinx_theme",
        "html_theme_options": theme,
        "html_context": {"default_mode": "light", "theme_main_pages": MAIN_PAGES},
        "html_title": "Winning Tickets",
        "html_static_path": ["_static"],
        "html_extra_path": ["_extra"],
        "html_css_files": ["site.css"],
        "html_js_files": [("site.js", {"defer": "defer"})],
        "html_sidebars": {"index": [], "**": ["sidebar-course"]},
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "html_use_index": False,
        "html_math_renderer": "mathml",
        "nb_execution_mode": "off",
        "nb_ipywidgets_js": {},  # else every page asks a distant server for scripts
        "nb_merge_streams": True,
        "nb_number_source_lines": False,
        "myst_enable_extensions": ["dollarmath"],
        "myst_all_links_external": True,  # `links` has turned them already
    }
    return "\n".join(f"{name} = {value!r}" for name, value in said.items()) + "\n"
