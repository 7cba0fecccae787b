"""skrub encoders for metaauto: dates, texts and high-cardinality categories."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from metaauto.api import BuildContext, Choice, Int, Preprocessor, Register, hookimpl

MODULE = "metaauto_skrub.encoders"


def build_categories(encoder: str, values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an encoder of category columns."""
    from metaauto_skrub.encoders import DirtyCategories

    return DirtyCategories(encoder=encoder, random_state=context.seed, **values)


def build_dates(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an encoder of date columns."""
    from metaauto_skrub.encoders import CalendarParts

    return CalendarParts(**values)


def build_text(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Build an encoder of one text column."""
    from metaauto_skrub.encoders import TextEncoder

    return TextEncoder(random_state=context.seed, **values)


@hookimpl
def register_preprocessors(register: Register) -> None:
    """Register encoders of categories, dates and texts."""
    for encoder in ("minhash", "gap", "string"):
        register.preprocessor(
            Preprocessor(
                name=encoder,
                slot="categorical",
                build=partial(build_categories, encoder),
                space={
                    "n_components": Int(4, 64, 16, log=True),
                    "few": Int(5, 50, 20, log=True),
                },
                # GapEncoder makes many passes over the rows.
                max_rows=50_000 if encoder == "gap" else None,
                requires=("skrub",),
                trusted=(f"{MODULE}.DirtyCategories",),
            )
        )
    register.preprocessor(
        Preprocessor(
            name="calendar",
            slot="datetime",
            build=build_dates,
            space={
                "resolution": Choice(("hour", "day", "minute")),
                "periodic": Choice(("circular", "none")),
            },
            requires=("skrub",),
            trusted=(
                f"{MODULE}.CalendarParts",
                "skrub._datetime_encoder.DatetimeEncoder",
                "skrub._datetime_encoder._CircularEncoder",
            ),
        )
    )
    register.preprocessor(
        Preprocessor(
            name="spelling",
            slot="text",
            build=build_text,
            space={"n_components": Int(8, 128, 30, log=True)},
            requires=("skrub",),
            trusted=(
                f"{MODULE}.TextEncoder",
                "skrub._string_encoder.StringEncoder",
                "skrub._to_str.ToStr",
            ),
        )
    )
