# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of others allow beyond the policy."""

from __future__ import annotations

import typing as t

from .directions import INGRESS
from .report import shorten
from .traffic import Ports

MAX_CLOSING, MAX_USED = 3, 5  # in a message


class Opening(t.NamedTuple):
    """New traffic that a rule of others allows, in the words of its firewall (`text`). Without protocols or ports it is
    all of them; if it is not `for_all`, there may be further conditions."""

    direction: str
    protocols: t.Tuple[str, ...]
    ports: t.Tuple[Ports, ...]
    text: str
    for_all: bool = False

    def includes(self, direction: str, protocol: str, port: int) -> bool:
        """Whether new traffic to PORT may be part of it."""
        has_port = not self.ports or any(low <= port <= high for low, high in self.ports)
        return direction == self.direction and protocol in (self.protocols or (protocol,)) and has_port


def everything(reason: str) -> Opening:
    """That no rule denies what comes in."""
    return Opening(INGRESS, (), (), f'everything ({reason})', for_all=True)


def diff_lines(openings: t.Iterable[Opening], *, is_open: bool) -> t.List[str]:
    """Lines of a diff about OPENINGS, which are open, or have no effect."""
    state = 'but open' if is_open else 'and closed'
    # the kernel tells them in no order that lasts
    return sorted({f'not in the policy, {state}: {opening.text}' for opening in openings})


def warnings(staying: t.Iterable[Opening], names: str = '') -> t.Tuple[str, ...]:
    """A warning about what is STAYING open; NAMES are well-known services among it."""
    number = len({opening.text for opening in staying})
    if not number:
        return ()
    return (
        f'rules not managed by portmatrix allow what the policy does not ({number} of them'
        f'{f", {names} included" if names else ""}; --diff lists them); set portmatrix_exclusive: true to disable them',
    )


def closing_warning(closing: t.Iterable[Opening], used: t.Sequence[str]) -> str:
    """A warning about what is open now beyond the policy and will be closed, with what is USED of it."""
    return (
        'this closes what the policy does not document: '
        f'{shorten(sorted({opening.text for opening in closing}), MAX_CLOSING)}; in use now: '
        f'{shorten(used, MAX_USED) or "nothing that listens or is connected"}'
    )


def used_text(protocol: str, port: int, peer: str = '') -> str:
    """A service that is in use: by PEER, or only listening."""
    return f'{protocol} {port} ({f"connected from {peer}" if peer else "listening"})'
