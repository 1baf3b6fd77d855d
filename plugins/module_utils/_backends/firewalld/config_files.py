# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents as firewalld's XML configuration files, and back."""

from __future__ import annotations

import os
import typing as t
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from ..._base import files
from ..._model import logs, protocols
from ..._model.directions import INGRESS, peer_side
from ..._model.peers import ANY, Any, Peer
from .documents import DescriptionKey, Documents, PolicyDocument, RichRule, SetDocument
from .elements import ICMP_TYPE, NONE, PORT, VALUE_KEYS
from .slots import PREFIX, SLOTS, ZONES

FOLDERS = {'policies': '/etc/firewalld/policies', 'ipsets': '/etc/firewalld/ipsets'}
MARK = 'portmatrix'
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_LOG_RULE = (
    f'<rule priority="32767"><log prefix={quoteattr(logs.PREFIX)} level="info"><limit value="{logs.PER_MINUTE}/m"/>'
    '</log></rule>'
)
_SET_FAMILIES = {'ipv4': 'inet', 'ipv6': 'inet6'}


def render(documents: Documents) -> t.Dict[str, str]:
    """Path -> content of the files for DOCUMENTS."""
    return {
        **{f'{FOLDERS["policies"]}/{name}.xml': _policy(document) for name, document in documents.policies.items()},
        **{f'{FOLDERS["ipsets"]}/{name}.xml': _set(document) for name, document in documents.sets.items()},
    }


def parse(contents: t.Dict[str, str]) -> Documents:
    """The documents in CONTENTS (path -> text). A file that firewalld could not load is a policy with only
    `unknown`."""
    documents = Documents({}, {})
    for path, text in sorted((path, text) for path, text in contents.items() if path.endswith('.xml')):
        name = path.rsplit('/', 1)[1][: -len('.xml')]
        try:
            root = ElementTree.fromstring(text)
            if root.tag == 'ipset':
                documents.sets[name] = _parse_set(root)
            else:
                documents.policies[name] = _parse_policy(name, root)
        except (ElementTree.ParseError, KeyError, ValueError) as error:
            unknown = f'{path} was not written by portmatrix: {error}'
            documents.policies[name] = PolicyDocument(INGRESS, '', 0, (), {}, {}, (unknown,), active=False)
    return documents


def managed_paths() -> t.Iterator[str]:
    """The files on this host that portmatrix manages, and the copies that firewalld's own tools make of them."""
    for folder in FOLDERS.values():
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in names:
            if name.startswith(PREFIX) and name.endswith(('.xml', '.xml.old')):
                yield os.path.join(folder, name)


def read_all() -> t.Dict[str, str]:
    """Path -> text of the managed files."""
    return {path: files.read(path) or '' for path in managed_paths()}


def description(document: PolicyDocument) -> str:
    """The flows of each rule and the rows that document them, joined with " | ": firewalld folds line breaks."""
    rules = [
        f'{protocol}{"/" + port if port else ""} {peer}: {" ".join(flows)}'
        for (protocol, port, peer), flows in sorted(document.described.items())
    ]
    rows = [f'{flow} = {"; ".join(map(_one_line, texts))}' for flow, texts in sorted(document.citations.items())]
    return ' |\n'.join([MARK, *rules, *rows])


def _one_line(text: str) -> str:
    return ' '.join(text.replace('|', '/').replace(';', ',').split())


def _policy(document: PolicyDocument) -> str:
    ingress_zone, egress_zone = ZONES[document.direction]
    zones = [f'  <ingress-zone name="{ingress_zone}"/>', f'  <egress-zone name="{egress_zone}"/>']
    lines = [
        _HEAD,
        f'<policy target={quoteattr(document.target)} priority="{document.priority}">',
        f'  <short>{MARK}</short>',
        f'  <description>{escape(description(document))}</description>',
        *(zones if document.active else ()),
        *(f'  {_rule(rule, document.direction)}' for rule in document.rules),
        *((f'  {_LOG_RULE}',) if document.logs else ()),
        '</policy>',
        '',
    ]
    return '\n'.join(lines)


def _rule(rule: RichRule, direction: str) -> str:
    family = f' family="{rule.family}"' if rule.family else ''
    peer = ''
    if not isinstance(rule.peer, Any):
        kind, value = ('ipset', rule.set_name) if rule.set_name else ('address', rule.peer)
        peer = f'<{peer_side(direction)} {kind}={quoteattr(value)}/>'
    group = f'<destination address={quoteattr(rule.to)}/>' if rule.to else ''
    service = ''
    if rule.element:
        protocol = f' protocol={quoteattr(rule.protocol)}' if rule.element == PORT else ''
        service = f'<{rule.element} {VALUE_KEYS[rule.element]}={quoteattr(rule.value)}{protocol}/>'
    return f'<rule{family}>{peer}{group}{service}<accept/></rule>'


