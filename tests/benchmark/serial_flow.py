"""The usual flow, for comparison: one certificate after the other, a full commit for each, one firewall after the other.

It is what deploy hooks of ACME clients and playbooks of configuration tools do: generate a CSR, fetch it, order, download,
import, commit everything, poll the job, then the next certificate. TLS is not verified, as is usual; that connections are
kept alive is a favour.
"""

from __future__ import annotations

import base64
import time
import urllib.parse
from dataclasses import dataclass, field
from xml.etree import ElementTree

import requests
import urllib3

from paloaltofw.panos.commands import CsrRequest, generate_command
from tests.benchmark.stage import address

# Seconds between two looks at a commit job.
POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Target:
    """One firewall and the SCM account, with `pace` for the waits."""

    number: int
    name: str
    port: int
    key: str
    scm: str
    client: tuple[str, str]
    pace: float
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, **parameters: str) -> ElementTree.Element:
        files = {"file": ("x.pem", parameters.pop("file"))} if "file" in parameters else None
        url = f"https://{address(self.number)}:{self.port}/api/"
        answer = self.session.post(url, data=parameters, files=files, headers={"X-PAN-KEY": self.key}, verify=False, timeout=600)  # fmt: skip
        root = ElementTree.fromstring(answer.content)
        if root.get("status") != "success":
            raise RuntimeError(answer.text)
        return root

    def scm_ask(self, method: str, path: str, token: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "*/*"}
        answer = self.session.request(method, self.scm + path, json=body, headers=headers, verify=False, timeout=600)
        answer.raise_for_status()
        return answer

    def token(self, path: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": self.client[0], "client_secret": self.client[1]}
        return str(self.session.post(self.scm + path, data=form, verify=False, timeout=600).json()["access_token"])


def renew_firewall(target: Target, certificates: int, token_path: str) -> float:
    """All certificates of one firewall; gives the seconds that it took."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    started = time.monotonic()
    for index in range(certificates):
        _renew(target, f"{target.name}-s{index}x", f"s{index}.{target.name}.example.com", token_path)
    return time.monotonic() - started


def _renew(target: Target, entry: str, name: str, token_path: str) -> None:
    target.ask(type="op", cmd=generate_command(CsrRequest(entry, name, "ECDSA", 256, dns=(name,))))
    result = target.ask(type="config", action="get", xpath=f"/config/shared/certificate/entry[@name='{entry}']/csr")
    csr = "".join(result.itertext()).strip()
    body = {"csr": "".join(line for line in csr.split("\n") if "-----" not in line), "subjAltNames": [name]}
    base64.b64decode(str(body["csr"]), validate=True)
    token = target.token(token_path)
    order = target.scm_ask("POST", "/api/v1/certificates", token, body).json()["certId"]
    path = f"/api/v1/certificates/{urllib.parse.quote(str(order), safe='')}"
    pem = target.scm_ask("GET", path, token).text
    leaf = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    target.ask(
        **{"type": "import", "category": "certificate", "certificate-name": entry, "format": "pem", "file": leaf}
    )
    job = target.ask(type="commit", cmd="<commit></commit>").findtext("result/job")
    while target.ask(type="op", cmd=f"<show><jobs><id>{job}</id></jobs></show>").findtext(".//status") != "FIN":
        time.sleep(POLL_SECONDS * target.pace)
