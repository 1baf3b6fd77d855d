"""firewalld and ufw allow the same: random policies are rendered for both, loaded by each firewall itself, and tested
packet by packet in the kernel.

Both are compared with the policy document, which is evaluated here in the simplest way. Debian 12 and Debian 13 take
turns. PORTMATRIX_PARITY_POLICIES is the number of policies (100), PORTMATRIX_PARITY_SEED selects them.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import typing as t

import packet_judge
import pytest
import testbed
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies

POLICIES = int(os.environ.get('PORTMATRIX_PARITY_POLICIES', '100'))
SEED = int(os.environ.get('PORTMATRIX_PARITY_SEED', '1'))
# host -> (firewall, 0 or 1: it gets every other policy, from this one on)
HOSTS = {'mgmt1': ('firewalld', 0), 'data1': ('ufw', 0), 'mgmt2': ('firewalld', 1), 'data2': ('ufw', 1)}
WITH_PORTS = ('tcp', 'udp', 'sctp')
PROTOCOLS = ('tcp',) * 6 + ('udp',) * 4 + ('sctp', 'icmp', 'icmpv6', 'esp', 'ah', 'gre', 'vrrp')
PROTOCOLS += ('igmp', 'ipip', 'ospf', 'pim', '115', '94', 'any')
# types of ICMP that begin a connection: only of these it shows whether a rule allows them
TYPES = {'icmp': ('8', '13'), 'icmpv6': ('128',)}
# groups of which the tested namespace is a member, and one of which it is not
GROUPS = ['239.1.2.3', 'ff0e::1:3']
MANAGEMENT = 22
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Peers(t.NamedTuple):
    """The addresses of one policy. No two policies have a common one: the kernel tracks connections for a while."""

    number: int

    def base(self, version: int) -> int:
        return 0x0A000000 + (self.number << 8) if version == 4 else (0x20010DB8 << 96) + (self.number << 32)

    def network(self, version: int, offset: int, width: int) -> Network:
        return ipaddress.ip_network((self.base(version) + offset, width), strict=False)


def random_policy(rng: random.Random, peers: Peers) -> dict:
    """A policy document: a few groups of neighbouring addresses, rules for all protocols, with single ports, ranges,
    and many ports."""
    groups = {f'g{number}': random_group(rng, peers) for number in range(rng.randint(1, 4))}
    rules = []
    for number in range(rng.randint(1, 8)):
        protocol = rng.choice(PROTOCOLS)
        rule = {
            'direction': rng.choice(['ingress', 'ingress', 'egress']),
            'protocol': protocol,
            'ports': random_ports(rng)
            if protocol in WITH_PORTS
            else rng.choice([[], list(TYPES.get(protocol, ())[-1:])]),
            # everything from everybody is refused by the controller
            'group': rng.choice([*groups, *groups, *([None] if protocol != 'any' else [])]),
            'flows': [f'p/f{number}'],
        }
        if protocol in ('udp', 'esp', 'sctp') and rule['direction'] == 'ingress' and rng.random() < 0.5:
            rule['to'] = GROUPS
        rules.append(rule)
    return {
        'format': 1,
        'egress': rng.choice(['allow', 'deny']),
        'exclusive': rng.random() < 0.5,
        'management': {'sources': rng.choice([['any'], ['10.0.9.0/28', '2001:db8:9::/124']]), 'ports': []},
        'groups': groups,
        'rules': rules,
        'citations': {f'p/f{number}': ['document, section, row'] for number in range(len(rules))},
    }


def random_group(rng: random.Random, peers: Peers) -> list[str]:
    v4 = [
        peers.network(4, rng.randrange(1, 64), rng.choice([28, 29, 30, 31, 32, 32, 32]))
        for _ in range(rng.randint(0, 5))
    ]
    v6 = [peers.network(6, rng.randrange(1, 64), rng.choice([124, 126, 128, 128])) for _ in range(rng.randint(0, 3))]
    networks = [*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6)] or [peers.network(4, 7, 32)]
    return [str(network) for network in networks]


def random_ports(rng: random.Random) -> list[str]:
    numbers = rng.sample(range(1, 200), rng.choice([1, 1, 1, 2, 3, 20]))
    ranges = [(low, low + rng.randint(1, 20)) for low in rng.sample(range(300, 400), rng.choice([0, 0, 1, 2]))]
    return [*map(str, sorted(numbers)), *(f'{low}-{high}' for low, high in sorted(ranges))]


def samples(document: dict, rng: random.Random, peers: Peers) -> list[dict]:
    """For every rule and both families: a packet that it allows, and the same with another peer, port, protocol or
    direction."""
    management = [source for source in document['management']['sources'] if source != 'any']
    groups = {**document['groups'], 'management': management}
    guard = {'direction': 'ingress', 'protocol': 'tcp', 'ports': [str(MANAGEMENT)], 'group': 'management'}
    candidates = [
        packet
        for rule in (*document['rules'], guard)
        for version in (4, 6)
        for packet in variants(rule, random_network(groups.get(rule['group'], ()), version, rng, peers), rng)
    ]
    return distinguishable(candidates, rng)


def random_network(members: t.Iterable[str], version: int, rng: random.Random, peers: Peers) -> Network:
    """One of MEMBERS with IP VERSION; if there is none, as for any peer, the lab's own."""
    networks = [network for network in map(ipaddress.ip_network, members) if network.version == version]
    return rng.choice(networks or [peers.network(version, 64, 26 if version == 4 else 122)])


