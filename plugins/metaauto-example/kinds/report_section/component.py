"""A section of the report for metaauto: the trials that failed.

`metaauto report` calls it with the record of a fit. Texts, tables and lines of what it returns are
escaped and drawn by metaauto; None leaves the section out.
"""

from __future__ import annotations

from metaauto.api import (
    Register,
    ReportContent,
    ReportInput,
    ReportSection,
    ReportTable,
    hookimpl,
)


def failed_trials(given: ReportInput) -> ReportContent | None:
    """Return a table of the trials without a score."""
    rows = [
        (one.name, one.source, one.at) for one in given.record.report.history if one.score is None
    ]
    if not rows:
        return None
    table = ReportTable("Failed trials", ("Name", "Source", "Seconds"), rows)
    return ReportContent(["These trials have no score."], [table])


SECTION = ReportSection("example", "Failed trials", failed_trials, after="time")


@hookimpl
def register_report_sections(register: Register) -> None:
    """Offer the section."""
    register.report_section(SECTION)
