# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's files and the kernel's state in the words of _model.report."""

from __future__ import annotations

import collections
import re
import typing as t

from ..._model import report, traffic
from ..._model.policy import Policy
from ..._model.report import Grant, Line
from . import before_rules, compiler, tuples, user_rules
from .before_rules import Opening
from .edits import Edited
from .kernel import Table
from .settings import Settings
from .tuples import Tuple

MOST_DRIFT = 50
_DENIED = {'DROP': 'denied in silence', 'REJECT': 'denied with an answer', 'ACCEPT': 'admitted'}
_DIRECTIONS = {'in': 'ingress', 'out': 'egress'}
_LINE = re.compile(
    r'-A ufw6?-(?:user|before)-(?P<chain>input|output)(?: -s (?P<src>\S+))?(?: -d (?P<dst>\S+))? -p (?P<protocol>\S+)'
    r'(?: -m \S+)?(?: --(?P<side>[sd])ports? (?P<ports>\S+))? -j ACCEPT'
)
_NAMES = {'ipv6-icmp': 'icmpv6'}


def rules(own: t.Iterable[Tuple], sections: t.Iterable[str]) -> t.List[Line]:
    """Our rules in words, from tuples and from the text of our sections of before.rules."""
    return report.lines([*_from_tuples(own), *(grant for text in sections for grant in _from_section(text))])


def _from_tuples(own: t.Iterable[Tuple]) -> t.Iterator[Grant]:
    for rule in own:
        if rule.action == 'allow':
            address = rule.src if rule.direction == 'in' else rule.dst
            peer = None if address in tuples.ANYWHERE.values() else address
            for port, flows in compiler.flows_of(rule):
                yield Grant(_DIRECTIONS[rule.direction], rule.protocol, rule.sport != 'any', port, peer, flows)


def _from_section(text: str) -> t.Iterator[Grant]:
    note = Tuple('allow', 'any', 'any', '', 'any', '')
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            ports = match.group('ports') or 'any'
            for port, flows in compiler.flows_of(note._replace(dport=ports)):
                yield Grant(*_head(match), port, match.group('src') or match.group('dst'), flows)
        elif line.startswith(f'# {compiler.MARK} '):
            note = note._replace(comment=tuples.comment(line[2:]))


def _head(match: t.Match[str]) -> t.Tuple[str, str, bool]:
    direction = 'ingress' if match.group('chain') == 'input' else 'egress'
    return direction, _NAMES.get(match.group('protocol'), match.group('protocol')), match.group('side') == 's'


def state(settings: Settings, at_boot: bool, own: t.Iterable[Tuple]) -> t.List[str]:
    """Lines about everything but our rules; AT_BOOT: the unit is enabled."""
    running = settings.enabled
    lines = [
        f"ufw: {'running' if running else 'stopped'}, {'starts with the host' if running and at_boot else 'does not start with the host'}"
    ]
    for direction, target, name in (('ingress', 'input', 'incoming'), ('egress', 'output', 'outgoing')):
        policy = settings.policies[target]
        if running and not (direction == 'egress' and policy == 'ACCEPT'):
            lines.append(f'rest of {direction}: {_DENIED[policy]} (ufw default {name})')
    if any(rule.note() == compiler.EXCLUSIVE for rule in own):
        lines.append('exclusive: what other rules of ufw allow has no effect')
    return lines


def beside(foreign: t.Iterable[Tuple], openings: t.Iterable[t.Tuple[str, Opening]]) -> t.List[str]:
    """What others admit that the policy does not."""
    found = [f'open beside the policy: ufw {rule.words()}' for rule in foreign]
    return list(
        dict.fromkeys([*found, *(f'open beside the policy: {opening.words(path)}' for path, opening in openings)])
    )


