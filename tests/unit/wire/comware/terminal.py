"""A cipher that shows what it hides, and a terminal that types."""

from __future__ import annotations

from pathlib import Path

from twinspan.cli.site_file import check
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import Secret
from twinspan.wire.comware.effects import ChangeConfig, Effect, EffectOrOutput, Output
from twinspan.wire.comware.session import Session

ROOT = Path(__file__).parents[4]
EXAMPLES = {f"{p.parent.name}-{p.stem}": p for p in sorted((ROOT / "examples").glob("*/*.yaml"))}


class OpenCipher:
    """`encrypt` in hexadecimal: a test sees at once which secret stands where."""

    def encrypt(self, plain: str) -> str:
        return f"$t${plain.encode().hex()}"

    def decrypt(self, text: str) -> str | None:
        try:
            return bytes.fromhex(text[3:]).decode() if text.startswith("$t$") else None
        except ValueError:
            return None


class Terminal:
    """Types at a session and keeps what it shows and does."""

    def __init__(self, config: DeviceConfig) -> None:
        self.session = Session(config, OpenCipher())
        self.effects: list[Effect] = []
        self.screen = ""
        self._see(self.session.start())

    def _see(self, results: list[EffectOrOutput]) -> str:
        shown = "".join(result.data.decode() for result in results if isinstance(result, Output))
        self.effects += [result for result in results if not isinstance(result, Output)]
        self.screen += shown
        return shown.replace("\r\n", "\n")

    def keys(self, data: str | bytes) -> str:
        """What the keys bring onto the screen."""
        return self._see(self.session.feed(data.encode() if isinstance(data, str) else data))

    def line(self, text: str) -> str:
        """What a line brings, its echo and the next prompt left out."""
        shown = self.keys(text + "\r")
        return shown.removeprefix(text + "\n").removesuffix(self.session.prompt)

    def lines(self, *texts: str) -> str:
        """What the last of several lines brings."""
        return [self.line(text) for text in texts][-1]

    def answer(self, text: str, *, last: bool = True) -> str:
        return self._see(self.session.answer(text, last=last))

    @property
    def config(self) -> DeviceConfig:
        return self.session.config

    @property
    def changes(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, ChangeConfig)]


def gateway_of(example: str) -> DeviceConfig:
    """The gateway of an example, with keys that say what they belong to."""
    site = check(EXAMPLES[example].read_bytes(), example).site
    assert site is not None
    keys = keys_from({name: Secret(f"key-of-{name}") for name in wanted_keys(site)})
    return compile_site(site, keys).configs["gateway"]
