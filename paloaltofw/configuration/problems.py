"""What is wrong in a file, and where: problems with file, line, column and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Position:
    """Where a value stands; lines and columns count from 1."""

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file."""

    position: Position
    key: str
    what: str
    allowed: str = ""

    def __str__(self) -> str:
        text = f"{self.position}: {self.key}: {self.what}" if self.key else f"{self.position}: {self.what}"
        return f"{text}; {self.allowed}" if self.allowed else text


@dataclass
class Findings:
    """Collects the problems and the warnings of all files."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, position: Position, key: str, what: str, allowed: str = "") -> None:
        """Record one problem."""
        self.problems.append(Problem(position, key, what, allowed))


def sorted_problems(findings: Findings) -> list[Problem]:
    """The problems in the order of files and lines."""
    return sorted(findings.problems, key=lambda p: (str(p.position.path), p.position.line, p.position.column, p.key))
