# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw's files and the state of the kernel in the words of _model.report."""

from __future__ import annotations

import re
import typing as t

from ..._model import icmp_types, openings, protocols, traffic
from ..._model.directions import EGRESS, INGRESS
from ..._model.openings import Opening, everything
from ..._model.peers import ANY, Members, Peer
from ..._model.report import AtomicRule, DisplayRule, display_rules, shorten
from . import administrator_files, managed_section, notes, tuples, user_rules
from .edits import Edited, Texts
from .open_lines import OpenLine
from .settings import CHAINS, Settings
from .tuples import Tuple

_DENIED = {'DROP': 'dropped', 'REJECT': 'rejected', 'ACCEPT': 'accepted'}
_DEFAULT_NAMES = {INGRESS: 'incoming', EGRESS: 'outgoing'}
_LINE = re.compile(
    r'-A ufw6?-(?:user|before)-(?P<chain>input|output)(?: -s (?P<src>\S+))?(?: -d (?P<dst>\S+))?'
    r'(?: -p (?P<protocol>\S+))?(?: -m \S+)?(?: --dports? (?P<ports>\S+))?(?: --icmp(?:v6)?-type (?P<type>\S+))?'
    r' -j ACCEPT'
)
MAX_DENIALS = 3


def managed(families: t.Iterable[str], texts: Texts) -> t.Tuple[t.List[Tuple], t.List[str]]:
    """(managed tuples, managed sections of before.rules) in TEXTS."""
    paths = {family: user_rules.PATHS[family] for family in families}
    rules = [
        rule for path in paths.values() for rule in user_rules.parse(path, texts[path]).tuples if notes.is_managed(rule)
    ]
    return rules, [managed_section.section(texts[administrator_files.BEFORE[family]]) for family in paths]


def rules(managed_tuples: t.Iterable[Tuple], sections: t.Iterable[str]) -> t.List[DisplayRule]:
    """The rules in managed tuples and sections."""
    from_sections = (atomic for text in sections for atomic in _from_section(text))
    return display_rules([*_from_tuples(managed_tuples), *from_sections])


def _from_tuples(managed_tuples: t.Iterable[Tuple]) -> t.Iterator[AtomicRule]:
    for rule in managed_tuples:
        if rule.action == 'allow':
            peer: Peer = ANY if tuples.is_anywhere(rule.peer) else rule.peer
            group = '' if rule.direction != INGRESS or tuples.is_anywhere(rule.dst) else f' to {rule.dst}'
            for port, flows in notes.flows_of(rule):
                yield AtomicRule(rule.direction, rule.protocol, f'{port}{group}'.strip(), peer, flows)


def _from_section(text: str) -> t.Iterator[AtomicRule]:
    note = Tuple('allow', 'any', 'any', '', 'any', '')
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match:
            direction, protocol = _service(match)
            for port, flows in notes.flows_of(note._replace(dport=match.group('ports') or 'any')):
                ports = f'{port}{_restriction(match)}'.strip()
                yield AtomicRule(direction, protocol, ports, _peer(match), flows)
        elif line.startswith(f'# {notes.MARK} '):
            note = note._replace(comment=tuples.comment(line[2:]))


def _service(match: t.Match[str]) -> t.Tuple[str, str]:
    direction = INGRESS if match.group('chain') == CHAINS[INGRESS] else EGRESS
    return direction, protocols.catalog_name(match.group('protocol') or protocols.ALL)


def _peer(match: t.Match[str]) -> Peer:
    is_ingress = match.group('chain') == CHAINS[INGRESS]
    return match.group('src' if is_ingress else 'dst') or ANY


def _restriction(match: t.Match[str]) -> str:
    """What a line matches beside ports: a type of ICMP, the address of a group."""
    direction, protocol = _service(match)
    kind = match.group('type')
    text = f' type {icmp_types.name(protocol, kind) or kind}' if kind else ''
    return f'{text} to {match.group("dst")}' if match.group('dst') and direction == INGRESS else text


def line_text(line: str) -> str:
    """A LINE of iptables in words if it has the form of managed ones, else the line."""
    match = _LINE.fullmatch(line)
    if not match:
        return line
    direction, protocol = _service(match)
    peer = _peer(match)
    ports = (match.group('ports') or '').replace(':', '-').replace(',', ', ')
    ports = f'{ports}{_restriction(match)}'.strip()
    peers = Members((traffic.without_full_prefix(peer),)) if isinstance(peer, str) else ANY
    return DisplayRule(direction, protocol, ports, peers, ()).traffic_text()


