"""Who may use certificates and SSL/TLS service profiles: one table, a row a kind (panos.md §8).

Each row asks for the nodes alone that name what is used: no answer holds a configuration, a private key or a password.
"""

from __future__ import annotations

from dataclasses import dataclass

from paloaltofw.panos.location import DEVICE, Scope, literal

SHARED, VSYS, DEVICE_WIDE = "shared", "vsys", "device"
_EVERY_PLACE = (SHARED, VSYS)


@dataclass(frozen=True)
class ReferenceKind:
    """One kind of reference.

    `words` name it for users. `owner` is the path of the entries that use something, empty where there is only one;
    `leaf` is the path below them of what holds the names: every name of an entry and every text in it. `places` are
    where it can be: shared, each vsys, or the device as a whole. `is_moved`: the agent may let it use the successor
    (contract.md §11).
    """

    words: str
    owner: str
    leaf: str
    places: tuple[str, ...]
    is_moved: bool = False

    def everywhere(self, place: str, holder_xpath: str = "") -> str:
        """xpath of everything that names something, for a place: of all owners, in all vsys.

        `holder_xpath`: of the template or template stack whose configuration is meant (Scope.holder_xpath).
        """
        return holder_xpath + "/".join(part for part in (_BASES[place], self.owner, self.leaf) if part)

    def owners(self, scope: str, holder_xpath: str = "") -> str:
        """xpath of the owners' names in one scope."""
        return f"{holder_xpath}{base_of(scope)}/{self.owner}/@name"

    def of_owner(self, scope: str, owner: str, holder_xpath: str = "") -> str:
        """xpath of what one owner names; in one scope, where there is only one owner."""
        if not self.owner:
            return f"{holder_xpath}{base_of(scope)}/{self.leaf}"
        return f"{holder_xpath}{base_of(scope)}/{self.owner}[@name={literal(owner)}]/{self.leaf}"


_BASES = {SHARED: Scope().xpath, VSYS: f"{DEVICE}/vsys/entry", DEVICE_WIDE: DEVICE}


def base_of(scope: str) -> str:
    """Where a scope's nodes are; that of the device is no scope of certificates."""
    return DEVICE if scope == DEVICE_WIDE else Scope(scope).xpath


_PORTAL = "global-protect/global-protect-portal/entry"
_GATEWAY = "global-protect/global-protect-gateway/entry"
_MANAGEMENT = "deviceconfig/setting/management"
_LOCAL = "certificate-type/local/certificate"

SERVICE_PROFILE = ReferenceKind(
    "SSL/TLS service profile", "ssl-tls-service-profile/entry", "certificate", _EVERY_PLACE, is_moved=True
)
# Who names a certificate itself. Marks and sources of each path: panos.md §8.
CERTIFICATE_KINDS: tuple[ReferenceKind, ...] = (
    SERVICE_PROFILE,
    ReferenceKind(
        "IKE gateway", "network/ike/gateway/entry", "authentication/certificate/local-certificate/name", (DEVICE_WIDE,)
    ),
    ReferenceKind("decryption, forward trust", "", "ssl-decrypt/forward-trust-certificate", _EVERY_PLACE),
    ReferenceKind("decryption, forward untrust", "", "ssl-decrypt/forward-untrust-certificate", _EVERY_PLACE),
    ReferenceKind("decryption, trusted root CAs", "", "ssl-decrypt/trusted-root-CA", _EVERY_PLACE),
    # Up to 10.0 the certificate's name itself, later a list of them below it.
    ReferenceKind("decryption rule", "rulebase/decryption/rules/entry", "type/ssl-inbound-inspection", (VSYS,)),
    ReferenceKind("certificate profile", "certificate-profile/entry", "CA", _EVERY_PLACE),
    ReferenceKind("SAML identity provider", "server-profile/saml-idp/entry", "certificate", _EVERY_PLACE),
    ReferenceKind(
        "authentication profile", "authentication-profile/entry", "method/saml-idp/request-signing-certificate",
        _EVERY_PLACE,
    ),
    ReferenceKind(
        "GlobalProtect portal", _PORTAL,
        "client-config/configs/entry/authentication-override/cookie-encrypt-decrypt-cert", (VSYS,),
    ),
    ReferenceKind("GlobalProtect portal", _PORTAL, "client-config/root-ca/entry/@name", (VSYS,)),
    ReferenceKind(
        "GlobalProtect gateway", _GATEWAY,
        "remote-user-tunnel-configs/entry/authentication-override/cookie-encrypt-decrypt-cert", (VSYS,),
    ),
    ReferenceKind("secure communication", "", f"deviceconfig/system/secure-conn-client/{_LOCAL}", (DEVICE_WIDE,)),
    ReferenceKind("secure communication", "", f"{_MANAGEMENT}/secure-conn-client/{_LOCAL}", (DEVICE_WIDE,)),
    ReferenceKind("secure syslog", "", "deviceconfig/system/syslog-certificate", (DEVICE_WIDE,)),
    ReferenceKind("API key certificate", "", f"{_MANAGEMENT}/api/key/certificate", (DEVICE_WIDE,)),
)  # fmt: skip
# Who names an SSL/TLS service profile, and so serves its certificate.
PROFILE_KINDS: tuple[ReferenceKind, ...] = (
    ReferenceKind("management interface", "", "deviceconfig/system/ssl-tls-service-profile", (DEVICE_WIDE,)),
    ReferenceKind("GlobalProtect portal", _PORTAL, "portal-config/ssl-tls-service-profile", (VSYS,)),
    ReferenceKind("GlobalProtect gateway", _GATEWAY, "ssl-tls-service-profile", (VSYS,)),
    ReferenceKind("authentication portal", "", "captive-portal/ssl-tls-service-profile", (VSYS,)),
    ReferenceKind(
        "secure communication", "", f"{_MANAGEMENT}/secure-conn-server/ssl-tls-service-profile", (DEVICE_WIDE,)
    ),
)  # fmt: skip
