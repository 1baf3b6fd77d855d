# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a rule of iptables, as iptables-save writes it, and how many values each takes.

Which take two, and which a text, is from the manual iptables-extensions(8) of iptables 1.8.
"""

from __future__ import annotations

import shlex
import typing as t

from .rules import Unknown

_TWO = frozenset(('--tcp-flags', '--match-set'))
# options whose value is a text, which may begin like an option
_TEXTS = frozenset(('--comment', '--string', '--hex-string', '--name', '--helper', '--u32', '--bytecode', '--path'))
_TARGETS = ('-j', '-g')


# what iptables-save writes for other spellings, which files may have
_SPELLINGS = {
    '--protocol': '-p', '--source': '-s', '--src': '-s', '--destination': '-d', '--dst': '-d',
    '--in-interface': '-i', '--out-interface': '-o', '--jump': '-j', '--goto': '-g', '--match': '-m',
    '--fragment': '-f', '--source-port': '--sport', '--destination-port': '--dport', '--source-ports': '--sports',
    '--destination-ports': '--dports',
}  # fmt: skip


class Option(t.NamedTuple):
    name: str
    values: t.Tuple[str, ...]
    is_negated: bool


class Line(t.NamedTuple):
    """A rule as iptables-save prints it: `verb` is -j, -g or "" without a target; `rest` are options of the target."""

    chain: str
    options: t.Tuple[Option, ...]
    verb: str
    target: str
    rest: t.Tuple[str, ...]


def parse(line: str) -> Line:
    """The rule LINE, which begins with "-A CHAIN" or "-I CHAIN". Raises Unknown if it is none."""
    try:
        words = shlex.split(line) if '"' in line or "'" in line or '\\' in line else line.split()
    except ValueError:
        raise Unknown from None
    if len(words) < 2 or words[0] not in ('-A', '-I', '--append', '--insert'):
        raise Unknown
    words = [words[0], words[1], *_canonical(words[2:])]
    options: t.List[Option] = []
    # what is inserted may have a number
    position, is_negated = 3 if words[2:3] and words[2].isdigit() else 2, False
    while position < len(words) and words[position] not in _TARGETS:
        name = words[position]
        position += 1
        if name == '!':
            is_negated = True
            continue
        number = _number_of_values(name, words[position : position + 1])
        options.append(Option(name, tuple(words[position : position + number]), is_negated))
        position, is_negated = position + number, False
    verb, target = (words[position], words[position + 1]) if position + 1 < len(words) else ('', '')
    return Line(words[1], tuple(options), verb, target, tuple(words[position + 2 :]))


def _canonical(words: t.Iterable[str]) -> t.Iterator[str]:
    for word in words:
        name, equals, value = word.partition('=') if word.startswith('--') else (word, '', '')
        yield _SPELLINGS.get(name, name)
        if equals:
            yield value


def _number_of_values(name: str, following: t.Sequence[str]) -> int:
    if name in _TWO:
        return 2
    # what is no value of an option is the next one, or its negation; so extensions of others are read as well
    is_option = bool(following) and (following[0] == '!' or following[0].startswith('-'))
    return 1 if name in _TEXTS or not is_option else 0
