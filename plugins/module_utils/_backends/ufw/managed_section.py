# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What portmatrix manages in before.rules and after.rules, files of ufw that belong to the administrator.

All parts are marked, and removed again without a trace: a section at the end, in before.rules with the rules that
tuples cannot express and the rows of the vendor's document, in after.rules (with portmatrix_log_denied) with a rule
that logs; and, with portmatrix_exclusive, lines that are switched off ("# portmatrix off: LINE")."""

from __future__ import annotations

import re
import typing as t

from ..._model import logs, protocols, traffic
from ..._model.directions import INGRESS
from ..._model.peers import Any, Peer
from .settings import CHAINS
from .user_rules import PREFIXES

BEGIN, END = '# portmatrix begin', '# portmatrix end'
_OFF = '# portmatrix off: '
# whole lines, of which no note of a flow ("# portmatrix PRODUCT/ID") can be one
# what begins a section if the text before it has no newline at its end
_GLUED = f'{BEGIN} (after a line without its end; '
_SECTION = re.compile(rf'(?ms)(?:\n(?={re.escape(_GLUED)}))?^{BEGIN}(?: \([^\n]*)?\n.*?^{END}(?:\n|\Z)')


def unmanaged(text: str) -> str:
    """TEXT without anything managed by portmatrix: what the administrator wrote."""
    return re.sub(rf'(?m)^{_OFF}', '', _SECTION.sub('', text))


def section(text: str) -> str:
    """The managed section of TEXT, "" if it has none."""
    match = _SECTION.search(text)
    return match.group() if match else ''


def render_section(lines: t.Iterable[str]) -> str:
    """The managed section with these LINES: a table of its own, which ufw loads after the administrator's."""
    begin = f'{BEGIN} (written by portmatrix.firewall; changes are lost)'
    return '\n'.join([begin, '*filter', *lines, 'COMMIT', END, ''])


def compose(text: str, section_text: str, closing: t.Container[str]) -> str:
    """The administrator's TEXT with the lines CLOSING switched off and SECTION_TEXT at the end."""
    lines = unmanaged(text).splitlines(keepends=True)
    body = ''.join(f'{_OFF}{line}' if line.strip() in closing else line for line in lines)
    if section_text and body and not body.endswith('\n'):
        return f'{body}\n{section_text.replace(f"{BEGIN} (", _GLUED, 1)}'
    return body + section_text


def log_line(family: str, direction: str) -> str:
    """An iptables line that logs what reaches the end of after.rules."""
    limit = f'-m limit --limit {logs.PER_MINUTE}/min'
    return f'-A {PREFIXES[family]}-after-{CHAINS[direction]} {limit} -j LOG --log-prefix "{logs.PREFIX}"'


def accept_line(
    family: str, direction: str, protocol: str, peer: Peer, ports: str, group: str = '', icmp_type: str = ''
) -> str:
    """An iptables line that accepts; PORTS as of port_text. What comes in is sent to the address GROUP, if there is
    one."""
    several = any(mark in ports for mark in ',:')
    option = '' if ports == 'any' else f' --dport {ports}'
    if several:
        option = f' -m multiport --dports {ports}'
    if icmp_type:
        option = f' --{protocol}-type {icmp_type}'
    address = ''
    if not isinstance(peer, Any):
        address = f' {"-s" if direction == INGRESS else "-d"} {traffic.without_full_prefix(peer)}'
    if group:
        address += f' -d {traffic.without_full_prefix(group)}'
    chain = f'{PREFIXES[family]}-before-{CHAINS[direction]}'
    matched = '' if protocol == protocols.ALL else f' -p {protocols.system_name(protocol)}'
    return f'-A {chain}{address}{matched}{option} -j ACCEPT'
