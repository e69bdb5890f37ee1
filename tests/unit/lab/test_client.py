"""The client asks several things on one connection, never waits past its deadline, and says who failed."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twinspan.lab.client import AgentClient, AgentRefused, AgentUnreachable, LabClient
from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.secret import Secret

REPORT = {
    "node": "n", "role": "pc", "site": "s", "profile": "edge", "observed_generation": 3, "digest": "0",
    "converged": True, "at_ns": 5, "agent_pid": 9,
}  # fmt: skip


class FakeAgent:
    """Answers each line with what `answer` gives; None closes the connection, bytes are sent as they are."""

    def __init__(self, path: Path, answer: Callable[[dict], dict | bytes | None]) -> None:
        self.answer = answer
        self.requests: list[dict] = []
        self.connections = 0
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(32)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                self.requests.append(json.loads(line))
                answer = self.answer(self.requests[-1])
                if answer is None:
                    return
                stream.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n")
                stream.flush()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[[Callable[[dict], dict | bytes | None]], tuple[FakeAgent, AgentClient]]]:
    made: list[FakeAgent] = []

    def make(answer: Callable[[dict], dict | bytes | None]) -> tuple[FakeAgent, AgentClient]:
        path = tmp_path / f"{len(made)}.sock"
        made.append(FakeAgent(path, answer))
        return made[-1], AgentClient(path, node="vbr", deadline_s=0.5)

    yield make
    for one in made:
        one.server.close()


def test_several_requests_travel_on_one_connection(agent) -> None:
    fake, client = agent(lambda _: {"ok": True, "report": REPORT})
    with client:
        assert client.report().observed_generation == 3
        assert client.report().agent_pid == 9
    assert fake.connections == 1


def test_apply_hands_over_the_config_with_its_secrets(agent) -> None:
    fake, client = agent(lambda _: {"ok": True, "generation": 7})
    peer = BgpPeer(name="p", local_address="a", peer_address="b", local_asn=1, peer_asn=2, auth_key=Secret("the-key"))
    config = DeviceConfig(node="n", role="pc", site="s", bgp={"router_id": "1.1.1.1", "asn": 1, "peers": [peer]})
    with client:
        assert client.apply(config) == 7
    assert fake.requests[0]["config"]["bgp"]["peers"][0]["auth_key"] == "the-key"


def test_a_refusal_carries_the_nodes_name_and_the_agents_words(agent) -> None:
    _, client = agent(lambda _: {"ok": False, "error": "link 'x': not a data link"})
    with client, pytest.raises(AgentRefused, match="vbr: link 'x': not a data link"):
        client.shut_port("x", 5)


def test_an_answer_that_is_no_answer_is_refused(agent) -> None:
    _, client = agent(lambda _: b"hello\n")
    with client, pytest.raises(AgentRefused, match="vbr: the agent's answer is not understood"):
        client.report()


def test_nobody_listening_is_unreachable(tmp_path: Path) -> None:
    with (
        AgentClient(tmp_path / "none.sock", node="pc") as client,
        pytest.raises(AgentUnreachable) as raised,
    ):
        client.report()
    assert raised.value.message == f"pc: no agent answers at {tmp_path / 'none.sock'} (No such file or directory)"
    assert raised.value.remedy.startswith(f"start it: twinspan agent --node-dir {tmp_path}")


def test_silence_ends_at_the_deadline(agent) -> None:
    gate = threading.Event()
    _, client = agent(lambda _: gate.wait(10) and None)
    begun = time.monotonic()
    with client, pytest.raises(AgentUnreachable):
        client.report()
    assert 0.4 < time.monotonic() - begun < 2
    gate.set()


def test_an_answer_that_drips_ends_at_the_deadline_too(tmp_path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen(1)
    stop = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        with connection:
            while not stop.wait(0.05):
                connection.send(b" ")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    begun = time.monotonic()
    with AgentClient(tmp_path / "s", deadline_s=0.4) as client, pytest.raises(AgentUnreachable):
        client.report()
    assert time.monotonic() - begun < 2
    stop.set()
    server.close()


def test_after_a_failure_the_next_request_connects_anew(agent) -> None:
    answers = iter([None, {"ok": True, "report": REPORT}])
    fake, client = agent(lambda _: next(answers))
    with client:
        with pytest.raises(AgentUnreachable):
            client.report()
        assert client.report().node == "n"
    assert fake.connections == 2


def test_gather_gives_an_answer_or_an_error_for_every_node(agent, tmp_path: Path) -> None:
    _, client = agent(lambda _: {"ok": True, "report": REPORT})
    with LabClient({"a": client.path, "b": tmp_path / "none.sock"}, deadline_s=0.5) as lab:
        answers = lab.reports()
    assert answers["a"].node == "n"
    assert isinstance(answers["b"], AgentUnreachable)


def test_events_of_all_nodes_come_in_order_of_time(agent) -> None:
    def events(*moments: int) -> Callable[[dict], dict]:
        found = [{"at_ns": at, "node": "n", "source": "link", "what": "x"} for at in moments]
        return lambda _: {"ok": True, "events": found}

    _, first = agent(events(5, 20))
    _, second = agent(events(1, 10))
    with LabClient({"a": first.path, "b": second.path}) as lab:
        assert [event.at_ns for event in lab.events(0)] == [1, 5, 10, 20]


def test_a_fresh_interpreter_survives_asking_many_nodes_at_once(agent) -> None:
    """msgspec crashed when several threads met a type for the first time at the same moment."""
    _, client = agent(lambda _: {"ok": True, "report": REPORT})
    code = (
        "import sys\nfrom pathlib import Path\nfrom twinspan.lab.client import LabClient\n"
        "with LabClient({str(n): Path(sys.argv[1]) for n in range(9)}) as lab:\n"
        "    sys.exit(0 if all(a.node == 'n' for a in lab.reports().values()) else 1)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(6):
        assert (
            subprocess.run([sys.executable, "-c", code, str(client.path)], env=environment, check=False).returncode == 0
        )
