"""The questions of a probe, in their order: what no document settles, and how an answer is read.

Each answer is a position of the sandbox's switch of the same name (sandbox/panos/switches.py), so that a report makes
the sandbox behave as the device. What is read into a position is what was seen, never what is usual.
"""

from __future__ import annotations

import re
from functools import partial

from paloaltofw.execution.probe_bench import (
    COMMON_NAME,
    Bench,
    CannotAsk,
    Heard,
    Question,
    as_csr,
    element_text,
    judged,
    said,
)
from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.model.firewall_objects import xpath_steps
from paloaltofw.model.probe_report import PROBE_PREFIX, UNCLEAR
from paloaltofw.panos.answers import read_changes, read_own_name
from paloaltofw.panos.codes import NOTHING_TO_EXPORT_TEXT
from paloaltofw.panos.probing import Reply

MADE = ("ok", "refused")
YES_NO = ("yes", "no")
SEEN = ("nobody", "everybody")
ERROR = ("error", "accepted")
KEYS = tuple(KeySpec("RSA", bits) for bits in (2048, 3072, 4096)) + tuple(
    KeySpec("ECDSA", bits) for bits in (256, 384, 521)
)
_EMAIL = "probe@example.invalid"


def fact_of(key: KeySpec) -> str:
    """The fact that says whether a kind of key is made."""
    return f"{key.type.lower()}_{key.bits}"


# --- what is asked before anything is changed ------------------------------------------------------------------------


def _malformed_xpath(bench: Bench) -> Heard:
    reply = bench.client.get(f"{bench.client.scope.certificates}/entry[")
    return _coded(reply, {7: "absent", 6: "bad_xpath"})


def _unrooted_xpath(bench: Bench) -> Heard:
    reply = bench.client.get("/shared/certificate")
    heard = _coded(reply, {6: "bad_xpath"})
    return Heard("unauth", heard.said) if reply.status == "unauth" else heard


def _coded(reply: Reply, positions: dict[int, str]) -> Heard:
    return Heard(positions.get(reply.code if reply.code is not None else -1, UNCLEAR), said(reply))


def _show_self(bench: Bench) -> Heard:
    reply = bench.client.session_of_self()
    if not reply.is_success:
        return Heard(UNCLEAR, said(reply))
    return Heard("yes" if read_own_name(reply.result) is not None else "no")


def _export_absent(bench: Bench) -> Heard:
    reply = bench.client.export_of_csr(bench.name("absent"))
    if NOTHING_TO_EXPORT_TEXT in reply.text.lower():
        return Heard("failed_to_prepare", said(reply))
    return _coded(reply, {7: "code_7"})


# --- keys and CSRs ---------------------------------------------------------------------------------------------------


def _key(key: KeySpec, bench: Bench) -> Heard:
    suffix = fact_of(key).replace("_", "")
    reply = bench.generate(suffix, key)
    heard = judged(reply, *MADE, noted=f"{reply.seconds:.1f} s")
    if heard.answer != "ok":
        return heard
    pem = bench.read_csr(bench.name(suffix))
    csr = as_csr(pem)
    if csr is not None and (csr.key_type, csr.key_bits) != (key.type, key.bits):
        return Heard(UNCLEAR, said(reply), f"a key of {csr.key_bits} bits was made")
    if not bench.base:
        bench.base, bench.base_key, bench.base_reply, bench.csr_pem = bench.name(suffix), key, reply, pem
    return heard


def _generate_answer(bench: Bench) -> Heard:
    bench.need_base()
    reply = bench.base_reply
    assert reply is not None  # nosec B101  # narrows a type: there is a base
    return Heard(reply.form or UNCLEAR, said(reply))


def _hidden(tag: str, bench: Bench) -> Heard:
    reply = bench.client.entry(bench.need_base())
    if not reply.is_success or element_text(reply, "common-name") is None:
        return Heard(UNCLEAR, said(reply), "the entry was not shown")
    text = element_text(reply, tag)
    is_shown = bool(text) and (tag != "csr" or "-----BEGIN" in str(text))
    return Heard("nobody" if is_shown else "everybody", noted="shown" if is_shown else "not shown")


def _csr_export(bench: Bench) -> Heard:
    reply = bench.client.export_of_csr(bench.need_base())
    return judged(reply, *YES_NO)


def _vsys_shared(bench: Bench) -> Heard:
    if bench.client.scope.vsys != "shared":
        raise CannotAsk("the profile names a vsys")
    bench.need_csr()
    return judged(bench.client.export_of_csr(bench.base, vsys="shared"), *YES_NO)


