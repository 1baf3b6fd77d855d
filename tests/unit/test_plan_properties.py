"""Properties of plans for random catalogs and inventories. The oracle shares no code with the planner."""

from __future__ import annotations

import ipaddress
import itertools

from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Members
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan import symmetry
from hypothesis import given, settings, strategies as st
from random_inventories import catalogs, inventories, plan_all


def ports_of(flow, host):
    """Every port number of FLOW at the listener HOST, computed port by port; None if its condition is false."""
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


def shares_a_deployment(one, other):
    names, other_names = one.deployments['p'], other.deployments['p']
    return '*' in names or '*' in other_names or any(name in other_names for name in names)


def has_in_each_deployment(host, component, hosts):
    members = [other.deployments['p'] for other in hosts if component in other.components]
    return all(any('*' in (name, *names) or name in names for names in members) for name in host.deployments['p'])


def oracle(catalog, source, destination):
    """(protocol, port) pairs that SOURCE may open at DESTINATION; port 0 is a protocol without ports."""
    allowed = set()
    for flow in catalog.flows:
        has_components = any(
            f'p.{one}' in source.components and f'p.{other}' in destination.components for one, other in flow.pairs
        )
        is_joined = flow.between == 'any' or shares_a_deployment(source, destination) == (flow.between == 'same')
        numbers = ports_of(flow, destination) if has_components and is_joined else None
        if numbers is not None:
            allowed.update((protocol, number) for protocol in flow.protocols for number in (numbers or {0}))
    return allowed


def allowed_by(plan, direction, peer):
    """The same according to PLAN, for every address of PEER."""
    allowed = None
    for cidr in peer.addresses:
        address = ipaddress.ip_network(cidr).network_address
        pairs = set()
        for rule in plan.rules:
            if rule.direction == direction and (
                rule.peers is ANY or any(address in ipaddress.ip_network(cidr) for cidr in rule.peers.addresses)
            ):
                spans = [[int(part) for part in text.split('-')] for text in rule.ports] or [[0]]
                pairs.update((rule.protocol, number) for span in spans for number in range(span[0], span[-1] + 1))
        allowed = pairs if allowed is None else allowed & pairs
    return allowed


@settings(max_examples=300, deadline=None)
@given(catalogs(), inventories())
def test_plans_allow_exactly_what_the_oracle_allows_at_both_ends(catalog, hosts):
    plans, book = plan_all(catalog, hosts, peers={'p.d': Members(())})
    for source, destination in itertools.permutations(hosts, 2):
        assert allowed_by(plans[destination.name], 'ingress', source) == oracle(catalog, source, destination)
        assert allowed_by(plans[source.name], 'egress', destination) == oracle(catalog, source, destination)
    for host in hosts:
        assert not allowed_by(plans[host.name], 'ingress', host) and not allowed_by(plans[host.name], 'egress', host), (
            'a rule towards the host itself'
        )
    assert not any(rule.peers is ANY for plan in plans.values() for rule in plan.rules)
    assert symmetry.asymmetries({host.name: host for host in hosts}, plans, {'p': catalog}, book) == []


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories(), st.randoms())
def test_plans_do_not_depend_on_the_order_of_the_inventory(catalog, hosts, random):
    shuffled = random.sample(hosts, len(hosts))
    assert plan_all(catalog, hosts)[0] == plan_all(catalog, shuffled)[0]


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories())
def test_no_peer_is_any_and_no_missing_peer_is_ignored(catalog, hosts):
    plans, _book = plan_all(catalog, hosts, unresolved='fail')
    for host in hosts:
        plan = plans[host.name]
        everywhere = {component for other in hosts for component in other.components}
        on_hosts = {component for component in everywhere if has_in_each_deployment(host, component, hosts)}
        elsewhere = {component for other in hosts for component in other.components} - on_hosts
        assert all(rule.peers is not ANY or rule.peer == 'p.d' for rule in plan.rules)
        needed = {
            (f'p.{source}', 'ingress')
            for flow in catalog.flows
            for source, destination in flow.pairs
            if f'p.{destination}' in host.components and ports_of(flow, host) is not None
        }
        assert {
            (component, direction) for component, direction in needed if component not in {*on_hosts, *elsewhere, 'p.d'}
        } <= {gap[:2] for gap in plan.refused}
        # played only in another deployment: refused unless a flow joins deployments
        refused = {gap[0] for gap in plan.refused if gap[1] == 'ingress'}
        for flow in catalog.flows:
            for source, destination in flow.pairs:
                if f'p.{destination}' in host.components and ports_of(flow, host) is not None:
                    joins_others = flow.between != 'same'
                    assert f'p.{source}' not in elsewhere - {'p.d'} or joins_others or f'p.{source}' in refused
        assert refused.isdisjoint(on_hosts)


@settings(max_examples=100, deadline=None)
@given(catalogs(), inventories())
def test_a_missing_rule_at_one_end_is_found(catalog, hosts):
    plans, book = plan_all(catalog, hosts, peers={'p.d': Members(())})
    by_name = {host.name: host for host in hosts}
    for host in hosts:
        for rule in plans[host.name].rules:
            broken = plans[host.name]._replace(rules=tuple(other for other in plans[host.name].rules if other != rule))
            # a rule that others cover may be missing: only a rule that makes a difference must be found
            if rule.direction == 'egress' and any(
                allowed_by(broken, 'egress', other) != oracle(catalog, host, other) for other in hosts if other != host
            ):
                assert symmetry.asymmetries(by_name, {**plans, host.name: broken}, {'p': catalog}, book)
                return
