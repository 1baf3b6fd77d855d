# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where firewalld's zones admit connections to a port, as long as no policy of portmatrix decides before them."""

from __future__ import annotations

import re
import typing as t

from ..._model import policy as policies, traffic
from ..._model.peers import Peers
from . import bus

Settings = t.Dict[str, t.Any]
Admitted = t.Dict[str, t.Tuple[traffic.Interval, ...]]  # by family
_RICH_SOURCE = re.compile(r'source(?P<negated> NOT)? address="(?P<address>[^"]+)"')
_RICH_FAMILY = re.compile(r'family="(ipv4|ipv6)"')
_RICH_PORT = re.compile(r' port port="(?P<ports>[^"]+)" protocol="tcp"')
_RICH_SERVICE = re.compile(r'service name="(?P<name>[^"]+)"')


def admitted_sources(port: int, interface: str) -> Peers:
    """From where connections to PORT are admitted at INTERFACE ("": not known).

    A zone with a source decides for it, and that of the interface for everything else.
    """
    zones = set(bus.call('zone', 'getActiveZones') or ())
    name = bus.call('zone', 'getZoneOfInterface', 's', interface) if interface else ''
    name = name or bus.call('', 'getDefaultZone')
    admitted = _admitted_by(_settings(name), port)
    for zone in zones - {name}:
        settings = _settings(zone)
        inside = [source for source in settings.get('sources', ()) if _is_address(source)]
        spans = _admitted_by(settings, port)
        for family, intervals in admitted.items():
            own = traffic.merge(map(traffic.interval, traffic.members_of(family, inside)))
            outside = traffic.without(intervals, own)
            admitted[family] = traffic.merge((*outside, *traffic.common(spans[family], own)))
    return traffic.peers_in(admitted)


def _settings(zone: str) -> Settings:
    variants = bus.call('zone', 'getZoneSettings2', 's', zone)
    return {key: variant['data'] for key, variant in variants.items()}


def _admitted_by(settings: Settings, port: int) -> Admitted:
    """Family -> the sources that a zone with these SETTINGS admits to PORT, without what its rules deny."""
    everybody: Admitted = {family: (traffic.whole_family(family),) for family in traffic.FAMILIES}
    services = any(_has_port(_service_ports(name), port) for name in settings.get('services', ()))
    if settings.get('target') == 'ACCEPT' or services or _has_port(settings.get('ports', ()), port):
        return everybody
    admitted: t.Dict[str, t.Tuple[traffic.Interval, ...]] = dict.fromkeys(traffic.FAMILIES, ())
    for rule in settings.get('rules_str', ()):
        if rule.endswith(' accept') or ' accept ' in rule:
            for family in _families(rule) if _names_port(rule, port) else ():
                admitted[family] = traffic.merge((*admitted[family], *_rich_sources(rule, family)))
    return admitted


def _names_port(rule: str, port: int) -> bool:
    by_port, by_service = _RICH_PORT.search(rule), _RICH_SERVICE.search(rule)
    if by_port:
        return _has_port([(by_port['ports'], 'tcp')], port)
    if by_service:
        return _has_port(_service_ports(by_service['name']), port)
    return ' protocol value=' not in rule and ' icmp' not in rule  # everything of this source


def _families(rule: str) -> t.Sequence[str]:
    match = _RICH_FAMILY.search(rule)
    return [match.group(1)] if match else list(traffic.FAMILIES)


def _rich_sources(rule: str, family: str) -> t.Sequence[traffic.Interval]:
    """The sources that RULE names; none for a set or a MAC address, whose members are not known here."""
    match = _RICH_SOURCE.search(rule)
    whole = (traffic.whole_family(family),)
    if match:
        named = (traffic.interval(match['address']),)
        return traffic.without(whole, named) if match['negated'] else named
    return () if ' source ' in rule else whole


def _service_ports(name: str) -> t.Sequence[t.Sequence[str]]:
    data: t.Sequence[t.Sequence[str]] = bus.call('', 'getServiceSettings2', 's', name).get('ports', {}).get('data', ())
    return data


def _has_port(ports: t.Iterable[t.Sequence[str]], port: int) -> bool:
    spans = (policies.parse_ports(text) for text, protocol in ports if protocol == 'tcp')
    return any(low <= port <= high for low, high in spans)


def _is_address(source: str) -> bool:
    return not source.startswith('ipset:') and source.count(':') != 5  # a MAC address has five
