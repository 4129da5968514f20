"""The JSON Schema of the documents that `--json` prints (contract.md §9).

More keys may be added to the documents, so the schema allows keys that it does not know.
"""

from __future__ import annotations

from typing import Any, get_args

from paloaltofw.lifecycle.decision import Action, State
from paloaltofw.lifecycle.steps import Step
from paloaltofw.reporting.codes import CODES, EARLY_CODES
from paloaltofw.reporting.json_document import JSON_VERSION

Schema = dict[str, Any]
TITLE = "paloaltoagent: what --json prints"
EXIT_CODES = (0, 1, 2, 3, 4)
# The commands whose documents hold profiles, and those whose documents hold another key instead.
COMMANDS = ("enroll", "renew", "run", "replace", "status")
OTHERS = {"check": "checks", "revoke": "revoked", "forget": "forgotten", "list": "certificates", "probe": "facts"}
_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"


def document_schema() -> Schema:
    """The schema of every document."""
    schema: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **_object(
            version={"const": JSON_VERSION, "description": "Of the form of these documents."},
            command={"enum": [*COMMANDS, *OTHERS], "description": "What was run."},
            exit_code={"enum": [*EXIT_CODES], "description": "The process's exit code."},
            profiles={
                "type": "array",
                "items": _profile(),
                "description": "One for each selected certificate profile.",
            },
        ),
    }
    schema["properties"]["errors"] = _texts("Why the program ended before it was done.")
    schema["properties"]["code"] = _code({**EARLY_CODES, **CODES}, "Of the failure that ended it.")
    schema["properties"]["checks"] = {"type": "array", "items": _check(), "description": "What was checked, in order."}
    schema["properties"]["warnings"] = _texts("With `check`: what is allowed, and still may not go well.")
    schema["properties"]["revoked"] = {**_revoked(), "description": "What was revoked."}
    schema["properties"]["forgotten"] = _texts("What was dropped: the files of the state folder, and what they held.")
    schema["properties"]["certificates"] = {
        "type": "array",
        "items": _listed(),
        "description": "With `list`: every certificate entry of the firewalls that could be read.",
    }
    schema["properties"]["unread"] = {
        "type": "array",
        "items": _object(
            firewall=_text("The firewall profile's name."), error={**_error(), "description": "Why it failed."}
        ),
        "description": "With `list`: the firewalls that could not be read.",
    }
    schema["properties"]["untold"] = {
        "type": "array",
        "items": _object(firewall=_text("The firewall profile's name."), kinds=_texts("In words.")),
        "description": "With `list --references`: the kinds of references that a firewall refuses to tell of.",
    }
    schema["properties"]["facts"] = {"type": "array", "items": _fact(), "description": "What a probe found out."}
    schema["properties"]["device"] = {**_device(), "description": "With `probe`: what was asked."}
    is_early = {"required": ["errors"]}
    ended_early = {"profiles": {"maxItems": 0}, **dict.fromkeys(OTHERS.values(), False)}
    schema["allOf"] = [
        {
            "if": is_early,
            "then": {"required": ["code"], "properties": ended_early},
            "else": {"properties": {"code": False}},
        },
        *({"if": {"not": is_early}, "then": _only_where(command, key)} for command, key in OTHERS.items()),
    ]
    return schema


def _only_where(command: str, key: str) -> Schema:
    """The key is there, and no profiles are, if it is the document of this command; else it is not."""
    with_it = {"required": [key], "properties": {"profiles": {"maxItems": 0}}}
    without_it = {"properties": {key: False}}
    return {"if": {"properties": {"command": {"const": command}}}, "then": with_it, "else": without_it}


def _object(**properties: Schema) -> Schema:
    """An object that has all of these keys."""
    return {"type": "object", "properties": properties, "required": [*properties]}


def _text(description: str, is_optional: bool = False, **more: object) -> Schema:
    return {"type": ["string", "null"] if is_optional else "string", **more, "description": description}


def _texts(description: str) -> Schema:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _code(codes: dict[str, str], description: str) -> Schema:
    choices = [{"const": code, "description": meaning} for code, meaning in codes.items()]
    return {"oneOf": choices, "description": description}


