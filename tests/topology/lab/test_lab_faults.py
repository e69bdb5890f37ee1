"""Every fault hurts exactly what it says, is told in the lab's state, and heals: by mend, by time, after kill -9."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from frames import TCP, frame, ip_packet, passes
from lab_helpers import FAKE_AGENT, eventually, leftovers
from lab_site import OFFICE, PC, USER, mini_site

from twinspan.lab import process
from twinspan.lab.down import take_down
from twinspan.lab.injection import Injection, mend, mend_listed
from twinspan.lab.lab import Lab
from twinspan.lab.state import FaultOptions
from twinspan.lab.status import active_faults, look
from twinspan.lab.up import UpOptions, bring_up
from twinspan.model.errors import Rejected, Unavailable

markers = (f"frame {number} {os.getpid()}".encode() for number in itertools.count())


@pytest.fixture(autouse=True)
def whole(lab: Lab) -> None:
    """Every test begins on a lab that carries traffic, and leaves nothing broken."""
    assert eventually(lambda: ping(lab), 5)
    yield
    mend_listed(lab.fresh())
    assert eventually(lambda: ping(lab), 5)


def ping(lab: Lab, target: str = OFFICE, node: str = "pc", size: int = 56, source: str | None = None) -> bool:
    words = ["ip", "netns", "exec", lab.netns(node), "ping", "-n", "-c1", "-W1", "-s", str(size), target]
    return (
        subprocess.run([*words, *(["-I", source] if source else [])], capture_output=True, check=False).returncode == 0
    )


def crosses(
    lab: Lab, sender: str, receiver: str, *, vlan: int | None = None, length: int = 200, **packet: object
) -> bool:
    marker = next(markers)
    link = "circ0" if {sender, receiver} <= {"gateway", "vbr"} else "wan0"
    data = frame(ip_packet(length, marker, **packet), vlan)
    return passes(lab.netns(sender), lab.netns(receiver), link, data, marker)


def carrier(lab: Lab, node: str, link: str) -> bool:
    words = ["ip", "-n", lab.netns(node), "-o", "link", "show", "dev", link]
    return "LOWER_UP" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def fire(lab: Lab, fault: str, **options: object) -> Injection:
    injection = Injection(lab, fault, FaultOptions(**({"expires_s": 30.0} | options)))
    injection.fire()
    return injection


def test_silent_drops_both_directions_tagged_or_not_and_keeps_the_carrier(lab: Lab) -> None:
    injection = fire(lab, "silent")
    for vlan in (None, 100):
        assert not crosses(lab, "gateway", "vbr", vlan=vlan)
        assert not crosses(lab, "vbr", "gateway", vlan=vlan)
    assert carrier(lab, "gateway", "circ0")
    assert carrier(lab, "vbr", "circ0")
    injection.heal()
    assert crosses(lab, "gateway", "vbr", vlan=100)
    assert ping(lab)


@pytest.mark.parametrize(
    ("direction", "dead", "alive"),
    [("to-cloud", ("gateway", "vbr"), ("vbr", "gateway")), ("to-site", ("vbr", "gateway"), ("gateway", "vbr"))],
)
def test_one_way_drops_the_named_direction_only(
    lab: Lab, direction: str, dead: tuple[str, str], alive: tuple[str, str]
) -> None:
    fire(lab, "one-way", direction=direction)
    for vlan in (None, 7):
        assert not crosses(lab, *dead, vlan=vlan)
        assert crosses(lab, *alive, vlan=vlan)


def test_cable_takes_the_carrier_from_both_ends(lab: Lab) -> None:
    injection = fire(lab, "cable")
    assert not carrier(lab, "gateway", "circ0")
    assert not carrier(lab, "vbr", "circ0")
    assert carrier(lab, "gateway", "wan0")
    injection.heal()
    assert carrier(lab, "gateway", "circ0")
    assert eventually(lambda: ping(lab))


def test_isp_down_takes_the_carrier_of_the_isp_only(lab: Lab) -> None:
    fire(lab, "isp-down")
    assert not carrier(lab, "gateway", "wan0")
    assert not carrier(lab, "vpn-gateway", "wan0")
    assert ping(lab)


def test_port_shutdown_is_an_order_to_the_gateway(lab: Lab) -> None:
    injection = fire(lab, "port-shutdown")
    assert not carrier(lab, "gateway", "circ0")
    injection.heal()
    assert eventually(lambda: carrier(lab, "gateway", "circ0"))
    # The kernel flushed the gateway's routes with the link; restoring those is the real agent's work.
    for prefix in ("172.16.0.0/24", "192.168.5.0/24"):
        words = ["ip", "-n", lab.netns("gateway"), "route", "replace", prefix, "via", "10.0.0.1"]
        subprocess.run(words, check=True)


def test_dead_transit_spares_the_vbr_itself(lab: Lab) -> None:
    fire(lab, "dead-transit")
    assert not ping(lab)
    assert not ping(lab, PC, "office-host")
    assert ping(lab, "10.0.0.1", "gateway")
    assert ping(lab, "10.0.0.2", "vbr")


def test_prefix_only_spares_the_other_prefix_in_both_directions(lab: Lab) -> None:
    fire(lab, "prefix-only")
    assert not ping(lab)
    assert not ping(lab, PC, "office-host", source=OFFICE)
    assert ping(lab, USER)
    assert ping(lab, PC, "office-host", source=USER)


def test_large_only_spares_small_packets_and_bgp(lab: Lab) -> None:
    fire(lab, "large-only")
    assert ping(lab, size=900)
    assert not ping(lab, size=1100)
    for vlan in (None, 100):
        assert crosses(lab, "gateway", "vbr", vlan=vlan, length=1000)
        assert not crosses(lab, "gateway", "vbr", vlan=vlan, length=1100)
        assert not crosses(lab, "vbr", "gateway", vlan=vlan, length=1100)
        assert crosses(lab, "vbr", "gateway", vlan=vlan, length=1100, protocol=TCP, ports=(40000, 179))
        assert crosses(lab, "vbr", "gateway", vlan=vlan, length=1100, protocol=TCP, ports=(179, 40000))


@pytest.mark.parametrize("port", [500, 4500, 1500, 14500])
def test_vpn_blackhole_drops_every_ike_port_and_nothing_else(lab: Lab, port: int) -> None:
    fire(lab, "vpn-blackhole")
    assert not crosses(lab, "gateway", "vpn-gateway", ports=(port, port))
    assert not crosses(lab, "vpn-gateway", "gateway", ports=(40000, port))
    assert crosses(lab, "gateway", "vpn-gateway", ports=(40000, 53))
    assert not crosses(lab, "gateway", "vpn-gateway", protocol=50)
    assert carrier(lab, "gateway", "wan0")
    assert ping(lab)


def test_vpn_active_down_drops_the_first_tunnel_only(lab: Lab) -> None:
    fire(lab, "vpn-active-down")
    assert not crosses(lab, "gateway", "vpn-gateway", ports=(500, 500))
    assert not crosses(lab, "gateway", "vpn-gateway", ports=(4500, 4500))
    assert crosses(lab, "gateway", "vpn-gateway", ports=(1500, 1500))
    assert crosses(lab, "vpn-gateway", "gateway", ports=(14500, 14500))


def test_both_breaks_circuit_and_vpn_and_mends_both(lab: Lab) -> None:
    injection = fire(lab, "both")
    assert not crosses(lab, "gateway", "vbr")
    assert not crosses(lab, "gateway", "vpn-gateway", ports=(4500, 4500))
    injection.heal()
    assert crosses(lab, "gateway", "vbr")
    assert crosses(lab, "gateway", "vpn-gateway", ports=(4500, 4500))


def test_flap_takes_the_cable_off_and_on_so_many_times(lab: Lab) -> None:
    words = ["ip", "-n", lab.netns("vbr"), "-o", "monitor", "link", "dev", "circ0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as monitor:
        fire(lab, "flap", times=3, period_s=0.4, expires_s=3)
        assert eventually(lambda: not _player_runs(lab))
        monitor.terminate()
        lines = monitor.communicate()[0].splitlines()
    states = [key for key, _ in itertools.groupby("NO-CARRIER" in line for line in lines)]
    assert states.count(True) == 3
    assert states[-1] is False


def _player_runs(lab: Lab) -> bool:
    listed = [fault for fault in lab.fresh().state.faults if fault.name == "flap"]
    return bool(listed) and process.alive(listed[0].healers[0])


def test_daemon_kill_kills_the_named_daemon_on_the_named_node(lab: Lab) -> None:
    sleeper = subprocess.Popen(["ip", "netns", "exec", lab.netns("vbr"), "bash", "-c", "exec -a dnsmasq sleep 60"])
    sleeper.terminate()  # the name counts that the kernel keeps, not the first argument
    sleeper.wait()
    with pytest.raises(Unavailable, match="vbr: dnsmasq does not run"):
        fire(lab, "daemon-kill", node="vbr", daemon="dnsmasq")
    words = [
        "ip",
        "netns",
        "exec",
        lab.netns("vbr"),
        "dnsmasq",
        "--keep-in-foreground",
        "--port=0",
        "--conf-file=/dev/null",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        assert eventually(lambda: process.command_name(daemon.pid) == "dnsmasq")
        fire(lab, "daemon-kill", node="vbr", daemon="dnsmasq")
        assert daemon.wait(5) == -signal.SIGKILL


def test_agent_kill_kills_the_agent_and_the_keeper_brings_it_back(lab: Lab) -> None:
    with lab.agent("gateway") as agent:
        first = agent.report().agent_pid
    fire(lab, "agent-kill")
    assert eventually(lambda: look(lab.fresh()).healthy)
    with lab.agent("gateway") as agent:
        assert agent.report().agent_pid != first


def test_a_fault_that_is_over_at_once_is_not_listed_as_broken(lab: Lab) -> None:
    fire(lab, "agent-kill")
    assert active_faults(lab.fresh()) == ()
    assert eventually(lambda: look(lab.fresh()).healthy)


@pytest.mark.parametrize("fault", ["silent", "dead-transit", "vpn-blackhole"])
def test_the_kernel_ends_a_drop_by_itself(lab: Lab, fault: str) -> None:
    fire(lab, fault, expires_s=1.0)
    broken = {"silent": lambda: not ping(lab), "dead-transit": lambda: not ping(lab)}.get(
        fault, lambda: not crosses(lab, "gateway", "vpn-gateway", ports=(500, 500))
    )
    assert broken()
    assert eventually(lambda: not broken(), 3)
    assert active_faults(lab.fresh()) == ()


@pytest.mark.parametrize("fault", ["silent", "cable"])
def test_it_heals_although_the_injecting_process_was_killed_in_the_middle(lab: Lab, fault: str) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom twinspan.lab.injection import Injection\n"
        "from twinspan.lab.lab import open_lab\nfrom twinspan.lab.state import FaultOptions\n"
        "injection = Injection(open_lab(sys.argv[1], Path(sys.argv[2])), sys.argv[3], FaultOptions(expires_s=1.5))\n"
        "injection.fire()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    words = [sys.executable, "-c", script, lab.name, str(lab.paths.run_dir), fault]
    package = str(Path(sys.modules["twinspan"].__file__).parent.parent)
    ended = subprocess.run(words, check=False, env=os.environ | {"PYTHONPATH": package})
    assert ended.returncode == -signal.SIGKILL
    assert not ping(lab)
    assert [found.name for found in active_faults(lab.fresh())] == [fault]
    assert eventually(lambda: ping(lab), 5)


def test_mend_from_another_process_ends_the_timer_too(lab: Lab) -> None:
    fire(lab, "cable")
    (listed,) = lab.fresh().state.faults
    assert all(process.alive(one) for one in listed.healers)
    assert mend(lab, "cable") is not None
    assert not any(process.alive(one) for one in listed.healers)
    assert lab.fresh().state.faults == ()
    assert mend(lab, "cable") is None


def test_mending_what_has_healed_by_itself_clears_it_without_a_word(lab: Lab) -> None:
    fire(lab, "silent", expires_s=0.2)
    assert eventually(lambda: active_faults(lab.fresh()) == ())
    assert mend_listed(lab) == ()
    assert lab.fresh().state.faults == ()


def test_the_same_fault_twice_is_refused_while_it_lasts(lab: Lab) -> None:
    fire(lab, "silent")
    with pytest.raises(Rejected, match=r"silent is broken already .*twinspan lab mend silent"):
        fire(lab, "silent")


def test_a_fault_can_be_injected_again_after_its_time_was_over(lab: Lab) -> None:
    fire(lab, "silent", expires_s=0.2)
    assert eventually(lambda: active_faults(lab.fresh()) == ())
    fire(lab, "silent")
    assert not ping(lab)


def test_the_moment_of_injection_is_known_to_a_few_milliseconds(lab: Lab) -> None:
    for fault in ("silent", "dead-transit", "cable"):
        injection = Injection(lab, fault, FaultOptions(expires_s=30))
        before = time.time_ns()
        moment = injection.fire()
        assert before <= moment.before_ns <= moment.after_ns <= time.time_ns()
        assert moment.after_ns - moment.before_ns < 50_000_000
        injection.heal()


def test_an_unhealed_fault_makes_the_lab_unhealthy_in_status(lab: Lab) -> None:
    fire(lab, "vpn-blackhole")
    seen = look(lab.fresh())
    assert [fault.name for fault in seen.faults] == ["vpn-blackhole"]
    assert not seen.healthy


def test_flaps_that_do_not_fit_into_the_time_are_refused(lab: Lab) -> None:
    with pytest.raises(Rejected, match="10 flaps of 2 s do not fit into 5 s"):
        fire(lab, "flap", times=10, period_s=2.0, expires_s=5.0)


def test_down_ends_timers_that_would_still_heal(lab: Lab, run_dir: Path) -> None:
    other = bring_up(mini_site(), "other", UpOptions(run_dir=run_dir, agent=FAKE_AGENT, deadline_s=20))
    fire(other, "cable", expires_s=600)
    take_down("other", run_dir)
    assert leftovers(other.paths, other.state.lab_id) == []
