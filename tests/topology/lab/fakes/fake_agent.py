"""An agent that sets addresses and routes and answers for itself, in place of the real one."""

import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path


def run_supervisor(node_dir: Path, netns: str | None) -> int:
    config = json.loads((node_dir / "config.json").read_bytes())
    for link in config.get("links", ()):
        for address in link.get("addresses", ()):
            subprocess.run(["ip", "addr", "replace", address, "dev", link["name"]], check=True)
        subprocess.run(["ip", "link", "set", "dev", link["name"], "up"], check=True)
    if config.get("forwarding"):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for route in config.get("routes", ()):
        via = route["next_hops"][0]["via"]
        subprocess.run(["ip", "route", "replace", route["prefix"], "via", via], check=True)
    path = node_dir / "agent.sock"
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(8)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, config, node_dir), daemon=True).start()


def serve(connection: socket.socket, config: dict, node_dir: Path) -> None:
    stream = connection.makefile("rwb")
    for line in stream:
        stream.write(json.dumps(answer(json.loads(line), config, node_dir)).encode() + b"\n")
        stream.flush()


def answer(request: dict, config: dict, node_dir: Path) -> dict:
    """As the real agent's socket does; a file named `broken` beside it makes the node unwell."""
    if request["op"] == "report":
        keys = ("node", "role", "site")
        report = {key: config[key] for key in keys} | {
            "profile": "edge",
            "observed_generation": 1,
            "digest": "0",
            "converged": not (node_dir / "broken").exists(),
            "at_ns": time.time_ns(),
            "agent_pid": os.getpid(),
            "tunnels": [
                {"name": tunnel["name"], "device": "ipsec0", "ike_state": "ESTABLISHED", "child_state": "INSTALLED"}
                for tunnel in config.get("tunnels", ())
            ],
        }
        return {"ok": True, "report": report}
    if request["op"] in {"order", "order-end"}:
        state = "down" if request["op"] == "order" else "up"
        before = time.time_ns()
        subprocess.run(["ip", "link", "set", "dev", request["link"], state], check=True)
        return {"ok": True, "before_ns": before, "after_ns": time.time_ns()}
    return {"ok": False, "error": f"op {request['op']!r}: unknown"}


def refuse_to_start(node_dir: Path, netns: str | None) -> int:
    return 3
