"""Where certificates are in a configuration: shared, one vsys, or, on a Panorama, a template or template stack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from paloaltofw.model.panorama import TemplateStack

# `localhost.localdomain` is a constant of PAN-OS (panos.md §6).
DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
# The names alone of all vsys (panos.md §3).
VSYS_NAMES = f"{DEVICE}/vsys/entry/@name"
# Which SSL/TLS service profile the management interface uses: one of shared (panos.md §8).
MANAGEMENT_PROFILE = f"{DEVICE}/deviceconfig/system/ssl-tls-service-profile"
# The names alone of what a Panorama has (panos.md §6).
TEMPLATE_NAMES = f"{DEVICE}/template/entry/@name"
STACK_NAMES = f"{DEVICE}/template-stack/entry/@name"


@dataclass(frozen=True)
class Scope:
    """A place for certificates (panos.md §6): shared, or one vsys; on a Panorama in a template or template stack.

    `is_panorama_itself`: the certificates of a Panorama's own management.
    """

    vsys: str = "shared"
    template: str = ""
    template_stack: str = ""
    is_panorama_itself: bool = False

    @property
    def xpath(self) -> str:
        """Parent of the certificate and profile containers."""
        if self.is_panorama_itself:
            return "/config/panorama"
        inside = "/config/shared" if self.vsys == "shared" else f"{DEVICE}/vsys/entry[@name='{self.vsys}']"
        return f"{self.holder_xpath}{inside}"

    @property
    def holder_xpath(self) -> str:
        """xpath of the template or template stack that the place is in; an empty text if it is in none."""
        if self.template:
            return f"{DEVICE}/template/entry[@name={literal(self.template)}]"
        return stack_xpath(self.template_stack) if self.template_stack else ""

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters that select the scope: none for shared, whose explicit form is not confirmed (panos.md §4)."""
        if self.template or self.template_stack:
            return {"target-tpl": self.template or self.template_stack}
        return {} if self.vsys == "shared" else {"vsys": self.vsys}

    @property
    def target(self) -> tuple[str, str]:
        """Kind and name of what a session is pointed at before a key is made here (panos.md §4)."""
        return ("template", self.template) if self.template else ("template-stack", self.template_stack)

    @property
    def elsewhere(self) -> tuple[Scope, ...]:
        """Where a key that is asked for here may be made instead (panos.md §4)."""
        return (Scope(is_panorama_itself=True), Scope()) if self.template or self.template_stack else ()

    @property
    def title(self) -> str:
        """As contract.md §9 writes a scope."""
        if self.template or self.template_stack:
            return f"template {self.template}" if self.template else f"template stack {self.template_stack}"
        return self.vsys

    @property
    def words(self) -> str:
        """How it is named to people."""
        if self.is_panorama_itself:
            return "the Panorama's own certificates"
        inside = f" ({self.vsys})" if self.vsys != "shared" else ""
        if self.template or self.template_stack:
            kind = "template" if self.template else "template stack"
            return f"the {kind} {self.template or self.template_stack}{inside}"
        return self.vsys

    @property
    def certificates(self) -> str:
        """xpath of the certificate container."""
        return f"{self.xpath}/certificate"

    @property
    def service_profiles(self) -> str:
        """xpath of the SSL/TLS service profiles."""
        return f"{self.xpath}/ssl-tls-service-profile"

    def certificate(self, name: str) -> str:
        """xpath of one certificate entry."""
        return f"{self.certificates}/entry[@name={literal(name)}]"

    def service_profile(self, name: str) -> str:
        """xpath of one SSL/TLS service profile."""
        return f"{self.service_profiles}/entry[@name={literal(name)}]"


def scopes_beside(scope: Scope, known: Iterable[TemplateStack]) -> tuple[Scope, ...]:
    """A template or template stack, and every other one whose configuration reaches firewalls that it reaches.

    `known` are all template stacks of the Panorama.
    """
    stacks = [stack for stack in known if stack.holds(scope.template, scope.template_stack)]
    beside = [Scope(template_stack=stack.name) for stack in stacks]
    beside += [Scope(template=name) for name in sorted({name for stack in stacks for name in stack.templates})]
    return tuple(dict.fromkeys((scope, *beside)))


def stack_xpath(name: str) -> str:
    """xpath of a template stack."""
    return f"{DEVICE}/template-stack/entry[@name={literal(name)}]"


def literal(name: str) -> str:
    """A name as an xpath literal. Names with quotes cannot be written safely (panos.md §10); rules refuse them."""
    if "'" in name or '"' in name:
        raise ValueError("a quote in an object name")
    return f"'{name}'"
