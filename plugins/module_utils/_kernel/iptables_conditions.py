# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a rule of iptables select."""

from __future__ import annotations

import typing as t

from . import iptables_matches
from .ipsets import Sets
from .iptables_options import Option
from .packets import Condition
from .rules import Unknown
from .surroundings import Context

# modules that select by an option that is read here, and those that only attach a text or a number
_READ = frozenset(('tcp', 'udp', 'sctp', 'dccp', 'udplite', 'multiport', 'icmp', 'icmp6', 'conntrack', 'state',
                   'addrtype', 'set', 'mark', 'iprange', 'comment', 'nfacct', 'recent', 'rpfilter', 'rt',
                   'hbh', 'dst', 'frag', 'srh', 'ipv6header', 'physdev'))  # fmt: skip
# headers that the packets which are asked about do not have
_HEADERS = frozenset(('rt', 'hbh', 'dst', 'frag', 'srh'))


class Selection(t.NamedTuple):
    """The conditions of a rule; unless `is_known`, there are more that are not known here."""

    conditions: t.Tuple[Condition, ...]
    is_known: bool


def read(options: t.Sequence[Option], context: Context, sets: Sets) -> Selection:
    """What OPTIONS select."""
    conditions: t.List[Condition] = []
    is_known = True
    modules = {option.values[0] for option in options if option.name == '-m' and option.values}
    if modules & _HEADERS:
        return Selection((iptables_matches.NOTHING,), True)
    if 'rpfilter' in modules:
        # peers are taken to be where the routes of this host lead to
        is_inverted = any(option.name == '--invert' for option in options)
        conditions.append(iptables_matches.NOTHING if is_inverted else iptables_matches.ALL)
    module = ''
    for option in options:
        if option.name == '-m':
            module = option.values[0] if option.values else '?'
            is_known = is_known and module in _READ
            continue
        # an option has the meaning of its module: --mark is of packets or of connections
        if option.name in _IGNORED or (module and module not in _READ):
            continue
        try:
            condition = iptables_matches.HANDLERS[option.name](option, context, sets)
            conditions.append(condition._replace(negated=condition.negated != option.is_negated))
        except (Unknown, KeyError, ValueError, OSError, IndexError):
            is_known = False
    return Selection(tuple(conditions), is_known)


_IGNORED = frozenset(('--comment', '--nfacct-name', '--name', '--mask', '--rsource', '--rdest', '--loose',
                      '--validmark', '--accept-local', '--invert', '--reap'))  # fmt: skip
