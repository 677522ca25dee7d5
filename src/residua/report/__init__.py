"""A run folder in, one page out that opens offline.

write       the report of a run
render      the shell of a page, for other pages than a run's
Section     one part of a page
"""

from residua.report.page import Section, render
from residua.report.run_page import write

__all__ = ["Section", "render", "write"]
