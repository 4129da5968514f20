"""What is made from the program and shipped beside it is what the program makes today."""

from __future__ import annotations

import pytest

from tests.generated import FILES, ROOT


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    text = (ROOT / name).read_text("utf-8") if (ROOT / name).exists() else ""
    assert text == FILES[name](), "run: python -m tests.generated"
