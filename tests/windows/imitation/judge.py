"""An independent judge of packets: what the firewall in a state file lets pass. A rule that blocks beats one that
allows, and that beats the default of the profile. A rule with a program or service is for this listener only."""

from __future__ import annotations

import ipaddress
import typing as t

ANY_PROTOCOL = 256
PROTOCOLS = {'icmp': 1, 'tcp': 6, 'udp': 17, 'icmpv6': 58}
PROFILES = (1, 2, 4)
LOCAL_SUBNET = ipaddress.ip_network('192.0.2.0/24')
Listener = t.Tuple[str, str]  # program, service


class Packet(t.NamedTuple):
    """The first packet of a connection between this host and PEER. PORT is the listener's."""

    peer: str
    port: int
    protocol: str = 'tcp'
    inbound: bool = True


def admits(firewall: dict[str, t.Any], packet: Packet, listener: Listener = ('', '')) -> bool:
    """Whether PACKET passes in every active profile; LISTENER is the program on this host that it concerns."""
    active = [number for number in PROFILES if firewall['active'] & number]
    return all(_admits_in(firewall, packet, listener, number) for number in active)


def _admits_in(firewall: dict[str, t.Any], packet: Packet, listener: Listener, number: int) -> bool:
    profile = firewall['profiles'][str(number)]
    if not profile['Enabled']:
        return True
    if packet.inbound and profile['ShieldsUp']:
        return False
    matching = [rule for rule in firewall['rules'] if rule['Profiles'] & number and _matches(rule, packet, listener)]
    if any(not rule['Allow'] for rule in matching):
        return False
    return bool(matching) or not profile['BlockInbound' if packet.inbound else 'BlockOutbound']


def _matches(rule: dict[str, t.Any], packet: Packet, listener: Listener) -> bool:
    local, remote = ('LocalPorts', 'RemotePorts') if packet.inbound else ('RemotePorts', 'LocalPorts')
    has_ports = packet.protocol in ('tcp', 'udp') and rule['Protocol'] != ANY_PROTOCOL
    return (
        rule['Enabled']
        and rule['Inbound'] == packet.inbound
        and rule['Protocol'] in (ANY_PROTOCOL, PROTOCOLS[packet.protocol])
        and (not has_ports or (_has_port(rule[local], packet.port) and rule[remote] in ('*', '')))
        and _has_address(rule['RemoteAddresses'], packet.peer)
        and rule['Application'].lower() in ('', listener[0].lower())
        and rule['Service'].lower() in ('', listener[1].lower())
    )


def _has_port(texts: str, port: int) -> bool:
    for text in texts.split(','):
        first, _dash, last = text.strip().partition('-')
        if text in ('', '*') or (first.isdigit() and int(first) <= port <= int(last or first)):
            return True
    return False


def _has_address(texts: str, address: str) -> bool:
    peer = ipaddress.ip_address(address)
    return any(_covers(text.strip(), peer) for text in texts.split(','))


def _covers(text: str, peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if text in ('', '*'):
        return True
    if text == 'LocalSubnet':
        return peer in LOCAL_SUBNET
    if '-' in text:
        first, last = (int(ipaddress.ip_address(end)) for end in text.split('-'))
        return ipaddress.ip_address(text.split('-')[0]).version == peer.version and first <= int(peer) <= last
    return peer in ipaddress.ip_network(text, strict=False)
