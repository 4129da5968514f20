"""The Prometheus textfile: what is known of every certificate, also of those that this run did not look at.

What was seen last is kept in the state folder, so that a run on some profiles does not drop the others' series, and a
firewall that cannot be reached does not hide when its certificates expire.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paloaltofw import __version__
from paloaltofw.clock import parse_time
from paloaltofw.errors import UsageError
from paloaltofw.lifecycle.decision import Outcome, State
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.settings import Settings
from paloaltofw.safe_files import PUBLIC_FILE_MODE, atomic_write
from paloaltofw.storage.notes import load_note, save_note
from paloaltofw.storage.store import Store

if TYPE_CHECKING:
    from prometheus_client.core import Metric

FILE = "metrics.json"
_PROFILE = ("profile", "firewall")
# Name, help, the key of what is kept.
_GAUGES = (
    ("certificate_not_after_timestamp_seconds", "When the certificate in service expires.", "not_after"),
    ("last_success_timestamp_seconds", "When a run last left this certificate without a failure.", "succeeded"),
    ("order_pending_since_timestamp_seconds", "When the order that is still open was placed.", "pending_since"),
    ("order_pending", "Whether an order is open, or something waits for its commit window.", "pending"),
    ("brake_active", "Whether the brake holds an order back (code order-limit).", "brake"),
)


@dataclass(frozen=True)
class RunFigures:
    """A run as a whole: when it ended, how long it took (seconds), and its exit code."""

    command: str
    code: int
    ended: datetime.datetime
    duration: float


def write_metrics(
    settings: Settings,
    store: Store,
    profiles: Mapping[str, CertificateProfile] | None,
    outcomes: Sequence[Outcome],
    run: RunFigures,
) -> None:
    """Update what is kept and write the textfile; raises UsageError and StateError.

    `profiles` are all that there are; None where the run ended before they were known.
    """
    if settings.metrics_textfile is None:
        return
    kept = load_note(store, FILE)
    kept = {"version": 1, "runs": _section(kept, "runs"), "profiles": _section(kept, "profiles")}
    kept["runs"][run.command] = {"ended": run.ended.timestamp(), "duration": run.duration, "code": run.code}
    for outcome in outcomes:
        seen = _seen(outcome, kept["profiles"].get(outcome.profile, {}), run.ended)
        profile = profiles.get(outcome.profile) if profiles is not None else None
        orders = store.count_orders(profile.firewall, profile.name) if profile is not None else None
        kept["profiles"][outcome.profile] = {**seen, "orders": seen["orders"] if orders is None else orders}
    if profiles is not None:
        kept["profiles"] = {name: values for name, values in kept["profiles"].items() if name in profiles}
    save_note(store, FILE, kept)
    # node_exporter runs as another user.
    atomic_write(settings.metrics_textfile, render(kept), mode=PUBLIC_FILE_MODE)


def _section(kept: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = kept.get(name)
    return (
        {key: value for key, value in section.items() if isinstance(value, dict)} if isinstance(section, dict) else {}
    )


def _seen(outcome: Outcome, before: Mapping[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """What is kept of a certificate; where the firewall could not be looked at, its earlier values stay."""
    same = before if before.get("firewall") == outcome.firewall else {}
    is_unknown = outcome.state is State.UNKNOWN
    certificate = outcome.certificate
    expiry = certificate.not_after.timestamp() if certificate else same.get("not_after") if is_unknown else None
    is_pending = outcome.state is State.PENDING
    since = parse_time(outcome.ordered_at).timestamp() if is_pending and outcome.ordered_at else None
    return {
        "firewall": outcome.firewall,
        "state": outcome.state.value,
        "code": outcome.error.code if outcome.error is not None else None,
        "not_after": expiry,
        "succeeded": now.timestamp() if outcome.error is None else same.get("succeeded"),
        "pending": same.get("pending", 0) if is_unknown else int(is_pending),
        "pending_since": same.get("pending_since") if is_unknown else since,
        "brake": int(outcome.error is not None and outcome.error.code == "order-limit"),
        "orders": same.get("orders", 0),
    }


def render(kept: Mapping[str, Any]) -> bytes:
    """The textfile's content; raises UsageError where prometheus_client is not installed."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        what = "metrics.textfile needs prometheus_client, which is not installed"
        raise UsageError(what, remedy="run: pip install prometheus-client") from None

    class Kept:
        def collect(self) -> Iterator[Metric]:
            yield from _profile_metrics(kept["profiles"])
            yield from _run_metrics(kept["runs"])

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Kept())
    return generate_latest(registry)


def _profile_metrics(profiles: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for name, text, key in _GAUGES:
        gauge = GaugeMetricFamily(f"paloaltoagent_{name}", text, labels=_PROFILE)
        for profile, values in sorted(profiles.items()):
            if isinstance(values.get(key), (int, float)):
                gauge.add_metric(_labels(profile, values), values[key])
        yield gauge
    for name, text, key, label in (
        ("certificate_state", "1 for the state that the certificate is in.", "state", "state"),
        ("failure", "1 for the code of the failure that the last run ended with; absent without one.", "code", "code"),
    ):
        gauge = GaugeMetricFamily(f"paloaltoagent_{name}", text, labels=(*_PROFILE, label))
        for profile, values in sorted(profiles.items()):
            if isinstance(values.get(key), str):
                gauge.add_metric([*_labels(profile, values), values[key]], 1)
        yield gauge
    counter = CounterMetricFamily(
        "paloaltoagent_orders_placed", "Orders in the certificate's ledger, which keeps the last 100.", labels=_PROFILE
    )
    for profile, values in sorted(profiles.items()):
        if isinstance(values.get("orders"), int):
            counter.add_metric(_labels(profile, values), values["orders"])
    yield counter


def _labels(profile: str, values: Mapping[str, Any]) -> list[str]:
    return [profile, str(values.get("firewall", ""))]


def _run_metrics(runs: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    for name, text, key in (
        ("last_run_timestamp_seconds", "When the command last ended.", "ended"),
        ("last_run_duration_seconds", "How long it took.", "duration"),
        ("last_run_exit_code", "How it ended: 0 all in order, 1 failed, 2 wrong files, 3 pending, 4 locked.", "code"),
    ):
        gauge = GaugeMetricFamily(f"paloaltoagent_{name}", text, labels=("command",))
        for command, values in sorted(runs.items()):
            if isinstance(values.get(key), (int, float)):
                gauge.add_metric([command], values[key])
        yield gauge
    yield InfoMetricFamily("paloaltoagent_build", "The agent that wrote this.", {"version": __version__})