def variants(rule: dict, network: Network, rng: random.Random) -> t.Iterator[dict]:
    """A packet from NETWORK that RULE allows, and others that differ from it in one respect."""
    inside = network[rng.randrange(network.num_addresses)]
    protocol = rng.choice(PROTOCOLS[:-1]) if rule['protocol'] == 'any' else rule['protocol']
    with_ports = rule['ports'] if protocol in WITH_PORTS else []
    span = rng.choice([tuple(map(int, text.split('-'))) for text in with_ports] or [(80,)])
    port = rng.randint(span[0], span[-1])
    allowed = {'direction': rule['direction'], 'protocol': protocol, 'peer': inside, 'dport': port}
    groups = [group for group in rule.get('to', ()) if ipaddress.ip_address(group).version == network.version]
    if groups:
        allowed['to'] = groups[0]
        yield {key: value for key, value in allowed.items() if key != 'to'}
    yield allowed
    for kind in TYPES.get(protocol, ()):
        yield {**allowed, 'icmp_type': int(kind)}
    for address in (network[0] - 1, network[-1] + 1):
        yield {**allowed, 'peer': address}
    for other in (span[0] - 1, span[-1] + 1):
        yield {**allowed, 'dport': other}
    yield {**allowed, 'protocol': rng.choice(PROTOCOLS[:-1])}
    allowed.pop('to', None)
    yield {**allowed, 'direction': 'egress' if rule['direction'] == 'ingress' else 'ingress'}
    # a new connection that looks like a reply of a management port
    reply = {'direction': 'egress', 'protocol': 'tcp', 'sport': MANAGEMENT, 'dport': rng.randint(40000, 60000)}
    yield {**allowed, **reply}


def distinguishable(candidates: t.Iterable[dict], rng: random.Random) -> list[dict]:
    """Those of CANDIDATES of which the effect of the firewalls can be observed."""
    packets = []
    directions: dict[tuple, str] = {}
    for packet in candidates:
        # in IPv6, AH is an extension header, which neither firewall can match
        family = {'icmp': 4, 'icmpv6': 6, 'ah': 4, 'igmp': 4}.get(packet['protocol'])
        if (family is None or family == packet['peer'].version) and packet['dport'] > 0:
            # without ports, a packet in the other direction would pass as the reply to the first
            key = (packet['protocol'], packet['peer'])
            if (
                packet['protocol'] in (*WITH_PORTS, 'icmp', 'icmpv6')
                or directions.setdefault(key, packet['direction']) == packet['direction']
            ):
                packets.append({'sport': rng.randint(1024, 60000), **packet, 'peer': str(packet['peer'])})
    return packets


