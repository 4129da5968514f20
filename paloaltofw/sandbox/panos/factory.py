"""The configuration that a simulated firewall begins with."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, fromstring  # nosec B405  # parses nothing foreign

# `localhost.localdomain` is a literal constant (panos.md §6).
_FACTORY = """<config>
<mgt-config><users/></mgt-config>
<shared><certificate/><ssl-tls-service-profile/></shared>
<devices><entry name="localhost.localdomain">
<deviceconfig><system><hostname>{name}</hostname><ip-address>192.0.2.1</ip-address>
<timezone>UTC</timezone></system></deviceconfig>
<network/>
<vsys>{vsys}</vsys>
</entry></devices></config>"""
_VSYS = """<entry name="{vsys}"><certificate/><ssl-tls-service-profile/>
<address><entry name="web-1"><ip-netmask>192.0.2.11/32</ip-netmask></entry>
<entry name="web-2"><ip-netmask>192.0.2.12/32</ip-netmask></entry></address>
<rulebase><security><rules><entry name="allow-web"><from><member>any</member></from><to><member>any</member></to>
<source><member>any</member></source><destination><member>web-1</member></destination>
<service><member>service-https</member></service><application><member>ssl</member></application>
<action>allow</action></entry></rules></security></rulebase></entry>"""


def factory_configuration(name: str, vsys_names: Iterable[str]) -> Element:
    """A configuration with these vsys, some addresses and one rule."""
    vsys = "".join(_VSYS.format(vsys=name) for name in vsys_names)
    root = fromstring(_FACTORY.format(name="firewall", vsys=vsys))  # nosec B314  # without DTD
    hostname = root.find(".//hostname")
    assert hostname is not None  # nosec B101  # narrows a type
    hostname.text = name
    for node in root.iter():
        node.tail = None
        node.text = (node.text or "").strip() or None
    return root
