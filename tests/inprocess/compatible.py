"""A real server with TLS on loopback in a thread, and the cloud's own SDK clients, which check every answer.

Each answer is compared with the SDK's response model: no name that the model does not know, no value of another type.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import shutil
import threading
import time
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import alibabacloud_cbn20170912 as cbn
import alibabacloud_ecd20200930 as ecd
import alibabacloud_eds_user20210308 as eds_user
import alibabacloud_vpc20160428 as vpc
import uvloop
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config
from darabonba.runtime import RuntimeOptions
from tests.inprocess.site import free_port

from twinspan.model.resource import Role
from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts
from twinspan.server.resources.access import NewAccessKey
from twinspan.server.resources.parts import ResourceOptions
from twinspan.server.resources.rate_limit import RateSettings
from twinspan.server.worker import ServerOptions, Worker
from twinspan.wire.alibaba.action import CBN, ECD, EDS_USER, VPC

T = typing.TypeVar("T")
REGION = "cn-hangzhou"
ADDRESS = "127.0.0.1"
SDKS: dict[str, ModuleType] = {VPC: vpc, CBN: cbn, ECD: ecd, EDS_USER: eds_user}


class Server:
    """One worker in a thread, until `close`."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.port = folder, free_port(ADDRESS)
        options.setdefault("rate", RateSettings(per_s=0))
        listen = ServerOptions(
            state_dir=folder, listen=(ADDRESS,), port=self.port, resources=ResourceOptions(**options)
        )
        self._options = listen
        self._ready = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.worker: Worker
        self._thread = threading.Thread(target=self._run, name="server")
        self._thread.start()
        assert self._ready.wait(30), "the server does not listen"

    def _run(self) -> None:
        """All of a worker belongs to one thread."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            loop = self._loop = runner.get_loop()
            loop.add_signal_handler = self._keep  # type: ignore[method-assign,assignment]
            self.worker = Worker(self._options)
            runner.run(self.worker.serve(self._ready.set))

    def inside(self, work: Callable[[Worker], T]) -> T:
        """Do something in the server's thread."""

        async def run() -> T:
            return work(self.worker)

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(30)

    def _keep(self, number: int, handler: Callable[[], None], *_: object) -> None:
        """The test's process is not the server's: its end is told by calling its handler."""
        self._stop = handler

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def key(self, account: str, role: Role = "administrator") -> tuple[str, Secret]:
        """A new access key; the account is made where it is not there."""

        def make(worker: Worker) -> tuple[str, Secret]:
            accounts = Accounts(worker.store)
            if account not in accounts.names():
                accounts.add(account, "", time.time_ns())
            return worker.resources.keys.add(NewAccessKey(account=account, role=role), time.time_ns())

        return self.inside(make)

    def cloud(self, account: str = "acme", role: Role = "administrator", **options: Any) -> CloudClient:
        """Clients of one account."""
        key_id, secret = self.key(account, role)
        return CloudClient(self, key_id, secret, **options)


class Refused(Exception):
    """The server said no."""

    def __init__(self, error: AlibabaCloudException) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.code, self.status, self.message = str(error.code), error.status_code, str(error.message)
        self.data: dict[str, Any] = dict(error.data or {})


class CloudClient:
    """The SDKs of all products with one access key."""

    def __init__(self, server: Server, key_id: str, secret: Secret, **options: Any) -> None:
        self.server, self.key_id, self.secret = server, key_id, secret
        self.called: set[tuple[str, str]] = set()
        """Version and name of what was answered without an error."""
        self.last: dict[str, Any] = {}
        """The newest answer as it came."""
        config = {
            "access_key_id": key_id,
            "access_key_secret": secret.reveal(),
            "endpoint": f"{ADDRESS}:{server.port}",
            "region_id": REGION,
            "ca": str(server.folder / "authority.pem"),
            **{name: value for name, value in options.items() if value is not None},
        }
        self._clients = {version: sdk.client.Client(Config(**config)) for version, sdk in _loaded().items()}

    def client(self, version: str) -> Any:
        """The SDK's client of a product."""
        return self._clients[version]

    def vpc(self, action: str, **given: Any) -> Any:
        return self.call(VPC, action, **given)

    def call(self, version: str, action: str, **given: Any) -> Any:
        """One action with the SDK's own method; fields by their Python names. Raises Refused."""
        models = _loaded()[version].models
        request_type = getattr(models, f"{action}Request")
        known = inspect.signature(request_type.__init__).parameters
        if "region_id" in known:
            given.setdefault("region_id", REGION)
        for name, value in given.items():
            assert name in known, f"{action} has no {name}"
            given[name] = _filled(models, str(known[name].annotation), value)
        client = self._clients[version]
        method = _method(client, action)
        original = client.call_api

        def kept(*arguments: Any) -> Any:
            found = original(*arguments)
            self.last = found["body"]
            return found

        client.call_api = kept
        try:
            answer = method(request_type(**given), RuntimeOptions(autoretry=False, max_attempts=1))
        except AlibabaCloudException as error:
            raise Refused(error) from None
        finally:
            client.call_api = original
        self.called.add((version, action))
        faults = list(differences(models, getattr(models, f"{action}ResponseBody"), self.last, action))
        assert not faults, faults
        return answer.body


