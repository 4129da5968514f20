"""Observations and plans that several tests of decisions use."""

from __future__ import annotations

from paloaltofw.lifecycle.decision import Decision
from paloaltofw.lifecycle.inputs import RunRequest
from paloaltofw.lifecycle.requested import requested_of
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile, KeySpec, Renewal, Sans, Subject
from paloaltofw.model.records import OrderRecord, Phase
from tests import x509

PROFILE = CertificateProfile(
    id="www", name="www", type="DV", account="A", firewall="fw", subject=Subject("www.example.com"),
    sans=Sans(dns=("www.example.com",)), key=KeySpec("ECDSA", 256), renewal=Renewal(renew_before_days=30),
)  # fmt: skip
RUN = RunRequest(enroll=True, renew=True, admin="svc")
ENROLL = RunRequest(enroll=True, admin="svc")
RENEW = RunRequest(renew=True, admin="svc")
REPLACE = RunRequest(replace=True, admin="svc")
RESUBMIT = RunRequest(enroll=True, resubmit=True, admin="svc")
CSR = x509.csr()
GOOD = x509.certificate(age=1)
DUE = x509.certificate(age=175)
EXPIRED = x509.certificate(age=201)
OTHER = x509.certificate(private_key=x509.key(7, "P384"), age=1)
STRANGER = x509.certificate("other.example.com", dns=["other.example.com"], age=1)
ORDER = OrderRecord(
    profile="www", firewall="fw", entry="www", operation="enroll", phase=Phase.ORDERED.value,
    requested=requested_of(PROFILE), reference="paloaltoagent-0", reason="", created_at="2026-11-24T00:00:00Z",
    csr=CSR.pem, csr_sha256=CSR.sha256, spki_sha256=CSR.spki_sha256, certificate_id="17", ordered_at="2026-11-24T00:00:00Z",
)  # fmt: skip


def held(number: int = 1, **more: object) -> CertificateGeneration:
    return CertificateGeneration(number, "www" if number == 1 else f"www-{number}", has_key=True, **more)  # type: ignore[arg-type]


def kinds(decision: Decision) -> list[str]:
    return [type(step).__name__ for step in decision.steps]


FULL = ["GenerateCsr", "SubmitOrder", "Collect", "Prove", "ImportChain", "ImportCertificate", "Commit", "RecordId"]
ROTATION = [*FULL[:-2], "Bind", "DeletePredecessor", "Commit", "RecordId"]
PENDING = held(csr=CSR)
IMPORTED = x509.certificate()
