"""A guard against regressions: short fits of twelve tables, before and after a change."""
