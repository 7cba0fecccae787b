"""Built-in sections of the report that show a single table."""

from __future__ import annotations

from metaauto.api import ReportContent, ReportInput, ReportSection, ReportTable

__all__ = ["REPORT_SECTIONS"]

_ABOUT = (
    "Features that some members compute from the columns of the table, chosen on the training rows "
    "of each fold."
)


def generated_features(given: ReportInput) -> ReportContent | None:
    """Return the table of generated features; None if no member has any."""
    rows = [
        (
            one.name,
            f"{100 * one.weight:.0f} %",
            f"{100 * one.importance:.1f} %" if one.importance else None,
        )
        for one in given.record.generated
    ]
    if not rows:
        return None
    headings = ("Feature", "Weight of the members that use it", "Share of the importance")
    table = ReportTable("Generated features, the most important first", headings, rows)
    return ReportContent([_ABOUT], [table])


REPORT_SECTIONS = (ReportSection("generated", "Generated features", generated_features),)
