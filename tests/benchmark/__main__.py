"""`python -m tests.benchmark`: measures, prints, checks what is promised, saves results.json, draws wall_time.svg."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from paloaltofw.sandbox.world import TOKEN_PATH
from tests.benchmark import plot
from tests.benchmark.serial_flow import Target, renew_firewall
from tests.end_to_end.harness import ROOT, SCRIPT, clean_environment

FOLDER = Path(__file__).resolve().parent
RESULTS, PLOT = FOLDER / "results.json", FOLDER / "wall_time.svg"
SIZES = tuple((firewalls, certificates) for firewalls in (1, 10, 50) for certificates in (1, 4, 20))
QUICK_SIZES = ((1, 1), (4, 2))
IDLE = ((200, 5),)
GROWTH = (500, 1000, 2000, 5000)
# The serial flow with more certificates a firewall than this is run at a smaller scale.
LONG, LONG_DIVISOR = 4, 5
MEBIBYTE = 1024 * 1024
# What the fleet promises: times the theoretical limit, times faster than the serial flow, and bytes.
MOST_TIMES_LIMIT, LEAST_TIMES_FASTER, MOST_BYTES = 1.15, 50.0, 250 * MEBIBYTE
# A small process starts the agent: a child's peak memory counts from that of its parent at the fork.
_LAUNCHER = """
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.call(sys.argv[1:])
wall = time.monotonic() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""


@dataclass
class Row:
    """One run of the agent. Seconds and bytes; per firewall: the least and the most."""

    firewalls: int
    certificates: int
    code: int
    wall: float
    cpu: float
    memory: int
    orders: int
    commits: tuple[int, int]
    requests: tuple[int, int]
    scm: dict[str, int]
    limit: float

    @property
    def total(self) -> int:
        return self.firewalls * self.certificates


@dataclass
class Results:
    """Everything that was measured in one go."""

    machine: str
    scale: float
    work: list[Row] = field(default_factory=list)
    serial: list[tuple[int, int, float]] = field(default_factory=list)
    idle: list[Row] = field(default_factory=list)
    growth: list[Row] = field(default_factory=list)


class Stage:
    """The stage's process, and the agent that plays on it."""

    def __init__(self, process: subprocess.Popen[str], firewalls: int, certificates: int, scale: float) -> None:
        self._process = process
        assert process.stdout is not None
        self.about: dict[str, Any] = json.loads(process.stdout.readline())
        self.size = (firewalls, certificates)
        self.scale = scale

    def ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run_agent(self) -> Row:
        """One `run` of the real command line."""
        command = [
            sys.executable,
            "-S",
            "-c",
            _LAUNCHER,
            sys.executable,
            str(SCRIPT),
            "--config",
            self.about["config"],
            "run",
        ]
        environment = clean_environment(
            SECTIGO_ACCEPT_EULA="yes", PALOALTOAGENT_SANDBOX_PACE=str(self.scale), PYTHONDONTWRITEBYTECODE="1"
        )
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
        code, wall, cpu, memory = json.loads(done.stdout.strip().split("\n")[-1])
        counts = self.ask("counts")
        commits, requests = counts["commits"], counts["requests"]
        return Row(
            *self.size, code, wall, cpu, memory, counts["orders"], (min(commits), max(commits)),
            (min(requests), max(requests)), counts["scm_requests"], counts["limit"],
        )  # fmt: skip

    def target(self, number: int) -> Target:
        about = self.about
        client = (about["account"][0], about["account"][1])
        return Target(
            number, about["names"][number], about["port"], about["keys"][number], about["scm"], client, self.scale
        )


@contextmanager
def stage(firewalls: int, certificates: int, scale: float, is_installed: bool = False) -> Iterator[Stage]:
    command = [
        sys.executable,
        "-m",
        "tests.benchmark.stage",
        json.dumps([firewalls, certificates, scale, is_installed]),
    ]
    environment = clean_environment(PYTHONPATH=str(ROOT))
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    try:
        yield Stage(process, firewalls, certificates, scale)
    finally:
        process.communicate()


def measure_work(results: Results, sizes: Sequence[tuple[int, int]]) -> None:
    """Everything is missing, everything is ordered, installed and committed."""
    for firewalls, certificates in sizes:
        with stage(firewalls, certificates, results.scale) as played:
            row = played.run_agent()
        results.work.append(row)
        say(f"{firewalls:5} x {certificates:2}: {row.wall:7.1f} s, {row.wall / row.limit:.2f} times the limit")


