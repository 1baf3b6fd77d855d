"""firewalld and ufw decide alike: random policies, rendered for both, loaded by each firewall's own means, judged
packet by packet in the kernel.

The third opinion is the policy document itself, evaluated here in the plainest way. Every other policy goes to Debian
12 and to Debian 13. PORTMATRIX_PARITY_POLICIES and PORTMATRIX_PARITY_SEED choose how many policies (100) and which.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random
import typing as t
from pathlib import Path

import pytest
import world
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies

POLICIES = int(os.environ.get('PORTMATRIX_PARITY_POLICIES', '100'))
SEED = int(os.environ.get('PORTMATRIX_PARITY_SEED', '1'))
# host -> (firewall, which of two policies it gets)
HOSTS = {'mgmt1': ('firewalld', 0), 'data1': ('ufw', 0), 'mgmt2': ('firewalld', 1), 'data2': ('ufw', 1)}
WITH_PORTS = ('tcp', 'udp', 'sctp')
PROTOCOLS = ('tcp',) * 6 + ('udp',) * 4 + ('sctp', 'icmp', 'icmpv6', 'esp', 'ah', 'gre', 'vrrp')
MANAGEMENT = 22
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class Peers(t.NamedTuple):
    """The addresses of one policy; no two policies share any, as the kernel remembers conversations for a while."""

    number: int

    def base(self, version: int) -> int:
        return 0x0A000000 + (self.number << 8) if version == 4 else (0x20010DB8 << 96) + (self.number << 32)

    def network(self, version: int, offset: int, width: int) -> Network:
        return ipaddress.ip_network((self.base(version) + offset, width), strict=False)


def random_policy(rng: random.Random, peers: Peers) -> dict:
    """A policy document: a few groups of near neighbours, rules over all protocols, ports alone, in ranges and by the
    dozen."""
    groups = {f'g{number}': random_group(rng, peers) for number in range(rng.randint(1, 4))}
    rules = []
    for number in range(rng.randint(1, 8)):
        protocol = rng.choice(PROTOCOLS)
        rules.append(
            {
                'direction': rng.choice(['ingress', 'ingress', 'egress']),
                'protocol': protocol,
                'ports': random_ports(rng) if protocol in WITH_PORTS else [],
                'group': rng.choice([*groups, *groups, None]),
                'flows': [f'p/f{number}'],
            }
        )
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
    found = [*ipaddress.collapse_addresses(v4), *ipaddress.collapse_addresses(v6)] or [peers.network(4, 7, 32)]
    return [str(network) for network in found]


def random_ports(rng: random.Random) -> list[str]:
    numbers = rng.sample(range(1, 200), rng.choice([1, 1, 1, 2, 3, 20]))
    ranges = [(low, low + rng.randint(1, 20)) for low in rng.sample(range(300, 400), rng.choice([0, 0, 1, 2]))]
    return [*map(str, sorted(numbers)), *(f'{low}-{high}' for low, high in sorted(ranges))]


def samples(document: dict, rng: random.Random, peers: Peers) -> list[dict]:
    """For every rule, both families: what it admits, and the same with another peer, port, protocol or direction."""
    found = []
    rules = [
        *document['rules'],
        {'direction': 'ingress', 'protocol': 'tcp', 'ports': [str(MANAGEMENT)], 'group': 'management'},
    ]
    groups = {
        **document['groups'],
        'management': [source for source in document['management']['sources'] if source != 'any'],
    }
    for rule in rules:
        for version in (4, 6):
            networks = [
                network
                for network in map(ipaddress.ip_network, groups.get(rule['group'], ()))
                if network.version == version
            ]
            networks = networks or [peers.network(version, 64, 26 if version == 4 else 122)]
            network = rng.choice(networks)
            inside = network[rng.randrange(network.num_addresses)]
            ports = [tuple(map(int, text.split('-'))) for text in rule['ports']] or [(80,)]
            span = rng.choice(ports)
            right = {
                'direction': rule['direction'],
                'protocol': rule['protocol'],
                'peer': inside,
                'dport': rng.randint(span[0], span[-1]),
            }
            found.append(right)
            found.extend({**right, 'peer': address} for address in (network[0] - 1, network[-1] + 1))
            found.extend({**right, 'dport': port} for port in (span[0] - 1, span[-1] + 1))
            found.append({**right, 'protocol': rng.choice(PROTOCOLS)})
            found.append({**right, 'direction': 'egress' if rule['direction'] == 'ingress' else 'ingress'})
            # the answers of management, and somebody who claims to be one
            found.append(
                {
                    **right,
                    'direction': 'egress',
                    'protocol': 'tcp',
                    'sport': MANAGEMENT,
                    'dport': rng.randint(40000, 60000),
                }
            )
    packets = []
    directions: dict[tuple, str] = {}
    for packet in found:
        # AH is no protocol but an extension header in IPv6, which neither firewall can match
        family = {'icmp': 4, 'icmpv6': 6, 'ah': 4}.get(packet['protocol'])
        if (family is None or family == packet['peer'].version) and packet['dport'] > 0:
            # without ports, a packet the other way would pass as the answer to the first
            key = (packet['protocol'], packet['peer'])
            if (
                packet['protocol'] in (*WITH_PORTS, 'icmp', 'icmpv6')
                or directions.setdefault(key, packet['direction']) == packet['direction']
            ):
                packets.append({'sport': rng.randint(1024, 60000), **packet, 'peer': str(packet['peer'])})
    return packets


def admitted(document: dict, packet: dict, firewall: str) -> bool:
    """The policy's own answer."""
    if packet['direction'] == 'egress' and document['egress'] == 'allow':
        return True
    if firewall == 'ufw' and not document['exclusive'] and known_opening(packet):
        return True
    peer = ipaddress.ip_address(packet['peer'])
    sources = document['management']['sources']
    managed = sources == ['any'] or any(peer in ipaddress.ip_network(source) for source in sources)
    if packet['protocol'] == 'tcp' and managed:
        port = packet['dport'] if packet['direction'] == 'ingress' else packet['sport']
        if port == MANAGEMENT:
            return True
    return any(
        rule['direction'] == packet['direction']
        and rule['protocol'] == packet['protocol']
        and (not rule['ports'] or any(low <= packet['dport'] <= high for low, high in map(bounds, rule['ports'])))
        and (
            rule['group'] is None
            or any(peer in ipaddress.ip_network(entry) for entry in document['groups'][rule['group']])
        )
        for rule in document['rules']
    )


