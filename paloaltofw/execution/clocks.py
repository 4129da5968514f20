"""Before an order: the clocks of this host, the firewall and SCM agree, or no date can be believed."""

from __future__ import annotations

import contextlib
import datetime

from paloaltofw.errors import PeerError, WrongClock
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask

FURTHEST_OFF = datetime.timedelta(hours=1)


def ensure_clocks(context: Context, task: CertificateTask) -> None:
    """Compare the dates of the last answers with ours; one that sent none proves nothing. Raises WrongClock."""
    scm = context.scm(task.profile.account)
    now = context.clock.now()
    if scm.peer_date is None or abs(scm.peer_date - now) > FURTHEST_OFF:  # it may only be an old answer
        with contextlib.suppress(PeerError):  # what is wrong with SCM, the order itself will tell
            scm.prove_right()  # the cheapest question that shows SCM's clock before the first order
    now = context.clock.now()
    for title, date in ((context.firewall.title, context.client.peer_date), ("SCM", scm.peer_date)):
        if date is not None and abs(date - now) > FURTHEST_OFF:
            what = f"its clock says {date:%Y-%m-%d %H:%M} UTC, this host's {now:%Y-%m-%d %H:%M} UTC"
            remedy = "nothing was ordered; correct the clock that is wrong (NTP), the next run goes on"
            raise WrongClock(what, title, remedy)
