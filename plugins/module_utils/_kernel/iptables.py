# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of iptables, from what its -save programs print."""

from __future__ import annotations

import re
import typing as t

from . import iptables_conditions, iptables_options, packets, rules
from .ipsets import Sets
from .rules import Action, BaseChain, Place, Rule, Table
from .surroundings import Context

# priorities of the built-in chains, as the kernel has them (include/uapi/linux/netfilter_ipv4.h)
_PRIORITIES = {'raw': -300, 'mangle': -150, 'nat': -100, 'filter': 0, 'security': 50}
_NAT_OF_SOURCES = 100
_VERDICTS = {'ACCEPT': rules.ACCEPT, 'DROP': rules.DENY, 'REJECT': rules.DENY, 'TARPIT': rules.DENY,
             'RETURN': rules.RETURN, 'SNAT': rules.ACCEPT, 'MASQUERADE': rules.ACCEPT,
             'NOTRACK': rules.UNTRACK, 'DNAT': rules.AWAY, 'NETMAP': rules.AWAY, 'DNPT': rules.AWAY,
             'HMARK': rules.MARK}  # fmt: skip
# targets after which a packet goes on
_HARMLESS = frozenset(('LOG', 'NFLOG', 'ULOG', 'TCPMSS', 'DSCP', 'TOS', 'TTL', 'HL', 'ECN', 'CLASSIFY', 'TRACE',
                       'AUDIT', 'CHECKSUM', 'SECMARK', 'CONNSECMARK', 'RATEEST', 'LED', 'IDLETIMER', 'TEE',
                       'TCPOPTSTRIP', 'SNPT', ''))  # fmt: skip
_BITS = 2**32 - 1


def read(program: str, text: str, context: Context, sets: Sets) -> t.List[Table]:
    """The tables in TEXT, which PROGRAM-save has printed for the family of CONTEXT."""
    tables: t.List[Table] = []
    for line in text.split('\n'):
        if line.startswith('*'):
            tables.append(Table(program, 'ip' if context.family == 'ipv4' else 'ip6', line[1:], context.family, {}, ()))
        elif line.startswith(':') and tables:
            name, policy = (line[1:].split() + ['-'])[:2]
            tables[-1].chains[name] = []
            if policy != '-':
                tables[-1] = tables[-1]._replace(bases=(*tables[-1].bases, _base_chain(tables[-1].name, name, policy)))
        elif line.startswith('-A ') and tables:
            name = (line.split(None, 2) + [''])[1]
            tables[-1].chains.setdefault(name, []).append(_rule(tables[-1], name, line, context, sets))
    return tables


def filled_sets(text: str) -> t.Set[str]:
    """The sets of ipset that rules in TEXT fill themselves."""
    return set(re.findall(r'(?m)^-A .* -j SET .*?--(?:add|del)-set (\S+)', text))


def _base_chain(table: str, chain: str, policy: str) -> BaseChain:
    """A built-in CHAIN, with the priority that iptables gives it."""
    is_nat = table == 'nat'
    priority = _NAT_OF_SOURCES if is_nat and chain in ('INPUT', 'POSTROUTING') else _PRIORITIES.get(table, 0)
    return BaseChain(chain, chain.lower(), priority, rules.DENY if policy == 'DROP' else rules.ACCEPT, is_nat)


def _rule(table: Table, chain: str, line: str, context: Context, sets: Sets) -> Rule:
    place = Place(table.program, table.family, table.name, chain, line)
    try:
        parsed = iptables_options.parse(line)
        selection, action = iptables_conditions.read(parsed.options, context, sets), _action(parsed)
    except Exception:  # pylint: disable=broad-exception-caught
        # a form that no version of iptables is known to print: it may do anything
        return Rule((), Action(rules.ASK), place, False)
    return Rule(packets.combined(selection.conditions), action, place, selection.is_known)


def _action(line: iptables_options.Line) -> Action:
    target = line.target
    if target in _HARMLESS:
        return Action(rules.CONTINUE)
    if target in _VERDICTS:
        return Action(_VERDICTS[target])
    if target == 'CT':
        return Action(rules.UNTRACK if '--notrack' in line.rest else rules.CONTINUE)
    if target == 'MARK':
        return _mark(line.rest)
    if target == 'CONNMARK':
        return Action(rules.MARK if '--restore-mark' in line.rest else rules.CONTINUE)
    if target == 'REDIRECT':
        port = line.rest[1] if line.rest[:1] == ('--to-ports',) else ''
        return Action(rules.REDIRECT, port=int(port) if port.isdigit() else None)
    if target == 'SET':
        return Action(rules.MARK if '--map-mark' in line.rest else rules.CONTINUE)
    # what is no chain (a queue, a proxy, an extension of others) decides by itself: see walk
    return Action(rules.GOTO if line.verb == '-g' else rules.JUMP, target)


def _mark(rest: t.Sequence[str]) -> Action:
    if rest[:1] != ('--set-xmark',):
        return Action(rules.MARK)
    value, _slash, mask = rest[1].partition('/')
    return Action(rules.MARK, keep=_BITS & ~int(mask or '0xffffffff', 0), flip=int(value, 0))