def bounds(text: str) -> tuple[int, int]:
    low, _dash, high = text.partition('-')
    return int(low), int(high or low)


def known_opening(packet: dict) -> bool:
    """Pings, which ufw's own files let pass whatever the policy says; named in warnings, and closed where the policy
    is exclusive."""
    return packet['protocol'] == 'icmpv6' or (packet['protocol'] == 'icmp' and packet['direction'] == 'ingress')


def judge(host: str, *arguments: str, data=None) -> str:
    return world.on(host, 'python3', '/run/judge.py', *arguments, text=json.dumps(data))


@pytest.fixture
def judges():
    def prepare(host):
        world.shell(host, 'systemctl stop firewalld; cp -a /etc/firewalld /run/firewalld.saved')
        world.on(host, 'sh', '-c', 'cat > /run/judge.py', text=(Path(world.HERE) / 'judge.py').read_text())
        judge(host, 'close')
        judge(host, 'open')

    def restore(host):
        judge(host, 'close')
        world.shell(host, 'rm -rf /etc/firewalld; mv /run/firewalld.saved /etc/firewalld; systemctl start firewalld')

    world.on_all(prepare, HOSTS)
    yield
    world.on_all(restore, HOSTS)


def test_random_policies_decide_alike_on_firewalld_ufw_and_on_paper(released, judges):
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
            judge(host, 'load', firewall, data=files)
            for packet, seen in zip(packets, json.loads(judge(host, 'send', data=packets))):
                wanted = admitted(document, packet, firewall)
                passed, denied = passed + wanted, denied + (not wanted)
                if seen != wanted:
                    differences.append(f'{host}, policy {number}: {packet} {"passes" if seen else "is denied"}')
        return differences, passed, denied

    results = world.on_all(run, HOSTS)
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
