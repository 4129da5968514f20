"""Worlds of several virtual systems, of one name in two scopes, and of predecessors that something else uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from paloaltofw.sandbox.panos.configuration import DEVICE as DEVICE_STEP
from paloaltofw.sandbox.panos.configuration import SHARED, place_of
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.xpath import Step, to_text
from tests.worlds.acts import XML, panos_error, says
from tests.worlds.play import COMMON_NAME, NAME, World
from tests.worlds.scm_worlds import GETS_OUT, first
from tests.worlds.stage import PORTAL, Stage

DEVICE = to_text((Step("config"), Step("devices"), DEVICE_STEP))
VSYS1, VSYS2 = (to_text(place_of(vsys)) for vsys in ("vsys1", "vsys2"))
SHARED_PLACE = to_text(SHARED)
IKE = f"{DEVICE}/network/ike/gateway"


def uses(place: str, xml: str) -> Callable[[Stage], object]:
    """Somebody lets something use the agent's certificate, committed."""

    def scene(stage: Stage) -> None:
        stage.firewalls["fw"].install(place, xml)

    return scene


def no_longer(place: str) -> Callable[[Stage], object]:
    """It is configured no longer."""

    def scene(stage: Stage) -> None:
        from paloaltofw.sandbox.panos.xpath import parse, remove

        configuration = stage.firewalls["fw"].configuration
        for root in (configuration.running, configuration.candidate):
            remove(root, parse(place))

    return scene


GATEWAY = (
    f"<entry name='gw'><authentication><certificate><local-certificate><name>{NAME}</name></local-certificate>"
    "</certificate></authentication></entry>"
)
COOKIE = (
    "<entry name='gp'><client-config><configs><entry name='all'><authentication-override><cookie-encrypt-decrypt-cert>"
    f"{NAME}</cookie-encrypt-decrypt-cert></authentication-override></entry></configs></client-config></entry>"
)
# What uses the predecessor, and cannot be moved: words, where, and the configuration.
USERS: dict[str, tuple[str, str]] = {
    "an IKE gateway": (IKE, GATEWAY),
    "GlobalProtect's cookies": (f"{VSYS1}/global-protect/global-protect-portal", COOKIE),
    "decryption": (f"{SHARED_PLACE}/ssl-decrypt", f"<trusted-root-CA><member>{NAME}</member></trusted-root-CA>"),
    "the decryption of a vsys": (
        f"{VSYS1}/ssl-decrypt",
        f"<forward-trust-certificate><rsa>{NAME}</rsa></forward-trust-certificate>",
    ),
    "a certificate profile": (f"{SHARED_PLACE}/certificate-profile", f"<entry name='c'><CA><entry name='{NAME}'/></CA></entry>"),
    "secure syslog": (f"{DEVICE}/deviceconfig/system/syslog-certificate", f"<certificate>{NAME}</certificate>"),
}  # fmt: skip


def is_kept(stage: Stage) -> None:
    """The predecessor is there, and the run has told who uses it."""
    firewall = stage.firewalls["fw"]
    if NAME not in firewall.certificates(running=True):
        stage.problem("the predecessor that something uses is gone")
    notes = [note for night in stage.nights for row in night.rows for note in row.get("notes", ())]
    if not any(f"{NAME} is still in use and was kept: used by" in note for note in notes):
        stage.problem(f"nobody was told who uses the predecessor: {notes[:3]}")


def hidden_user(stage: Stage) -> None:
    """Alice takes a user of the predecessor away, and does not commit it."""
    stage.firewalls["fw"].install(IKE, GATEWAY)
    stage.delete_as("alice", f"{IKE}/entry[@name='gw']")


def keeps_hidden(stage: Stage) -> None:
    if NAME not in stage.firewalls["fw"].certificates(running=True):
        stage.problem("the predecessor that the running configuration uses is gone")
    stage.commit_as("alice")


def namesake(kind: str, name: str, vsys: str) -> Callable[[Stage], object]:
    """An object of this name in another scope, which stays as it is."""

    def scene(stage: Stage) -> None:
        firewall = stage.firewalls["fw"]
        place = to_text(place_of(vsys))
        if kind == "certificate":
            stage.hand_made("fw", name, COMMON_NAME, vsys=vsys)
            stage.stranger("fw", f"{place}/certificate/entry[@name='{name}']")
        else:
            firewall.install_profile(name, "", vsys)
            stage.stranger("fw", f"{place}/ssl-tls-service-profile/entry[@name='{name}']")

    return scene


def renamed(kind: str, name: str, vsys: str) -> Callable[[Stage], object]:
    """Somebody takes it away."""
    tail = "certificate" if kind == "certificate" else "ssl-tls-service-profile"

    def scene(stage: Stage) -> None:
        place = f"{to_text(place_of(vsys))}/{tail}/entry[@name='{name}']"
        stage.forget_stranger(place)
        no_longer(place)(stage)

    return scene


