# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of messages."""

from __future__ import annotations

import difflib
import typing as t

MAX_NAMES = 5


def grouped(problems: t.Iterable[str], hosts: t.Iterable[str]) -> list[str]:
    """PROBLEMS; those that are equal but for the host that they begin with ("a: ...") are one of several hosts."""
    known = set(hosts)
    by_text: dict[str, list[str]] = {}
    for problem in problems:
        host, colon, text = problem.partition(': ')
        is_of_host = bool(colon) and host in known
        names = by_text.setdefault(text if is_of_host else problem, [])
        names.extend([host] if is_of_host and host not in names else [])
    return [f'{few(names)}: {text}' if names else text for text, names in by_text.items()]


def nearest(name: str, known: t.Iterable[str], otherwise: str) -> str:
    """What NAME may have meant: "did you mean X?" with the nearest of KNOWN names, or one of which it is a part;
    else OTHERWISE."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1) or [one for one in names if name and name in one]
    return f'did you mean {close[0]}?' if close else otherwise


def few(names: t.Sequence[str]) -> str:
    """The first of NAMES, and how many others there are: "a, b, c, d, e and 12 others"."""
    others = len(names) - MAX_NAMES
    more = f' and {others} other{"s" if others > 1 else ""}' if others > 0 else ''
    return ', '.join(names[:MAX_NAMES]) + more
