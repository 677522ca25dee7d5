"""The page of a service: three files, no other host."""

from importlib import resources

FILES = (
    ("/", "page.html", "text/html"),
    ("/page.css", "page.css", "text/css"),
    ("/page.js", "page.js", "text/javascript"),
)


def page_files() -> list[tuple[str, bytes, str]]:
    """Return path, content and type of each file."""
    folder = resources.files("residua.serve") / "files"
    return [(path, (folder / name).read_bytes(), kind) for path, name, kind in FILES]
