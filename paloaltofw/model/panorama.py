"""What a Panorama adds: where in it certificates are kept, what is pushed where, and what became of a push."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PanoramaTarget:
    """Where on a Panorama certificates are kept, and whom it is pushed to: one of `template` and `template_stack`.

    `push_stacks`: empty for every stack that holds the template. `push_devices` are serial numbers; empty for all.
    """

    template: str = ""
    template_stack: str = ""
    push_stacks: tuple[str, ...] = ()
    push_devices: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """How it is named to people."""
        return f"the template {self.template}" if self.template else f"the template stack {self.template_stack}"

    def holds(self, stack: TemplateStack) -> bool:
        """Whether a template stack is the target, or holds it."""
        return stack.holds(self.template, self.template_stack)

    @property
    def pushed_to(self) -> str:
        """What is pushed, in words."""
        stacks = self.push_stacks or ((self.template_stack,) if self.template_stack else ())
        if not stacks:
            return f"the template stacks that hold {self.template}"
        return f"the template {'stack' if len(stacks) == 1 else 'stacks'} {', '.join(stacks)}"


@dataclass(frozen=True)
class TemplateStack:
    """A template stack, the templates in it, and the serial numbers of its devices."""

    name: str
    templates: frozenset[str]
    devices: frozenset[str]

    def holds(self, template: str, template_stack: str) -> bool:
        """Whether it is this template stack, or holds this template; one of the two names is empty."""
        return self.name == template_stack or template in self.templates


@dataclass(frozen=True)
class ManagedDevice:
    """A firewall that a Panorama manages."""

    serial: str
    name: str
    is_connected: bool

    @property
    def words(self) -> str:
        """How it is named to people. One that is away may be known by its number alone."""
        return f"{self.name} ({self.serial})" if self.name else self.serial


@dataclass(frozen=True)
class DeviceResult:
    """What became of a push on one device: OK, FAIL, or PEND while it goes on (panos.md §9)."""

    serial: str
    name: str
    result: str
    details: str = ""


@dataclass(frozen=True)
class PushJob:
    """The job of a push. It may end before its devices do (panos.md §9)."""

    id: str
    status: str
    result: str
    description: str
    devices: tuple[DeviceResult, ...] = ()
    details: str = ""
    progress: int = 0

    @property
    def is_over(self) -> bool:
        """Whether neither the job nor one of its devices goes on."""
        return self.status == "FIN" and all(device.result != "PEND" for device in self.devices)
