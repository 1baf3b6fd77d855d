"""Properties of the compiler on random catalogs and inventories, judged by an oracle that shares no code with it."""

from __future__ import annotations

import ipaddress
import itertools
import json

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import config_files, documents
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Members
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import address_book
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan import planner, symmetry
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan.rules import HostPlan
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy.document import build_policy
from hypothesis import given, settings, strategies as st

COMPONENTS = ['a', 'b', 'c', 'd']
PROTOCOLS = st.sampled_from([['tcp'], ['udp'], ['tcp', 'udp'], ['sctp'], ['icmp', 'icmpv6'], ['esp']])


@st.composite
def catalogs(draw):
    flows = []
    for number in range(draw(st.integers(1, 6))):
        protocol = draw(PROTOCOLS)
        ports = (
            draw(st.lists(st.sampled_from(['22', '80', '80-90', '85-95', 'web', 'web+3']), min_size=1, max_size=3))
            if protocol[0] in ('tcp', 'udp', 'sctp')
            else []
        )
        flows.append(
            {
                'id': f'f{number}',
                'title': 'T',
                'protocol': protocol,
                'ports': ports,
                'assumed': draw(st.booleans()),
                'source': draw(st.lists(st.sampled_from([*COMPONENTS, 'mesh']), min_size=1, max_size=2, unique=True)),
                'destination': draw(
                    st.lists(st.sampled_from([*COMPONENTS, 'mesh']), min_size=1, max_size=2, unique=True)
                ),
                'when': draw(st.sampled_from([None, 'on', '!on', "platform == 'windows'"])),
                'citations': [{'document': 'doc', 'section': 'S', 'row': str(number)}],
            }
        )
    return loader.build(
        {
            'product': 'p',
            'title': 'P',
            'documents': {'doc': {'title': 'D', 'version': '1', 'retrieved': 'now'}},
            'options': {
                'on': {'type': 'bool', 'default': False, 'description': 'x'},
                'web': {'type': 'port', 'default': 8000, 'description': 'x'},
            },
            'components': {name: {'title': name, 'external': name == 'd'} for name in COMPONENTS},
            'groups': {'mesh': ['a', 'b']},
            'flows': flows,
        },
        'test',
        '',
    )


@st.composite
def inventories(draw):
    return [
        Host(
            f'h{number}',
            tuple(sorted(f'p.{name}' for name in draw(st.sets(st.sampled_from(COMPONENTS), min_size=1, max_size=3)))),
            tuple(
                addresses.merge(
                    [
                        f'192.0.2.{number * 2 + 1}/32',
                        *([f'2001:db8::{number + 1:x}/128'] if draw(st.booleans()) else []),
                    ]
                )
            ),
            draw(st.sampled_from(['linux', 'windows'])),
            {'p': {'on': draw(st.booleans()), 'web': draw(st.sampled_from([80, 8000]))}},
        )
        for number in range(draw(st.integers(1, 5)))
    ]


def plan_all(chosen, hosts, peers=None, unresolved='skip'):
    book = address_book.build(hosts, {'p': chosen}, {}).book()
    wanted = Settings(peers or {}, unresolved, 'deny')
    return {host.name: planner.plan_host(host, wanted, {'p': chosen}, book) for host in hosts}, book


def ports_of(flow, host):
    """Every port number of FLOW at the listener HOST, worked out the slow way."""
    options = host.options['p']
    if not {
        None: True,
        'on': options['on'],
        '!on': not options['on'],
        "platform == 'windows'": host.platform == 'windows',
    }[flow.when]:
        return None
    numbers = set()
    for text in flow.ports:
        if text.startswith('web'):
            numbers.add(options['web'] + int(text[4:] or 0))
        else:
            first, _dash, last = text.partition('-')
            numbers.update(range(int(first), int(last or first) + 1))
    return numbers


def oracle(chosen, source, destination):
    """(protocol, port) pairs that SOURCE may open at DESTINATION; port 0 stands for a protocol without ports."""
    allowed = set()
    for flow in chosen.flows:
        plays = any(
            f'p.{one}' in source.components and f'p.{other}' in destination.components for one, other in flow.pairs
        )
        numbers = ports_of(flow, destination) if plays else None
        if numbers is not None:
            allowed.update((protocol, number) for protocol in flow.protocols for number in (numbers or {0}))
    return allowed


def opened(plan, direction, peer):
    """The same as a finished plan has it, towards every address of PEER."""
    found = None
    for cidr in peer.addresses:
        address = ipaddress.ip_network(cidr).network_address
        here = set()
        for rule in plan.rules:
            if rule.direction == direction and (
                rule.peers is ANY or any(address in ipaddress.ip_network(cidr) for cidr in rule.peers.addresses)
            ):
                spans = [[int(part) for part in text.split('-')] for text in rule.ports] or [[0]]
                here.update((rule.protocol, number) for span in spans for number in range(span[0], span[-1] + 1))
        found = here if found is None else found & here
    return found


