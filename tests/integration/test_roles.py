"""The roles on real hosts: each applies the rules of all components of a host, so their order does not matter, and none
removes the rules of another."""

from __future__ import annotations

import pytest
import testbed
import yaml

HOST = 'data1'
ROLES = ['rightscale', 'rivermeadow', 'avi_vantage', 'enstratius']


@pytest.mark.parametrize('order', [ROLES, ROLES[::-1]], ids=['in order', 'in reverse'])
def test_the_first_role_applies_all_rules_and_the_others_change_nothing(released, order, tmp_path):
    playbook = tmp_path / 'site.yml'
    roles = [{'role': f'portmatrix.firewall.{name}'} for name in order]
    playbook.write_text(yaml.safe_dump([{'hosts': HOST, 'gather_facts': False, 'become': True, 'roles': roles}]))
    run = testbed.play(str(playbook))
    assert run.code == 0 and f'{HOST}                      : ok=8    changed=1 ' in run.output, run.output
    applied = testbed.host_state(HOST)
    assert testbed.play('portmatrix.firewall.harden', '-l', HOST).statuses() == {HOST: 'ok'}
    assert testbed.host_state(HOST) == applied
    rules = testbed.shell(HOST, 'nft list chain inet firewalld filter_IN_policy_portmatrix-in-top_allow')
    assert 'tcp dport 3306' in rules and 'tcp dport 5000' in rules


def test_a_host_without_components_is_left_alone_and_refused_if_it_has_managed_rules(released, tmp_path):
    alone = tmp_path / 'alone.yml'
    variables = {**testbed.inventory()['vars'], **testbed.HOSTS[HOST]}
    alone.write_text(yaml.safe_dump({'all': {'hosts': {HOST: variables}}}))
    before = testbed.host_state(HOST)
    assert testbed.play('portmatrix.firewall.harden', inventory_path=alone).statuses() == {HOST: 'skipped'}
    assert testbed.host_state(HOST) == before
    assert testbed.play('portmatrix.firewall.harden', '-l', HOST).statuses() == {HOST: 'changed'}
    hardened = testbed.host_state(HOST)
    run = testbed.play('portmatrix.firewall.harden', inventory_path=alone)
    assert (
        run.statuses() == {HOST: 'failed'}
        and 'has no component any more, but still has rules managed by portmatrix' in run.results[HOST]['msg']
    ), run.output
    assert testbed.host_state(HOST) == hardened
