"""What local users, other rules and the host's own services do to a run: none of them widens it, and none is widened."""

from __future__ import annotations

import json
import os
import shutil

import faults
import lab
import pytest
import testbed
from fleet import FLEET, Fleet

FIREWALLD = Fleet(dict.fromkeys(FLEET.with_firewall('firewalld'), 'firewalld'))
UFW = Fleet(dict.fromkeys(FLEET.with_firewall('ufw'), 'ufw'))
OUTSIDE = 'edge1'  # a host without rules
ANYBODY = ('-e', '{"portmatrix_management_sources": ["any"]}')
# a host whose firewalls are both off would get ufw, on Debian
CHOSEN = ('-e', 'portmatrix_backend={{ "firewalld" if inventory_hostname.startswith("mgmt") else "ufw" }}')
NOT_DECLARED = ('-e', '{"portmatrix_management_sources": null}')


def is_open(port: int, hosts: list[str] | None = None, expected: bool = True) -> dict[str, bool]:
    """Host -> whether PORT answers the host outside, as is EXPECTED."""
    names = hosts or FLEET.hosts
    targets = [('tcp', testbed.HOSTS[host]['ansible_host'], port) for host in names]
    return dict(zip(names, testbed.connections(OUTSIDE, targets, expected)))


SOCKET = """
printf '[Socket]\\nListenStream={port}\\nAccept=yes\\n' > /run/systemd/system/{name}.socket
printf '[Service]\\nExecStart=-{program}\\nStandardInput=socket\\n' > /run/systemd/system/{name}@.service
systemctl daemon-reload; systemctl start {name}.socket
"""
SERVICES = (
    SOCKET.format(name='extra-ssh', port=2222, program='/usr/sbin/sshd -i')
    + SOCKET.format(name='decoy', port=4444, program='/bin/cat')
    + 'systemd-run -q --unit=liar -p User=nobody bash -c "exec -a sshd python3 -m http.server 5555"'
)
NO_SERVICES = (
    'systemctl stop extra-ssh.socket decoy.socket liar.service; rm -f /run/systemd/system/extra-ssh* '
    '/run/systemd/system/decoy*; systemctl daemon-reload; true'
)


def test_what_listens_for_ssh_is_judged_by_program_and_user(plain_ufw, released):
    """A socket of systemd that starts sshd is a way in; another one is not, nor is a process of a user that is called
    sshd."""
    FLEET.shell(SERVICES)
    try:
        lab.wait_for(lambda: all(is_open(5555, UFW.hosts).values()), 'the server of a user', seconds=60)
        assert FLEET.play(*ANYBODY).code == 0
        for port, expected in ((22, True), (2222, True), (4444, False), (5555, False)):
            assert set(is_open(port, expected=expected).values()) == {expected}, port
    finally:
        FLEET.shell(NO_SERVICES)


RESTRICT = {
    'firewalld': 'firewall-cmd -q --permanent --zone=public --remove-service=ssh; firewall-cmd -q --permanent --zone=public '
    '--add-rich-rule="rule family=ipv4 {source} service name=ssh accept"; firewall-cmd -q --reload',
    'ufw': 'ufw allow proto tcp from {network} to any port 22; ufw --force enable',
}
UNDO = {
    'firewalld': 'rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload',
    'ufw': 'ufw delete allow proto tcp from {network} to any port 22; true',
}
SSH_RULES = {
    'firewalld': 'nft list chain inet firewalld filter_IN_policy_portmatrix-in-top_allow | grep "dport 22 "; true',
    'ufw': 'iptables -S ufw-user-input; ip6tables -S ufw6-user-input',
}
# network -> its form in a rich rule, and what is in the kernel
NETWORKS = {
    '198.51.100.0/24': ('source address=198.51.100.0/24', ('198.51.100.0/24',)),
    # everybody, but over one family: neither the first nor the second run opens the other one
    '0.0.0.0/0': ('', ('meta nfproto ipv4 tcp dport 22 accept', '-A ufw-user-input -p tcp -m multiport --dports 22')),
}


@pytest.mark.parametrize('network', NETWORKS)
def test_a_default_does_not_widen_management(plain_ufw, released, network):
    source, in_kernel = NETWORKS[network]
    words = {'network': network, 'source': source}
    FLEET.shell_by_firewall({name: script.format(**words) for name, script in RESTRICT.items()})
    try:
        for arguments in (('--check',), (), ()):
            run = FLEET.play(*NOT_DECLARED, *arguments)
            assert run.code == 0 and f'is open now from {network} only, and stays so' in run.output, run.output
        assert set(run.statuses().values()) == {'ok'}, run.output
        for host, rules in FLEET.shell_by_firewall(SSH_RULES).items():
            assert any(text in rules for text in in_kernel), f'{host}: {rules}'
    finally:
        FLEET.release()
        FLEET.shell_by_firewall({name: script.format(**words) for name, script in UNDO.items()})


BIND = """runuser -u nobody -- python3 -c "
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.settimeout(3)
s.bind(('0.0.0.0', 5986))
try: s.connect(('198.51.100.32', 22)); print('through', end='')
except OSError: print('denied', end='')
"
"""


def test_a_denied_egress_is_denied_from_every_source_port(plain_ufw, released):
    """Answers need no rule, so no local user gets out by sending from the port of a management service."""
    assert set(FLEET.shell(BIND).values()) == {'through'}
    variables = ('-e', json.dumps({'portmatrix_egress': 'deny', 'portmatrix_management_ports': [22, 5986]}))
    run = FLEET.play(*variables)
    assert run.code == 0, run.output
    assert set(FLEET.shell(BIND).values()) == {'denied'}
    assert set(FLEET.play(*variables).statuses().values()) == {'ok'}


