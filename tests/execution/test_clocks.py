"""No order while a clock is off by more than an hour: what is due, expired or recent would be read wrongly."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paloaltofw.errors import InvalidAnswer, WrongClock
from paloaltofw.execution.clocks import ensure_clocks
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask
from tests import x509
from tests.lifecycle.cases import PROFILE

HOUR, SECOND = datetime.timedelta(hours=1), datetime.timedelta(seconds=1)


class Scm:
    """An SCM that tells its date once it is asked something, or never."""

    def __init__(self, known: datetime.timedelta | None, told: datetime.timedelta | None, fails: bool = False) -> None:
        self.peer_date = None if known is None else x509.NOW + known
        self.told, self.fails, self.asked = told, fails, 0

    def prove_right(self) -> None:
        self.asked += 1
        if self.told is not None:
            self.peer_date = x509.NOW + self.told
        if self.fails:
            raise InvalidAnswer("no JSON", "SCM", "look at it")


def ensure(firewall: datetime.timedelta | None, scm: Scm) -> None:
    context: Any = SimpleNamespace(
        scm=lambda account: scm,
        clock=SimpleNamespace(now=lambda: x509.NOW),
        firewall=SimpleNamespace(title="fw (192.0.2.1)"),
        client=SimpleNamespace(peer_date=None if firewall is None else x509.NOW + firewall),
    )
    ensure_clocks(cast(Context, context), cast(CertificateTask, SimpleNamespace(profile=PROFILE)))


@pytest.mark.parametrize("sign", [1, -1])
def test_an_hour_is_the_most(sign: int) -> None:
    near, far = sign * HOUR, sign * (HOUR + SECOND)
    ensure(near, Scm(near, None))
    with pytest.raises(WrongClock, match=r"^fw \(192\.0\.2\.1\): its clock says .* nothing was ordered"):
        ensure(far, Scm(near, None))
    with pytest.raises(WrongClock, match=r"^SCM: its clock says"):
        ensure(near, Scm(far, None))


def test_who_tells_no_date_proves_nothing() -> None:
    ensure(None, Scm(None, None))
    ensure(None, Scm(None, None, fails=True))
    with pytest.raises(WrongClock, match=r"^SCM"):
        ensure(None, Scm(2 * HOUR, None))
    with pytest.raises(WrongClock, match=r"^fw"):
        ensure(2 * HOUR, Scm(None, None))


@pytest.mark.parametrize("fails", [False, True])
def test_an_scm_that_was_not_asked_yet_is_asked_once_and_its_refusal_tells_the_time_too(fails: bool) -> None:
    scm = Scm(None, 2 * HOUR, fails)
    with pytest.raises(WrongClock, match=r"^SCM"):
        ensure(SECOND, scm)
    assert scm.asked == 1
    known = Scm(SECOND, 2 * HOUR)
    ensure(SECOND, known)
    assert known.asked == 0
