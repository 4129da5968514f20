"""The benchmark works, on two small fleets; its counts are checked here, its times by the benchmark itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmark import plot
from tests.benchmark.__main__ import Results, draw, fit, measure_idle, measure_serial, measure_work, report, verdicts


@pytest.mark.sweep
def test_both_flows_on_a_small_fleet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.benchmark.__main__.PLOT", tmp_path / "plot.svg")
    results = Results("here", 0.002)
    measure_work(results, [(2, 2), (3, 1)])
    measure_serial(results, [(2, 2), (3, 1)])
    measure_idle(results.idle, [(3, 2)])
    assert report(results), capsys.readouterr().out
    assert [row.orders for row in results.work] == [4, 3]
    assert [row.commits for row in results.work] == [(1, 1), (1, 1)]
    assert all(seconds > 2 * 90 * 0.002 for _, _, seconds in results.serial)
    assert len(verdicts(results)) == 5
    draw(results)
    assert (tmp_path / "plot.svg").read_text("utf-8").count("<circle") == 6


def test_the_fit_finds_a_line() -> None:
    slope, intercept, r2 = fit([(1, 3), (2, 5), (10, 21)])
    assert (slope, intercept, r2) == pytest.approx((2, 1, 1))
    assert fit([(1, 1), (2, 5), (3, 1)])[2] < 0.1


def test_the_plot_is_drawn_to_scale(tmp_path: Path) -> None:
    plot.draw(tmp_path / "x.svg", "title", [("a", [(1, 10), (10, 100), (100, 1000)])])
    text = (tmp_path / "x.svg").read_text("utf-8")
    assert "1.67 min" in text
    assert "title" in text
