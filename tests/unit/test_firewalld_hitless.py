"""A running policy is changed step by step: at every moment, what is allowed is allowed before or after the change, and
what is allowed before and after is allowed."""

from __future__ import annotations

from unittest import mock

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import documents, hitless
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    PolicyDocument,
    RichRule,
    SetDocument,
)
from hypothesis import given, settings, strategies as st

HOSTS = [f'192.0.2.{number}' for number in range(1, 6)]
SETS = ['portmatrix-aaaaaaaaaa-4', 'portmatrix-bbbbbbbbbb-4']


@st.composite
def states(draw) -> Documents:
    """A policy with rules for single hosts and for up to two sets of two or more members."""
    sets = {
        name: SetDocument('ipv4', name, tuple(sorted(draw(st.sets(st.sampled_from(HOSTS), min_size=2)))))
        for name in draw(st.sets(st.sampled_from(SETS)))
    }
    peers = [*HOSTS[:2], *(f'@{name}' for name in sets)]
    chosen = draw(
        st.lists(st.tuples(st.sampled_from(peers), st.sampled_from(['80', '443', '8443'])), max_size=6, unique=True)
    )
    rules = tuple(RichRule('ipv4', peer, 'port', port, 'tcp') for peer, port in chosen)
    return Documents({'portmatrix-in': PolicyDocument('ingress', 'DROP', -100, rules, {}, {})}, sets)


class Firewalld:
    """A running firewalld with rules and sets. `moments`: what was allowed after each call."""

    def __init__(self, state: Documents, stale: dict[str, tuple[str, ...]]):
        self.rules = [rule.text('ingress') for rule in state.policies['portmatrix-in'].rules]
        self.sets = {
            **{name: set(members) for name, members in stale.items()},
            **{name: set(entry.entries) for name, entry in state.sets.items()},
        }
        self.moments = [self.allowed()]

    def allowed(self) -> set[tuple[str, str]]:
        pairs = set()
        for rule in self.rules:
            port = rule.split('port port="')[1].split('"')[0]
            name = rule.split('ipset="')[1].split('"')[0] if 'ipset=' in rule else None
            pairs.update(
                (member, port) for member in (self.sets[name] if name else {rule.split('address="')[1].split('"')[0]})
            )
        return pairs

    def call(self, _interface, method, _signature, name, entry):
        if method == 'addEntry':
            assert entry not in self.sets[name]
            self.sets[name].add(entry)
        else:
            self.sets[name].remove(entry)
        self.moments.append(self.allowed())

    def set_dictionary(self, _interface, _method, _policy, changed):
        """Not atomic: firewalld first removes rules, then adds the others."""
        wanted = changed['rich_rules']['data']
        for rules in ([rule for rule in self.rules if rule in wanted], wanted):
            self.rules = list(rules)
            self.moments.append(self.allowed())


@settings(max_examples=400, deadline=None)
@given(states(), states(), st.booleans())
def test_what_is_allowed_at_every_moment_is_between_the_old_and_the_new_state(old, new, keep_stale):
    stale = dict.fromkeys(SETS, ('192.0.2.4', '192.0.2.5')) if keep_stale else {}
    running = Firewalld(old, stale)
    planned = hitless.compute_steps(
        new, {name: tuple(members) for name, members in running.sets.items()}, {'portmatrix-in': list(running.rules)}
    )
    assert planned is not None
    with (
        mock.patch.object(hitless.bus, 'call', running.call),
        mock.patch.object(hitless.bus, 'set_dictionary', running.set_dictionary),
    ):
        hitless.execute(planned)
    before, after = running.moments[0], running.moments[-1]
    wanted = documents.allowed_traffic(new)
    assert sum(last - first + 1 for spans in wanted.values() for first, last in spans) == len(after)
    for moment in running.moments:
        assert moment <= before | after, 'something was allowed that neither state allows'
        assert before & after <= moment, 'something was denied that both states allow'