@settings(max_examples=300, deadline=None)
@given(catalogs(), inventories())
def test_plans_open_exactly_what_the_oracle_allows_at_both_ends(chosen, hosts):
    plans, book = plan_all(chosen, hosts, peers={'p.d': Members(())})
    for source, destination in itertools.permutations(hosts, 2):
        assert opened(plans[destination.name], 'ingress', source) == oracle(chosen, source, destination)
        assert opened(plans[source.name], 'egress', destination) == oracle(chosen, source, destination)
    for host in hosts:
        assert not opened(plans[host.name], 'ingress', host) and not opened(plans[host.name], 'egress', host), (
            'a rule towards the host itself'
        )
    assert not any(rule.peers is ANY for plan in plans.values() for rule in plan.rules)
    assert symmetry.asymmetries({host.name: host for host in hosts}, plans, book) == []


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories(), st.randoms())
def test_plans_do_not_depend_on_the_order_of_the_inventory(chosen, hosts, random):
    shuffled = random.sample(hosts, len(hosts))
    assert plan_all(chosen, hosts)[0] == plan_all(chosen, shuffled)[0]


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories())
def test_nothing_is_any_and_nothing_is_dropped_without_a_word(chosen, hosts):
    plans, _book = plan_all(chosen, hosts, unresolved='fail')
    played = {component for host in hosts for component in host.components}
    for host in hosts:
        plan = plans[host.name]
        assert all(rule.peers is not ANY or rule.peer == 'p.d' for rule in plan.rules)
        needed = {
            (f'p.{source}', 'ingress')
            for flow in chosen.flows
            for source, destination in flow.pairs
            if f'p.{destination}' in host.components and ports_of(flow, host) is not None
        }
        assert {
            (component, direction) for component, direction in needed if component not in played and component != 'p.d'
        } <= {gap[:2] for gap in plan.refused}


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories())
def test_a_broken_twin_is_found(chosen, hosts):
    plans, book = plan_all(chosen, hosts, peers={'p.d': Members(())})
    by_name = {host.name: host for host in hosts}
    for host in hosts:
        for rule in plans[host.name].rules:
            broken = plans[host.name]._replace(rules=tuple(other for other in plans[host.name].rules if other != rule))
            # a rule that others cover may go without a loss: only a loss has to be found
            if rule.direction == 'egress' and any(
                opened(broken, 'egress', other) != oracle(chosen, host, other) for other in hosts if other != host
            ):
                assert symmetry.asymmetries(by_name, {**plans, host.name: broken}, book)
                return


NETWORKS = st.one_of(
    st.builds(
        lambda number, prefix: str(ipaddress.ip_network((number, prefix), strict=False)),
        st.integers(0x0A000000, 0x0A0000FF),
        st.integers(24, 32),
    ),
    st.builds(
        lambda number, prefix: str(ipaddress.ip_network((number + (0x20010DB8 << 96), prefix), strict=False)),
        st.integers(0, 255),
        st.integers(120, 128),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NETWORKS, max_size=12))
def test_merging_is_exact_and_canonical(cidrs):
    merged = addresses.merge(cidrs)
    for version in (4, 6):
        parsed = [ipaddress.ip_network(cidr) for cidr in cidrs if ipaddress.ip_network(cidr).version == version]
        found = [ipaddress.ip_network(cidr) for cidr in merged if ipaddress.ip_network(cidr).version == version]
        assert found == list(ipaddress.collapse_addresses(parsed))
    assert addresses.merge(merged) == merged


@settings(max_examples=200, deadline=None)
@given(catalogs(), inventories(), st.sampled_from(['allow', 'deny']), st.booleans())
def test_files_hold_the_plan_and_read_back_as_they_were_written(chosen, hosts, egress, exclusive):
    plans, _book = plan_all(chosen, hosts)
    wanted = Settings({}, egress=egress, exclusive=exclusive, management_sources=Members(('192.0.2.250/32',)))
    for plan in plans.values():
        text = json.dumps(build_policy(plan, HostPlan((), (), ()), wanted, {'p': chosen}))
        parsed = policies.parse(text)
        guard = policies.guard(parsed, [22, 2222])
        built = documents.build(parsed, guard)
        assert config_files.parse(config_files.render(built)) == built
        expected: dict = {}
        for rule in (*parsed.rules, *guard):
            for low, high in rule.ports or [(0, 0)]:
                for family, version in (('ipv4', 4), ('ipv6', 6)):
                    if {'icmp': 4, 'icmpv6': 6}.get(
                        rule.protocol, version
                    ) == version and rule.direction in parsed.enforced_directions:
                        whole = ['0.0.0.0/0' if version == 4 else '::/0']
                        networks = [
                            net
                            for net in map(ipaddress.ip_network, whole if rule.peers is ANY else rule.peers.addresses)
                            if net.version == version
                        ]
                        side = ('source' if rule.source_port else 'destination') if rule.ports else ''
                        if networks:
                            expected.setdefault((rule.direction, family, rule.protocol, side, low, high), []).extend(
                                networks
                            )
        found = documents.allowed_traffic(built)
        assert {
            key: [(int(net[0]), int(net[-1])) for net in ipaddress.collapse_addresses(nets)]
            for key, nets in expected.items()
        } == {
            key: [
                (int(net[0]), int(net[-1]))
                for first, last in spans
                for net in ipaddress.collapse_addresses(_summarise(key[1], first, last))
            ]
            for key, spans in found.items()
        }


def _summarise(family, first, last):
    kind = ipaddress.IPv4Address if family == 'ipv4' else ipaddress.IPv6Address
    return list(ipaddress.summarize_address_range(kind(first), kind(last)))
