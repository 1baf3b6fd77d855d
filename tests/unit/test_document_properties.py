"""Properties of merged networks, and of the files of firewalld for random plans."""

from __future__ import annotations

import ipaddress
import json

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    config_files,
    documents,
    pool,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Members
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan.rules import HostPlan
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy.document import build_policy
from hypothesis import given, settings, strategies as st
from random_inventories import catalogs, inventories, plan_all

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
def test_merged_networks_are_exact_and_canonical(cidrs):
    merged = addresses.merge(cidrs)
    for version in (4, 6):
        parsed = [ipaddress.ip_network(cidr) for cidr in cidrs if ipaddress.ip_network(cidr).version == version]
        result = [ipaddress.ip_network(cidr) for cidr in merged if ipaddress.ip_network(cidr).version == version]
        assert result == list(ipaddress.collapse_addresses(parsed))
    assert addresses.merge(merged) == merged


@settings(max_examples=200, deadline=None)
@given(catalogs(), inventories(), st.sampled_from(['allow', 'deny']), st.booleans(), st.booleans())
def test_files_contain_the_plan_and_are_parsed_as_they_were_rendered(catalog, hosts, egress, exclusive, logs):
    plans, _book = plan_all(catalog, hosts)
    sources = Members(('192.0.2.250/32',))
    chosen = Settings({}, egress=egress, exclusive=exclusive, management_sources=sources, log_denied=logs)
    for plan in plans.values():
        text = json.dumps(build_policy(plan, HostPlan((), (), ()), chosen, {'p': catalog}))
        parsed = policies.parse(text)
        guard = policies.guard(parsed, [22, 2222])
        built = pool.fresh(documents.build(parsed, guard))
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
                        side = 'destination' if rule.ports else ''
                        if networks:
                            expected.setdefault(
                                (rule.direction, family, rule.protocol, side, low, high, ''), []
                            ).extend(networks)
        allowed = documents.allowed_traffic(built)
        assert {
            key: [(int(net[0]), int(net[-1])) for net in ipaddress.collapse_addresses(nets)]
            for key, nets in expected.items()
        } == {
            key: [
                (int(net[0]), int(net[-1]))
                for first, last in spans
                for net in ipaddress.collapse_addresses(_summarise(key[1], first, last))
            ]
            for key, spans in allowed.items()
        }


def _summarise(family, first, last):
    kind = ipaddress.IPv4Address if family == 'ipv4' else ipaddress.IPv6Address
    return list(ipaddress.summarize_address_range(kind(first), kind(last)))
