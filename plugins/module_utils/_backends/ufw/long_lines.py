# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines that iptables-restore does not read as one: it takes what follows after 10,240 bytes for a line of its own, and
the rest of a comment for a rule."""

from __future__ import annotations

from ..._base.errors import Refused

MAX_BYTES = 10_000
MAX_COMMENT_BYTES = 1_500  # of what portmatrix writes


def shorten(text: str) -> str:
    """TEXT, or as much of it as one comment may contain."""
    return text.encode('utf-8', 'replace')[:MAX_COMMENT_BYTES].decode('utf-8', 'ignore')


def require_none(path: str, text: str) -> None:
    """Raise Refused for each line of the file PATH, with this TEXT, that is too long."""
    problems = [
        f'{path}, line {number}: has {len(line)} characters, of which iptables-restore would take the last ones for a '
        f'rule of their own; break it up into lines of at most {MAX_BYTES:,} bytes: {line[:60]!r}...'
        for number, line in enumerate(text.splitlines(), 1)
        if len(line.encode('utf-8', 'surrogateescape')) > MAX_BYTES
    ]
    if problems:
        raise Refused(*problems)
