"""Shows that docs/reference/cloud-connection.md is enough to write a device: this one knows nothing else.

    DEVICE_PASSWORD=... python device.py cloud.example:19443 SERIAL STATE-FILE [VERIFICATION-CODE]

It connects, answers the diagnostics command `echo`, and passes a verification code for unbinding on if there is one.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import random
import secrets
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

AUTHENTICATION, REGISTRATION = "/cloud/v1/authentication", "/cloud/v1/registration"
GS2, KEEPALIVE_S, PING_S = "p=tls-server-end-point,,", 180, 60


class Refused(Exception):
    """(reason, seconds to wait or None)."""


def sign(key, text):
    return hmac.digest(key, text.encode(), "sha256")


def base64_of(data):
    return base64.b64encode(data).decode()


def tls(authorities=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities is None:  # for the first question alone
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata="".join(authorities))
    return context


def ask(connection, path, body, method="POST", refusal=()):
    """The answer; one with a status of `refusal` is the caller's, any other is Refused."""
    connection.request(method, path, json.dumps(body) if body else None)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    if answer.status != 200 and answer.status not in refusal:
        raise Refused(said["reason"], said.get("retry_after_s"))
    return said


def upgrade(connection, url):
    """The WebSocket on this connection, which has its TLS already. Its pings keep a NAT's entry, and find it dead."""
    options = {"ping_interval": PING_S, "ping_timeout": 3 * KEEPALIVE_S - PING_S, "compression": None}
    return connect("ws" + url[3:], sock=connection.sock, subprotocols=["twinspan.cloud.v1"], **options)


