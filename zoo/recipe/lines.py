"""Where each key of a TOML text stands: key path to line number."""

from __future__ import annotations

import re

import tomli

from zoo.recipe.places import KeyPath

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) on which each table, key and array item of a TOML text first stands.

    Args:
        text: valid TOML; positions in a text that does not parse are meaningless.
    """
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    """A cursor over valid TOML that only finds keys; what values mean is the parser's business."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}
        self._line, self._counted = 1, 0

    def document(self) -> None:
        """Every table header and every key below it."""
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.position < len(self.text):
            table = self._header() if self._peek() == "[" else self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> KeyPath:
        brackets = 2 if self.text.startswith("[[", self.position) else 1
        self.position += brackets
        path: KeyPath = ()
        keys = self._dotted()
        for number, key in enumerate(keys):
            path += (key,)
            self._note(path)
            last = number == len(keys) - 1
            if last and brackets == 2:
                self._items[path] = self._items.get(path, -1) + 1
            if path in self._items and (not last or brackets == 2):
                path += (self._items[path],)
                self._note(path)
        self.position += brackets
        return path

    def _pair(self, table: KeyPath) -> KeyPath:
        path = table
        for key in self._dotted():
            path += (key,)
            self._note(path)
        self.position += 1
        self._skip(_SPACE)
        self._value(path)
        return table

    def _dotted(self) -> list[str]:
        keys = [self._key()]
        while self._peek() == ".":
            self.position += 1
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip(_SPACE)
        quoted = self._peek() in "\"'"
        key = tomli.loads(f"key = {self._string()}")["key"] if quoted else self._skip(_BARE_KEY)
        self._skip(_SPACE)
        return key

    def _value(self, path: KeyPath) -> None:
        character = self._peek()
        if character in "\"'":
            self._string()
        elif character == "[":
            self._array(path)
        elif character == "{":
            self._inline_table(path)
        else:
            self._skip(_BARE_VALUE)

    def _array(self, path: KeyPath) -> None:
        self.position += 1
        self._skip(_BLANK)
        number = 0
        while self._peek() not in "]\0":
            self._note((*path, number))
            self._value((*path, number))
            self._separator()
            number += 1
        self.position += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.position += 1
        self._skip(_BLANK)
        while self._peek() not in "}\0":
            self._pair(path)
            self._separator()
        self.position += 1

    def _separator(self) -> None:
        self._skip(_BLANK)
        if self._peek() == ",":
            self.position += 1
            self._skip(_BLANK)

    def _string(self) -> str:
        start, quote = self.position, self._peek()
        delimiter = 3 * quote if self.text.startswith(3 * quote, start) else quote
        self.position += len(delimiter)
        while self.position < len(self.text) and not self.text.startswith(delimiter, self.position):
            self.position += 2 if quote == '"' and self._peek() == "\\" else 1
        self.position += len(delimiter)
        if len(delimiter) == 3:
            # Up to two quotes may stand directly before the closing three.
            while self._peek() == quote:
                self.position += 1
        return self.text[start : self.position]

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1] or "\0"

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        skipped = match.group() if match else ""
        self.position += len(skipped)
        return skipped

    def _note(self, path: KeyPath) -> None:
        self._line += self.text.count("\n", self._counted, self.position)
        self._counted = self.position
        self.lines.setdefault(path, self._line)
