# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the kernel's packet filters in one form, whichever program wrote them."""

from __future__ import annotations

import typing as t

from .packets import Condition

# what a rule does with the packets that it selects
ACCEPT, DENY, RETURN, JUMP, GOTO = 'accept', 'deny', 'return', 'jump', 'goto'
CONTINUE = 'continue'  # it counts, logs or changes what no rule asks for
MARK, UNTRACK = 'mark', 'untrack'
REDIRECT = 'redirect'  # to another port of this host
AWAY = 'away'  # to another address: forwarded, or to be delivered elsewhere
ASK = 'ask'  # a program decides, or something that is not known here


class Unknown(Exception):
    """A part of a rule that has no meaning here."""


class Action(t.NamedTuple):
    """`kind`, and the chain that a jump leads to; for a mark `keep` (bits that stay) and `flip` (bits that change
    then), None if that is not known; for a redirection the `port`, None if that is not known or stays."""

    kind: str
    chain: str = ''
    keep: t.Optional[int] = None
    flip: int = 0
    port: t.Optional[int] = None


class Place(t.NamedTuple):
    """Where a rule is: the `program` (nft, iptables, iptables-legacy, ...) that lists it, its table and chain, and its
    `text` as that program prints it; nft gives it a `handle`, and tells whether it `has_extensions` of iptables."""

    program: str
    family: str
    table: str
    chain: str
    text: str = ''
    handle: int = 0
    has_extensions: bool = False


class Rule(t.NamedTuple):
    """Unless `is_known`, something restricts it further that is not known here, so whether it applies to what it
    selects cannot be told."""

    conditions: t.Tuple[Condition, ...]
    action: Action
    place: Place
    is_known: bool = True


class BaseChain(t.NamedTuple):
    """A chain that the kernel itself asks, at a `hook`; a lower `priority` comes first."""

    chain: str
    hook: str
    priority: int
    policy: str = ACCEPT
    is_nat: bool = False


class Table(t.NamedTuple):
    """What a table means for packets of one family: `packets`. Its own `family` may be one that has both (inet)."""

    program: str
    family: str
    name: str
    packets: str
    chains: t.Dict[str, t.List[Rule]]
    bases: t.Tuple[BaseChain, ...]

    @property
    def key(self) -> t.Tuple[str, str, str, str]:
        return self.program, self.family, self.name, self.packets


class Ruleset(t.NamedTuple):
    """All tables; `unread`: what filters packets, too, but could not be read, and why."""

    tables: t.Tuple[Table, ...]
    unread: t.Tuple[str, ...] = ()

    def replaced(self, table: Table) -> Ruleset:
        """With TABLE in place of the one of the same name."""
        others = tuple(own for own in self.tables if own.key != table.key)
        return self._replace(tables=(*others, table))
