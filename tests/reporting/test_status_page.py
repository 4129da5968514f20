"""The page of `status --html`: looked at in a real browser, with names that want to be more than names."""

from __future__ import annotations

import base64
import datetime
import hashlib
import html
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.clock import format_time
from paloaltofw.errors import OrderFailed, UsageError
from paloaltofw.lifecycle.decision import Action, Outcome, State
from paloaltofw.model.certificate_profile import CertificateProfile, Sans, Subject
from paloaltofw.model.records import RunRecord
from paloaltofw.reporting.status_page import SHOWN_RUNS, ensure_available, render
from paloaltofw.secret import Secret
from tests import browser
from tests.reporting.outcomes import NOW, outcome
from tests.reporting.test_plan_text import profile as plain_profile

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "' onmouseover='alert(1)",
    "</style></script><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)&amp;<b>",
    "safe\u202egnp.exe\u2066",
    "\x1b[31mred\x07\x00",
    "שלום-عربى",
)
FLEET = 100


def profile(name: str, common_name: str = "", sans: Sequence[str] = ()) -> CertificateProfile:
    common_name = common_name or f"{name}.example.com"
    return replace(plain_profile(name), subject=Subject(common_name), sans=Sans(dns=(common_name, *sans)))


def page(outcomes: Sequence[Outcome], runs: Sequence[RunRecord] = (), **more: Any) -> str:
    profiles = {item.profile: profile(item.profile) for item in outcomes}
    return render(outcomes, {**profiles, **more.pop("profiles", {})}, runs, more.pop("warnings", ()), NOW)


def run_record(day: int, code: int = 0, **more: Any) -> RunRecord:
    begun = NOW - datetime.timedelta(days=day)
    return RunRecord("run", format_time(begun), format_time(begun + datetime.timedelta(seconds=41)), code, **more)


# --- the text ------------------------------------------------------------------------------------------------------------


def test_the_policy_lets_only_the_pages_own_script_and_style_through() -> None:
    text = page([outcome("www", State.VALID, days=9)])
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert len(policy) == 1
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in html.unescape(policy[0])
    assert "default-src 'none'" in html.unescape(policy[0])
    assert "unsafe" not in policy[0]
    assert not re.search(r"\son\w+=|\sstyle=|https?://(?!www\.w3\.org/2000/svg)", text)


def test_no_secret_is_on_the_page_whatever_brought_it() -> None:
    Secret("hunter2<hunter2>")
    told = outcome("www", State.PENDING, waits_for="hunter2<hunter2>", notes=("hunter2<hunter2>",))
    text = page([replace(told, ordered_certificate_id="hunter2<hunter2>")], warnings=["hunter2<hunter2>"])
    assert "unter2" not in text
    assert text.count("***") == 4
    failure = OrderFailed("hunter2<hunter2>", "hunter2<hunter2>", "hunter2<hunter2>")
    assert "unter2" not in page([outcome("www", State.PENDING, error=failure, address="hunter2<hunter2>")])


@pytest.mark.parametrize(
    ("code", "failures", "word"),
    [(0, 0, "all in order"), (1, 2, "2 failed"), (1, 0, "failed"), (3, 0, "orders pending"), (9, 0, "exit code 9")],
)
def test_the_last_runs_are_told_in_words(code: int, failures: int, word: str) -> None:
    text = page([], [run_record(day) for day in range(30, 0, -1)] + [run_record(0, code, failures=failures, orders=7)])
    assert text.count('<th scope="row"><time') == SHOWN_RUNS
    assert f"</svg>{word}</span></td>" in text.replace("\n", "")
    assert "7 orders, 0 commits, 41 s" in text


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_word_and_a_shape_of_its_own(state: State) -> None:
    text = page([outcome("www", state, days=9)])
    assert f'<symbol id="icon-{state.value}"' in text
    assert f'<use href="#icon-{state.value}"/>' in text


