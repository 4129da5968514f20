"""What one test reads must not come from the memory of another, least of all with a mutant at work."""

from __future__ import annotations

import pytest

from paloaltofw.pki import certificate


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    certificate.parse_certificate_der.cache_clear()
    certificate._parse_csr_der.cache_clear()