def test_management_stays_when_somebody_deletes_his_own_rule(plain_ufw, released):
    UFW.shell('ufw allow 22/tcp; ufw --force enable')
    assert UFW.play(*ANYBODY).code == 0
    UFW.shell('ufw delete allow 22/tcp')
    assert set(is_open(22, UFW.hosts).values()) == {True}
    # ufw may have it by its plain form again
    assert set(UFW.play(*ANYBODY).statuses().values()) == {'changed'}
    assert set(UFW.play(*ANYBODY).statuses().values()) == {'ok'}
    UFW.shell('ufw allow 22/tcp')  # for the release, which locks nobody out


def test_an_interpreter_with_a_blank_in_its_path(plain_ufw, released):
    """What is tried out before a change is what the timer runs."""
    FLEET.shell('mkdir -p "/opt/my python"; ln -sf /usr/bin/python3 "/opt/my python/python3"')
    interpreter = json.dumps({'ansible_python_interpreter': '/opt/my python/python3'})
    before = FLEET.states()
    try:
        FLEET.apply_and_kill_controller('-e', interpreter)
        FLEET.map(faults.accept_new_connections)
        FLEET.end_window()
        FLEET.wait_until_decided()
        FLEET.assert_unchanged(before)
        assert FLEET.play('-e', interpreter).code == 0
    finally:
        FLEET.shell('rm -r "/opt/my python"')


def test_who_is_managed_through_a_jump_host_stays_reachable(released, tmp_path):
    """The jump host denies its egress: what it needs for others is read from how ssh reaches them."""
    inventory = tmp_path / 'inventory'
    shutil.copytree(testbed.INVENTORY, inventory)
    options = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'
    command = f'ssh -i {os.environ["PORTMATRIX_LAB_KEY"]} {options} -W %h:%p ops@198.51.100.31'
    with (inventory / 'hosts.yml').open('a') as file:
        file.write(f"""    behind_edge1:
      hosts: {{data1: {{}}}}
      vars:
        ansible_ssh_common_args: {options} -o ProxyCommand="{command}"
        portmatrix_management_sources: [198.51.100.1, 198.51.100.31]
""")
    assert testbed.play('portmatrix.firewall.harden', '-l', 'edge1', inventory_path=inventory).statuses() == {
        'edge1': 'changed'
    }
    for arguments in (('--check',), ()):
        run = testbed.play('portmatrix.firewall.harden', '-l', 'data1', *arguments, inventory_path=inventory)
        assert run.statuses() == {'data1': 'changed'}, run.output


@pytest.fixture
def stopped_firewalld(released):
    FIREWALLD.shell('systemctl disable -q --now firewalld')
    yield
    FIREWALLD.shell('systemctl stop nftables; systemctl enable -q --now firewalld')


def test_a_start_stops_no_other_firewall_in_silence(stopped_firewalld):
    """On Debian 12, systemd stops nftables.service, with all its rules, when firewalld starts; on Debian 13, both
    run."""
    FIREWALLD.shell('systemctl start nftables; nft add table inet theirs')
    debian12 = Fleet({'mgmt1': 'firewalld'})
    before = debian12.states()
    for arguments in (('--check',), ()):
        run = FIREWALLD.play(*CHOSEN, *arguments)
        assert run.statuses() == {'mgmt1': 'failed', 'mgmt2': 'changed'}, run.output
        assert 'starting firewalld would stop nftables.service' in run.results['mgmt1']['msg']
    debian12.assert_unchanged(before)
    FIREWALLD.shell('nft delete table inet theirs')


def test_a_stop_leaves_no_rules(stopped_firewalld):
    """With CleanupOnExit=no, firewalld itself leaves its rules in force when it stops."""
    option = 'sed -i s/^CleanupOnExit=.*/CleanupOnExit={}/ /etc/firewalld/firewalld.conf'
    FIREWALLD.shell(option.format('no'))
    before = FIREWALLD.states()
    try:
        FIREWALLD.apply_and_kill_controller(*CHOSEN)
        FIREWALLD.map(faults.accept_new_connections)
        FIREWALLD.end_window()
        FIREWALLD.wait_until_decided()
        FIREWALLD.assert_unchanged(before)
        assert FIREWALLD.play(*CHOSEN).code == 0
        FIREWALLD.release()
        FIREWALLD.assert_unchanged(before)
    finally:
        FIREWALLD.shell(option.format('yes'))


RESET = {
    'firewalld': 'rm -f /etc/firewalld/policies/portmatrix-* /etc/firewalld/ipsets/portmatrix-*; firewall-cmd -q --reload; '
    'systemctl enable -q --now firewalld',
    'ufw': 'ufw --force reset >/dev/null; ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; rm -f /etc/ufw/*.rules.2*',
}
IS_ON = {'firewalld': 'systemctl is-active firewalld; true', 'ufw': 'ufw status | head -1'}


def test_what_was_before_is_past_once_somebody_has_started_afresh(plain_ufw, stopped_firewalld):
    """portmatrix has switched the firewalls on; somebody removes what is ours and switches them on himself."""
    assert FLEET.play(*CHOSEN).code == 0
    FLEET.shell_by_firewall(RESET)
    before = FLEET.shell_by_firewall(IS_ON)
    assert set(before.values()) == {'active\n', 'Status: active\n'}
    assert FLEET.play(*CHOSEN).code == 0
    FLEET.release()
    assert FLEET.shell_by_firewall(IS_ON) == before