def _cn_in_san(bench: Bench) -> Heard:
    csr = as_csr(bench.need_csr())
    return Heard("yes" if csr is not None and COMMON_NAME in csr.names.dns else "no")


def _alt_email(bench: Bench) -> Heard:
    bench.need_csr()
    reply = bench.generate("mail", bench.base_key, alt_email=(_EMAIL,))
    heard = judged(reply, "accepted", "unexpected")
    if heard.answer != "accepted":
        return heard
    csr = as_csr(bench.read_csr(bench.name("mail")))
    if csr is None:
        return Heard(UNCLEAR, said(reply), "the CSR cannot be read")
    return heard if csr.names.email else Heard("ignored", said(reply))


def _generate_existing(bench: Bench) -> Heard:
    before = bench.need_csr()
    reply = bench.generate(bench.base.removeprefix(PROBE_PREFIX), bench.base_key)
    bench.csr_pem = ""
    heard, is_same = judged(reply, "overwrite", "error"), bench.need_csr() == before
    if heard.answer == "overwrite" and is_same:
        return Heard("kept", heard.said)
    if heard.answer == "error" and not is_same:
        return Heard(UNCLEAR, heard.said, "refused, and the CSR is another one")
    return heard


def _dots_in_names(bench: Bench) -> Heard:
    bench.need_base()
    heard = judged(bench.generate("a.b", bench.base_key), "kept", "refused")
    if heard.answer != "kept":
        return heard
    names = bench.client.certificate_names()
    answer = "kept" if bench.name("a.b") in names else "dropped" if bench.name("ab") in names else UNCLEAR
    return Heard(answer, heard.said)


# --- the list of changes ---------------------------------------------------------------------------------------------


def _changes_shape(bench: Bench) -> Heard:
    bench.need_base()
    reply = bench.client.list_of_changes()
    if reply.is_refusal:
        return Heard("unknown_command", said(reply))
    if not reply.is_success:
        return Heard(UNCLEAR, said(reply))
    bench.first_paths = _own_paths(bench, reply)
    return Heard("journal" if bench.first_paths else "empty", noted=_words(bench.first_paths))


def _journal_paths(bench: Bench) -> Heard:
    name = bench.need_base()
    if not bench.first_paths:
        raise CannotAsk("the list of changes shows none of its own")
    written = bench.client.attempt_set(name, f"{COMMON_NAME}-written")
    if not written.is_success:
        return Heard(UNCLEAR, said(written), "the entry cannot be written")
    paths = _own_paths(bench, bench.client.list_of_changes())
    noted = f"made: {_words(bench.first_paths)}; written: {_words(paths)}"
    if "entry" in bench.first_paths:
        return Heard("object", noted=noted)
    if "entry" in paths:
        return Heard("request", noted=noted)
    return Heard("container" if "container" in paths else UNCLEAR, noted=noted)


def _own_paths(bench: Bench, reply: Reply) -> frozenset[str]:
    """What own changes the list names: an entry of the probe's, the container of all certificates, or else."""
    container = xpath_steps(bench.client.scope.certificates)
    words = set()
    for change in read_changes(reply.result):
        if change.owner != bench.admin:
            continue
        below = change.path[len(container) :] if change.is_within(container) else None
        is_entry = bool(below) and below is not None and below[0].startswith(f"entry:{PROBE_PREFIX}")
        words.add("entry" if is_entry else "container" if below == () else "another path")
    return frozenset(words)