def measure_serial(results: Results, sizes: Sequence[tuple[int, int]]) -> None:
    """The usual flow for the same fleets.

    It does one firewall after the other, so its time is the sum of its firewalls' times. Each of these is measured by doing
    all the work on that firewall; the firewalls of all fleets are worked on at the same time, since the flow mostly sleeps.
    Fleets with many certificates a firewall would take hours one after the other: they are run at a fifth of the scale, and
    their times are given at the common one.
    """
    for is_long, divisor in ((False, 1), (True, LONG_DIVISOR)):
        chosen = [size for size in sizes if (size[1] > LONG) is is_long]
        if chosen:
            _measure_serial(results, chosen, divisor)


def _measure_serial(results: Results, sizes: Sequence[tuple[int, int]], divisor: int) -> None:
    shards = [(size, number) for size in sizes for number in range(size[0])]
    started, cpu = time.monotonic(), time.process_time()
    scale = results.scale / divisor
    with stage(len(shards), 0, scale) as played, ThreadPoolExecutor(len(shards)) as pool:
        targets = [played.target(number) for number in range(len(shards))]
        futures = [
            pool.submit(renew_firewall, target, size[1], TOKEN_PATH)
            for target, (size, _) in zip(targets, shards, strict=True)
        ]
        seconds = [future.result() * divisor for future in futures]
    for size in sizes:
        total = sum(second for second, (of, _) in zip(seconds, shards, strict=True) if of == size)
        results.serial.append((*size, total))
        say(
            f"{size[0]:5} x {size[1]:2}: {total:9.1f} s, one after the other{' (run at a fifth)' if divisor > 1 else ''}"
        )
    say(f"        (took {time.monotonic() - started:.0f} s, {time.process_time() - cpu:.0f} CPU seconds of the flows)")


def measure_idle(rows: list[Row], sizes: Sequence[tuple[int, int]]) -> None:
    """Everything is in order: nothing is to be done, and firewalls answer as quickly as they can."""
    for firewalls, certificates in sizes:
        with stage(firewalls, certificates, 0.0001, is_installed=True) as played:
            row = played.run_agent()
        rows.append(row)
        say(
            f"{firewalls:5} x {certificates:2}: {row.wall:7.1f} s, {row.cpu:.1f} CPU s, {row.memory / MEBIBYTE:.0f} MiB"
        )


