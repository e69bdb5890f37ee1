"""A lab's state survives being written at any moment and never leaks beside its owner."""

import msgspec
import pytest

from twinspan.lab.process import ProcessId
from twinspan.lab.state import (
    ActiveFault,
    FaultOptions,
    LabPaths,
    LabState,
    exclusive,
    lab_names,
    load_state,
    save_state,
    update_state,
)
from twinspan.lab.status import active_faults
from twinspan.lab.up import name_for
from twinspan.model.errors import Rejected, Retryable, Unavailable

STATE = LabState(
    name="one", lab_id="ab12", site="s", site_file="", created_ns=1, phase="up", nodes={"pc": "ts-ab12-pc"},
    segments={"circuit": "ts-ab12-seg-circuit"}, keeper=ProcessId(pid=1, start_ticks=2),
)  # fmt: skip


@pytest.fixture
def paths(tmp_path) -> LabPaths:
    made = LabPaths("one", tmp_path)
    made.root.mkdir(parents=True)
    return made


def test_what_was_saved_is_loaded(paths: LabPaths) -> None:
    fault = ActiveFault(name="silent", options=FaultOptions(expires_s=5), injected_ns=1, expires_ns=2)
    save_state(paths, msgspec.structs.replace(STATE, faults=(fault,)))
    assert load_state(paths).faults == (fault,)
    assert paths.state.stat().st_mode & 0o077 == 0
    assert [path.name for path in paths.root.iterdir()] == ["state.json"]


def test_no_state_is_none_and_a_broken_one_names_the_place(paths: LabPaths) -> None:
    assert load_state(paths) is None
    paths.state.write_text("{half")
    with pytest.raises(Unavailable, match="state of lab one cannot be read"):
        load_state(paths)


def test_an_update_sees_what_others_have_written(paths: LabPaths) -> None:
    save_state(paths, STATE)
    update_state(paths, lambda state: msgspec.structs.replace(state, phase="ending"))
    assert update_state(paths, lambda state: msgspec.structs.replace(state, site="t")).phase == "ending"


@pytest.mark.parametrize("name", ["", "A", "-a", "a" * 25, "a/b", "..", "a b"])
def test_a_name_that_is_no_file_name_is_refused(name: str, tmp_path) -> None:
    with pytest.raises(Rejected, match=r"lab name .* is not usable"):
        LabPaths(name, tmp_path)


def test_the_longest_name_leaves_room_for_the_longest_socket() -> None:
    assert len(str(LabPaths("a" * 24).socket("transit-router"))) < 108


@pytest.mark.parametrize(
    ("site", "name"),
    [("two-spans", "two-spans"), ("Frankfurt DC 1", "frankfurt-dc-1"), ("***", "lab"), ("x" * 40, "x" * 24)],
)
def test_a_sites_name_becomes_a_labs_name(site: str, name: str) -> None:
    assert name_for(site) == name
    LabPaths(name)


def test_a_lab_is_held_by_one_at_a_time_and_leaves_no_lock_behind(paths: LabPaths) -> None:
    with exclusive(paths):
        with pytest.raises(Retryable, match="is being brought up or taken down by process"), exclusive(paths):
            pass
        with exclusive(LabPaths("two", paths.run_dir)):
            pass
    with exclusive(paths):
        pass
    assert not (paths.run_dir / "locks").exists()


def test_the_mark_tells_labs_with_the_same_name_apart() -> None:
    assert STATE.mark != msgspec.structs.replace(STATE, lab_id="ab13").mark


def test_faults_whose_time_is_over_are_not_active(paths: LabPaths) -> None:
    faults = tuple(
        ActiveFault(name=name, options=FaultOptions(), injected_ns=0, expires_ns=end)
        for name, end in (("a", 5), ("b", 9))
    )
    lab = type("LabStandIn", (), {"state": msgspec.structs.replace(STATE, faults=faults)})()
    assert [fault.name for fault in active_faults(lab, now_ns=7)] == ["b"]


def test_only_directories_with_usable_names_are_labs(paths: LabPaths) -> None:
    (paths.root.parent / "Not A Lab").mkdir()
    assert lab_names(paths.run_dir) == ("one",)
