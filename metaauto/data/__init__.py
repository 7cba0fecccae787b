"""Tables: reading, column roles, checks and splits."""

from metaauto.data.checks import check_table
from metaauto.data.cost import boosting_seconds
from metaauto.data.dataset import Dataset, prepare
from metaauto.data.findings import Finding
from metaauto.data.read import as_table, read_limited, read_table
from metaauto.data.roles import infer_columns
from metaauto.data.row_limit import RowLimit
from metaauto.data.schema import TableSchema
from metaauto.data.sources import lasting_address
from metaauto.data.splits import Splits, plan_splits

__all__ = [
    "Dataset",
    "Finding",
    "RowLimit",
    "Splits",
    "TableSchema",
    "as_table",
    "boosting_seconds",
    "check_table",
    "infer_columns",
    "lasting_address",
    "plan_splits",
    "prepare",
    "read_limited",
    "read_table",
]
