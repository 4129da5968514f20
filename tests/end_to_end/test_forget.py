"""`forget`: what the state folder knows of a profile goes, and nothing else does."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paloaltofw.clock import format_time
from paloaltofw.model.records import InstalledRecord, OrderRecord
from paloaltofw.sandbox.base.clock import SystemClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.world import certificate_profile
from paloaltofw.storage.store import Store
from tests.end_to_end.harness import Scene
from tests.end_to_end.terminal import run_on_terminal
from tests.storage.test_inventory import contents

DV = certificate_profile("fw-edge", "dv.example.com")
OV = certificate_profile("fw-edge", "ov.example.com", "OV")
FILES_OF_DV = {"dv.ids", "journal/orders/dv.json", "journal/installed/dv.json", "journal/orders/dv.json.corrupt"}


def order(profile: str, phase: str = "ordered", certificate_id: str | None = "1001") -> OrderRecord:
    return OrderRecord(
        profile=profile, firewall="fw-edge", entry=f"{profile}-2", operation="renew", phase=phase, requested="d",
        reference="paloaltoagent-r1", reason="due", created_at=format_time(SystemClock().now()),
        certificate_id=certificate_id,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    """Two profiles that the state folder knows. No firewall and no SCM may be called."""
    called: list[Request] = []

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        called.append(request)
        return handle(request)

    with Scene(tmp_path, {"dv": DV, "ov": OV}) as made:
        for server in (made.world.scm_server, *made.world.servers.values()):
            server.interceptor = intercept
        fill(made)
        yield made
    assert not called


def fill(made: Scene) -> None:
    store = Store(made.folder / "state")
    store.prepare()
    with store.lock():
        pass  # makes its file, so that it does not count as a change
    for profile in ("dv", "ov"):
        store.save_certificate_id(profile, "1000")
        store.save_installed(profile, InstalledRecord("1000", profile, "d", "csr", "2026-01-01T00:00:00Z"))
        store.save_order(order(profile))
    made.state("journal/orders/dv.json.corrupt").write_text("?", "utf-8")


def remaining(place: Scene) -> set[str]:
    return set(contents(place.folder / "state"))


@pytest.mark.parametrize("is_gone", [True, False], ids=["file gone", "file there"])
def test_everything_of_one_profile_is_told_and_dropped(place: Scene, is_gone: bool) -> None:
    if is_gone:
        (place.folder / "profiles/certificates/dv.yaml").unlink()
    before = remaining(place)
    done = place.run("forget", "-p", "dv.yaml", "--yes")
    assert (done.code, done.err) == (0, "")
    assert before - remaining(place) == FILES_OF_DV
    for words in (
        "dv.ids: certificate ID 1000", "dv.json: an open order (renew, ordered, order 1001, 0 min old) of dv-2 on fw-edge",
        "paloaltoagent-r1", "dv.json.corrupt: cannot be understood", "installed/dv.json: what was ordered for certificate 1000",
    ):  # fmt: skip
        assert words in done.out
        assert words in place.log
    again = place.run("forget", "-p", "dv", "--yes")
    assert (again.code, again.err) == (0, "")
    assert "nothing of dv is known" in again.out


def test_with_json_what_was_dropped_is_one_document(place: Scene) -> None:
    before = remaining(place)
    refused = place.run("forget", "-p", "dv", "--json")
    assert (refused.code, refused.json["exit_code"]) == (2, 2)
    assert "--yes" in refused.json["errors"][0]
    assert remaining(place) == before
    done = place.run("forget", "-p", "dv", "--json", "--yes")
    assert (done.code, done.err, done.json["command"]) == (0, "", "forget")
    assert before - remaining(place) == FILES_OF_DV
    assert {text.split(":")[0] for text in done.json["forgotten"]} == FILES_OF_DV
    again = place.run("forget", "-p", "dv", "--json")
    assert (again.code, again.json["forgotten"]) == (0, [])


def test_only_the_order_is_dropped_where_that_is_wanted(place: Scene) -> None:
    before = remaining(place)
    done = place.run("forget", "-p", "dv", "--order", "--yes")
    assert done.code == 0
    assert before - remaining(place) == {name for name in FILES_OF_DV if "orders" in name}
    assert "dv.ids" not in done.out
    again = place.run("forget", "-p", "dv", "--order")
    assert again.code == 0
    assert "no open order of dv is known" in again.out


@pytest.mark.parametrize(
    ("phase", "certificate_id", "at_scm"),
    [
        ("generating", None, False), ("ready", None, False), ("submitting", None, True), ("ordered", "7", True),
        ("issued", "7", True), ("failed", "7", False),
    ],
)  # fmt: skip
def test_an_order_that_scm_may_hold_is_said_to_stay_there(
    place: Scene, phase: str, certificate_id: str | None, at_scm: bool
) -> None:
    Store(place.folder / "state").save_order(order("ov", phase, certificate_id))
    done = place.run("forget", "-p", "ov", "--order", "--yes")
    assert done.code == 0
    assert ("SCM keeps it" in done.out) == at_scm
    assert (f"order {certificate_id}" if certificate_id else "no order ID") in done.out


def test_without_a_terminal_it_is_told_but_not_dropped(place: Scene) -> None:
    before = contents(place.folder / "state")
    done = place.run("forget", "-p", "dv")
    assert done.code == 2
    assert "--yes is needed" in done.err
    assert "order 1001" in done.out
    assert contents(place.folder / "state") == before


def test_a_person_is_asked(place: Scene) -> None:
    before = contents(place.folder / "state")
    done = run_on_terminal(place.config, ["forget", "-p", "dv"], [("Forget this of dv?", "n")])
    assert done.code == 1
    assert contents(place.folder / "state") == before
    done = run_on_terminal(place.config, ["forget", "-p", "dv"], [("Forget this of dv?", "y")])
    assert done.code == 0, done
    assert done.out.index("order 1001") < done.out.index("Forget this")
    assert before.keys() - remaining(place) == FILES_OF_DV


def advance(place: Scene) -> None:
    Store(place.folder / "state").save_order(order("dv", "issued"))


def add(place: Scene) -> None:
    place.state("journal/orders/dv.json.corrupt-2").write_text("?", "utf-8")


@pytest.mark.parametrize("change", [advance, add])
def test_what_has_changed_since_it_was_shown_is_not_dropped(place: Scene, change: Callable[[Scene], None]) -> None:
    class Slow(str):
        """Typed only after another run has been at work."""

        def encode(self, *_: str) -> bytes:
            change(place)
            return b"y"

    done = run_on_terminal(place.config, ["forget", "-p", "dv"], [("Forget this of dv?", Slow("y"))])
    assert done.code == 1
    assert "has changed since it was shown" in done.out
    assert remaining(place) >= FILES_OF_DV


def test_while_a_run_is_at_work_nothing_is_dropped(place: Scene) -> None:
    before = contents(place.folder / "state")
    with place.state("lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert place.run("forget", "-p", "dv", "--yes").code == 4
    assert contents(place.folder / "state") == before


@pytest.mark.parametrize("name", ["../dv", "journal/orders/dv", "", ".dv", "*", "dv\nov", "x" * 101])
def test_what_is_no_profile_name_is_refused(place: Scene, name: str) -> None:
    before = contents(place.folder / "state")
    done = place.run("forget", "-p", name, "--yes")
    assert done.code == 2
    assert "cannot be the name of a profile" in done.err
    assert contents(place.folder / "state") == before


def test_a_misspelt_name_gets_a_hint_and_drops_nothing(place: Scene) -> None:
    before = contents(place.folder / "state")
    done = place.run("forget", "-p", "dvv", "--yes")
    assert done.code == 0
    assert "did you mean dv?" in done.out
    assert contents(place.folder / "state") == before


def test_without_a_state_folder_none_is_made(tmp_path: Path) -> None:
    with Scene(tmp_path, {"dv": DV}) as made:
        assert made.run("forget", "-p", "dv").code == 0
        assert not made.state("").exists()


def test_a_wrong_profile_does_not_matter_but_a_wrong_config_does(place: Scene) -> None:
    (place.folder / "profiles/certificates/dv.yaml").write_text("type: [", "utf-8")
    assert place.run("forget", "-p", "dv", "--yes").code == 0
    place.config.write_text("scm: [", "utf-8")
    assert place.run("forget", "-p", "ov", "--yes").code == 2
    assert place.state("ov.ids").exists()


def test_a_planted_link_is_removed_and_what_it_leads_to_stays(place: Scene) -> None:
    precious = place.folder / "precious"
    precious.write_text("mine", "utf-8")
    place.state("dv.ids").unlink()
    place.state("dv.ids").symlink_to(precious)
    assert place.run("forget", "-p", "dv", "--yes").code == 0
    assert not place.state("dv.ids").is_symlink()
    assert precious.read_text("utf-8") == "mine"


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(FILES_OF_DV) + 1))
def test_after_a_power_cut_an_open_order_is_known_while_anything_is(place: Scene, side: str, number: int) -> None:
    assert place.run("forget", "-p", "dv", "--yes", kill_at=(number, side)).code is None
    left = FILES_OF_DV & remaining(place)
    assert not left or any("orders" in name for name in left)
    assert place.run("forget", "-p", "dv", "--yes").code == 0
    assert not FILES_OF_DV & remaining(place)


def test_an_unreadable_journal_blocks_no_longer_once_it_is_forgotten(tmp_path: Path) -> None:
    with Scene(tmp_path, {"ov": OV}) as made:
        assert made.run("enroll").code == 3
        made.state("journal/orders/ov.json").write_text("{", "utf-8")
        for _ in range(2):
            assert "ov.json.corrupt" in made.run("run").err
        assert made.run("forget", "-p", "ov", "--order", "--yes").code == 0
        assert "ov.json.corrupt" not in made.run("run").err
        assert made.state("ov.ids").exists()
