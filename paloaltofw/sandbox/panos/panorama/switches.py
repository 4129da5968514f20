"""What is not known of a Panorama: switches, their defaults the least forgiving that panos.md allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PanoramaSwitches:
    """Behaviour that differs between releases or is not confirmed (panos.md §4, §7, §9)."""

    # panos.md §4: what `set system setting target` does to `request certificate generate`
    generate_under_target: Literal["panorama", "template", "refused"] = "panorama"
    # Whose state the target is. A state outlives its request: imports were seen to follow it.
    target_bound_to: Literal["administrator", "api_key"] = "administrator"
    # After how many seconds it is forgotten.
    target_lifetime: float | None = None
    target_template_stack: Literal["unexpected", "accepted"] = "unexpected"
    # panos.md §7
    target_tpl_vsys: Literal["ignored", "honoured", "refused"] = "ignored"
    import_into_stack: Literal["accepted", "refused"] = "accepted"
    # panos.md §9: an `admin` in commit-all, from 10.2 on; `unexpected` before
    push_of_admin: Literal["by_release", "honoured", "ignored", "unexpected"] = "by_release"
    # What is said of a device that is not connected: nothing, a device that failed, or a refusal of the whole push.
    push_to_disconnected: Literal["left_out", "fails", "refused"] = "left_out"
    # The job's own result when a device failed, and whether it ends before its devices do.
    push_result: Literal["ok", "worst"] = "ok"
    push_ends_before_devices: bool = True
    # `template` in commit-all, with template stacks in use
    push_of_template: Literal["its_stacks", "refused"] = "its_stacks"
    # Whether a push that does not speak of `merge-with-candidate-cfg` takes everybody's uncommitted changes on the
    # devices along: two sources, one each way.
    push_merges_unasked: bool = True
    # `merge-with-candidate-cfg` in a push of a template stack, where no source shows it
    push_of_merge: Literal["honoured", "unexpected"] = "honoured"
    target_not_connected_code: int | None = 13