def state(settings: Settings, starts_at_boot: bool, managed_tuples: t.Iterable[Tuple]) -> t.List[str]:
    """Lines about everything but the managed rules."""
    running = settings.enabled
    at_boot = 'starts at boot' if running and starts_at_boot else 'does not start at boot'
    lines = [f'ufw: {"running" if running else "stopped"}, {at_boot}']
    for direction, chain in CHAINS.items():
        policy = settings.policies[chain]
        if running and not (direction == EGRESS and policy == 'ACCEPT'):
            lines.append(f'rest of {direction}: {_DENIED[policy]} (ufw default {_DEFAULT_NAMES[direction]})')
    if notes.is_exclusive(managed_tuples):
        lines.append('exclusive: what unmanaged rules of ufw allow has no effect')
    return lines


def extra_openings(edited: Edited) -> t.Tuple[Opening, ...]:
    """What unmanaged rules and lines allow that the policy does not."""
    from_rules = (
        Opening(
            rule.direction,
            () if rule.protocol == 'any' else (rule.protocol,),
            () if rule.dport == 'any' else tuple(tuples.parse_ports(rule.dport)),
            f'ufw {rule.as_command()}',
            tuples.is_anywhere(rule.peer) and rule.interfaces == ('', ''),
        )
        for rule in edited.extra_rules
    )
    from_lines = (line.opening(path) for path, line in edited.extra_lines)
    return tuple(dict.fromkeys((*from_rules, *from_lines)))


def default_openings(settings: Settings) -> t.Tuple[Opening, ...]:
    """What ufw's defaults allow into the host: everything, if it is stopped or says so."""
    if not settings.enabled:
        return (everything('ufw is stopped'),)
    return (everything('ufw default allow incoming'),) if settings.policies[CHAINS[INGRESS]] == 'ACCEPT' else ()


def warnings(edited: Edited, staying: t.Iterable[Opening], families: t.Iterable[str]) -> t.Tuple[str, ...]:
    """What an operator has to know about unmanaged rules, those that open what is STAYING open among them."""
    texts = list(openings.warnings(staying, service_names(edited.extra_lines)))
    rules = [edited.rules[family] for family in families]
    denials, limits = (
        _commands(rule for own in rules for rule in shadowing_rules(own) if rule.denies is is_denial)
        for is_denial in (True, False)
    )
    unheard = _commands(rule for own in rules for rule in shadowed_denials(own))
    if denials:
        texts.append(
            'rules not managed by portmatrix deny what the policy allows, and come first: '
            f'{shorten(denials, MAX_DENIALS)}; remove them with ufw delete if they are not intended'
        )
    if limits:
        texts.append(
            'rules not managed by portmatrix limit how often the policy lets connections in, and come first: '
            f'{shorten(limits, MAX_DENIALS)}; remove them with ufw delete if they are not intended'
        )
    if unheard:
        texts.append(
            'rules not managed by portmatrix deny what the policy allows, but have no effect, since they come after '
            f'one that allows, and so after the policy: {shorten(unheard, MAX_DENIALS)}; insert them before: ufw '
            'insert 1 ...'
        )
    return tuple(texts)


def _commands(rules: t.Iterable[Tuple]) -> t.List[str]:
    return list(dict.fromkeys(rule.as_command() for rule in rules))


def shadowed_denials(rules: t.Sequence[Tuple]) -> t.List[Tuple]:
    """Unmanaged rules that deny, come after the denial of an exclusive policy in RULES, and could match what a managed
    one allows."""
    ends = [number for number, rule in enumerate(rules) if notes.is_exclusive([rule])]
    managed_rules = [rule for rule in rules if notes.is_managed(rule) and rule.action == 'allow']
    later = rules[ends[-1] + 1 :] if ends else ()
    denials = (rule for rule in later if rule.denies and not rule.route)
    return [denial for denial in denials if any(tuples.may_overlap(denial, rule) for rule in managed_rules)]


def shadowing_rules(rules: t.Sequence[Tuple]) -> t.List[Tuple]:
    """Unmanaged rules that deny or limit, come before a managed one in RULES, and could match what that one allows."""
    shadowing: t.Dict[Tuple, None] = {}
    denials: t.List[Tuple] = []
    for rule in rules:
        if notes.is_managed(rule):
            overlapping = (denial for denial in denials if rule.action == 'allow' and tuples.may_overlap(denial, rule))
            shadowing.update((denial, None) for denial in overlapping)
        elif (rule.denies or rule.action == 'limit') and not rule.route:
            denials.append(rule)
    return list(shadowing)


def service_names(lines: t.Iterable[t.Tuple[str, OpenLine]]) -> str:
    """The names of well-known services among LINES."""
    return ', '.join(sorted({line.name for _path, line in lines if line.name}))