def allows(document: dict, packet: dict, host: str) -> bool:
    """Whether DOCUMENT itself allows PACKET, or, if it is not exclusive, what is there by default on HOST."""
    if packet['direction'] == 'egress' and document['egress'] == 'allow':
        return True
    if not document['exclusive'] and is_default_opening(packet, host):
        return True
    peer = ipaddress.ip_address(packet['peer'])
    sources = document['management']['sources']
    managed = sources == ['any'] or any(peer in ipaddress.ip_network(source) for source in sources)
    if (packet['direction'], packet['protocol'], packet['dport']) == ('ingress', 'tcp', MANAGEMENT) and managed:
        return True
    return any(
        rule['direction'] == packet['direction']
        and rule['protocol'] in (packet['protocol'], 'any')
        and (not rule['ports'] or any(low <= number(packet) <= high for low, high in map(bounds, rule['ports'])))
        and (not rule.get('to') or packet.get('to') in rule['to'])
        and (
            rule['group'] is None
            or any(peer in ipaddress.ip_network(entry) for entry in document['groups'][rule['group']])
        )
        for rule in document['rules']
    )


def number(packet: dict) -> int:
    """What the ports of a rule are compared with."""
    defaults = {name: int(types[0]) for name, types in TYPES.items()}
    return packet.get('icmp_type', defaults.get(packet['protocol'], packet['dport']))


def bounds(text: str) -> tuple[int, int]:
    low, _dash, high = text.partition('-')
    return int(low), int(high or low)


def is_default_opening(packet: dict, host: str) -> bool:
    """Pings, which ufw's own files allow whatever the policy is, and the target of firewalld's zones since 2.0; SSH,
    which the zone public allows. Warnings name them, and an exclusive policy closes them."""
    firewall, _turn = HOSTS[host]
    if packet['direction'] == 'egress':
        return firewall == 'ufw' and packet['protocol'] == 'icmpv6'
    if packet['protocol'] in ('icmp', 'icmpv6'):
        return number(packet) in (8, 128) if firewall == 'ufw' else testbed.HOSTS[host]['lab_image'] == 'debian13'
    return firewall == 'firewalld' and (packet['protocol'], packet['dport']) == ('tcp', 22)


@pytest.fixture
def packet_tests():
    with packet_judge.ready(HOSTS):
        yield


def test_random_policies_allow_the_same_on_firewalld_on_ufw_and_by_the_document(released, packet_tests):
    rng = random.Random(SEED)
    cases = []
    for number in range(POLICIES):
        document = random_policy(rng, Peers(number))
        cases.append((document, samples(document, rng, Peers(number))))

    def run(host):
        differences, passed, denied = [], 0, 0
        firewall, turn = HOSTS[host]
        for number, (document, packets) in list(enumerate(cases))[turn::2]:
            parsed = policies.parse(json.dumps(document))
            files = registry.choose(firewall).render(parsed, policies.guard(parsed, [MANAGEMENT]))
            packet_judge.run(host, 'load', firewall, data=files)
            for packet, seen in zip(packets, json.loads(packet_judge.run(host, 'send', data=packets))):
                expected = allows(document, packet, host)
                passed, denied = passed + expected, denied + (not expected)
                if seen != expected:
                    differences.append(f'{host}, policy {number}: {packet} {"passes" if seen else "is denied"}')
        return differences, passed, denied

    results = testbed.map_hosts(run, HOSTS)
    for host, (differences, passed, denied) in results.items():
        firewall, turn = HOSTS[host]
        print(
            f'{host} ({firewall}): {len(cases[turn::2])} policies, {passed} packets to pass, {denied} to be denied, '
            f'{len(differences)} differences'
        )
        assert passed > 3 * POLICIES and denied > 3 * POLICIES
    assert not any(differences for differences, _passed, _denied in results.values()), '\n'.join(
        line for differences, _passed, _denied in results.values() for line in differences[:20]
    )
