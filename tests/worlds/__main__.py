"""`python -m tests.worlds [PART …] [--diary]`: play the worlds whose title holds a part, and print a table."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.worlds import OPEN
from tests.worlds.catalogue import BY_TITLE, WORLDS
from tests.worlds.play import Verdict, play


def play_title(title: str) -> Verdict:
    """Play one world, in a process of a pool."""
    return play(BY_TITLE[title])


HEADING = f"{'orders':>6} {'allowed':>7}  {'codes':30}  {'verdict':8}  world"


def row(verdict: Verdict) -> str:
    """A world's row, and its first violation."""
    word = "holds" if verdict.holds else ("open" if verdict.title in OPEN else "FAILS")
    codes = short(verdict.codes)
    line = f"{verdict.orders:>6} {verdict.allowed:>7}  {codes:30}  {word:8}  {verdict.title}"
    return "\n".join([line, *(f"{'':58}{' '.join(problem.split())[:200]}" for problem in verdict.problems[:1])])


def short(codes: str) -> str:
    """3330000 as 3x3 0x4."""
    parts: list[tuple[str, int]] = []
    for code in codes:
        if parts and parts[-1][0] == code:
            parts[-1] = (code, parts[-1][1] + 1)
        else:
            parts.append((code, 1))
    words = [f"{code}x{count}" for code, count in parts]
    return " ".join(words if len(words) <= 6 else [*words[:5], "..."])


def main(arguments: list[str]) -> int:
    """Play and print; 1 if a world fails that is not known to be open."""
    parts = [item for item in arguments if not item.startswith("--")]
    titles = [w.title for w in WORLDS if not parts or any(part.lower() in w.title.lower() for part in parts)]
    started = time.monotonic()
    verdicts = []
    print(HEADING)
    with ProcessPoolExecutor(2) as pool:
        for verdict in pool.map(play_title, titles):
            verdicts.append(verdict)
            if "--diary" in arguments:
                print("\n".join(["", *verdict.diary, *verdict.problems, ""]))
            print(row(verdict), flush=True)
    broken = sum(not verdict.holds for verdict in verdicts)
    slowest = ", ".join(f"{v.title} {v.seconds:.1f} s" for v in sorted(verdicts, key=lambda v: -v.seconds)[:3])
    print(f"{len(verdicts)} worlds, {broken} do not hold; {time.monotonic() - started:.0f} s; slowest: {slowest}")
    return int(any(not verdict.holds and verdict.title not in OPEN for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
