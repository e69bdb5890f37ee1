"""A lab comes up, survives kill -9 of its parts, and goes down without a trace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from lab_helpers import FAKE_AGENT, eventually, lab_id, leftovers
from lab_site import mini_site

from twinspan.lab import namespace, process
from twinspan.lab.down import take_all_down, take_down
from twinspan.lab.lab import Lab, open_lab
from twinspan.lab.state import LabPaths, exclusive, load_state, save_state
from twinspan.lab.status import list_labs, look
from twinspan.lab.up import UpOptions, bring_up, revive_keeper
from twinspan.model.errors import Rejected, Retryable, Unavailable


def up(run_dir: Path, name: str = "one", **more: object) -> Lab:
    options = UpOptions(run_dir=run_dir, agent=FAKE_AGENT, deadline_s=20)
    return bring_up(mini_site(), name, msgspec.structs.replace(options, **more))


def pid_of(lab: Lab, node: str) -> int:
    return int(msgspec.json.decode((lab.paths.node(node) / "supervisor.json").read_bytes())["pid"])


def test_up_makes_every_node_and_segment_and_reports_healthy(run_dir: Path) -> None:
    lab = up(run_dir)
    assert look(lab).healthy
    assert set(namespace.names(lab.state.prefix)) == set(lab.state.namespaces)
    assert load_state(lab.paths).phase == "up"


def test_packets_cross_a_wire_and_a_segment(run_dir: Path) -> None:
    lab = up(run_dir)
    ping = ["ip", "netns", "exec", lab.netns("pc"), "ping", "-c1", "-W2", "172.16.0.10"]
    assert subprocess.run(ping, capture_output=True, check=False).returncode == 0


def test_everything_private_is_readable_by_root_only(run_dir: Path) -> None:
    lab = up(run_dir)
    assert lab.paths.root.stat().st_mode & 0o777 == 0o700
    for file in (lab.paths.state, lab.paths.deployment, lab.paths.node("gateway") / "config.json"):
        assert file.stat().st_mode & 0o077 == 0


def test_no_secret_is_in_arguments_state_or_logs(run_dir: Path) -> None:
    lab = up(run_dir)
    secret = b"never-shown-anywhere"
    shown = [lab.paths.state.read_bytes(), lab.paths.keeper_log.read_bytes()]
    shown += [path.read_bytes() for path in lab.paths.root.glob("nodes/*/agent.log")]
    shown += [" ".join(process.arguments(one.pid)).encode() for one in process.with_mark(lab.state.mark)]
    assert not any(secret in text for text in shown)


def test_down_leaves_nothing(run_dir: Path) -> None:
    lab = up(run_dir)
    removed = take_down("one", run_dir)
    assert removed.namespaces == 8
    assert removed.processes == 6
    assert leftovers(lab.paths, lab.state.lab_id) == []


def test_down_a_second_time_says_that_there_is_no_such_lab(run_dir: Path) -> None:
    up(run_dir)
    take_down("one", run_dir)
    with pytest.raises(Rejected, match="there is no lab 'one'"):
        take_down("one", run_dir)
    assert take_all_down(run_dir) == ()


def test_labs_stand_side_by_side_and_go_one_by_one(run_dir: Path) -> None:
    first, second = up(run_dir, "one"), up(run_dir, "two")
    assert {line.name for line in list_labs(run_dir)} == {"one", "two"}
    take_down("one", run_dir)
    assert leftovers(first.paths, first.state.lab_id) == []
    assert look(second).healthy


def test_a_name_that_is_taken_is_refused_and_the_lab_stays(run_dir: Path) -> None:
    lab = up(run_dir)
    with pytest.raises(Rejected, match="lab one exists already"):
        up(run_dir)
    assert look(lab).healthy


def test_two_ups_or_downs_of_one_lab_exclude_each_other(run_dir: Path) -> None:
    with exclusive(LabPaths("one", run_dir)), pytest.raises(Retryable, match=f"process {os.getpid()}"):
        up(run_dir)


def test_a_lab_that_does_not_converge_is_taken_down_and_the_lack_is_named(run_dir: Path) -> None:
    paths = LabPaths("one", run_dir)
    seen: list[str] = []
    with pytest.raises(Unavailable, match=r"did not converge within 1 s: pc: agent does not answer"):
        bring_up(
            mini_site(),
            "one",
            UpOptions(run_dir=run_dir, agent="fake_agent:refuse_to_start", deadline_s=1),
            lambda _: seen.append(lab_id(paths)) if paths.state.exists() else None,
        )
    assert leftovers(paths, seen[0]) == []


def test_keep_leaves_a_lab_that_does_not_converge(run_dir: Path) -> None:
    with pytest.raises(Unavailable):
        up(run_dir, agent="fake_agent:refuse_to_start", deadline_s=0.5, keep=True)
    assert [line.phase for line in list_labs(run_dir)] == ["converging"]


def test_a_keeper_that_cannot_start_says_why_at_once(run_dir: Path) -> None:
    with pytest.raises(Unavailable, match="No module named 'nowhere'"):
        up(run_dir, agent="nowhere:run")


def test_ctrl_c_takes_everything_down(run_dir: Path) -> None:
    paths = LabPaths("one", run_dir)
    seen: list[str] = []

    def interrupt(progress: object) -> None:
        if progress.phase == "converging":
            seen.append(lab_id(paths))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_up(mini_site(), "one", UpOptions(run_dir=run_dir, agent=FAKE_AGENT), interrupt)
    assert leftovers(paths, seen[0]) == []


@pytest.mark.parametrize("phase", ["building", "starting", "converging"])
def test_down_clears_what_a_killed_up_has_left(run_dir: Path, phase: str) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom lab_site import mini_site\n"
        "from twinspan.lab.up import UpOptions, bring_up\n"
        "def stop(progress):\n    if progress.phase == sys.argv[2]: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"bring_up(mini_site(), 'one', UpOptions(run_dir=Path(sys.argv[1]), agent={FAKE_AGENT!r}), stop)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(run_dir), phase], capture_output=True, check=False, env=environment()
    )
    assert ended.returncode == -signal.SIGKILL
    paths = LabPaths("one", run_dir)
    own_id = lab_id(paths)
    with pytest.raises(Rejected, match="only half there"):
        up(run_dir)
    take_down("one", run_dir)
    assert leftovers(paths, own_id) == []


def environment() -> dict[str, str]:
    package = str(Path(sys.modules["twinspan"].__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join((package, os.environ["PYTHONPATH"]))}


def test_down_clears_a_directory_whose_up_was_killed_before_its_first_word(run_dir: Path) -> None:
    paths = LabPaths("one", run_dir)
    paths.root.mkdir(parents=True)
    assert take_down("one", run_dir).namespaces == 0
    assert not paths.root.exists()


def test_a_dead_agent_is_started_again_within_a_second(run_dir: Path) -> None:
    lab = up(run_dir)
    first = pid_of(lab, "gateway")
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: pid_of(lab, "gateway") != first, 1.0)
    assert eventually(lambda: look(lab).healthy)


def test_a_dead_keeper_is_seen_and_its_agents_live_on(run_dir: Path) -> None:
    lab = up(run_dir)
    pids = {node: pid_of(lab, node) for node in lab.state.nodes}
    assert process.send(lab.state.keeper, signal.SIGKILL)
    assert eventually(lambda: not process.alive(lab.state.keeper))
    seen = look(open_lab("one", run_dir))
    assert not seen.keeper_alive
    assert not seen.healthy
    assert seen.missing == ()
    with pytest.raises(Rejected, match=r"its keeper is dead .*twinspan lab keep"):
        up(run_dir)
    assert revive_keeper(open_lab("one", run_dir), FAKE_AGENT)
    revived = open_lab("one", run_dir)
    assert eventually(lambda: look(revived).healthy)
    assert {node: pid_of(lab, node) for node in lab.state.nodes} == pids
    os.kill(pids["vbr"], signal.SIGKILL)
    assert eventually(lambda: pid_of(lab, "vbr") != pids["vbr"])
    assert not revive_keeper(revived, FAKE_AGENT)


def test_down_after_kill_9_of_the_keeper_finds_orphaned_agents(run_dir: Path) -> None:
    lab = up(run_dir)
    process.send(lab.state.keeper, signal.SIGKILL)
    take_down("one", run_dir)
    assert leftovers(lab.paths, lab.state.lab_id) == []


def test_down_ends_a_stranger_inside_a_namespace(run_dir: Path) -> None:
    lab = up(run_dir)
    stranger = subprocess.Popen(["ip", "netns", "exec", lab.netns("pc"), "sleep", "600"], start_new_session=True)
    number = namespace.inode(lab.netns("pc"))
    assert eventually(lambda: any(one.pid == stranger.pid for one in process.in_namespaces({number})))
    take_down("one", run_dir)
    assert stranger.wait(5) != 0


def test_down_finds_namespaces_that_the_state_does_not_name(run_dir: Path) -> None:
    lab = up(run_dir)
    save_state(lab.paths, msgspec.structs.replace(lab.state, nodes={}, segments={}))
    take_down("one", run_dir)
    assert leftovers(lab.paths, lab.state.lab_id) == []


def test_status_names_what_is_missing(run_dir: Path) -> None:
    lab = up(run_dir)
    (lab.paths.node("vbr") / "broken").touch()
    seen = look(lab)
    assert seen.missing == ("vbr: not converged",)
    assert not seen.healthy
