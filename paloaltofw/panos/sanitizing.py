"""What a firewall said, without anything that is the site's: only words that PAN-OS itself uses are left. Pure.

A text that is to leave the site is not searched for what must not be in it: nobody could list that. Every word that is
not in the list below is left out, so that no name, address, key or secret can stay, in whatever form it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from paloaltofw.model.probe_report import PROBE_PREFIX

MASK = "…"
_TOKEN = re.compile(r"(?P<open>[\"'(\[<]*)(?P<core>.*?)(?P<close>[\"')\]>.,;:!?]*)", re.DOTALL)
# The words of the texts that are known (panos.md), and of those that are like them.
_VOCABULARY = """
a able about above accept accepted action add added admin administrator administrators after again algorithm all allow
allowed already also alt alternative an and another any api applied are as associated at attribute authority
authorized auto available bad base base64 be because been before begin begining beginning being between bit bits block
both but by ca call can candidate cannot category cert certificate certificates chain change changed changes character
characters check child cn code command commit common complete component config configuration connect connected contain
container contains content could country create created csr curr current currently curve data database decode decoding
decrypt default delete deleted denied der describe description details device devices did different digest directory
disabled dn dns do does doesn't don't done down duplicate duplicated during ec ecdsa edit element elliptic else email
empty enabled encode encoding encrypted end enough enqueued entered entries entry error errors exceed exceeds exist
existing exists expected expired export exported exporting external extract fail failed failure failures field file
find fips fips-cc first following for format found from full generate generated generating generation get given group
had has have held here hidden hold holding hostname hsm id if illegal import imported importing in incomplete
incorrect inside install instead internal into invalid ip is issuer it its job jobid jobs keep kept key keypair keys
know known labels larger later leaf least legal length less let letters limit line list load loaded local localhost
lock locked locks long longer made make malformed master match matched matches matching max maximum may member message
method min minimum mismatch mismatched missing mode modify modulus more most msg multiple must name named names nbits
need needed needs new no node nodes none nor not nothing now number object objects of off on once one only open
operation option or order organization other out over override own owner pair paloaltoagent panorama parameter parent
parse parsed parsing partial passed passphrase password path pem pending permission permitted pkcs pkcs10 pkcs12
please policy possible prepare present private probe process processing profile provide provided public push queue
queued read reading reason reference references refused release remove removed rename repeated replace request
requested require required requires response restricted result revert right rights role root rsa running same save
saved schema second section see self send server service session set sha1 sha256 sha384 sha512 shared short should
show sign signature signed signing size so some specified ssl start started state status still stored strict string
subject succeeded success successful successfully such support supported system tag template than that the their them
then there these they this time timed tls to too tpl transaction try two type unable unauth unauthorized under
unexpected unique unknown unsupported until up update updated usage use used user uses using valid validate validated
validation value values verification verify version vsys wait was when where which while with without write written
wrong x509 xml xpath yes yet you your
"""
_WORDS = frozenset(_VOCABULARY.split())
_NUMBER = re.compile(r"\d{1,3}|1024|2048|3072|4096|8192")


class Sanitizer:
    """Lets through the words of PAN-OS, but for those that are a name of this site too."""

    def __init__(self, of_the_site: Iterable[str]) -> None:
        words = (word for text in of_the_site for word in re.split(r"[\s._@/:-]+", text.lower()))
        # A number or a letter alone says nothing of anybody, and codes and sizes are made of them.
        self._site = frozenset(word for word in words if len(word) > 2 and not word.isdigit())

    def __call__(self, text: str) -> str:
        """The text with a mark in place of everything that might be the site's."""
        kept = " ".join(self._kept(token) for token in text.split())
        return re.sub(rf"{MASK}(?: {MASK})+", MASK, kept)

    def _kept(self, token: str) -> str:
        match = _TOKEN.fullmatch(token)
        if match is None or not self._is_harmless(match["core"]):
            return MASK
        return token

    def _is_harmless(self, core: str) -> bool:
        if core in ("", "->", "-"):
            return True
        if core.startswith(PROBE_PREFIX):
            return re.fullmatch(r"[a-z0-9.]{1,11}", core.removeprefix(PROBE_PREFIX)) is not None
        parts = [part.lower() for part in re.split(r"[-_]", core)]
        return all(_NUMBER.fullmatch(part) or (part in _WORDS and part not in self._site) for part in parts)


_MODEL = re.compile(r"(?:PA|VM|CN|M)-[A-Z0-9]{1,6}(?:-[A-Z0-9]{1,4})?|Panorama")
_VERSION = re.compile(r"\d{1,2}\.\d{1,2}\.\d{1,3}(?:-[a-z]{1,2}\d{1,3})?(?:\.[a-z]{1,3}\d{0,3})?")


def model_name(text: str) -> str:
    """A model as it is sold, else nothing that a device may have put in its place."""
    return text if _MODEL.fullmatch(text) else "unknown"


def release(text: str) -> str:
    """A version as they are counted, else nothing that a device may have put in its place."""
    return text if _VERSION.fullmatch(text) else "unknown"