def vsys_profile(stage: Stage) -> None:
    """A profile of a vsys serves the agent's certificate of shared."""
    stage.firewalls["fw"].install_profile("vsys-portal", NAME, "vsys1")


def is_moved(stage: Stage) -> None:
    served = stage.firewalls["fw"].profile_certificate("vsys-portal", vsys="vsys1")
    if served != f"{NAME}-2":
        stage.problem(f"the profile of the vsys serves {served}")


def only_in_the_vsys(stage: Stage) -> None:
    """Nothing of the agent's is in shared."""
    firewall: Firewall = stage.firewalls["fw"]
    names = [name for name in firewall.certificates(running=True) if name.startswith(NAME)]
    if names:
        stage.problem(f"in shared are {names}")


def refused(code: int) -> tuple[Any, ...]:
    """The device refuses to tell what its IKE gateways use."""
    return ("fw get other", panos_error("show -> ike is unexpected", code))


def silent_user(stage: Stage) -> None:
    """An IKE gateway uses the predecessor, which the device alone knows: it has to refuse the deletion."""
    stage.firewalls["fw"].install(IKE, GATEWAY)
    stage.may_try_to_delete = True


_NAMESAKES = (
    ("certificate", NAME, "shared", "vsys2"),
    ("certificate", f"{NAME}-2", "shared", "vsys2"),
    ("certificate", f"{NAME}-7", "vsys1", "shared"),
    ("profile", PORTAL, "shared", "vsys2"),
    ("profile", PORTAL, "vsys1", "shared"),
)

WORLDS = [
    World("a vsys: first order", vsys="vsys2", mends=only_in_the_vsys),
    World("a vsys: renewal", vsys="vsys2", start="due", mends=only_in_the_vsys),
    World("a vsys: a pending order", vsys="vsys1", kind="OV", codes=(0, 3), ends=(0,), mends=only_in_the_vsys,
          events={5: lambda s: s.scm.approve_all()}),
    World("a vsys: the role sees neither keys nor CSRs", vsys="vsys1", start="due",
          scene=lambda s: s.switch_panos(private_key_hidden_from="everybody", csr_hidden_from="everybody")),
    World("a vsys: a commit is lost", vsys="vsys1", start="due", codes=(0, 1), ends=(0,), commits=False,
          rules=(("fw commit", says(502, "", XML), first(1), 1),)),
    *(World(f"{kind} {name} of {there} shadows one of {here}, before the first order", orders=0, codes=(1,), keys=0,
            tells=("shadowed",), vsys=here, scene=namesake(kind, name, there), mends=renamed(kind, name, there))
      for kind, name, here, there in _NAMESAKES if here != "shared" or there == "vsys1"),
    *(World(f"{kind} {name} of vsys1 shadows one of shared, in the renewal window", start="due", orders=0, codes=(1,),
            keys=0, tells=("shadowed",), scene=namesake(kind, name, "vsys1"), mends=renamed(kind, name, "vsys1"))
      for kind, name, here, _ in _NAMESAKES if here == "shared" and name != NAME),
    *(World(f"{words}: a predecessor that is used is kept", start="due", nights=10, scene=uses(*where), mends=is_kept)
      for words, where in USERS.items()),
    World("an IKE gateway uses the predecessor, and is moved by hand at last", start="due", scene=uses(IKE, GATEWAY),
          events={5: no_longer(f"{IKE}/entry[@name='gw']")},
          mends=lambda s: s.problem("it is still there") if NAME in s.firewalls["fw"].certificates(True) else None),
    World("an IKE gateway uses the predecessor until it is about to expire", start="due", nights=36, codes=(0, 1), ends=(1,),
          scene=uses(IKE, GATEWAY), tells=("predecessor",), says="used by IKE gateway gw",
          mends=no_longer(f"{IKE}/entry[@name='gw']")),
    World("Alice hides what uses the predecessor", start="due", scene=hidden_user, mends=keeps_hidden),
    World("a profile of a vsys serves the predecessor of shared", start="due", scene=vsys_profile, mends=is_moved),
    World("a profile of a vsys serves the predecessor, and the first commit is lost", start="due", codes=(0, 1), ends=(0,), commits=False,
          scene=vsys_profile, rules=(("fw commit", says(502, "", XML), first(1), 1),), mends=is_moved),
    World("the device does not tell what its IKE gateways use", start="due", rules=(refused(17),)),
    World("the device does not tell what uses certificates, and an IKE gateway does", start="due", rules=(refused(16),), nights=10,
          scene=silent_user,
          mends=lambda s: None if NAME in s.firewalls["fw"].certificates(True) else s.problem("it was deleted")),
    World("nobody can read who uses certificates for three nights", start="due", out=GETS_OUT,
          rules=(("fw get other", says(200, "<html/>", "text/html"), first(3)),),
          mends=lambda s: s.problem("it is still there") if NAME in s.firewalls["fw"].certificates(True) else None),
]  # fmt: skip