def drift(family: str, live: Table, stated: Table, owned: t.Container[str]) -> t.List[str]:
    """How the kernel deviates from what the files state, in the chains that are OWNED by ufw."""
    if not live.runs(family):
        return [f'drift: the kernel has no rules of ufw ({family})']
    found: t.List[str] = []
    old, new = ({name: rules for name, rules in table.chains.items() if name in owned} for table in (live, stated))
    for name in sorted({*old, *new}):
        have, want = collections.Counter(old.get(name, ())), collections.Counter(new.get(name, ()))
        for where, extra in (('only in the kernel', have - want), ('missing in the kernel', want - have)):
            found.extend(f'drift, {where}: {_words(rule)}' for rule in sorted(extra.elements()))
        if have == want and old.get(name) != new.get(name):
            found.append(f'drift: the rules of {name} stand in another order')
    for chain, policy in stated.policies.items():
        if live.policies.get(chain) != policy:
            found.append(f'drift: the policy of {chain} ({family}) is {live.policies.get(chain)}, not {policy}')
        if live.jumps(chain, owned) != stated.jumps(chain, owned):
            found.append(f'drift: {chain} ({family}) does not pass through ufw as it should')
    return [
        *found[:MOST_DRIFT],
        *([f'drift: and {len(found) - MOST_DRIFT} deviations more'] if len(found) > MOST_DRIFT else []),
    ]


def _words(rule: str) -> str:
    match = _LINE.fullmatch(rule)
    if not match:
        return rule
    direction, protocol, source_port = _head(match)
    peer = match.group('src') or match.group('dst')
    ports = (match.group('ports') or '').replace(':', '-').replace(',', ', ')
    return Line(direction, protocol, ports, (traffic.plain(peer),) if peer else (), (), source_port).without_flows()


def of_hosts(live: t.Iterable[str], texts: t.Dict[str, str]) -> t.Tuple[t.List[Tuple], t.List[str]]:
    """(our tuples, our sections of before.rules) in TEXTS of the families LIVE."""
    own = [
        rule
        for family in live
        for rule in user_rules.parse(user_rules.PATHS[family], texts[user_rules.PATHS[family]]).tuples
        if compiler.is_ours(rule)
    ]
    return own, [before_rules.section(texts[before_rules.BEFORE[family]]) for family in live]


def ahead(listed: t.Sequence[Tuple]) -> t.List[Tuple]:
    """Rules of others that deny, stand before ours in LISTED, and could cut what one of ours admits."""
    found: t.Dict[Tuple, None] = {}
    denials: t.List[Tuple] = []
    for rule in listed:
        if compiler.is_ours(rule):
            found.update(
                (denial, None) for denial in denials if rule.action == 'allow' and compiler.overlap(denial, rule)
            )
        elif rule.action in ('deny', 'reject') and not rule.route:
            denials.append(rule)
    return list(found)


def warnings(edited: Edited, policy: Policy, families: t.Iterable[str]) -> t.Tuple[str, ...]:
    """What an operator has to know about rules of others."""
    found = []
    allowing = beside(edited.foreign, edited.openings)
    if allowing and not policy.exclusive:
        names = known(edited.openings)
        found.append(
            f'rules of others let in or out what the policy does not ({len(allowing)}{f", {names} among them" if names else ""}; --diff lists them); '
            'set portmatrix_exclusive: true to take their effect'
        )
    denials = list(dict.fromkeys(rule.words() for family in families for rule in ahead(edited.rules[family])))
    if denials:
        shown = '; '.join(denials[:3]) + (f' and {len(denials) - 3} more' if len(denials) > 3 else '')
        found.append(
            f'rules of others that deny stand before ours and cut what the policy admits: {shown}; remove them with ufw delete, if they are not meant'
        )
    return tuple(found)


def known(openings: t.Iterable[t.Tuple[str, Opening]]) -> str:
    """The names of well-known traffic among OPENINGS."""
    return ', '.join(
        sorted(
            {
                before_rules.KNOWN[key]
                for _path, opening in openings
                for key in [(opening.protocol, opening.span[0])]
                if key in before_rules.KNOWN
            }
        )
    )
