"""What the suite leaves to the sweeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_in(stride: int, rows: Iterable[Any], is_one_value: bool = False) -> list[Any]:
    """The rows of a table of parameters, of which the suite runs one in so many, and the sweeps the others.

    `is_one_value`: a row that is a tuple is the value of one parameter.
    """
    return [row if number % stride == 0 else _swept(row, is_one_value) for number, row in enumerate(rows)]


def _swept(row: Any, is_one_value: bool) -> Any:
    if hasattr(row, "marks"):
        return pytest.param(*row.values, id=row.id, marks=[*row.marks, pytest.mark.sweep])
    values = row if isinstance(row, tuple) and not is_one_value else (row,)
    return pytest.param(*values, marks=pytest.mark.sweep)
