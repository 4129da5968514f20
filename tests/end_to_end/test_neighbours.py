"""Other administrators' work beside the agent's: a device that commits it, validation, and what an unfinished run leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.xpath import find, parse
from paloaltofw.sandbox.world import AGENT_ADMIN
from tests.worlds.acts import cut, cut_before, panos_error, says
from tests.worlds.play import NAME
from tests.worlds.stage import CERTIFICATES, Call, Rule, Stage, staged
from tests.worlds.wire import Handle

ADDRESSES = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
WEB_9 = "<entry name='web-9'><ip-netmask>192.0.2.9/32</ip-netmask></entry>"


@contextlib.contextmanager
def stage(folder: Path, kind: str = "DV", **firewall: Any) -> Iterator[Stage]:
    with staged(folder, kind=kind) as made:
        made.add_profile(NAME, "www.example.com")
        made.edit_firewall(**firewall)
        yield made


def row_of(place: Stage, code: int) -> dict[str, Any]:
    done = place.night()
    assert done.code == code, done.err
    assert place.problems == []
    return dict(done.rows[0])


def before_commit(place: Stage, action: Callable[[Firewall], object]) -> None:
    """Something that happens between the agent's look at the list of changes and the end of its commit."""

    def act(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        action(call.firewall)
        return answer

    place.rules.append(Rule("fw commit", act, times=1))


def log(place: Stage) -> str:
    return (place.folder / "logs/paloaltoagent.log").read_text("utf-8")


def others(firewall: Firewall) -> list[str]:
    return [change.owner for change in firewall.pending_changes() if change.owner != AGENT_ADMIN]


# --- a commit that takes others' changes along -----------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["request", "container", "object"])
def test_a_device_that_commits_everybodys_changes_is_told(tmp_path: Path, journal: str) -> None:
    with stage(tmp_path) as place:
        place.switch_panos(partial_commit_takes="everything", journal_paths=journal)
        place.firewalls["fw"].change_as("alice", ADDRESSES, WEB_9)
        row = row_of(place, 1)
        assert row["error"]["code"] == "foreign-commit"
        assert "alice (/config/devices/entry" in row["error"]["message"]
        assert f"the agent asked for the changes of {AGENT_ADMIN} only" in row["error"]["hint"]
        assert (row["state"], row["action"]) == ("valid", "enroll")
        assert place.served("fw").common_name == "www.example.com"
        assert row_of(place, 0)["error"] is None
        assert len(place.orders) == 1


def test_a_device_that_does_as_it_is_told_is_not(tmp_path: Path) -> None:
    with stage(tmp_path) as place:
        place.firewalls["fw"].change_as("alice", ADDRESSES, WEB_9)
        assert row_of(place, 0)["error"] is None
        assert others(place.firewalls["fw"]) == ["alice"]
        assert "are gone" not in log(place)


def alice_commits(firewall: Firewall) -> None:
    """In the web interface: her commit has a job."""
    from paloaltofw.sandbox.panos.commit_orders import CommitOrder

    with firewall.settled():
        mine = [change for change in firewall.configuration.pending() if change.owner == "alice"]
        content = firewall.configuration.snapshot([change.path for change in mine])
        firewall.jobs.enqueue("alice", CommitOrder(admins=("alice",), is_partial=True), content, firewall.clock.now())


def alice_reverts(firewall: Firewall) -> None:
    firewall.configuration.revert([c.path for c in firewall.configuration.pending() if c.owner == "alice"])


@pytest.mark.parametrize("action", [alice_commits, alice_reverts])
@pytest.mark.parametrize("journal", ["container", "object"])
def test_what_its_owner_did_meanwhile_is_no_alarm(
    tmp_path: Path, action: Callable[[Firewall], object], journal: str
) -> None:
    with stage(tmp_path) as place:
        place.switch_panos(journal_paths=journal)
        place.firewalls["fw"].change_as("alice", ADDRESSES, WEB_9)
        before_commit(place, action)
        assert row_of(place, 0)["error"] is None
        assert others(place.firewalls["fw"]) == []
        assert "uncommitted changes of alice are gone since the commit" in log(place)


def test_a_commit_of_hers_that_was_at_work_before_is_no_alarm(tmp_path: Path) -> None:
    with stage(tmp_path) as place:
        firewall = place.firewalls["fw"]
        place.switch_panos(busy_commit="queue")
        firewall.change_as("alice", ADDRESSES, WEB_9)
        firewall.jobs._seconds = 4.0

        def commits(call: Call, handle: Handle) -> Answer:
            alice_commits(firewall)
            return handle(call.request)

        place.rules.append(Rule("fw jobs", commits, times=1))
        assert row_of(place, 0)["error"] is None
        assert others(firewall) == []


@pytest.mark.parametrize("label", ["fw jobs", "fw show other"])
def test_where_one_witness_is_missing_it_is_a_warning_as_before(tmp_path: Path, label: str) -> None:
    with stage(tmp_path) as place:
        place.switch_panos(partial_commit_takes="everything")
        place.firewalls["fw"].change_as("alice", ADDRESSES, WEB_9)
        place.rules.append(Rule(label, panos_error("Internal error", 11)))
        assert row_of(place, 0)["error"] is None
        assert "uncommitted changes of alice are gone since the commit" in log(place)


@pytest.mark.parametrize("journal", ["request", "container", "object"])
def test_a_change_in_a_container_of_ours_is_no_proof(tmp_path: Path, journal: str) -> None:
    """Alice imports a certificate and takes it back; the container has changed by the agent's own commit."""
    with stage(tmp_path) as place:
        place.switch_panos(journal_paths=journal)
        place.firewalls["fw"].change_as(
            "alice", CERTIFICATES, "<entry name='hers'><common-name>h</common-name></entry>"
        )
        before_commit(place, alice_reverts)
        assert row_of(place, 0)["error"] is None


@pytest.mark.parametrize("shape", ["empty", "unknown_command"])
def test_without_a_list_of_changes_nothing_is_said(tmp_path: Path, shape: str) -> None:
    with stage(tmp_path) as place:
        place.switch_panos(changes_shape=shape, partial_commit_takes="everything")
        place.firewalls["fw"].change_as("alice", ADDRESSES, WEB_9)
        assert row_of(place, 0)["error"] is None


# --- validation --------------------------------------------------------------------------------------------------------


def validations(firewall: Firewall) -> list[Any]:
    return [job for job in firewall.jobs.all if job.order.is_validation]


@pytest.mark.parametrize(("partial", "admins"), [("unexpected", None), ("accepted", (AGENT_ADMIN,))])
def test_each_commit_is_preceded_by_a_validation(tmp_path: Path, partial: str, admins: tuple[str, ...] | None) -> None:
    with stage(tmp_path, validate=True) as place:
        place.switch_panos(validate_partial=partial)
        row_of(place, 0)
        place.skip(160)
        row_of(place, 0)
        jobs = place.firewalls["fw"].jobs.all
        assert [job.kind for job in jobs] == ["Validate", "Commit"] * 2
        assert {job.order.admins for job in validations(place.firewalls["fw"])} == {admins}


def refuses_certificate(root: Any) -> list[str]:
    held = find(root, parse(f"{CERTIFICATES}/entry[@name='{NAME}']/public-key"))
    return [] if held is None else [f" shared -> certificate -> {NAME} is missing 'common-name'"]


def test_a_failed_validation_commits_nothing_and_is_told(tmp_path: Path) -> None:
    with stage(tmp_path, validate=True) as place:
        firewall = place.firewalls["fw"]
        firewall.jobs.objections.append(refuses_certificate)
        for _ in range(3):
            row = row_of(place, 1)
            assert row["error"]["code"] == "validate"
            assert "the validation failed: " in row["error"]["message"]
            assert firewall.commits == []
        # The key is nowhere but in the candidate configuration: nothing was taken back.
        assert firewall.certificates(running=False)[NAME].has_key
        firewall.jobs.objections.clear()
        row_of(place, 0)
        assert len(place.orders) == 1


def test_after_a_failed_validation_ours_is_taken_back_where_its_key_is_committed(tmp_path: Path) -> None:
    with stage(tmp_path, kind="OV", validate=True) as place:
        firewall = place.firewalls["fw"]
        row_of(place, 3)
        firewall.change_as("alice", ADDRESSES, WEB_9)
        firewall.jobs.objections.append(refuses_certificate)
        place.scm.approve_all()
        row = row_of(place, 1)
        assert row["error"]["code"] == "validate"
        assert "took its own uncommitted changes back, and nobody else's" in row["error"]["hint"]
        assert [change.owner for change in firewall.pending_changes()] == ["alice"]
        firewall.jobs.objections.clear()
        row_of(place, 0)
        assert len(place.orders) == 1


UNKNOWN = panos_error("validate  is unexpected", 17)
DENIED = panos_error("Unauthorized request", 16)
NO_JOB = says(200, '<response status="success" code="7"><result/></response>', "application/xml")


@pytest.mark.parametrize(("label", "act"), [
    ("fw op validate.*", UNKNOWN), ("fw op validate.*", DENIED), ("fw op validate.*", cut_before),
])  # fmt: skip
def test_where_it_cannot_be_validated_that_is_said_and_the_commit_goes_on(
    tmp_path: Path, label: str, act: Callable[[Call, Handle], Answer]
) -> None:
    with stage(tmp_path, validate=True) as place:
        place.rules.append(Rule(label, act))
        assert row_of(place, 0)["error"] is None
        assert "was not validated before the commit" in log(place)


def test_a_lost_answer_to_a_validation_costs_nothing(tmp_path: Path) -> None:
    with stage(tmp_path, validate=True) as place:
        place.rules.append(Rule("fw op validate.*", cut, times=1))
        assert row_of(place, 0)["error"] is None
        assert "was not validated" not in log(place)


def test_a_validation_job_that_is_forgotten_is_said(tmp_path: Path) -> None:
    with stage(tmp_path, validate=True) as place:
        place.rules.append(Rule("fw job", NO_JOB, times=1))
        assert row_of(place, 0)["error"] is None
        assert "does not know the validation job" in log(place)


# --- an installation that cannot be completed ----------------------------------------------------------------------------


def import_of(name: str, act: Callable[[Call, Handle], Answer]) -> Rule:
    """A rule for the import of one entry."""

    def only(call: Call, handle: Handle) -> Answer:
        return act(call, handle) if call.parameters["certificate-name"] == name else handle(call.request)

    return Rule("fw import", only)


REFUSED = panos_error("Import of www failed. Unsupported digest or keys used in FIPS-CC mode")


def pending(place: Stage) -> Firewall:
    """An OV order whose CSR was committed, and which SCM has issued meanwhile."""
    row_of(place, 3)
    place.scm.approve_all()
    return place.firewalls["fw"]


def spoils(call: Call, handle: Handle) -> Answer:
    """The import says success, and the entry holds another certificate afterwards."""
    certificate, _ = call.stage.certificate("elsewhere.example.com")
    answer = handle(call.request)
    firewall = call.firewall
    name = call.parameters["certificate-name"]
    with firewall.configuration.change(AGENT_ADMIN, firewall.local_now()) as root:
        entry = find(root, parse(f"{CERTIFICATES}/entry[@name='{name}']"))
        held = entry.find("public-key") if entry is not None else None
        assert held is not None
        held.text = certificate.public_bytes(Encoding.PEM).decode()
    return answer


def test_nothing_is_left_of_an_import_that_failed(tmp_path: Path) -> None:
    with stage(tmp_path, kind="OV") as place:
        firewall = pending(place)
        firewall.change_as("alice", ADDRESSES, WEB_9)
        place.rules.append(import_of(NAME, REFUSED))
        for _ in range(2):
            row_of(place, 1)
            assert [change.owner for change in firewall.pending_changes()] == ["alice"]
            assert len(firewall.commits) == 1
        place.rules.clear()
        row_of(place, 0)
        assert len(place.orders) == 1
        assert [change.owner for change in firewall.pending_changes()] == ["alice"]


def test_what_contradicts_its_key_is_left_and_said(tmp_path: Path) -> None:
    """Certificate and CSR are of two keys: whether a revert would lose one of them cannot be told."""
    with stage(tmp_path, kind="OV") as place:
        firewall = pending(place)
        place.rules.append(import_of(NAME, spoils))
        row_of(place, 1)
        assert not any(entry.summary.startswith("revert") for entry in firewall.log)
        assert "was begun is left in the candidate configuration" in log(place)
        assert [name for name in firewall.certificates(running=False) if "Sandbox" in name] == []
        place.rules.clear()
        row_of(place, 0)
        assert len(place.orders) == 1


def test_a_pending_key_is_never_reverted(tmp_path: Path) -> None:
    """The first night: the key is in the candidate configuration alone, and is committed; intermediates are not."""
    with stage(tmp_path) as place:
        firewall = place.firewalls["fw"]
        place.rules.append(import_of(NAME, REFUSED))
        row_of(place, 1)
        assert not any(entry.summary.startswith("revert") for entry in firewall.log)
        assert firewall.certificates(running=True)[NAME].has_key
        assert [name for name in firewall.certificates(running=False) if "Sandbox" in name] == []
        assert firewall.pending_changes() == []


def test_where_the_administrator_has_other_work_ours_is_removed_piece_by_piece(tmp_path: Path) -> None:
    with stage(tmp_path, kind="OV") as place:
        firewall = pending(place)

        def works_too(call: Call, handle: Handle) -> Answer:
            firewall.change_as(AGENT_ADMIN, ADDRESSES, WEB_9)
            return REFUSED(call, handle)

        place.rules.append(import_of(NAME, works_too))
        row_of(place, 1)
        assert not any(entry.summary.startswith("revert") for entry in firewall.log)
        assert [name for name in firewall.certificates(running=False) if "Sandbox" in name] == []
        assert find(firewall.configuration.candidate, parse(f"{ADDRESSES}/entry[@name='web-9']")) is not None
        assert "was begun is left in the candidate configuration" in log(place)
        assert "changes that the agent did not make" in log(place)


@pytest.mark.parametrize("repairs", [True, False])
def test_what_is_in_service_is_not_committed_with_another_certificate_in_it(tmp_path: Path, repairs: bool) -> None:
    """Two certificates on one firewall, one of them with `key: reuse`, whose import went wrong."""
    with staged(tmp_path) as place:
        place.add_profile(NAME, "www.example.com", renewal={"key": "reuse"})
        assert place.night().code == 0
        place.skip(160)
        place.add_profile("mail", "mail.example.com", bound=None)
        place.rules.append(import_of(NAME, spoils))
        if repairs:
            place.rules[-1].times = 2  # the intermediate is there; the other certificate, and the first attempt
        done = place.night()
        assert done.code == 1
        serial = place.scm.orders[0].certificate
        assert serial is not None
        assert place.served("fw").serial == serial.serial_number
        assert place.problems == []
        is_committed = "mail" in place.firewalls["fw"].certificates(running=True)
        assert is_committed is repairs
        place.rules.clear()
        assert place.night().code == (0 if repairs else 1)  # what is in the candidate is put right first
        assert place.night().code == 0
        assert place.served("fw").serial != serial.serial_number
        assert place.problems == []
        assert len(place.orders) == 3
