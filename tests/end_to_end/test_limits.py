"""The settings that hold orders back, and those that sound the alarm, reach the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.sandbox.scm.orders import Account
from paloaltofw.sandbox.world import WorldOptions, certificate_profile
from tests.end_to_end.harness import Scene

DV = {"dv": certificate_profile("fw-edge", "dv.example.com")}


@pytest.mark.parametrize(("limit", "orders", "code"), [("auto", 1, 1), ("1/30d", 1, 1), ("2/1h", 2, 0)])
def test_the_limit_of_automatic_orders(tmp_path: Path, limit: str, orders: int, code: int) -> None:
    options = WorldOptions(firewalls=("fw-edge",), accounts=[Account("DV_ACCOUNT", "id", "s]ecret", "DV")])
    with Scene(tmp_path, DV, options, {"issuance": {"order_limit": limit}}) as place:
        assert place.run("run").code == 0
        place.world.firewalls["fw-edge"].mark_revoked("dv")
        done = place.run("run", "--json")
        assert (done.code, len(place.world.scm.orders)) == (code, orders)
        if code:
            assert done.profiles["dv"]["error"]["code"] == "order-limit"
            # Nothing was made before it was held back.
            held = place.world.firewalls["fw-edge"].certificates(running=False)
            assert [name for name in held if name.startswith("dv")] == ["dv"]
            assert place.run("enroll", "--resubmit", "-p", "dv").code == 0
            assert len(place.world.scm.orders) == orders + 1


@pytest.mark.parametrize(("alarm", "nights", "code"), [("7d", 6, 3), ("7d", 8, 1), ("2d", 3, 1), ("30d", 8, 3)])
def test_a_pending_order_becomes_an_alarm(tmp_path: Path, alarm: str, nights: int, code: int) -> None:
    accounts = [Account("OV_ACCOUNT", "id", "s]ecret", "OV", auto_approve=False)]
    options = WorldOptions(firewalls=("fw-edge",), accounts=accounts)
    profiles = {"ov": certificate_profile("fw-edge", "ov.example.com", "OV")}
    with Scene(tmp_path, profiles, options, {"issuance": {"pending_alarm": alarm, "wait": "1s"}}) as place:
        assert place.run("run").code == 3
        place.let_time_pass(nights)
        done = place.run("run")
        assert (done.code, done.err.count("\n")) == (code, int(code == 1))
        assert ("pending" in done.err) is (code == 1)
        row = place.run("run", "--json").profiles["ov"]
        assert row["state"] == "pending"
        assert len(place.world.scm.orders) == 1
