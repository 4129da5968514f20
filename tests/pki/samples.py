"""A chain and what is asked of it."""

from __future__ import annotations

from paloaltofw.pki.verification import Requirements
from tests import x509

REQUIRED = Requirements("www.example.com", ("www.example.com",), (), (), "ECDSA", 256, "OV")
CHAIN = x509.chain_of()
SPKI = CHAIN[0].spki_sha256
