"""The columns of the table as inputs of a graph, in the form that preprocessing receives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from metaauto.data.booleans import truth_table
from metaauto.data.schema import TableSchema
from metaauto.model.onnx.graph import Graph, NotConvertible
from metaauto.task import Column, Role

__all__ = ["InputColumns"]

# Values beyond are clipped by metaauto's transformers.
LARGEST = 3.0e38


class InputColumns:
    """One input of shape (rows, 1) for each column that the models receive.

    Numeric columns are float64 with NaN for missing values; dates are int64 nanoseconds since 1970
    (UTC) with the smallest number for missing ones, as in ``datetime64[ns]``. Categories and
    Boolean columns are texts; the empty text and unknown ones are missing.

    Parameters
    ----------
    graph : Graph
        The graph.
    schema : TableSchema
        The columns.

    Raises
    ------
    NotConvertible
        The cells of a column cannot be read by ONNX.
    """

    def __init__(self, graph: Graph, schema: TableSchema) -> None:
        self.graph = graph
        self.columns = schema.features
        self._typed: dict[int, str] = {}
        self._joined: dict[tuple[str, tuple[int, ...]], str] = {}
        if not self.columns:
            raise NotConvertible("the models use none")
        for column in self.columns:
            if column.role is Role.TEXT:
                raise NotConvertible(f"{column.name!r} is a text column")

    def declared(self) -> list[Any]:
        """Return the inputs of the graph."""
        from onnx import TensorProto, helper

        types = {Role.NUMERIC: TensorProto.DOUBLE, Role.DATETIME: TensorProto.INT64}
        return [
            helper.make_tensor_value_info(
                column.name, types.get(column.role, TensorProto.STRING), ["rows", 1]
            )
            for column in self.columns
        ]

    def categories(self, position: int) -> np.ndarray:
        """Return the categories of a column as texts."""
        found = [str(name) for name in self.columns[position].categories or ()]
        return np.array(found, dtype=np.str_)

    def numbers(self, positions: Iterable[int]) -> str:
        """Return numeric and Boolean columns, float64 of shape (rows, positions)."""
        places = tuple(map(int, positions))
        return self._joint("numbers", places)

    def first(self) -> str:
        """Return the first column as float64, for models that use the number of rows alone."""
        if self.columns[0].role in (Role.NUMERIC, Role.BOOLEAN):
            return self.numbers([0])
        return self.graph.cast(self._column(0), np.float64)

    def codes(self, positions: Iterable[int]) -> str:
        """Return category codes, int64 of shape (rows, positions).

        The code of a missing value is the number of categories.
        """
        return self._joint("codes", tuple(map(int, positions)))

    def _joint(self, kind: str, places: tuple[int, ...]) -> str:
        key = kind, places
        if key not in self._joined:
            made = self.graph.joined([self._column(place) for place in places])
            self._joined[key] = self.graph.clipped(made, LARGEST) if kind == "numbers" else made
        return self._joined[key]

    def _column(self, place: int) -> str:
        if place not in self._typed:
            column = self.columns[place]
            self._typed[place] = column.name
            if column.role is Role.BOOLEAN:
                self._typed[place] = self._truth(column)
            elif column.role is Role.CATEGORICAL:
                names = self.categories(place)
                self._typed[place] = self._encoded(
                    column.name, dict(zip(names, range(len(names)), strict=True))
                )
        return self._typed[place]

    def _truth(self, column: Column) -> str:
        words = {
            spelled: code
            for word, code in truth_table(column.categories or ()).items()
            for spelled in (word, word.upper(), word.capitalize())
        }
        codes = {word: int(code) for word, code in words.items()}
        encoded = self.graph.cast(self._encoded(column.name, codes, -1), np.float64)
        missing = self.graph.add("Less", encoded, np.float64(0))
        return self.graph.add("Where", missing, np.float64(np.nan), encoded)

    def _encoded(self, name: str, codes: dict[str, int], default: int | None = None) -> str:
        return self.graph.add(
            "LabelEncoder",
            name,
            domain="ai.onnx.ml",
            keys_strings=[str(word) for word in codes],
            values_int64s=list(codes.values()),
            default_int64=len(codes) if default is None else default,
        )
