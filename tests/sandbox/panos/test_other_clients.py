"""Other people's clients, unchanged, against the simulated firewall over real HTTPS: pan-python and pan-os-python."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pan.commit
import pan.xapi
import panos.device
import panos.errors
import panos.firewall
import panos.objects
import panos.policies
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paloaltofw.sandbox.base.clock import SystemClock
from paloaltofw.sandbox.base.https import LOOPBACK, HttpsServer, server_context
from paloaltofw.sandbox.panos.device import Firewall, Latencies, PanosSwitches
from paloaltofw.sandbox.panos.service import PanosSite
from tests.sandbox.panos.bench import (
    ALICE,
    BOB,
    PASSWORD,
    SHARED,
    SVC,
    VSYS1,
    certificate,
    generate_command,
    key,
    name,
    pem,
)

ADDRESSES = f"{VSYS1}/address"


def tls_context() -> ssl.SSLContext:
    """A self-signed server certificate, as management interfaces have them."""
    now = datetime.datetime.now(datetime.timezone.utc)
    issued = (
        x509.CertificateBuilder()
        .subject_name(name("fw-1"))
        .issuer_name(name("fw-1"))
        .public_key(key(77).public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key(77), hashes.SHA256())
    )
    private = key(77).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return server_context(issued.public_bytes(Encoding.PEM), private)


class Device:
    """A firewall that is served; the clients' own waits are not waited out."""

    def __init__(self, switches: PanosSwitches | None = None) -> None:
        self.firewall = Firewall("fw-1", SystemClock(), switches, Latencies())
        for admin in (SVC, ALICE, BOB):
            self.firewall.add_admin(admin, PASSWORD)
        self.server = HttpsServer(PanosSite(self.firewall), tls_context()).start()

    def xapi(self, **more: Any) -> Any:
        given = more or {"api_key": self.firewall.api_key(SVC)}
        return pan.xapi.PanXapi(hostname=LOOPBACK, port=self.server.port, timeout=10, **given)

    def panos(self, **more: Any) -> Any:
        given = more or {"api_key": self.firewall.api_key(SVC)}
        client = panos.firewall.Firewall(LOOPBACK, port=self.server.port, **given)
        client.timeout = 10
        return client


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setenv("HOME", str(tmp_path))  # both clients read ~/.panrc
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    # Both clients keep connections for the garbage collector to close.
    device = Device()
    yield device
    device.server.stop()


pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def issued_for(csr_pem: str | bytes, days: int = 90) -> x509.Certificate:
    text = csr_pem.encode() if isinstance(csr_pem, str) else csr_pem
    start = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=1)
    return certificate(x509.load_pem_x509_csr(text), start=start, days=days)


def upload(device: Device, certificate_name: str, content: bytes) -> requests.Response:
    """As the many clients do it that use requests: key and parameters in the URL, the file as a part."""
    fields = {"type": "import", "category": "certificate", "certificate-name": certificate_name, "format": "pem",
              "key": device.firewall.api_key(SVC)}  # fmt: skip
    url = f"{device.server.url}/api/"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = False
        return session.post(url, params=fields, files={"file": ("c.pem", content)}, timeout=10)


# --- pan-python ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_get", [False, True])
def test_pan_python_keygen_and_version(device: Device, use_get: bool) -> None:
    xapi = device.xapi(api_username=SVC, api_password=PASSWORD, use_get=use_get)
    assert xapi.keygen() == device.firewall.api_key(SVC)
    xapi.ad_hoc(f"type=version&key={xapi.api_key}")
    assert xapi.element_result.findtext("model") == "PA-VM"
    wrong = device.xapi(api_username=SVC, api_password="wrong")
    with pytest.raises(pan.xapi.PanXapiError, match="403"):
        wrong.keygen()


