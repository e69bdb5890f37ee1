"""Makes the administrator of a lab's cloud server out of whoever opens a shell beside it.

In: a lab. Out: environment variables with which `twinspan device` speaks to that server, logged in. Next: `lab.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.cli.known_servers import KnownServer
from twinspan.lab.cloud import PORT, SERVER, SERVER_ADDRESS
from twinspan.lab.lab import Lab
from twinspan.lab.state import write_private
from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret, encode_hook


def administrator(lab: Lab) -> dict[str, str]:
    """For a shell in the server's namespace. Raises Unavailable if the server has never started."""
    part = lab.paths.part(SERVER)
    try:
        token = Secret((part / "administrator-token").read_text("ascii").strip())
        authority = (part / "state" / "authority.pem").read_text("ascii")
    except OSError as error:
        raise Unavailable(
            f"the cloud server of lab {lab.name} has not started yet: {error.filename} is missing",
            remedy=f"read {part / 'agent.log'}",
        ) from error
    known = {f"{SERVER_ADDRESS}:{PORT}": KnownServer(authorities=(authority,), fingerprint="", token=token)}
    folder = part / "config" / "twinspan"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "servers.json", msgspec.json.encode(known, enc_hook=encode_hook))
    return {"XDG_CONFIG_HOME": str(folder.parent), "TWINSPAN_SERVER": SERVER_ADDRESS}
