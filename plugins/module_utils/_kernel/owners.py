# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a rule of the kernel is, by the names that programs give to their chains and tables, and where it is stored."""

from __future__ import annotations

import glob
import re
import typing as t

from .._base import files
from .._base.commands import run
from .rules import Place

# program -> its chains, or tables of its own
_NAMES = {
    'Docker': r'DOCKER.*',
    'podman': r'NETAVARK.*|netavark',
    'CNI': r'CNI-.*',
    'Kubernetes': r'KUBE-.*|kube-proxy',
    'Calico': r'cali[-:].*|calico',
    'Cilium': r'CILIUM_.*',
    'fail2ban': r'f2b-.*',
    'crowdsec': r'crowdsec6?.*|CROWDSEC.*',
    'Tailscale': r'ts-.*',
    'libvirt': r'LIBVIRT_.*|libvirt_network',
    'wg-quick': r'wg-quick-.*',
    'sshguard': r'sshguard',
    'firewalld': r'firewalld',
    'ufw': r'ufw6?-.*',
}
# files from which rules are loaded at boot
_FILES = {
    'iptables': ('/etc/iptables/rules.v[46]', '/etc/sysconfig/iptables', '/etc/sysconfig/ip6tables'),
    'nft': ('/etc/nftables.conf', '/etc/sysconfig/nftables.conf', '/etc/nftables/*.nft', '/etc/nftables.d/*'),
}


def owner(place: Place) -> str:
    """The program that a rule at PLACE belongs to, "" if that is not known."""
    for program, pattern in _NAMES.items():
        if re.fullmatch(pattern, place.chain) or re.fullmatch(pattern, place.table):
            return program
    return ''


def describe(place: Place) -> str:
    """The rule at PLACE as the program prints it that lists it, with its owner and the file that it is stored in."""
    text = _text(place)
    known = [name for name in (owner(place), _stored(place, text)) if name]
    return f'{text} ({", ".join(known)})' if known else text


def _text(place: Place) -> str:
    if place.program == 'nft':
        where = f'nft {place.family} {place.table} {place.chain}'
        return f'{where}: {_nft_rule(place) if place.handle else "its policy"}'
    program = place.program if place.family == 'ip' else place.program.replace('iptables', 'ip6tables')
    table = '' if place.table == 'filter' else f' -t {place.table}'
    return f'{program}{table} {place.text or f"-P {place.chain} DROP"}'


def _nft_rule(place: Place) -> str:
    listing = run(['nft', '-a', 'list', 'chain', place.family, place.table, place.chain], check=False).stdout
    match = re.search(rf'(?m)^\s*(.*) # handle {place.handle}$', listing)
    return match.group(1) if match else f'handle {place.handle}'


def _stored(place: Place, text: str) -> str:
    kind = 'nft' if place.program == 'nft' else 'iptables'
    wanted = place.table if kind == 'nft' else place.text
    for path in (found for pattern in _FILES[kind] for found in sorted(glob.glob(pattern))):
        content = files.read(path) or ''
        if kind == 'nft' and re.search(rf'(?m)^\s*table\s+({place.family}\s+)?{re.escape(wanted)}\b', content):
            return f'stored in {path}'
        if kind == 'iptables' and wanted and wanted in content.splitlines():
            return f'stored in {path}'
    return ''


def removal(place: Place) -> str:
    """The command that removes the rule at PLACE from the kernel, "" for a policy."""
    if place.program == 'nft':
        rule = f'{place.family} {place.table} {place.chain} handle {place.handle}'
        return f'nft delete rule {rule}' if place.handle else ''
    return _text(place).replace(' -A ', ' -D ', 1) if place.text else ''


def descriptions(places: t.Iterable[Place]) -> t.List[str]:
    return list(dict.fromkeys(map(describe, places)))