def _profile() -> Schema:
    return _object(
        profile=_text("The certificate profile's name."),
        firewall=_text("The firewall profile's name."),
        state={"enum": [state.value for state in State], "description": "The certificate's state after the run."},
        action={"enum": [action.value for action in Action], "description": "What was done, or would be done."},
        certificate_id=_text("The saved ID, as in PROFILE.ids.", is_optional=True),
        serial=_text("Of the certificate in service, in hex.", is_optional=True),
        not_after=_text("When it expires.", is_optional=True, pattern=_TIME),
        days_left={"type": ["integer", "null"], "description": "Whole days until then."},
        error={"anyOf": [_error(), {"type": "null"}], "description": "What failed."},
        name=_text("The entry in service on the firewall.", is_optional=True),
        order_id=_text("The certificate ID of a pending order.", is_optional=True),
        ordered_at=_text("When it was ordered.", is_optional=True, pattern=_TIME),
        waits_for=_text("What a pending order, or what is prepared, waits for.", is_optional=True),
        reason=_text("Why, in words."),
        notes=_texts("What you should know."),
        renews_from=_text("When the certificate in service is due.", is_optional=True, pattern=_TIME),
        steps={"type": "array", "items": _step(), "description": "What was or would be done."},
    )


def _error() -> Schema:
    return _object(
        code=_code(CODES, "A stable word for scripts."),
        message=_text("What is wrong, and where."),
        hint=_text("What to do next."),
    )


def _step() -> Schema:
    return _object(
        step={"enum": [step.__name__ for step in get_args(Step)], "description": "The kind of the step."},
        text=_text("The step in words."),
    )


def _check() -> Schema:
    return _object(
        subject=_text("Who was asked: a firewall, an account."),
        name=_text("What was checked."),
        ok={"type": "boolean", "description": "Whether it is in order."},
        text=_text("What was found."),
    )


def _listed() -> Schema:
    return _object(
        firewall=_text("The firewall profile's name."),
        name=_text("The entry's name."),
        scope=_text("Where it is: shared, or a vsys."),
        common_name=_text("Of the subject.", is_optional=True),
        sans=_texts("The subject's alternative names."),
        issuer=_text("The issuer's common name.", is_optional=True),
        serial=_text("In hex.", is_optional=True),
        not_after=_text("When it expires.", is_optional=True, pattern=_TIME),
        days_left={"type": ["integer", "null"], "description": "Whole days until then."},
        key=_text("Type and size, as `RSA 2048`.", is_optional=True),
        ca={"type": "boolean", "description": "Whether it is a CA's certificate."},
        profile=_text("The certificate profile that it belongs to.", is_optional=True),
        references={
            "anyOf": [{"type": "array", "items": _reference()}, {"type": "null"}],
            "description": "Who uses it; null without `--references`.",
        },
        pending={"type": "boolean", "description": "Whether it is a key with a CSR, whose certificate is to come."},
        template=_text("The Panorama template that pushed it.", is_optional=True),
    )


def _reference() -> Schema:
    return _object(
        kind=_text("What uses it, in words."),
        name=_text("The user's name; null where there is only one, or it is not told.", is_optional=True),
        scope=_text("Where the user is: shared, a vsys, or device; on a Panorama its template or template stack."),
    )


def _fact() -> Schema:
    return _object(
        id=_text("The fact: that of a switch of the sandbox, where there is one."),
        question=_text("What was asked."),
        answer=_text("A position of the switch, or `unclear`, or `not asked`."),
        evidence=_text("What was seen, without anything of the site."),
    )


def _device() -> Schema:
    return _object(model=_text("As `PA-VM`."), sw_version=_text("The release of PAN-OS."))


def _revoked() -> Schema:
    return _object(
        profile=_text("The certificate profile's name."),
        firewall=_text("The firewall profile's name."),
        certificate_id=_text("The ID that was revoked at SCM."),
        serial=_text("The certificate's serial number in hex, where it is known.", is_optional=True),
        not_after=_text("When it would have expired.", is_optional=True, pattern=_TIME),
        reason=_text("The reason given."),
    )
