"""The XML API of a simulated Panorama, and its way to the managed devices: target= (panos.md §1)."""

from __future__ import annotations

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import PanosError, illegal
from paloaltofw.sandbox.panos.commit_requests import answer_commit
from paloaltofw.sandbox.panos.op_requests import answer_op
from paloaltofw.sandbox.panos.panorama.commit_orders import parse_panorama_commit
from paloaltofw.sandbox.panos.panorama.device import Panorama
from paloaltofw.sandbox.panos.panorama.operations import PANORAMA_COMMANDS
from paloaltofw.sandbox.panos.panorama.push_requests import answer_push
from paloaltofw.sandbox.panos.service import TYPES, Call, PanosSite

# What is passed on to a device; type=version is not.
_PASSED_ON = ("config", "op", "commit", "export")


class PanoramaSite(PanosSite):
    """Answers for one Panorama."""

    def __init__(self, panorama: Panorama) -> None:
        super().__init__(panorama)
        self.panorama = panorama

    def _carry_out(self, admin: Administrator, call: Call) -> Answer:
        is_by_key = self.panorama.panorama.target_bound_to == "api_key"
        self.panorama.asker = (_key(call) if is_by_key else "") or admin.name
        if "target" in call.parameters:
            return self._pass_on(admin, call)
        if call.type == "op":
            return self._op(admin, call)
        if call.type == "commit":
            return self._commit(admin, call)
        return TYPES[call.type](self.panorama, admin, call)

    def _op(self, admin: Administrator, call: Call) -> Answer:
        """Locks are of the target that is set; a vsys is not understood."""
        if call.parameters.get("vsys"):
            raise illegal("vsys", call.parameters["vsys"])
        target = self.panorama.target
        scope = (target.owner[-1].name or "") if target and _is_about_locks(call) else ""
        return answer_op(self.panorama, admin, call.command, scope, PANORAMA_COMMANDS)

    def _commit(self, admin: Administrator, call: Call) -> Answer:
        if call.parameters.get("action") == "all":
            return answer_push(self.panorama, admin, call.parameters)
        return answer_commit(self.panorama, admin, call.parameters, parse_panorama_commit)

    def _pass_on(self, admin: Administrator, call: Call) -> Answer:
        """The device answers as it would answer this administrator itself."""
        if call.type not in _PASSED_ON:
            raise illegal("type", call.type)
        serial = call.parameters["target"]
        device = self.panorama.devices.get(serial)
        if device is None or not device.is_connected:
            raise PanosError(f"{serial} not connected", code=self.panorama.panorama.target_not_connected_code)
        with device.firewall.settled():
            try:
                return TYPES[call.type](device.firewall, admin, call)
            except PanosError as error:
                return error.answer(device.firewall.switches)


def _key(call: Call) -> str:
    return str(call.request.headers.get("x-pan-key", "")) or call.parameters.get("key", "")


def _is_about_locks(call: Call) -> bool:
    return any(node.tag.endswith("-lock") for node in call.command.iter())
