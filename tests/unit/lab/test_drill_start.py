"""A drill begins only when what it breaks carries the traffic, and alone."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from twinspan.cli.site import load_site, plan_deployment
from twinspan.lab import drill as drill_module
from twinspan.lab.drill import Drill, DrillOptions
from twinspan.lab.state import FaultOptions
from twinspan.model.drill import DIRECTIONS
from twinspan.model.errors import Rejected

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"


class Watcher:
    """A lab's paths as a test wants them: each look takes the next, the last one stays."""

    def __init__(self, *paths: str) -> None:
        self.paths = list(paths)
        self.stopped = False

    def start(self) -> None:
        """Nothing to do."""

    def current(self) -> dict[str, str]:
        path = self.paths.pop(0) if len(self.paths) > 1 else self.paths[0]
        return dict.fromkeys(DIRECTIONS, path)

    def stop(self) -> tuple[()]:
        self.stopped = True
        return ()


class LoadBegan(Exception):
    """The drill went on."""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    def load(_: Drill) -> None:
        raise LoadBegan

    monkeypatch.setattr(drill_module, "prove_standby", lambda _: (True, ()))
    monkeypatch.setattr(drill_module, "active_faults", lambda _: ())
    monkeypatch.setattr(Drill, "_return_limit_s", lambda _: 0.2)
    monkeypatch.setattr(Drill, "_load", load)
    made = SimpleNamespace(
        name="one", paths=SimpleNamespace(root=tmp_path), deployment=plan_deployment(load_site(EXAMPLE))
    )
    made.fresh = lambda: made
    return made


def run(lab: SimpleNamespace, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, *, force: bool = False) -> None:
    monkeypatch.setattr(drill_module, "PathWatcher", lambda _: watcher)
    Drill(lab, "silent", DrillOptions(force=force)).run()


def test_it_refuses_while_the_traffic_is_still_on_the_standby(lab: SimpleNamespace, monkeypatch) -> None:
    watcher = Watcher("vpn")
    with pytest.raises(Rejected, match="traffic of lab one is not on the circuit"):
        run(lab, watcher, monkeypatch)
    assert watcher.stopped


def test_it_waits_for_the_end_of_the_hold_down(lab: SimpleNamespace, monkeypatch) -> None:
    with pytest.raises(LoadBegan):
        run(lab, Watcher("vpn", "vpn", "circuit"), monkeypatch)


def test_force_goes_on_at_once(lab: SimpleNamespace, monkeypatch) -> None:
    with pytest.raises(LoadBegan):
        run(lab, Watcher("vpn"), monkeypatch, force=True)


def test_two_drills_of_one_lab_exclude_each_other(lab: SimpleNamespace, monkeypatch) -> None:
    with drill_module._alone(lab), pytest.raises(Rejected, match="lab one is being drilled already"):
        run(lab, Watcher("circuit"), monkeypatch)
    with pytest.raises(LoadBegan):
        run(lab, Watcher("circuit"), monkeypatch)


def test_flaps_are_seen_to_their_end_and_the_order_outlasts_them(lab: SimpleNamespace) -> None:
    flaps = FaultOptions(times=6, period_s=3.0)
    run = Drill(lab, "flap", DrillOptions(fault=flaps))
    assert run._hold_s() == 18.0
    assert run._fault_options().expires_s > 18.0
    assert Drill(lab, "silent", DrillOptions(fault=flaps))._hold_s() < 2.0
