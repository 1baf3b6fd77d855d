# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where firewalld's zones admit connections to a port, as long as no policy of portmatrix decides before them.

None is "not known": it depends on the interface, on the members of a set, on a policy of somebody else.
"""

from __future__ import annotations

import os
import re
import typing as t

from ..._model import policy as policies, traffic
from ..._model.peers import Any, Peers
from . import bus

MAX_SOURCES = 100  # more are no list that anybody has written
Settings = t.Dict[str, t.Any]
Sources = t.Dict[str, t.Tuple[traffic.Interval, ...]]  # by family
_INTERFACES = '/sys/class/net'
_RICH_SOURCE = re.compile(r' source(?P<negated> NOT)? address="(?P<address>[^"]+)"')
_RICH_FAMILY = re.compile(r' family="(ipv4|ipv6)"')
_RICH_PORT = re.compile(r' port port="(?P<ports>[^"]+)" protocol="tcp"')
_RICH_SERVICE = re.compile(r' service name="(?P<name>[^"]+)"')
_RICH_VERDICT = re.compile(r' (accept|reject|drop)\b(?! ?=)')


class _Unknown(Exception):
    """Somebody is admitted, but who is not known."""


def admitted_sources(port: int, has_other_policies: bool) -> t.Optional[Peers]:
    """From where connections to PORT are admitted at every interface; None if that is not known.

    HAS_OTHER_POLICIES: whether policies of others decide about ingress, too.
    """
    zones = {name: _settings(name) for name in {*(bus.call('zone', 'getActiveZones') or ()), _default_zone()}}
    try:
        admitted = _at_interfaces(zones, port)
        for settings in zones.values():
            admitted = _with_source_zone(admitted, settings, port)
    except (_Unknown, ValueError, OSError):
        return None
    sources = traffic.peers_in(admitted)
    if isinstance(sources, Any):
        return sources
    return None if has_other_policies or len(sources.addresses) > MAX_SOURCES else sources


def _at_interfaces(zones: t.Mapping[str, Settings], port: int) -> Sources:
    """The sources that the zones of the interfaces admit; all of them have to agree."""
    interfaces = {name for settings in zones.values() for name in settings.get('interfaces', ())}
    has_default = any(name != 'lo' and name not in interfaces for name in os.listdir(_INTERFACES))
    concerned = [
        settings
        for name, settings in zones.items()
        if settings.get('interfaces') or (has_default and name == _default_zone())
    ]
    answers = [_admitted_by(settings, port) for settings in concerned]
    if any(answer != answers[0] for answer in answers):
        raise _Unknown
    return answers[0] if answers else dict.fromkeys(traffic.FAMILIES, ())


def _with_source_zone(admitted: Sources, settings: Settings, port: int) -> Sources:
    """ADMITTED, where a zone with sources of its own decides about these."""
    sources = settings.get('sources', ())
    if not sources:
        return admitted
    spans = _admitted_by(settings, port)
    named = [source for source in sources if not source.startswith('ipset:') and source.count(':') != 5]
    if len(named) != len(sources) and any(spans.values()) and not _is_everybody(admitted):
        raise _Unknown  # members of a set, or MAC addresses (they have five colons)
    result = dict(admitted)
    for family, intervals in admitted.items():
        own = traffic.merge(map(traffic.interval, traffic.members_of(family, named)))
        result[family] = traffic.merge((*traffic.without(intervals, own), *traffic.common(spans[family], own)))
    return result


def _admitted_by(settings: Settings, port: int) -> Sources:
    """The sources that a zone with these SETTINGS admits to PORT."""
    rules = [rule for rule in settings.get('rules_str', ()) if _names_port(rule, port)]
    is_open = (
        settings.get('target') == 'ACCEPT'
        or 'tcp' in settings.get('protocols', ())
        or any(_has_port(_service_ports(name), port) for name in settings.get('services', ()))
        or _has_port(settings.get('ports', ()), port)
    )
    admitted: Sources = {}
    for family in traffic.FAMILIES:
        whole = (traffic.whole_family(family),)
        accepted = [span for rule in rules for span in _rich_sources(rule, family, 'accept', is_open)]
        denied = [
            span for verdict in ('reject', 'drop') for rule in rules for span in _rich_sources(rule, family, verdict)
        ]
        admitted[family] = traffic.without(whole if is_open else accepted, denied)
    return admitted


def _rich_sources(rule: str, family: str, verdict: str, is_open: bool = True) -> t.Sequence[traffic.Interval]:
    """The sources in FAMILY of a rich RULE with this VERDICT; what it denies to others than addresses is left out."""
    found, families = _RICH_VERDICT.search(rule), _RICH_FAMILY.search(rule)
    if not found or found.group(1) != verdict or (families and families.group(1) != family):
        return ()
    match = _RICH_SOURCE.search(rule)
    whole = (traffic.whole_family(family),)
    if match:
        if traffic.family(match['address']) != family:
            return ()
        named = (traffic.interval(match['address']),)
        return traffic.without(whole, named) if match['negated'] else named
    if ' source ' not in rule:
        return whole
    if verdict == 'accept' and not is_open:
        raise _Unknown  # the members of a set, a MAC address
    return ()


def _names_port(rule: str, port: int) -> bool:
    by_port, by_service = _RICH_PORT.search(rule), _RICH_SERVICE.search(rule)
    if by_port:
        return _has_port([(by_port['ports'], 'tcp')], port)
    if by_service:
        return _has_port(_service_ports(by_service['name']), port)
    others = (' protocol value="', ' icmp', ' port port=', ' source-port ', ' masquerade', ' forward-port')
    return ' protocol value="tcp"' in rule or not any(other in rule for other in others)


def _is_everybody(sources: Sources) -> bool:
    return all(spans == (traffic.whole_family(family),) for family, spans in sources.items())


def _default_zone() -> str:
    return str(bus.call('', 'getDefaultZone'))


def _settings(zone: str) -> Settings:
    variants = bus.call('zone', 'getZoneSettings2', 's', zone)
    return {key: variant['data'] for key, variant in variants.items()}


def _service_ports(name: str, depth: int = 0) -> t.List[t.Sequence[str]]:
    """The ports of a service, and of the services that it includes."""
    settings = {key: variant['data'] for key, variant in bus.call('', 'getServiceSettings2', 's', name).items()}
    included = settings.get('includes', ()) if depth < 5 else ()
    return [*settings.get('ports', ()), *(ports for other in included for ports in _service_ports(other, depth + 1))]


def _has_port(ports: t.Iterable[t.Sequence[str]], port: int) -> bool:
    spans = (policies.parse_ports(text) for text, protocol in ports if protocol == 'tcp')
    return any(low <= port <= high for low, high in spans)
