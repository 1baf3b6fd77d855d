# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our documents as firewalld's XML files, and back."""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from .documents import NAMES, PREFIX, Documents, PolicyDocument, RichRule, SetDocument, peer_side

FOLDERS = {'policies': '/etc/firewalld/policies', 'ipsets': '/etc/firewalld/ipsets'}
MARK = 'portmatrix'
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'
_ZONES = {'ingress': ('ANY', 'HOST'), 'egress': ('HOST', 'ANY')}


def files(documents: Documents) -> t.Dict[str, str]:
    """Path -> content of every file that DOCUMENTS are on disk."""
    return {
        **{f"{FOLDERS['policies']}/{name}.xml": _policy(document) for name, document in documents.policies.items()},
        **{f"{FOLDERS['ipsets']}/{name}.xml": _set(document) for name, document in documents.sets.items()},
    }


def parse(contents: t.Dict[str, str]) -> Documents:
    """The documents in CONTENTS (path -> text). A file that is no XML of firewalld's counts as a policy with nothing but `strange` lines."""
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
            documents.policies[name] = PolicyDocument(
                'ingress', '', 0, (), {}, {}, (f'{path} is no file of ours: {error}',)
            )
    return documents


def is_ours(filename: str) -> bool:
    """Files of ours, and the copies that firewalld leaves where somebody edited them with its own tools."""
    return filename.startswith(PREFIX) and filename.endswith(('.xml', '.xml.old'))


def description(document: PolicyDocument) -> str:
    """Which flow each rule serves and what the vendor's row is. Parts are divided by " | ": firewalld folds line breaks."""
    rules = [
        f'{protocol}{"/" + port if port else ""} {peer}: {" ".join(flows)}'
        for (protocol, port, peer), flows in sorted(document.described.items())
    ]
    rows = [
        f'{flow} = {"; ".join(_line(text) for text in texts)}' for flow, texts in sorted(document.citations.items())
    ]
    return ' |\n'.join([MARK, *rules, *rows])


def _line(text: str) -> str:
    return ' '.join(text.replace('|', '/').replace(';', ',').split())


def _policy(document: PolicyDocument) -> str:
    into, out_of = _ZONES[document.direction]
    lines = [
        _HEAD,
        f'<policy target={quoteattr(document.target)} priority="{document.priority}">',
        f'  <short>{MARK}</short>',
        f'  <description>{escape(description(document))}</description>',
        f'  <ingress-zone name="{into}"/>',
        f'  <egress-zone name="{out_of}"/>',
        *(f'  {_rule(rule, document.direction)}' for rule in document.rules),
        '</policy>',
        '',
    ]
    return '\n'.join(lines)


def _rule(rule: RichRule, direction: str) -> str:
    family = f' family="{rule.family}"' if rule.family else ''
    peer = ''
    if rule.peer:
        kind, value = ('ipset', rule.peer[1:]) if rule.peer.startswith('@') else ('address', rule.peer)
        peer = f'<{peer_side(direction)} {kind}={quoteattr(value)}/>'
    what = (
        f'value={quoteattr(rule.value)}'
        if rule.element == 'protocol'
        else f'port={quoteattr(rule.value)} protocol={quoteattr(rule.protocol)}'
    )
    return f'<rule{family}>{peer}<{rule.element} {what}/><accept/></rule>'


def _set(document: SetDocument) -> str:
    lines = [
        _HEAD,
        '<ipset type="hash:net">',
        f'  <short>{MARK}</short>',
        f'  <description>{escape(document.label)}</description>',
        f"  <option name=\"family\" value=\"{'inet6' if document.family == 'ipv6' else 'inet'}\"/>",
        *(f'  <entry>{escape(entry)}</entry>' for entry in document.entries),
        '</ipset>',
        '',
    ]
    return '\n'.join(lines)


def _parse_set(root: ElementTree.Element) -> SetDocument:
    options = {option.get('name'): option.get('value') for option in root.iter('option')}
    return SetDocument(
        'ipv6' if options.get('family') == 'inet6' else 'ipv4',
        root.findtext('description') or '',
        tuple((entry.text or '').strip() for entry in root.iter('entry')),
    )


def _parse_policy(name: str, root: ElementTree.Element) -> PolicyDocument:
    direction = {own: key for key, own in NAMES.items()}.get(name, 'ingress')
    rules: t.List[RichRule] = []
    strange = [] if name in NAMES.values() else [f'policy {name} is none of ours']
    for element in root:
        if element.tag == 'rule':
            rule = _parse_rule(element, direction)
            if rule is None:
                strange.append(_words(element))
            else:
                rules.append(rule)
        elif element.tag in ('ingress-zone', 'egress-zone'):
            if element.get('name') != _ZONES[direction][element.tag == 'egress-zone']:
                strange.append(_words(element))
        elif element.tag not in ('short', 'description'):
            strange.append(_words(element))
    described, citations = _parse_description(root.findtext('description') or '')
    return PolicyDocument(
        direction,
        root.get('target') or '',
        int(root.get('priority') or 0),
        tuple(rules),
        described,
        citations,
        tuple(strange),
    )


def _parse_rule(element: ElementTree.Element, direction: str) -> t.Optional[RichRule]:
    parts = {child.tag: child for child in element}
    peer = parts.pop(peer_side(direction), None)
    what = next((parts.pop(tag) for tag in ('port', 'source-port', 'protocol') if tag in parts), None)
    if (
        what is None
        or list(parts) != ['accept']
        or set(element.attrib) - {'family'}
        or len(parts['accept'])
        or len(element) != 2 + (peer is not None)
    ):
        return None
    address = None
    if peer is not None:
        address = f"@{peer.get('ipset')}" if peer.get('ipset') else peer.get('address')
        if address is None or len(peer.attrib) != 1:
            return None
    value = what.get('value') if what.tag == 'protocol' else what.get('port')
    return RichRule(element.get('family'), address, what.tag, value or '', what.get('protocol') or value or '')


def _words(element: ElementTree.Element) -> str:
    return ' '.join(ElementTree.tostring(element, encoding='unicode').split())


def _parse_description(
    text: str,
) -> t.Tuple[t.Dict[t.Tuple[str, str, str], t.Tuple[str, ...]], t.Dict[str, t.List[str]]]:
    described, citations = {}, {}
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