def test_dates_stand_in_words_beside_the_bar() -> None:
    day = datetime.timedelta(days=1)
    held = outcome(
        "www", State.PENDING, Action.RENEW, days=20, ordered_at=format_time(NOW - 12 * day), waits_for="approval"
    )
    text = page([replace(held, renews_from=NOW - 30 * day, ordered_certificate_id="1000")])
    for words in (
        "issued 2026-06-01",
        "renewal from 2026-10-29",
        "ordered 2026-11-16",
        "20 days left",
        "order 1000, 12 days, waits for approval",
    ):
        assert words in text


def test_without_jinja_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UsageError, match=r"status --html.*Jinja2.*pip install jinja2"):
        ensure_available()


def test_the_picture_in_readme_is_small() -> None:
    assert 10_000 < (Path(__file__).resolve().parents[2] / "docs/images/status.png").stat().st_size < 150_000


# --- in a browser --------------------------------------------------------------------------------------------------------


def hostile_fleet(size: int) -> tuple[list[Outcome], dict[str, CertificateProfile]]:
    """So many certificates on ten firewalls; some of them with everything that a name could try."""
    outcomes, profiles = [], {}
    for number, text in enumerate(HOSTILE):
        error = OrderFailed(text, text, text) if number % 2 else None
        item = outcome(
            f"{text}{number}", State.PENDING, firewall=f"fw {text}", address=text, waits_for=text, notes=(text,),
            reason=text, error=error, ordered_certificate_id=text, ordered_at=format_time(NOW - datetime.timedelta(days=3)),
        )  # fmt: skip
        outcomes.append(item)
        profiles[item.profile] = profile(item.profile, text, [text + "1", text + "2", text + "3", text + "4"])
    for number in range(size - len(HOSTILE)):
        state = (State.VALID, State.DUE, State.EXPIRED, State.ABSENT)[0 if number % 9 else number // 9 % 4]
        days = {State.ABSENT: None, State.EXPIRED: -3, State.DUE: 20 + number % 7}.get(state, 70 + number % 120)
        item = outcome(
            f"site-{number:02}", state, days=days, firewall=f"fw-{number % 10}", address=f"192.0.2.{number % 10}"
        )
        renews = item.certificate.not_after - datetime.timedelta(days=66) if item.certificate else None
        outcomes.append(replace(item, renews_from=renews))
        profiles[item.profile] = profile(item.profile)
    return outcomes, profiles


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    """The page in a browser; one start for all tests."""
    if not Path(browser.PROGRAM).exists():
        assert os.environ.get("CI") != "true", f"{browser.PROGRAM} is missing; install the package chromium"
        pytest.skip(f"there is no {browser.PROGRAM}")
    folder = tmp_path_factory.mktemp("page")
    outcomes, profiles = hostile_fleet(FLEET)
    runs = [run_record(2, 1, failures=3), run_record(1, 3), replace(run_record(0), command=HOSTILE[0])]
    (folder / "status.html").write_text(page(outcomes, runs, profiles=profiles, warnings=[HOSTILE[1]]), "utf-8")
    with browser.browser(folder / "profile") as opened:
        opened.open((folder / "status.html").as_uri())
        yield opened


@pytest.fixture(autouse=True)
def _at_the_beginning(request: pytest.FixtureRequest) -> None:
    if "window" in request.fixturenames:
        opened: browser.Browser = request.getfixturevalue("window")
        opened.troubles.clear()
        choose(opened, "")


# After a change of the address the page needs its turn.
TURN = "new Promise((done) => setTimeout(done, 0))"


def choose(window: browser.Browser, fragment: str) -> None:
    window.run(f"location.hash = {json.dumps(fragment)}; {TURN}")


def act(window: browser.Browser, expression: str) -> None:
    window.run(f"{expression}; {TURN}")


def shown(window: browser.Browser) -> list[str]:
    """The names in the rows that are visible, from top to bottom."""
    names: list[str] = window.run(
        "[...document.querySelectorAll('#certificates tbody tr')].filter((row) => row.offsetHeight)"
        ".map((row) => row.querySelector('.name').textContent)"
    )
    return names


def counted(window: browser.Browser) -> str:
    return str(window.run("document.getElementById('shown').textContent"))


def test_the_page_asks_nobody_and_complains_of_nothing(window: browser.Browser) -> None:
    assert window.troubles == []
    assert [url.partition(":")[0] for url in window.requests if not url.startswith("data:")] == ["file"]


def test_names_are_names_whatever_they_hold(window: browser.Browser) -> None:
    assert window.run("document.title") == "Certificates on Palo Alto firewalls"
    assert window.run("document.scripts.length + document.images.length + document.querySelectorAll('b').length") == 1
    text = window.run("document.body.textContent")
    for name in HOSTILE:
        seen = "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
        assert text.count(seen) >= 8, name
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b\x00]", text)