def test_pan_python_enrolls_a_certificate(device: Device) -> None:
    device.firewall.change_as(ALICE, ADDRESSES, "<entry name='x'><fqdn>x.example</fqdn></entry>")
    xapi = device.xapi()
    xapi.op(cmd=generate_command(hostname="<member>vpn.example.com</member>"))
    assert "Successfully generated certificate and key pair" in xapi.status_detail
    xapi.export(
        category="certificate", extra_qs={"certificate-name": "vpn-2026", "format": "pkcs10", "include-key": "no"}
    )
    assert xapi.export_result["file"] == "vpn-2026.csr"
    issued = issued_for(xapi.export_result["content"])
    with pytest.warns(match="Unverified HTTPS"):
        done = upload(device, "vpn-2026", pem(issued))
    assert "Successfully imported vpn-2026 into candidate configuration" in done.text
    xapi.get(xpath=f"{SHARED}/entry[@name='vpn-2026']/public-key")
    assert xapi.status_code == "19"
    assert x509.load_pem_x509_certificate(xapi.element_result.findtext("public-key").encode()) == issued
    command = "<commit><partial><admin><member>svc</member></admin></partial></commit>"
    xapi.commit(cmd=command, action="partial", sync=True, interval=0, timeout=10)
    assert xapi.element_root.findtext("result/job/result") == "OK"
    assert xapi.status_detail == "Configuration committed successfully"
    assert device.firewall.running_certificate("vpn-2026") == issued
    xapi.op("show config list changes", cmd_xml=True)
    assert xapi.element_result.findtext("journal/entry/owner") == ALICE
    xapi.export(category="certificate", extra_qs={"certificate-name": "vpn-2026", "format": "pem", "include-key": "no"})
    assert xapi.export_result["file"] == "vpn-2026.pem"


def test_pan_python_configuration(device: Device) -> None:
    xapi = device.xapi()
    xapi.set(xpath=ADDRESSES, element="<entry name='a'><fqdn>a.example</fqdn></entry>")
    assert (xapi.status_code, xapi.status_detail) == ("20", "command succeeded")
    xapi.edit(xpath=f"{ADDRESSES}/entry[@name='a']/fqdn", element="<fqdn>b.example</fqdn>")
    xapi.rename(xpath=f"{ADDRESSES}/entry[@name='a']", newname="b")
    xapi.get(xpath=f"{ADDRESSES}/entry[@name='b']")
    assert xapi.element_result.findtext("entry/fqdn") == "b.example"
    with pytest.raises(pan.xapi.PanXapiError, match="No such node"):
        xapi.show(xpath=f"{ADDRESSES}/entry[@name='b']")
    xapi.delete(xpath=f"{ADDRESSES}/entry[@name='b']")
    xapi.delete(xpath=f"{ADDRESSES}/entry[@name='b']")
    assert (xapi.status, xapi.status_code) == ("success", "7")
    xapi.commit(cmd="<commit/>", sync=True, interval=0)
    assert xapi.status_detail == "There are no changes to commit."
    with pytest.raises(pan.xapi.PanXapiError, match="is unexpected"):
        xapi.op("show foo", cmd_xml=True)


def test_commands_made_by_pan_commit(device: Device) -> None:
    xapi = device.xapi()
    device.firewall.switches = PanosSwitches(forced_partial="nested")
    xapi.set(xpath=ADDRESSES, element="<entry name='a'><fqdn>a.example</fqdn></entry>")
    order = pan.commit.PanCommit(validate=True)
    order.device_and_network_excluded()
    xapi.commit(cmd=order.cmd(), sync=True, interval=0)
    assert xapi.element_root.findtext("result/job/type") == "Validate"
    order = pan.commit.PanCommit(force=True)
    order.shared_object_excluded()
    order.device_and_network_excluded()
    order.vsys("vsys1")
    xapi.commit(cmd=order.cmd(), sync=True, interval=0)
    assert xapi.element_root.findtext("result/job/result") == "OK"
    assert device.firewall.pending_changes() == []


# --- pan-os-python -------------------------------------------------------------------------------------------------


def test_pan_os_python_asks_who_where_and_what(device: Device) -> None:
    client = device.panos()
    info = client.refresh_system_info()
    assert (info.version, info.platform, info.serial) == ("11.1.4", "PA-VM", device.firewall.serial)
    assert client.multi_vsys is False
    assert client.whoami() == SVC
    assert abs(client.clock() - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)) < datetime.timedelta(
        minutes=1
    )
    assert client.is_ready(seconds=0)
    client.show_highavailability_state()
    assert client.pending_changes() is False
    assert panos.firewall.Firewall(LOOPBACK, SVC, PASSWORD, port=device.server.port).api_key == device.firewall.api_key(
        SVC
    )


