"""Shows doctests and aligned columns of a docstring as they stand; Markdown would make prose of both."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)  # down to the next empty line
COLUMNS = re.compile(r"^\w+(?:, \w+)* {2,}\S.*(?:\n\w+(?:, \w+)* {2,}\S.*)*", re.MULTILINE)


class AsItStands(griffe.Extension):
    """Put a fence around every example and every block of columns."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the text of one docstring before it is parsed."""
        if obj.docstring:
            text = COLUMNS.sub(r"```text\n\g<0>\n```", obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", text)