def test_the_browser_keeps_to_the_policy(window: browser.Browser) -> None:
    """If a name did become markup one day, it could still do nothing."""
    act(
        window,
        "{const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.head.append(s); s.remove()}",
    )
    act(
        window,
        "{const d = document.createElement('div'); d.innerHTML = '<p onclick=\"window.owned = 1\">x</p>'; document.body.append(d); d.firstChild.click(); d.remove()}",
    )
    assert window.run("window.owned === undefined")


@pytest.mark.parametrize(
    ("fragment", "number"),
    [("q=site-1", 10), ("q=SITE-1 fw-3", 1), ("state=expired", 3), ("state=expired,absent", 5), ("firewall=fw-7", 9),
     ("firewall=fw-7&state=valid&q=site-7", 1), ("q=nothing-is-called-so", 0), ("state=&sort=nonsense&dir=x", FLEET)],
)  # fmt: skip
def test_filters_of_the_address(window: browser.Browser, fragment: str, number: int) -> None:
    choose(window, fragment)
    assert len(shown(window)) == number
    assert counted(window) == (f"{number} of {FLEET} shown" if number < FLEET else f"All {FLEET} shown")
    assert window.run("document.getElementById('none').hidden") is (number > 0)


def test_a_hostile_name_can_be_searched_and_chosen(window: browser.Browser) -> None:
    for name in (HOSTILE[0], HOSTILE[1], HOSTILE[8]):
        act(
            window,
            f"{{const s = document.getElementById('search'); s.value = {json.dumps(name)}; s.dispatchEvent(new Event('input'))}}",
        )
        assert len(shown(window)) >= 1
        act(window, "document.getElementById('reset').click()")
        act(
            window,
            f"{{const s = document.getElementById('firewall'); s.value = {json.dumps('fw ' + name)}; s.dispatchEvent(new Event('change'))}}",
        )
        assert len(shown(window)) == 1
        choose(window, "")


def test_tiles_links_and_the_reset(window: browser.Browser) -> None:
    tile = "document.querySelector('button[data-state={}]')"
    act(window, f"{tile.format('expired')}.click()")
    act(window, f"{tile.format('absent')}.click()")
    assert len(shown(window)) == 5
    assert window.run(f"{tile.format('expired')}.getAttribute('aria-pressed')") == "true"
    act(window, f"{tile.format('absent')}.click()")
    assert len(shown(window)) == 3
    act(window, "document.querySelector('a.pick[href=\"#firewall=fw-2\"]').click()")
    assert len(shown(window)) == 9
    assert window.run("document.getElementById('firewall').value") == "fw-2"
    act(window, "document.getElementById('reset').click()")
    assert len(shown(window)) == FLEET


