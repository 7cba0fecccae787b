"""The section of the report about the networks of the ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaauto.api import ReportContent, ReportFigure, ReportInput, ReportSection, ReportTable

__all__ = ["SECTION"]

MOST_CURVES = 5


def build(given: ReportInput) -> ReportContent | None:
    """Show architecture, rungs and learning curves; nothing without a network in the ensemble."""
    networks = {
        name: training
        for name, training in given.record.training.items()
        if training.get("network") == "metaauto-nas"
    }
    if not networks:
        return None
    text = (
        "Each network is that of the first fold. Its epoch was chosen on rows of the training "
        "part of the fold, not on the rows that give its score."
    )
    headings = ("network", "architecture", "parameters", "updates", "seconds", "seconds per epoch")
    rows = [
        (name, drawing(each), each["parameters"], each["updates"], round(each["seconds"], 2),
         round(each["seconds"] / max(each["epochs"], 1e-9), 4))
        for name, each in networks.items()
    ]  # fmt: skip
    tables = [ReportTable("Architectures", headings, rows), *_rungs(networks)]
    curves = {name: _curve(each) for name, each in networks.items() if each["curve"]}
    figures = []
    if curves:
        lines = dict(list(curves.items())[:MOST_CURVES])
        caption = "Loss on the rows that choose the epoch"
        figures.append(ReportFigure(caption, "updates", "loss", lines))
    return ReportContent(texts=[text], tables=tables, figures=figures)


def drawing(training: Mapping[str, Any]) -> str:
    """Return the layers of a network from inputs to outputs as one line."""
    parts = [f"{training['inputs']} inputs ({training['encoding']})"]
    for number, width in enumerate(training["hidden"]):
        skip = " + skip" if training["residual"] and number else ""
        parts.append(f"{width} {training['activation']}{skip}")
    members = training["members"]
    heads = f"{members} heads of " if members > 1 else ""
    return " \N{RIGHTWARDS ARROW} ".join([*parts, f"{heads}{training['outputs']} outputs"])


def _rungs(networks: Mapping[str, Mapping[str, Any]]) -> list[ReportTable]:
    rows = [
        (f"{name}, rung {number}", int(count), int(updates), round(seconds, 2))
        for name, each in networks.items()
        if each["rungs"][0][0] > 1
        for number, (count, updates, seconds) in enumerate(each["rungs"], 1)
    ]
    headings = ("rung", "configurations", "updates at its end", "seconds at its end")
    return [ReportTable("Rungs of the searches that found them", headings, rows)] if rows else []


def _curve(training: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    updates, losses = zip(*training["curve"], strict=True)
    return list(updates), list(losses)


SECTION = ReportSection("nas", "Neural networks", build, after="leaderboard")