class Device:
    def __init__(self, netloc, serial, password, state_file, code=None):
        self.netloc, self.serial, self.password, self.code = netloc, serial, password, code
        self.host, self.port = netloc.rsplit(":", 1)
        self.boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.state_file, empty = state_file, {"authorities": None, "resume": None, "done": {}}
        self.state = json.loads(state_file.read_text()) if state_file.exists() else empty

    def save(self):
        new = self.state_file.with_suffix(".new")
        new.touch(mode=0o600)
        with new.open("wb", buffering=0) as file:
            file.write(json.dumps(self.state).encode())
            os.fsync(file.fileno())
        new.replace(self.state_file)

    def dial(self, context, port):
        connection = http.client.HTTPSConnection(self.host, port, context=context, timeout=10)
        connection.connect()
        return connection, hashlib.sha256(connection.sock.getpeercert(binary_form=True)).digest()

    def authenticate(self, connection, binding):
        nonce = secrets.token_urlsafe(18)
        bare = f"n={self.serial},r={nonce}"
        asked = {"versions": [1], "serial": self.serial, "boot_id": self.boot_id, "message": GS2 + bare}
        first = ask(connection, AUTHENTICATION, asked)["message"]
        fields = dict(part.split("=", 1) for part in first.split(","))
        salt, iterations = base64.b64decode(fields["s"]), int(fields["i"])
        fresh = fields["r"].startswith(nonce) and len(fields["r"]) >= len(nonce) + 16
        if not fresh or not salt or not 4096 <= iterations <= 1_000_000:
            raise Refused("a challenge that no server may send", None)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, iterations)
        client_key = sign(salted, "Client Key")
        without_proof = f"c={base64_of(GS2.encode() + binding)},r={fields['r']}"
        message = f"{bare},{first},{without_proof}"
        signature = sign(hashlib.sha256(client_key).digest(), message)
        proof = base64_of(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))
        success = ask(connection, AUTHENTICATION, {"message": f"{without_proof},p={proof}"})
        if not hmac.compare_digest(success["message"], f"v={base64_of(sign(sign(salted, 'Server Key'), message))}"):
            raise Refused("the server does not know the password", None)
        print("authenticated", flush=True)
        return success["session"]

    def register(self, connection, binding):
        asked = {"serial": self.serial, "boot_id": self.boot_id, "services": ["diagnostics"]}
        if grant := self.state["resume"]:
            key, nonce = base64.b64decode(grant["key"]), secrets.token_urlsafe(18)
            signed = f"{grant['ticket']}:{nonce}:{binding.hex()}"
            resume = {"ticket": grant["ticket"], "nonce": nonce, "proof": base64_of(sign(key, signed))}
            answer = ask(connection, REGISTRATION, asked | {"resume": resume}, refusal=(401,))
            if answer["result"] == "success":
                if not hmac.compare_digest(answer["message"], base64_of(sign(key, f"server:{signed}"))):
                    raise Refused("the server does not know the ticket", None)
                print("resumed", flush=True)
                return answer
        return ask(connection, REGISTRATION, asked | {"session": self.authenticate(connection, binding)})

    def connect_once(self):
        authorities = self.state["authorities"]
        if authorities is None:  # first trust
            authorities = ask(self.dial(tls(), self.port)[0], "/cloud/v1/authority", None, "GET")["certificates"][:8]
        connection, binding = self.dial(tls(authorities), self.port)
        registered = self.register(connection, binding)
        self.state |= {"authorities": authorities, "resume": registered["resume"]}  # both have proved themselves
        self.save()
        with upgrade(connection, registered["url"]) as main:
            print(f"established, epoch {registered['epoch']}", flush=True)
            main.send(json.dumps({"type": "subconnections-request"}))
            if self.code:
                main.send(json.dumps({"type": "unbinding-code", "id": "1", "code": self.code}))
            began, sequence = time.monotonic(), 1
            while True:
                try:
                    text = main.recv(timeout=max(0.0, began + sequence * KEEPALIVE_S - time.monotonic()))
                    self.received(json.loads(text), registered["epoch"])
                except TimeoutError:
                    main.send(json.dumps({"type": "keepalive", "sequence": sequence}))
                    sequence += 1

    def received(self, message, epoch):
        if message["type"] == "authorities":
            self.state["authorities"] = message["certificates"]
            self.save()
        elif message["type"] == "subconnections":
            for service in message["services"]:
                threading.Thread(target=self.diagnose, args=(service["url"], epoch), daemon=True).start()
        elif message["type"] == "unbinding-result":
            print(f"unbinding {'accepted' if message['accepted'] else 'refused'}: {message['detail']}", flush=True)
            self.code = None
        elif message["type"] == "drain":
            raise Refused("draining", (message["after_ms"] + random.random() * message["within_ms"]) / 1000)

    def diagnose(self, url, epoch):
        with upgrade(self.dial(tls(self.state["authorities"]), urlsplit(url).port)[0], url) as link:
            for result in filter(None, self.state["done"].values()):
                link.send(json.dumps(result))
            for text in link:
                message = json.loads(text)
                if message["type"] == "result-taken":
                    self.state["done"][message["id"]] = None
                elif message["type"] == "command" and (result := self.carry_out(message, epoch)):
                    link.send(json.dumps(result))

    def carry_out(self, command, epoch):
        done, name = self.state["done"], command["id"]
        result = {"type": "command-result", "id": name, "outcome": "refused"}
        if name in done or command["epoch"] != epoch or command["name"] != "echo":
            return done.get(name, result)
        done[name] = result | {"outcome": "unknown"}
        self.save()  # before it begins
        done[name] = result | {"outcome": "done", "output": command["arguments"].get("text", "")}
        self.save()
        return done[name]

    def run(self):
        failures = 0
        while True:
            began, wish_s = time.monotonic(), 0.0
            try:
                self.connect_once()
            except Refused as refused:
                wish_s = refused.args[1] or 0.0
                print(f"refused: {refused.args[0]}", flush=True)
            except (OSError, ConnectionClosed, http.client.HTTPException, ValueError, KeyError) as error:
                print(f"down: {error!r}", flush=True)
            failures = 0 if time.monotonic() - began > 60 else failures
            low, high = (0.5, min(300.0, 2.0**failures)) if failures else (0.0, 1.0)
            time.sleep(wish_s + random.uniform(low, max(high, wish_s / 4)))
            failures = min(failures + 1, 30)


if __name__ == "__main__":
    Device(sys.argv[1], sys.argv[2], os.environ["DEVICE_PASSWORD"], Path(sys.argv[3]), *sys.argv[4:5]).run()
