"""One user's session at the command line: views, prompt, help, questions, paging. No I/O: bytes in, values out.

In: a `DeviceConfig` and a `Cipher`; then bytes of a terminal and the shell's answers. Out: `Output` and effects
(`effects.py`). The local socket, SSH and the cli sub-connection all run this engine. Next: `execution.py`.

    session = Session(config, cipher)
    carry_out(session.start())
    carry_out(session.feed(b"display clock\\r"))     # ... Display(topic="clock")
    carry_out(session.answer("10:00:00 UTC ...\\n"))
"""

from __future__ import annotations

import re
from collections import deque

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.cipher import MASK, Cipher
from twinspan.wire.comware.command import Ask
from twinspan.wire.comware.effects import WAITING, Effect, EffectOrOutput, Interrupt, Output, Quit
from twinspan.wire.comware.execution import Execution
from twinspan.wire.comware.help import completions, listing
from twinspan.wire.comware.keys import KeyReader
from twinspan.wire.comware.line_editor import LineEditor
from twinspan.wire.comware.line_filter import LineFilter
from twinspan.wire.comware.pager import Pager
from twinspan.wire.comware.words import in_quotes

MAX_AHEAD = 65536
"""Keys typed, or pasted, while the shell works on a command; more are dropped, with the bell."""
MAX_ANSWER = 200_000
"""Lines of an answer that are kept for a filter; what is beyond is left out."""
LONGEST_PAGE = 512
"""Lines, as `screen-length` has it."""
_SECRET_WORD = re.compile(
    r"(?<=\s)(s(?:im?|impl?|imple)?|p(?:la?|lain?|laint\w*)?|c(?:ip?|iph?|ipher\w*)?)"
    r'\s+("(?:[^"\\]|\\.)*"?|\S+)',
    re.IGNORECASE,
)
"""A secret and the word before it, however short: `simple`, `plaintext`, `cipher`, `ciphertext`."""


