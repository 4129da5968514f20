"""Other people's clients, unchanged, against the simulated Panorama over real HTTPS: pan-python and pan-os-python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pan.commit
import pan.xapi
import panos.device
import panos.errors
import panos.firewall
import panos.panorama
import pytest
import requests

from paloaltofw.sandbox.base.clock import SystemClock
from paloaltofw.sandbox.base.https import LOOPBACK, HttpsServer
from paloaltofw.sandbox.panos.device import Firewall, Latencies
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.device import Panorama
from paloaltofw.sandbox.panos.panorama.service import PanoramaSite
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from tests.sandbox.panos.bench import ALICE, PASSWORD, SVC, generate_command, pem
from tests.sandbox.panos.panorama_bench import CERTIFICATES, TARGET
from tests.sandbox.panos.test_other_clients import issued_for, tls_context

TO_T1 = TARGET.format("<template><name>T1</name></template>")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unverified HTTPS"),
]


class Site:
    """A Panorama that is served, with two templates, a stack of both, and two firewalls in it."""

    def __init__(self) -> None:
        clock, switches = SystemClock(), PanoramaSwitches(generate_under_target="template")
        self.panorama = Panorama("panorama-1", clock, latencies=Latencies(), panorama=switches)
        for admin in (SVC, ALICE):
            self.panorama.add_admin(admin, PASSWORD)
        for template in ("T1", "T2"):
            self.panorama.add_template(template)
        self.panorama.add_stack("S1", ["T1", "T2"])
        self.firewalls = [Firewall(f"fw-{number}", clock) for number in (1, 2)]
        for firewall in self.firewalls:
            self.panorama.manage(firewall, "S1")
        self.server = HttpsServer(PanoramaSite(self.panorama), tls_context()).start()

    def xapi(self, **more: Any) -> Any:
        key = self.panorama.api_key(SVC)
        return pan.xapi.PanXapi(hostname=LOOPBACK, port=self.server.port, api_key=key, timeout=10, **more)

    def panos(self, admin: str = SVC) -> Any:
        client = panos.panorama.Panorama(LOOPBACK, port=self.server.port, api_key=self.panorama.api_key(admin))
        client.timeout = 10
        return client

    def upload(self, certificate_name: str, content: bytes, template: str) -> str:
        fields = {"type": "import", "category": "certificate", "certificate-name": certificate_name, "format": "pem",
                  "target-tpl": template, "key": self.panorama.api_key(SVC)}  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False
            session.verify = False
            answer = session.post(f"{self.server.url}/api/", params=fields, files={"file": ("c", content)}, timeout=10)
            return answer.text

    def on_devices(self) -> list[list[str]]:
        with self.panorama.settled():
            return [sorted(firewall.certificates(running=True)) for firewall in self.firewalls]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("HOME", str(tmp_path))  # both clients read ~/.panrc
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    site = Site()
    yield site
    site.server.stop()


# --- pan-python ----------------------------------------------------------------------------------------------------


def test_pan_python_enrolls_in_a_template_and_pushes(site: Site) -> None:
    xapi = site.xapi()
    xapi.op(cmd=TO_T1)
    xapi.op(cmd=generate_command())
    more = {"certificate-name": "vpn-2026", "format": "pkcs10", "include-key": "no", "target-tpl": "T1"}
    xapi.export(category="certificate", extra_qs=more)
    assert "success" in site.upload("vpn-2026", pem(issued_for(xapi.export_result["content"])), "T1")
    xapi.commit(cmd=f"<commit><partial><admin><member>{SVC}</member></admin></partial></commit>", sync=True)
    assert xapi.element_root.findtext("result/job/result") == "OK"
    assert site.on_devices() == [[], []]
    push = "<commit-all><template-stack><name>S1</name></template-stack></commit-all>"
    xapi.commit(cmd=push, action="all", sync=True)
    results = [entry.findtext("result") for entry in xapi.element_root.findall("result/job/devices/entry")]
    assert results == ["OK", "OK"]
    assert site.on_devices() == [["vpn-2026"], ["vpn-2026"]]


def test_pan_python_pushes_a_device_group_as_it_writes_it_itself(site: Site) -> None:
    group = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='D']/devices"
    site.panorama.install(group, f"<entry name='{site.firewalls[0].serial}'/>")
    commit = pan.commit.PanCommit()
    commit.commit_all()
    commit.device_group("D")
    commit.merge_with_candidate()
    xapi = site.xapi()
    xapi.commit(cmd=commit.cmd(), action="all", sync=True)
    entries = xapi.element_root.findall("result/job/devices/entry")
    assert [(e.findtext("devicename"), e.findtext("result")) for e in entries] == [("fw-1", "OK")]


def test_pan_python_reaches_a_device_through_panorama(site: Site) -> None:
    xapi = site.xapi(serial=site.firewalls[1].serial)
    xapi.op(cmd="show system info", cmd_xml=True)
    assert xapi.element_root.findtext("result/system/hostname") == "fw-2"
    xapi.show(xpath="/config/shared")
    assert xapi.element_root.find("result/shared") is not None
    unknown = site.xapi(serial="000000000000000")
    with pytest.raises(pan.xapi.PanXapiError, match="not connected"):
        unknown.op(cmd="show clock", cmd_xml=True)


# --- pan-os-python -------------------------------------------------------------------------------------------------


def test_pan_os_python_knows_panorama_by_its_model(site: Site) -> None:
    found = panos.base.PanDevice.create_from_device(LOOPBACK, port=site.server.port, api_key=site.panorama.api_key(SVC))
    assert isinstance(found, panos.panorama.Panorama)
    assert found.version == site.panorama.sw_version and found.whoami() == SVC


def test_pan_os_python_lists_templates_and_stacks(site: Site) -> None:
    client = site.panos()
    templates = panos.panorama.Template.refreshall(client)
    assert {template.name for template in templates} == {"T1", "T2"}
    (stack,) = panos.panorama.TemplateStack.refreshall(client)
    assert (stack.name, stack.templates) == ("S1", ["T1", "T2"])
    assert sorted(stack.devices) == sorted(firewall.serial for firewall in site.firewalls)


def test_pan_os_python_makes_templates_and_stacks_and_takes_them_away(site: Site) -> None:
    client = site.panos()
    template = panos.panorama.Template("T3")
    client.add(template)
    template.create()
    stack = panos.panorama.TemplateStack("S2", templates=["T3"])
    client.add(stack)
    stack.create()
    assert client.commit(sync=True, exception=True, admins=[SVC])["success"]
    with site.panorama.settled():
        root = site.panorama.configuration.running
        assert places.names(root, "template") == ["T1", "T2", "T3"]
        assert places.templates_of(root, "S2") == ["T3"]
    stack.delete()
    template.delete()
    assert client.commit(sync=True, exception=True, admins=[SVC])["success"]
    with site.panorama.settled():
        assert places.names(site.panorama.configuration.running, "template-stack") == ["S1"]


def test_pan_os_python_lists_managed_devices(site: Site) -> None:
    site.panorama.devices[site.firewalls[1].serial].is_connected = False
    client = site.panos()
    found = client.refresh_devices(expand_vsys=False, include_device_groups=False, add=True)
    assert {device.serial for device in found} == {firewall.serial for firewall in site.firewalls}
    away = {device.serial: device.state.connected for device in found}
    assert away == {site.firewalls[0].serial: True, site.firewalls[1].serial: False}
    connected = client.refresh_devices(only_connected=True, expand_vsys=False, include_device_groups=False)
    assert [device.serial for device in connected] == [site.firewalls[0].serial]


def test_pan_os_python_commits_and_pushes(site: Site) -> None:
    client = site.panos()
    client.op(TO_T1, cmd_xml=False)
    client.op(generate_command(), cmd_xml=False)
    csr = client.xapi.get(f"{CERTIFICATES['T1']}/entry[@name='vpn-2026']/csr").findtext("result/csr")
    assert "success" in site.upload("vpn-2026", pem(issued_for(csr)), "T1")
    order = panos.panorama.PanoramaCommit("renewal", [SVC], templates=["T1"])
    assert client.commit(cmd=order, sync=True, exception=True)["success"]
    stack = panos.panorama.PanoramaCommitAll.STYLE_TEMPLATE_STACK
    serials = [firewall.serial for firewall in site.firewalls]
    push = panos.panorama.PanoramaCommitAll(
        stack, "S1", "renewal", admins=[SVC], force_template_values=False, devices=serials
    )
    result = client.commit(cmd=push, sync=True, sync_all=True, exception=True)
    assert result["success"] and {serial: one["success"] for serial, one in result["devices"].items()} == dict.fromkeys(
        serials, True
    )
    assert site.on_devices() == [["vpn-2026"], ["vpn-2026"]]


def test_pan_os_python_sees_the_device_that_failed(site: Site) -> None:
    site.panorama.devices[site.firewalls[1].serial].trouble = "management server restarted"
    push = panos.panorama.PanoramaCommitAll(panos.panorama.PanoramaCommitAll.STYLE_TEMPLATE, "T1")
    result = site.panos().commit(cmd=push, sync=True, sync_all=True)
    assert not result["success"]
    failed = result["devices"][site.firewalls[1].serial]
    assert (failed["success"], failed["name"]) == (False, "fw-2")
    assert failed["messages"] == ["management server restarted", "Commit failed"]


def test_pan_os_python_pushes_a_device_group_the_old_way(site: Site) -> None:
    client = site.panos()
    group = panos.panorama.DeviceGroup("D")
    client.add(group)
    group.create()
    device = panos.firewall.Firewall(serial=site.firewalls[0].serial)
    group.add(device)
    device.create()
    assert client.commit(sync=True, exception=True, admins=[SVC])["success"]
    result = client.commit_all(sync=True, sync_all=True, devicegroup="D", include_template=True)
    assert result["success"] and list(result["devices"]) == [site.firewalls[0].serial]


def test_pan_os_python_reaches_a_device_through_panorama(site: Site) -> None:
    client = site.panos()
    device = panos.firewall.Firewall(serial=site.firewalls[0].serial)
    client.add(device)
    assert device.op("show system info").findtext("result/system/hostname") == "fw-1"
    settings = panos.device.SystemSettings.refreshall(device)
    assert [setting.hostname for setting in settings] == ["fw-1"]