def _set(document: SetDocument) -> str:
    lines = [
        _HEAD,
        '<ipset type="hash:net">',
        f'  <short>{MARK}</short>',
        f'  <description>{escape(document.label)}</description>',
        f'  <option name="family" value="{_SET_FAMILIES[document.family]}"/>',
        *(f'  <entry>{escape(entry)}</entry>' for entry in document.entries),
        '</ipset>',
        '',
    ]
    return '\n'.join(lines)


def _parse_set(root: ElementTree.Element) -> SetDocument:
    options = {option.get('name'): option.get('value') for option in root.iter('option')}
    return SetDocument(
        'ipv6' if options.get('family') == _SET_FAMILIES['ipv6'] else 'ipv4',
        root.findtext('description') or '',
        tuple((entry.text or '').strip() for entry in root.iter('entry')),
    )


def _parse_policy(name: str, root: ElementTree.Element) -> PolicyDocument:
    direction = SLOTS[name].direction if name in SLOTS else INGRESS
    rules: t.List[RichRule] = []
    unknown = [] if name in SLOTS else [f'policy {name} is not one that portmatrix writes']
    zones: t.Set[str] = set()
    is_logging = False
    for element in root:
        if element.tag == 'rule' and _is_same(element, ElementTree.fromstring(_LOG_RULE)):
            is_logging = True
        elif element.tag == 'rule':
            rule = _parse_rule(element, direction)
            if rule is None:
                unknown.append(_source(element))
            else:
                rules.append(rule)
        elif element.tag in ('ingress-zone', 'egress-zone'):
            zones.add(element.tag)
            if element.get('name') != ZONES[direction][element.tag == 'egress-zone']:
                unknown.append(_source(element))
        elif element.tag not in ('short', 'description'):
            unknown.append(_source(element))
    described, citations = _parse_description(root.findtext('description') or '')
    target, priority = root.get('target') or '', int(root.get('priority') or 0)
    return PolicyDocument(
        direction,
        target,
        priority,
        tuple(rules),
        described,
        citations,
        tuple(unknown),
        active=len(zones) == len(ZONES),
        logs=is_logging,
    )


def _is_same(one: ElementTree.Element, other: ElementTree.Element) -> bool:
    """Whether both elements have the same attributes and children."""
    same = (one.tag, one.attrib, len(one)) == (other.tag, other.attrib, len(other))
    return same and all(_is_same(*pair) for pair in zip(one, other))


def _parse_rule(element: ElementTree.Element, direction: str) -> t.Optional[RichRule]:
    """The rule in ELEMENT, or None if it has another form than those that portmatrix writes."""
    parts = {child.tag: child for child in element}
    if len(parts) != len(element):
        return None
    peer_element = parts.pop(peer_side(direction), None)
    group = parts.pop('destination', None)
    service = next((parts.pop(tag) for tag in VALUE_KEYS if tag in parts), None)
    if list(parts) != ['accept'] or set(element.attrib) - {'family'} or len(parts['accept']):
        return None
    if group is not None and set(group.attrib) != {'address'}:
        return None
    peer: Peer = ANY
    if peer_element is not None:
        set_name, address = peer_element.get('ipset'), peer_element.get('address')
        if len(peer_element.attrib) != 1 or not (set_name or address):
            return None
        peer = f'@{set_name}' if set_name else str(address)
    family, to = element.get('family'), group.get('address') or '' if group is not None else ''
    if service is None:
        return RichRule(family, peer, NONE, '', protocols.ALL, to) if peer_element is not None else None
    value = service.get(VALUE_KEYS[service.tag]) or ''
    protocol = service.get('protocol') or value
    if service.tag == ICMP_TYPE:
        protocol = protocols.system_name('icmpv6' if family == 'ipv6' else 'icmp')
    return RichRule(family, peer, service.tag, value, protocol, to)


def _source(element: ElementTree.Element) -> str:
    return ' '.join(ElementTree.tostring(element, encoding='unicode').split())


def _parse_description(text: str) -> t.Tuple[t.Dict[DescriptionKey, t.Tuple[str, ...]], t.Dict[str, t.List[str]]]:
    described: t.Dict[DescriptionKey, t.Tuple[str, ...]] = {}
    citations: t.Dict[str, t.List[str]] = {}
    for part in (part.strip() for part in text.split('|')):
        if ' = ' in part:
            flow, _equals, texts = part.partition(' = ')
            citations[flow] = texts.split('; ')
        elif ': ' in part:
            rule, _colon, flows = part.partition(': ')
            service, _space, peer = rule.partition(' ')
            protocol, _slash, port = service.partition('/')
            described[protocol, port, peer] = tuple(flows.split())
    return described, citations
