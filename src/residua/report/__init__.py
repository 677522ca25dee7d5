"""A run folder in, one page out that opens offline.

write       the report of a run
examination_page    the page of an exam
render      the shell of a page, for other pages than a run's
Section     one part of a page
"""

from residua.report.examination import examination_page
from residua.report.page import Section, render
from residua.report.run_page import write

__all__ = ["Section", "examination_page", "render", "write"]
