"""Nothing costs many orders by mistake: a selection, numbers, a question; and nothing is forgotten in silence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.world import WorldOptions, certificate_profile
from tests.end_to_end.harness import Scene
from tests.end_to_end.terminal import run_on_terminal
from tests.sweeps import one_in

COSTLY = [("replace",), ("renew", "--force")]
CERTIFICATES = {
    "www": certificate_profile("fw-edge", "www.example.com", sans={"dns": ["more.example.com"]}),
    "vpn": certificate_profile("fw-branch", "vpn.example.com"),
}


def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path, CERTIFICATES, WorldOptions(firewalls=["fw-edge", "fw-branch"]))


@pytest.mark.parametrize("command", one_in(2, COSTLY, is_one_value=True))
def test_what_orders_anew_needs_a_selection_and_an_answer(tmp_path: Path, command: tuple[str, ...]) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        for more, words in (
            ((), "-p NAME, --firewall NAME or --all"),
            (("--yes",), "-p NAME, --firewall NAME or --all"),
            (("--dry-run",), "-p NAME, --firewall NAME or --all"),
            (("--all", "-p", "www", "--yes"), "exclude each other"),
            (("--all",), "--yes"),
            (("-p", "www"), "--yes"),
            (("--firewall", "fw-edge"), "--yes"),
            (("-p", "www", "--json"), "--yes"),
        ):
            done = place.run(*command, *more)
            assert (done.code, done.err.count("\n")) == (2, 1), more
            assert words in done.err
            assert ("errors" in done.json) if "--json" in more else done.out == ""
        assert len(place.world.scm.orders) == 2
        assert place.run(*command, "-p", "www", "--dry-run").code == 0
        assert len(place.world.scm.orders) == 2
        assert place.run(*command, "-p", "www", "--yes").code == 0
        assert len(place.world.scm.orders) == 3
        assert place.run(*command, "--all", "--yes").code == 0
        assert len(place.world.scm.orders) == 5


def test_renew_without_force_orders_only_what_is_due_and_asks_nobody(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        assert (place.run("renew").code, len(place.world.scm.orders)) == (0, 2)


@pytest.mark.parametrize("command", one_in(2, COSTLY, is_one_value=True))
def test_on_a_terminal_the_question_tells_numbers_and_names(tmp_path: Path, command: tuple[str, ...]) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        done = run_on_terminal(place.config, [*command, "--all"], [("Go on?", "n")])
        assert done.code == 1
        assert "This makes 2 orders on 2 firewalls:" in done.out
        assert "www on fw-edge: www.example.com, more.example.com" in done.out
        assert len(place.world.scm.orders) == 2
        done = run_on_terminal(place.config, [*command, "-p", "vpn"], [("Go on?", "y")])
        assert done.code == 0, done.out
        assert "This makes 1 order on 1 firewall:" in done.out
        assert len(place.world.scm.orders) == 3
        assert run_on_terminal(place.config, [*command, "-p", "vpn", "--yes"], []).code == 0
        assert len(place.world.scm.orders) == 4


def test_the_question_counts_what_a_dry_run_orders_and_names_what_nobody_can_see(tmp_path: Path) -> None:
    certificates = {**CERTIFICATES, "slow": certificate_profile("fw-edge", "slow.example.com", "OV")}
    with Scene(tmp_path, certificates, WorldOptions(firewalls=["fw-edge", "fw-branch"])) as place:
        assert place.run("enroll").code == 3
        place.world.firewalls["fw-branch"].expire_api_keys()
        plan = place.run("replace", "--all", "--dry-run", "--json").profiles
        ordered = [n for n, row in plan.items() if any(step["step"] == "SubmitOrder" for step in row["steps"])]
        assert "www" in ordered
        done = run_on_terminal(place.config, ["replace", "--all"], [("Go on?", "n")])
        assert re.search(rf"This makes {len(ordered)} orders? on 1 firewall:", done.out)
        assert all(f"  {name} on fw-edge: " in done.out for name in ordered)
        assert "and perhaps 1 more:" in done.out
        assert "vpn: firewall fw-branch" in done.out
        assert len(place.world.scm.orders) == 3


# --- revoke ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_journal", one_in(2, [True, False]))
def test_revoke_shows_which_certificate_and_says_that_it_is_done(tmp_path: Path, has_journal: bool) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        row = place.run("status", "--json").profiles["www"]
        if not has_journal:
            place.state("journal/installed/www.json").unlink()
        shown = (
            "common name     www.example.com", f"serial          {row['serial']}", f"expires         {row['not_after'][:10]}",
            "firewall        fw-edge (127.0.0.1", f"certificate ID  {row['certificate_id']}",
        )  # fmt: skip
        done = run_on_terminal(place.config, ["revoke", "-p", "www"], [("Revoke it", "n")])
        assert done.code == 1
        assert all(line in done.out.partition("Revoke it")[0] for line in shown), done.out
        assert place.world.scm.orders[0].state == "Issued"
        done = run_on_terminal(place.config, ["revoke", "-p", "www", "--reason", "superseded"], [("Revoke it", "y")])
        assert done.code == 0
        assert f"certificate ID {row['certificate_id']} is revoked (superseded)" in done.out
        assert sorted(order.state for order in place.world.scm.orders) == ["Issued", "Revoked"]


def test_revoke_without_a_terminal_needs_yes_and_is_silent(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        done = place.run("revoke", "-p", "www")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "--yes is needed" in done.err
        done = place.run("revoke", "-p", "www", "--yes")
        assert (done.code, done.out, done.err) == (0, "", "")
        assert "Revoked" in {order.state for order in place.world.scm.orders}


@pytest.mark.parametrize("has_journal", one_in(2, [True, False]))
def test_revoke_with_json_says_what_was_revoked(tmp_path: Path, has_journal: bool) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        row = place.run("status", "--json").profiles["www"]
        if not has_journal:
            place.state("journal/installed/www.json").unlink()
        refused = place.run("revoke", "-p", "www", "--json")
        assert (refused.code, refused.json["command"], refused.json["exit_code"]) == (2, "revoke", 2)
        assert refused.json["code"] == "usage"
        assert "--yes" in refused.json["errors"][0]
        assert "Revoked" not in {order.state for order in place.world.scm.orders}
        done = place.run("revoke", "-p", "www", "--json", "--yes", "--reason", "superseded")
        assert (done.code, done.err) == (0, "")
        assert done.json["revoked"] == {
            "profile": "www", "firewall": "fw-edge", "reason": "superseded",
            **{key: row[key] for key in ("certificate_id", "serial", "not_after")},
        }  # fmt: skip
        assert "Revoked" in {order.state for order in place.world.scm.orders}


def test_revoke_asks_also_where_nobody_can_say_which_certificate_it_is(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        place.state("journal/installed/www.json").unlink()
        place.world.scm_server.interceptor = lambda request, handle: Answer(503, b"", "text/html")
        done = run_on_terminal(place.config, ["revoke", "-p", "www"], [("Revoke it", "n")])
        assert done.code == 1
        assert "serial          not known" in done.out
        assert "www.example.com (of the profile; SCM" in done.out


def test_what_was_shown_is_what_is_revoked(tmp_path: Path) -> None:
    from paloaltofw.errors import UsageError
    from paloaltofw.workflows import revoke
    from paloaltofw.workflows.session import Options, open_session

    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        session = open_session(Options(config=str(place.config)), ("www",), ())
        shown = revoke.revocable_id(session)
        assert place.run("replace", "-p", "www", "--yes").code == 0
        with pytest.raises(UsageError, match="another certificate by now"):
            revoke.revoke(session, shown, "unspecified")
        assert "Revoked" not in {order.state for order in place.world.scm.orders}


# --- state without a profile -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", one_in(4, [("status",), ("check", "--offline"), ("check",), ("run",)], is_one_value=True)
)
def test_state_without_a_profile_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        assert "knows a profile" not in run_on_terminal(place.config, command, []).out
        profile = tmp_path / "profiles/certificates/vpn.yaml"
        profile.rename(profile.with_name("vpn-new.yaml"))
        profile.with_name("vpn-new.yaml").write_text(
            "name: vpn\n" + profile.with_name("vpn-new.yaml").read_text("utf-8")
        )
        done = run_on_terminal(place.config, command, [])
        assert done.code == 0, done.out
        assert done.out.count("knows a profile vpn that has no file") == 1
        assert "forget -p vpn`" in done.out
        assert "knows a profile vpn" in place.log
        quiet = place.run(*command)
        assert quiet.code == 0
        assert quiet.err == ""
        assert ("knows a profile vpn" in quiet.out) is (command != ("run",))


def test_state_without_a_profile_changes_no_json(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        assert place.run("enroll").code == 0
        before = place.run("status", "--json", "-p", "www").out
        (tmp_path / "profiles/certificates/vpn.yaml").unlink()
        assert place.run("status", "--json").out == before
