"""Bytes of a terminal as keys: UTF-8, escape sequences of arrows and friends, line ends of every kind.

In: bytes in pieces of any size. Out: keys: a printable character, or a name such as "enter", "up", "ctrl-c".
Next: `line_editor.py`.
"""

from __future__ import annotations

import codecs

_CONTROLS = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x08": "backspace",
    "\x7f": "backspace",
    **{chr(code): f"ctrl-{chr(code + 96)}" for code in range(1, 27) if code not in {8, 9, 10, 13}},
}
_SEQUENCES = {
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "[H": "home",
    "[F": "end",
    "[1~": "home",
    "[4~": "end",
    "[3~": "delete",
}
_LONGEST_SEQUENCE = 16
"""Characters after which an escape sequence is given up."""


class KeyReader:
    """Keeps what is not whole yet: half a character, half an escape sequence, the line feed after a return."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._sequence: str | None = None
        self._after_return = False

    def read(self, data: bytes) -> list[str]:
        """Keys that are complete now."""
        keys = (self._key(character) for character in self._decoder.decode(data))
        return [key for key in keys if key is not None]

    def _key(self, character: str) -> str | None:
        returned, self._after_return = self._after_return, character == "\r"
        if self._sequence is not None:
            return self._in_sequence(character)
        if character == "\x1b":
            self._sequence = ""
            return None
        if returned and character in "\n\x00":  # CR LF and telnet's CR NUL are one Enter
            return None
        if character in _CONTROLS:
            return _CONTROLS[character]
        return character if character.isprintable() else None

    def _in_sequence(self, character: str) -> str | None:
        sequence = (self._sequence or "") + character
        if sequence in {"[", "O"}:
            self._sequence = sequence
            return None
        if sequence[0] not in "[O":
            self._sequence = None
            return "escape" if character == "\x1b" else None
        if character.isdigit() or character == ";":
            self._sequence = sequence if len(sequence) < _LONGEST_SEQUENCE else None
            return None
        self._sequence = None
        return _SEQUENCES.get("[" + sequence[1:])
