"""What each path of the native API beside resources takes and answers, for the OpenAPI document.

In: nothing. Out: `DESCRIBED`. Next: `resources/openapi.py`.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_view import AddedPage, DevicePage, DeviceView
from twinspan.model.site_apply import ApplyRequest, SitePlanned
from twinspan.server.accounts import NewToken
from twinspan.server.admin_access import AccessKeyPage, MadeAccessKey, MadeToken, NewQuota, QuotaPage, TokenPage
from twinspan.server.admin_accounts import AccountPage, NewAccount, ShownToken, WhoAmI
from twinspan.server.admin_commands import NewCommand
from twinspan.server.admin_devices import EventPage, NewCredential, NewTags, ShownCode, ShownSecret
from twinspan.server.commands import QueuedCommand
from twinspan.server.config_store import ConfigState
from twinspan.server.registry import NewDevice
from twinspan.server.resources.access import NewAccessKey
from twinspan.server.resources.openapi import Described

_DEVICE = "/devices/{serial}"
_PAGE = ("limit", "before")

DESCRIBED: dict[tuple[str, str], Described] = {
    ("GET", "/devices"): Described(answer=DevicePage, query=("owner", "connected", "tag", "limit")),
    ("POST", "/devices"): Described(answer=AddedPage, status=201, body=NewDevice),
    ("POST", "/devices/import"): Described(answer=AddedPage, status=201, content_type="text/csv"),
    ("GET", _DEVICE): Described(answer=DeviceView),
    ("DELETE", _DEVICE): Described(),
    ("POST", f"{_DEVICE}/credential"): Described(answer=ShownSecret, body=NewCredential, needs_body=False),
    ("PUT", f"{_DEVICE}/tags"): Described(answer=DeviceView, body=NewTags),
    ("DELETE", f"{_DEVICE}/quarantine"): Described(),
    ("POST", f"{_DEVICE}/unbinding-code"): Described(answer=ShownCode, status=201),
    ("GET", f"{_DEVICE}/events"): Described(answer=EventPage, query=_PAGE),
    ("GET", "/events"): Described(answer=EventPage, query=_PAGE),
    ("GET", f"{_DEVICE}/config"): Described(answer=ConfigState),
    ("PUT", f"{_DEVICE}/config"): Described(answer=ConfigState, status=202, body=DeviceConfig, query=("trial_s",)),
    ("GET", f"{_DEVICE}/report"): Described(),
    ("POST", f"{_DEVICE}/commands"): Described(answer=QueuedCommand, more_statuses=(202,), body=NewCommand),
    ("GET", f"{_DEVICE}/commands/{{id}}"): Described(answer=QueuedCommand),
    ("DELETE", f"{_DEVICE}/commands/{{id}}"): Described(answer=QueuedCommand),
    ("GET", "/whoami"): Described(answer=WhoAmI),
    ("GET", "/accounts"): Described(answer=AccountPage),
    ("POST", "/accounts"): Described(answer=ShownToken, status=201, body=NewAccount),
    ("POST", "/accounts/{name}/token"): Described(answer=ShownToken, status=201),
    ("DELETE", "/accounts/{name}"): Described(),
    ("GET", "/tokens"): Described(answer=TokenPage),
    ("POST", "/tokens"): Described(answer=MadeToken, status=201, body=NewToken),
    ("DELETE", "/tokens/{label}"): Described(),
    ("GET", "/access-keys"): Described(answer=AccessKeyPage),
    ("POST", "/access-keys"): Described(answer=MadeAccessKey, status=201, body=NewAccessKey),
    ("DELETE", "/access-keys/{id}"): Described(),
    ("GET", "/quotas/{account}"): Described(answer=QuotaPage),
    ("PUT", "/quotas/{account}/{name}"): Described(answer=QuotaPage, body=NewQuota),
    ("POST", "/apply"): Described(answer=SitePlanned, body=ApplyRequest, query=("dry_run", "account")),
    ("POST", "/sites/{id}/destroy"): Described(answer=SitePlanned, query=("dry_run", "plan", "account")),
    ("GET", "/sites/{id}/export"): Described(query=("account",)),
    ("GET", "/changes"): Described(answer_type="text/event-stream", query=("after", "account")),
    ("GET", "/openapi.json"): Described(),
}
