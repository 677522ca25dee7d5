"""The shell of every page that Residua writes: one file, no host, light and dark, screen and paper."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import final

import jinja2
from markupsafe import Markup

from residua.report import numbers

_TEMPLATES = resources.files("residua.report") / "templates"


@final
@dataclass(frozen=True)
class Section:
    """One part of a page: `name` is its address in the page, `lead` says in words what `body` shows."""

    name: str
    title: str
    body: Markup
    lead: str = ""


def render(
    title: str, sections: Sequence[Section], *, subtitle: str = "", opening: Markup | None = None
) -> str:
    """Return a whole HTML page with `sections` one below the other, and `opening` above them all.

    The page asks nothing of any host, and its policy forbids that, and any script but its own.

    >>> page = render("<Claims>", [Section("depth", "Depth", Markup("<p>Deeper is worse.</p>"))])
    >>> "<h1>&lt;Claims&gt;</h1>" in page, "<p>Deeper is worse.</p>" in page
    (True, True)
    """
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "title": title,
        "subtitle": subtitle,
        "opening": opening or Markup(),
        "sections": sections,
        "style": Markup(_source("style.css")),
        "script": Markup(script),
        "script_hash": f"sha256-{digest}",
    }
    return str(fill("page.html", values))


def fill(template: str, values: Mapping[str, object]) -> Markup:
    """Return the named template with `values` put in, each one escaped unless it is `Markup`."""
    return Markup(_environment().get_template(template).render(values))


def breakable(path: str) -> Markup:
    """Return a path that a narrow column breaks after a slash rather than inside a name.

    >>> breakable("cats/<7>.png")
    Markup('cats/<wbr>&lt;7&gt;.png')
    """
    return Markup("/<wbr>").join(path.split("/"))


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    for words in (numbers.percent, numbers.count, numbers.plain, numbers.along):
        environment.filters[words.__name__] = words
    return environment