_LOADED: dict[str, ModuleType] = {}


def _loaded() -> dict[str, ModuleType]:
    """With their submodules `client` and `models`."""
    if not _LOADED:
        for version, sdk in SDKS.items():
            importlib.import_module(f"{sdk.__name__}.client")
            importlib.import_module(f"{sdk.__name__}.models")
            _LOADED[version] = sdk
    return _LOADED


def _method(client: Any, action: str) -> Any:
    wanted = f"{action.lower()}withoptions"
    name = next(name for name in dir(client) if name.replace("_", "").lower() == wanted)
    return getattr(client, name)


def _filled(models: ModuleType, annotation: str, value: Any) -> Any:
    """Dicts as the SDK's own structures."""
    found = re.search(r"main_models\.(\w+)", annotation)
    if found is None:
        return value
    cls = getattr(models, found.group(1))
    return [_made(models, cls, one) for one in value] if isinstance(value, list) else _made(models, cls, value)


def _made(models: ModuleType, cls: Any, value: dict[str, Any]) -> Any:
    known = inspect.signature(cls.__init__).parameters
    assert set(value) <= set(known), (cls.__name__, set(value) - set(known))
    return cls(**{name: _filled(models, str(known[name].annotation), part) for name, part in value.items()})


# ------------------------------------------------------------------------------------------------------ answers


def differences(models: ModuleType, cls: Any, answer: Any, path: str) -> typing.Iterator[str]:
    """How an answer differs from the SDK's model of it."""
    if not isinstance(answer, dict):
        yield f"{path} is no object"
        return
    fields = wire_names(cls)
    hints = {name: str(one.annotation) for name, one in inspect.signature(cls.__init__).parameters.items()}
    for name, value in answer.items():
        if name not in fields:
            yield f"{path}.{name} is unknown to the SDK"
            continue
        yield from _value(models, hints[fields[name]], value, f"{path}.{name}")


def _value(models: ModuleType, hint: str, value: Any, path: str) -> typing.Iterator[str]:
    found = re.search(r"main_models\.(\w+)", hint)
    if hint.startswith(("List[", "typing.List[")):
        if not isinstance(value, list):
            yield f"{path} is no list"
            return
        inner = hint.partition("[")[2].removesuffix("]")
        for number, one in enumerate(value):
            yield from _value(models, inner, one, f"{path}[{number}]")
    elif found is not None:
        yield from differences(models, getattr(models, found.group(1)), value, path)
    else:
        plain = hint.removeprefix("<class '").removesuffix("'>")
        right = {"str": str, "int": int, "bool": bool, "float": (int, float)}.get(plain)
        if right is not None and (not isinstance(value, right) or (plain == "int" and isinstance(value, bool))):
            yield f"{path} is {type(value).__name__}, the SDK says {plain}"


def wire_names(cls: Any) -> dict[str, str]:
    """Names in JSON to the attributes of a model."""
    source = inspect.getsource(cls.to_map)
    found = dict(re.findall(r"result\['([^']+)'\] = self\.(\w+)", source))
    found |= dict(re.findall(r"result\['([^']+)'\] = \[\]\s+if self\.(\w+)", source))
    return found


def made_state(folder: Path, authority: Path) -> Path:
    """A state directory with the tests' authority."""
    shutil.copytree(authority, folder)
    return folder
