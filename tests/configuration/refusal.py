"""What `check --offline` says of files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load
from paloaltofw.errors import ConfigurationError


def refused(config: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(config)
    return [str(problem) for problem in caught.value.problems]