def _words(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "nothing"


# --- imports ---------------------------------------------------------------------------------------------------------


def _mismatch(bench: Bench) -> Heard:
    reply = bench.import_(bench.need_base(), bench.authority.certify_another(bench.need_csr()))
    if reply.is_refusal and bench.mismatch is None:
        bench.mismatch = reply
    return judged(reply, "accepted", "error")


def _keyless_import(bench: Bench) -> Heard:
    ca = bench.import_(bench.name("ca"), bench.authority.ca_pem)
    leaf = bench.import_(bench.name("leaf"), bench.authority.certify_nobody())
    words = f"CA: {said(ca)}; leaf: {said(leaf)}"
    if not all(reply.is_success or reply.is_refusal for reply in (ca, leaf)):
        return Heard(UNCLEAR, words)
    seen = (ca.is_success, leaf.is_success)
    positions = {(True, True): "accepted", (True, False): "refused_leaf", (False, False): "refused"}
    return Heard(positions.get(seen, UNCLEAR), words)


def _bundle(bench: Bench) -> Heard:
    csr = bench.need_csr()
    bundle = bench.authority.certify(csr) + bench.authority.ca_pem
    reply = bench.import_(bench.base, bundle)
    if not reply.is_success:
        return Heard(UNCLEAR, said(reply), "the import of both was refused")
    bench.finished = bench.client.entry(bench.base)
    kept = (element_text(bench.finished, "public-key") or "").count("-----BEGIN CERTIFICATE-----")
    return Heard({1: "leaf_only", 2: "whole"}.get(kept, UNCLEAR), said(reply), f"{kept} stored")


def _need_finished(bench: Bench) -> Reply:
    if bench.finished is None:
        raise CannotAsk("no certificate was imported")
    return bench.finished


def _csr_kept(bench: Bench) -> Heard:
    finished = _need_finished(bench)
    reply = bench.client.export_of_csr(bench.base)
    if reply.content or "-----BEGIN" in (element_text(finished, "csr") or ""):
        return Heard("yes")
    is_gone = reply.is_absent or NOTHING_TO_EXPORT_TEXT in reply.text.lower()
    return Heard("no" if is_gone else UNCLEAR, said(reply))


def _subject_form(bench: Bench) -> Heard:
    text = element_text(_need_finished(bench), "subject") or ""
    forms = {COMMON_NAME: "bare", f"/CN={COMMON_NAME}": "slash", f"CN = {COMMON_NAME}": "spaced"}
    return Heard(forms.get(text, UNCLEAR), text)


def _reimport_mismatch(bench: Bench) -> Heard:
    _need_finished(bench)
    return _mismatch(bench)


def _mismatch_text(bench: Bench) -> Heard:
    if bench.mismatch is None:
        raise CannotAsk("no import was refused")
    text = re.sub(r"^Import of \S+ failed\. ", "", bench.mismatch.text)
    return Heard(text or UNCLEAR, said(bench.mismatch))


QUESTIONS: tuple[Question, ...] = (
    Question(
        "malformed_xpath", "What is answered to an xpath that is none?", _malformed_xpath, ("absent", "bad_xpath")
    ),
    Question(
        "unrooted_xpath", "What is answered to an xpath outside of /config?", _unrooted_xpath, ("unauth", "bad_xpath")
    ),
    Question("show_self", "Does `show admins` tell who asks?", _show_self, YES_NO),
    Question(
        "export_absent", "What is answered to the export of an absent name?", _export_absent,
        ("failed_to_prepare", "code_7"),
    ),
    *(Question(fact_of(key), f"Is a key of {key} made?", partial(_key, key), MADE) for key in KEYS),
    Question(
        "generate_answer", "Where does the success of a CSR have its text?", _generate_answer,
        ("msg_line", "result_text"),
    ),
    Question(
        "private_key_hidden_from", "Whom is <private-key> hidden from?", partial(_hidden, "private-key"), SEEN
    ),
    Question("csr_hidden_from", "Whom is <csr> hidden from?", partial(_hidden, "csr"), SEEN),
    Question("csr_export", "Is a CSR exported as pkcs10?", _csr_export, YES_NO, is_switch=False),
    Question("vsys_shared", "Is vsys=shared accepted?", _vsys_shared, YES_NO),
    Question("cn_in_san", "Does the common name join the alternative names?", _cn_in_san, YES_NO),
    Question("alt_email", "Is <alt-email> accepted?", _alt_email, ("accepted", "unexpected", "ignored")),
    Question(
        "generate_existing", "What is answered to a CSR under a name that exists?", _generate_existing,
        ("error", "overwrite", "kept"),
    ),
    Question(
        "dots_in_names", "What becomes of a dot in a name?", _dots_in_names, ("kept", "dropped", "refused")
    ),
    Question(
        "changes_shape", "Does the list of changes show what was made?", _changes_shape,
        ("journal", "empty", "unknown_command"),
    ),
    Question(
        "pending_mismatch", "What is answered to a certificate of another key, for a pending CSR?", _mismatch, ERROR
    ),
    Question(
        "keyless_import", "What is answered to a certificate without a key, a CA's and a leaf?", _keyless_import,
        ("accepted", "refused_leaf", "refused"),
    ),
    Question("bundle", "What is stored of a certificate with its CA's?", _bundle, ("leaf_only", "whole")),
    Question("csr_kept_after_import", "Does the CSR stay after the import?", _csr_kept, YES_NO),
    Question("subject_form", "How is the subject written?", _subject_form, ("bare", "slash", "spaced")),
    Question(
        "reimport_mismatch", "What is answered to a certificate of another key, for a finished entry?",
        _reimport_mismatch, ERROR,
    ),
    Question("mismatch_text", "In which words is a certificate of another key refused?", _mismatch_text),
    Question(
        "journal_paths", "Which path does the list of changes give?", _journal_paths, ("request", "container", "object")
    ),
)  # fmt: skip