def test_sorting_by_every_column(window: browser.Browser) -> None:
    own = shown(window)
    assert own != sorted(own)
    for key in ("name", "state", "firewall", "issued", "expires"):
        head = f"document.querySelector('button[data-sort={key}]')"
        values = f"[...document.querySelectorAll('#certificates tbody tr')].map((row) => row.dataset.{key})"
        for direction in ("ascending", "descending"):
            act(window, f"{head}.click()")
            assert window.run(f"{head}.closest('th').ariaSort") == direction
            assert window.run("document.querySelectorAll('[aria-sort]').length") == 1
            found = window.run(values)
            filled = [value for value in found if value]
            assert found == filled + [""] * (len(found) - len(filled)), "what has no value comes last"
            if key in ("issued", "expires"):
                assert filled == sorted(filled, reverse=direction == "descending")
            elif key == "state":
                assert filled == sorted(filled, key=int, reverse=direction == "descending")
        act(window, f"{head}.click()")
        assert shown(window) == own, "the third time brings the page's own order back"


CONTRAST = """
(() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
    const x = parts(c)[i] / 255;
    return sum + weight * (x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((parts(c)[3] ?? 1) > 0) return c; } };
  const seen = ".muted, .badge, .tile span, .name, .names, .days, .detail, .dates, strong, td, th, th button, a, .warning, select, input, code";
  const poor = [];
  for (const e of document.querySelectorAll(seen)) {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(window: browser.Browser, scheme: str) -> None:
    """WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    window.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    choose(window, "state=due,pending,failed")
    act(window, "document.querySelector('button[data-state=due]').focus()")
    assert window.run("matchMedia('(prefers-color-scheme: dark)').matches") is (scheme == "dark")
    assert window.run(CONTRAST) == []


def test_names_for_those_who_listen(window: browser.Browser) -> None:
    nameless = (
        "[...document.querySelectorAll('button, select, input, a, [role=region], [role=group], table')].filter((e) =>"
        " !(e.textContent.trim() || e.ariaLabel || e.labels?.[0]?.textContent.trim() ||"
        " document.getElementById(e.getAttribute('aria-labelledby'))?.textContent)).length"
    )
    assert window.run(nameless) == 0
    assert window.run("document.documentElement.lang") == "en"
    rows = "[...document.querySelectorAll('tbody tr')]"
    assert window.run(f"{rows}.every((row) => row.querySelector('th[scope=row]'))")
    assert window.run("[...document.querySelectorAll('thead th')].every((cell) => cell.scope === 'col')")
    assert window.run(
        "[...document.querySelectorAll('svg')].every((e) => e.ariaHidden === 'true' || e.closest('[aria-hidden]'))"
    )
    assert window.run("document.getElementById('shown').role") == "status"


def test_the_keyboard_reaches_everything_and_is_seen(window: browser.Browser) -> None:
    outline = "{const e = document.querySelector('button[data-sort=name]'); e.focus({focusVisible: true}); window.seen = getComputedStyle(e).outlineStyle}"
    act(window, outline)
    assert window.run("window.seen") == "solid"
    assert window.run("[...document.querySelectorAll('.wide')].every((e) => e.tabIndex === 0)")


def test_in_print_the_controls_are_left_out(window: browser.Browser) -> None:
    window.send("Emulation.setEmulatedMedia", media="print", features=[])
    try:
        assert window.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
        assert window.run("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
        assert len(shown(window)) == FLEET
    finally:
        window.send("Emulation.setEmulatedMedia", media="")


def test_a_thousand_certificates_are_filtered_and_sorted(window: browser.Browser, tmp_path: Path) -> None:
    outcomes, profiles = hostile_fleet(1000)
    text = page(outcomes, profiles=profiles)
    assert len(text) < 2_000_000
    (tmp_path / "large.html").write_text(text, "utf-8")
    small = window.run("location.href")
    window.open((tmp_path / "large.html").as_uri() + "#sort=expires&dir=desc&firewall=fw-7")
    try:
        assert len(shown(window)) == 99
        found = window.run(
            "[...document.querySelectorAll('tbody tr')].map((row) => row.dataset.expires).filter(Boolean)"
        )
        assert found == sorted(found, reverse=True)
        assert window.troubles == []
    finally:
        window.open(small.partition("#")[0])