def fit(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Least squares: slope, intercept, R²."""
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    total = sum((y - mean_y) ** 2 for _, y in points)
    return slope, mean_y - slope * mean_x, 1 - rest / total if total else 1.0


def work_table(results: Results) -> list[str]:
    serial = {(f, c): seconds for f, c, seconds in results.serial}
    lines = [
        "| firewalls x certificates | wall time | limit | ratio | serial flow | times faster | commits a firewall |"
        " requests a firewall | orders | CPU | memory |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results.work:
        other = serial.get((row.firewalls, row.certificates))
        mark = "*" if row.certificates > LONG else ""
        faster = f"{other:,.0f} s{mark} | {other / row.wall:.1f}{mark}" if other else "not run | "
        lines.append(
            f"| {row.firewalls} x {row.certificates} | {row.wall:.1f} s | {row.limit:.1f} s | {row.wall / row.limit:.2f} | {faster} | "
            f"{span(row.commits)} | {span(row.requests)} | {row.orders} | {row.cpu:.1f} s | {row.memory / MEBIBYTE:.0f} MiB |"
        )
    return lines


def idle_table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| firewalls | certificates | wall time | CPU | CPU a firewall | CPU a certificate | memory | requests a firewall |"
        " requests to SCM |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {row.firewalls:,} | {row.total:,} | {row.wall:.1f} s | {row.cpu:.1f} s | {1000 * row.cpu / row.firewalls:.1f} ms | "
        f"{1000 * row.cpu / row.total:.1f} ms | {row.memory / MEBIBYTE:.0f} MiB | {span(row.requests)} | {sum(row.scm.values())} |"
        for row in rows
    ]


def span(bounds: tuple[int, int]) -> str:
    return str(bounds[0]) if bounds[0] == bounds[1] else f"{bounds[0]}-{bounds[1]}"


def fit_lines(rows: Sequence[Row]) -> list[str]:
    cpu = fit([(row.firewalls, row.cpu) for row in rows])
    memory = fit([(row.firewalls, row.memory / MEBIBYTE) for row in rows])
    return [
        f"CPU = {cpu[1]:.2f} s + {1000 * cpu[0]:.2f} ms a firewall (R² = {cpu[2]:.4f}); "
        f"memory = {memory[1]:.0f} MiB + {1024 * memory[0]:.1f} KiB a firewall (R² = {memory[2]:.4f})"
    ]


def verdicts(results: Results) -> list[tuple[str, bool]]:
    """What is promised, and whether this run kept it."""
    found = []
    serial = {(f, c): seconds for f, c, seconds in results.serial}
    for row in results.work:
        found.append(
            (
                f"{row.firewalls} x {row.certificates}: all in order, one commit each",
                row.code == 0 and row.commits == (1, 1),
            )
        )
        found.append((f"{row.firewalls} x {row.certificates}: one order a certificate", row.orders == row.total))
        if (row.firewalls, row.certificates) == (50, 4):
            ratio = row.wall / row.limit
            found.append(
                (f"50 x 4: {ratio:.3f} times the limit (at most {MOST_TIMES_LIMIT})", ratio <= MOST_TIMES_LIMIT)
            )
            faster = serial.get((50, 4), 0.0) / row.wall
            found.append(
                (f"50 x 4: {faster:.0f} times faster (at least {LEAST_TIMES_FASTER:g})", faster >= LEAST_TIMES_FASTER)
            )
    for row in results.idle + results.growth:
        is_quiet = row.code == 0 and row.requests == (1, 1) and not row.scm and row.commits == (0, 0)
        found.append((f"{row.firewalls} idle firewalls: one request each, none to SCM, no commit", is_quiet))
    for row in results.growth:
        if row.firewalls == GROWTH[-1]:
            found.append(
                (f"{row.firewalls} firewalls: {row.memory / MEBIBYTE:.0f} MiB (less than 250)", row.memory < MOST_BYTES)
            )
    return found


def draw(results: Results) -> None:
    """Both flows, in seconds as they are measured divided by the scale: what they would be at full latencies."""
    ours = [(row.total, row.wall / results.scale) for row in results.work]
    serial = [(f * c, seconds / results.scale) for f, c, seconds in results.serial]
    limit = [(row.total, row.limit / results.scale) for row in results.work]
    best = {x: min(y for a, y in ours if a == x) for x, _ in ours}
    curves: list[plot.Curve] = [("paloaltoagent", sorted(best.items()))]
    if serial:
        curves.append(("serial flow", sorted(dict(serial).items())))
    low = {x: min(y for a, y in limit if a == x) for x, _ in limit}
    curves.append(("limit", sorted(low.items())))
    plot.draw(PLOT, "Wall time until everything is committed (full latencies)", curves)


def say(text: str) -> None:
    print(text, flush=True)


def report(results: Results) -> bool:
    """Print the tables; gives whether every promise was kept."""
    say(f"\nmachine: {results.machine}; latencies x {results.scale:g}\n")
    if results.work:
        say("\n".join(work_table(results)) + "\n")
    if results.idle:
        say("nothing to do:\n" + "\n".join(idle_table(results.idle)) + "\n")
    if results.growth:
        say(
            "nothing to do, growing:\n"
            + "\n".join([*idle_table(results.growth), "", *fit_lines(results.growth)])
            + "\n"
        )
    kept = True
    for text, is_kept in verdicts(results):
        kept = kept and is_kept
        say(f"{'OK    ' if is_kept else 'MISSED'} {text}")
    return kept


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


@click.command()
@click.option("--quick", is_flag=True, help="Small fleets only, a minute in all.")
@click.option(
    "--only", multiple=True, type=click.Choice(["work", "serial", "idle", "growth"]), help="These parts only."
)
@click.option("--scale", default=0.5, show_default=True, help="Multiplies every latency.")
@click.option("--redraw", is_flag=True, help="Only print and draw what results.json holds.")
def main(quick: bool, only: tuple[str, ...], scale: float, redraw: bool) -> None:
    """Measure the agent against simulated firewalls that take their time, and against the usual serial flow."""
    if redraw:
        results = load_results()
    else:
        results = Results(machine(), scale)
        sizes = QUICK_SIZES if quick else SIZES
        parts = only or ("work", "idle", "growth", "serial")
        for part in parts:
            say(f"--- {part}")
            if part == "work":
                measure_work(results, sizes)
            elif part == "serial":
                measure_serial(results, sizes)
            elif part == "idle":
                measure_idle(results.idle, ((4, 2),) if quick else IDLE)
            else:
                measure_idle(results.growth, tuple((n, 1) for n in ((20, 40) if quick else GROWTH)))
        if not quick and not only:
            RESULTS.write_text(json.dumps(asdict(results), indent=1) + "\n", "utf-8")
    kept = report(results)
    if results.work and not quick and not only:
        draw(results)
    sys.exit(0 if kept else 1)


def load_results() -> Results:
    """What the last complete run saved."""
    data = json.loads(RESULTS.read_text("utf-8"))
    for part in ("work", "idle", "growth"):
        data[part] = [
            Row(**{**row, "commits": tuple(row["commits"]), "requests": tuple(row["requests"])}) for row in data[part]
        ]
    data["serial"] = [tuple(item) for item in data["serial"]]
    return Results(**data)


if __name__ == "__main__":
    main()