class Session:
    """A terminal's other end. Call `start` once, then `feed` for input and `answer` for every waiting effect."""

    def __init__(self, config: DeviceConfig, cipher: Cipher, *, draft: str = "") -> None:
        """`draft`: lines of an earlier session that are not part of `config` yet, from its `draft`."""
        self._execution = Execution(config, cipher, draft)
        self._keys = KeyReader()
        self._editor = LineEditor()
        self._pager = Pager()
        self._ahead: deque[str] = deque()
        self._answer: list[str] = []
        self._begun = ""
        self._question: Ask | None = None
        self._filter: LineFilter | None = None
        self._running: Effect | None = None
        self._left = False
        self._page_follows = True
        self._draining = False
        self._tab: list[str] = []
        self._shown: list[str] = []
        self._out: list[EffectOrOutput] = []

    @property
    def config(self) -> DeviceConfig:
        """The running config as this session knows it."""
        return self._execution.config

    @property
    def draft(self) -> str:
        """All lines, the ones that make no whole thing yet among them."""
        return self._execution.text

    @property
    def prompt(self) -> str:
        """The prompt of the present view, e.g. `[gateway-bgp-default]`."""
        return self._execution.prompt

    def start(self) -> list[EffectOrOutput]:
        """The first prompt."""
        self._write("\n" + self.prompt)
        return self._taken()

    def feed(self, data: bytes) -> list[EffectOrOutput]:
        """Bytes that the user typed, in pieces of any size. Never raises."""
        for key in self._keys.read(data):
            self._press(key)
        return self._taken()

    def answer(self, text: str, *, last: bool = True) -> list[EffectOrOutput]:
        """The shell's answer to the waiting effect, whole or in pieces; without one it is ignored."""
        if self._running is None:
            return []
        self._show_answer(text, last=last)
        if last:
            self._running = None
            self._filter = None
            self._ready()
        return self._taken()

    def help(self, before: str) -> list[EffectOrOutput]:
        """The help that `?` gives after `before`, for whoever cannot go on with the line: nothing of it is left."""
        if not self._takes_keys() or self._question is not None:
            return self.feed(f"{before}?\r".encode())
        self._write(before + "?\n" + listing(self._execution.where, before, len(self.prompt)) + self.prompt)
        return self._taken()

    def resize(self, rows: int) -> None:
        """The terminal has so many lines now: a page is as long, unless the user has said how long it shall be."""
        if self._page_follows and rows > 1:
            self._pager.length = min(rows, LONGEST_PAGE)

    def update(self, config: DeviceConfig) -> None:
        """The running config was changed by somebody else."""
        self._execution.update(config)

    def _press(self, key: str) -> None:
        if self._left:
            return
        if self._running is not None:
            self._press_while_waiting(key)
        elif self._pager.is_waiting():
            self._write(self._pager.key(key))
            if not self._pager.is_waiting():
                self._ready()
        elif key == "enter":
            self._enter()
        elif self._question is None and self._press_for_help(key):
            pass
        elif key in {"ctrl-c", "ctrl-z"}:
            self._write("^C\n" if key == "ctrl-c" else "\n")
            self._editor.clear()
            self._question = None
            if key == "ctrl-z":
                self._execution.back_to_user_view()
            self._write(self.prompt)
        else:
            self._tab = []
            self._write(self._editor.insert(key) if len(key) == 1 else self._editor.key(key))

    def _press_while_waiting(self, key: str) -> None:
        if key == "ctrl-c":
            self._ahead.clear()
            if self._pager.is_waiting():
                self._write(self._pager.key("q"))
            self._emit(Interrupt())
        elif self._pager.is_waiting():
            self._write(self._pager.key(key))
        elif len(self._ahead) < MAX_AHEAD:
            self._ahead.append(key)
        else:
            self._write("\a")

    def _press_for_help(self, key: str) -> bool:
        """`?` and Tab; False: the key is none of them, or stands in quotes or a comment."""
        before = self._editor.before
        if key not in {"?", "tab"} or in_quotes(before) or before.lstrip().startswith("#"):
            return key == "tab"
        if key == "tab":
            self._complete()
            return True
        self._write("?\n" + listing(self._execution.where, self._editor.before, len(self.prompt)))
        after = self._editor.text[self._editor.cursor :]
        self._write(self.prompt + self._editor.text + "\b" * len(after))
        return True

    def _complete(self) -> None:
        if not self._tab:
            self._tab = completions(self._execution.where, self._editor.before)
        if not self._tab:
            return
        word, *others = self._tab
        self._tab = [*others, word] if others else []
        kept = self._editor.before[: len(self._editor.before) - len(self._editor.before.split(" ")[-1])]
        completed = kept + word + ("" if others else " ")
        self._write(self._editor.replace(completed + self._editor.text[self._editor.cursor :], cursor=len(completed)))

    def _enter(self) -> None:
        self._tab = []
        self._write("\n")
        if self._question is not None:
            self._decide(self._editor.take(""))
            return
        line = self._editor.take(_SECRET_WORD.sub(rf"\1 {MASK}", self._editor.text.strip()))
        result = self._execution.run(line, tuple(self._editor.history))
        for effect in result.effects:
            self._emit(effect)
        if result.screen_length is not None:
            self._pager.length = result.screen_length
            self._page_follows = False
        self._filter = result.line_filter
        if result.question is not None:
            self._question = result.question
            self._write(result.question.question)
        elif result.effects and isinstance(result.effects[-1], WAITING):
            self._running = result.effects[-1]
            self._pager.begin()
        elif result.effects and isinstance(result.effects[-1], Quit):
            self._left = True
        else:
            self._pager.begin()
            self._show(result.text)
            self._ready()

    def _decide(self, line: str) -> None:
        question, self._question = self._question, None
        if question is not None and line.strip().lower() in {"y", "yes"}:
            self._emit(question.then)
            if isinstance(question.then, WAITING):
                self._running = question.then
                self._pager.begin()
                return
        self._ready()

    def _ready(self) -> None:
        """The prompt, and what was typed meanwhile."""
        if not self._takes_keys():
            return
        self._write(self.prompt)
        if self._draining:  # an outer call goes on with the next key
            return
        self._draining = True
        while self._ahead and self._takes_keys():
            self._press(self._ahead.popleft())
        self._draining = False

    def _takes_keys(self) -> bool:
        return self._running is None and not self._pager.is_waiting()

    def _show_answer(self, text: str, *, last: bool) -> None:
        """Whole lines now; the beginning of one waits for its end, and with a filter everything waits for the last."""
        text, self._begun = self._begun + text, ""
        if not last:
            text, end, self._begun = text.rpartition("\n")
            text += end
        if self._filter is None:
            self._show(text)
            return
        room = MAX_ANSWER - len(self._answer)
        self._answer += text.splitlines()[:room]
        if last:
            rows, self._answer = self._answer, []
            self._write(self._pager.show(self._filter.apply(rows)))

    def _show(self, text: str) -> None:
        if text:
            rows = text.splitlines()
            self._write(self._pager.show(self._filter.apply(rows) if self._filter else rows))

    def _write(self, text: str) -> None:
        if text:
            self._shown.append(text.replace("\r\n", "\n").replace("\n", "\r\n"))

    def _emit(self, effect: Effect) -> None:
        self._flush()
        self._out.append(effect)

    def _flush(self) -> None:
        if self._shown:
            self._out.append(Output("".join(self._shown).encode("utf-8", "replace")))
            self._shown = []

    def _taken(self) -> list[EffectOrOutput]:
        self._flush()
        out, self._out = self._out, []
        return out