def test_pan_os_python_commits_the_changes_of_some_administrators(device: Device) -> None:
    device.firewall.change_as(ALICE, ADDRESSES, "<entry name='alices'><fqdn>x.example</fqdn></entry>")
    client = device.panos(api_key=device.firewall.api_key(SVC), vsys="vsys1")
    address = panos.objects.AddressObject("mine", "192.0.2.99")
    client.add(address)
    address.create()
    assert client.pending_changes() is True
    result = client.commit(sync=True, exception=True, admins=SVC)
    assert (result["success"], result["user"]) == (True, SVC)
    assert result["messages"] == ["Configuration committed successfully"]
    assert [change.owner for change in device.firewall.pending_changes()] == [ALICE]
    assert client.commit(sync=True, admins=[SVC]) is None
    with pytest.raises(panos.errors.PanCommitNotNeeded):
        client.commit(sync=True, exception=True, admins=[SVC])
    order = panos.firewall.FirewallCommit("for alice", [ALICE], exclude_shared_objects=True)
    assert client.commit(sync=True, cmd=order)["success"]
    found = panos.objects.AddressObject.refreshall(client)
    assert {"mine", "alices", "web-1", "web-2"} == {item.name for item in found}
    found[0].delete()
    assert client.pending_changes() is True
    client.revert_to_running_configuration()
    assert client.pending_changes() is False


def test_pan_os_python_generates_and_imports(device: Device) -> None:
    client = device.panos()
    client.op(generate_command(), cmd_xml=False)
    got = client.xapi.get(f"{SHARED}/entry[@name='vpn-2026']/csr")
    issued = issued_for(got.findtext("result/csr"))
    with pytest.warns(match="Unverified HTTPS"):
        assert "success" in upload(device, "vpn-2026", pem(issued)).text
    assert client.commit(sync=True, admins=[SVC])["success"]
    assert device.firewall.running_certificate("vpn-2026") == issued


def test_pan_os_python_adds_its_vsys_to_op_calls_and_lands_there(device: Device) -> None:
    client = device.panos(api_key=device.firewall.api_key(SVC), vsys="vsys1")
    client.op(generate_command(), cmd_xml=False)
    assert list(device.firewall.certificates(running=False, vsys="vsys1")) == ["vpn-2026"]
    assert device.firewall.certificates(running=False) == {}


def test_pan_os_python_lists_what_uses_certificates(device: Device) -> None:
    profile = "<entry name='clients'><username-field><subject>common-name</subject></username-field></entry>"
    device.firewall.install(f"{VSYS1}/certificate-profile", profile)
    client = device.panos()
    assert [item.name for item in panos.device.CertificateProfile.refreshall(client)] == ["clients"]
    decryption = panos.device.SslDecrypt.refreshall(client)
    assert decryption == []
    made = panos.device.CertificateProfile("more", username_field="subject", username_field_value="common-name")
    client.add(made)
    made.create()
    found = {item.name: item for item in panos.device.CertificateProfile.refreshall(client)}
    assert found.keys() == {"clients", "more"}
    found["more"].delete()
    assert client.commit(sync=True, admins=[SVC]) is None, "what came to nothing is nothing to commit"


def test_pan_os_python_locks(device: Device) -> None:
    client = device.panos()
    other = device.panos(api_key=device.firewall.api_key(BOB))
    assert client.check_commit_locks() is False
    assert client.add_commit_lock("renewal") and client.add_config_lock()
    assert client.check_commit_locks() and client.check_config_locks()
    with pytest.raises(panos.errors.PanLockError):
        client.add_config_lock()
    with pytest.raises(panos.errors.PanLockError):
        client.add_commit_lock()
    with pytest.raises(panos.errors.PanLockError):
        other.add_config_lock()
    with pytest.raises(panos.errors.PanLockError):
        other.op(generate_command(), cmd_xml=False)
    with pytest.raises(panos.errors.PanDeviceXapiError, match="holding device wide commit locks"):
        other.commit()
    client.remove_all_locks()
    assert not client.check_commit_locks() and not client.check_config_locks()
    assert other.remove_config_lock(exceptions=False) is False
    assert other.remove_commit_lock(exceptions=False) is False


def test_pan_os_python_understands_bad_credentials_and_busy_firewalls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    device = Device(PanosSwitches(bad_key_http_status=200))
    try:
        with pytest.raises(panos.errors.PanInvalidCredentials):
            device.panos(api_key="wrong").whoami()
        device.firewall.jobs._seconds = 3600
        client = device.panos()
        client.op(generate_command(), cmd_xml=False)
        assert client.commit(admins=[SVC])
        with pytest.raises(panos.errors.PanCommitInProgress):
            client.commit(admins=[SVC])
    finally:
        device.server.stop()
    assert threading.active_count() < 50


def test_pan_os_python_on_a_release_that_does_not_tell_who_asks(device: Device) -> None:
    old = Device(PanosSwitches(show_self=False))
    try:
        assert old.panos().whoami() is None
    finally:
        old.server.stop()
