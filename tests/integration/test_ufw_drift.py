"""What deviates from the policy on ufw, in the kernel or in its files, is named and mended; rules of others stay."""

from __future__ import annotations

import pytest
import world
from ufw_pair import HOSTS, LIMIT

CASES = {
    'the kernel was flushed': ('nft flush ruleset', 'drift: the kernel has no rules of ufw (ipv4)\n'),
    'a rule was put first by hand': (
        'iptables -I ufw-user-input -s 192.0.2.77 -p tcp --dport 7777 -j ACCEPT',
        'kernel: ingress tcp 7777 from 192.0.2.77\n',
    ),
    'the same for IPv6': (
        'ip6tables -A ufw6-user-input -p udp --dport 7777 -j ACCEPT',
        'drift, only in the kernel: ingress udp 7777 from any\n',
    ),
    'a rule was taken out of the kernel': (
        'iptables -D ufw-user-input -s 198.51.100.1 -p tcp --dport 22 -j ACCEPT',
        'drift, missing in the kernel: ingress tcp 22 from 198.51.100.1\n',
    ),
    'a policy was opened by hand': (
        'iptables -P INPUT ACCEPT',
        'drift: the policy of INPUT (ipv4) is ACCEPT, not DROP\n',
    ),
    'ufw was unhooked': (
        'ip6tables -D INPUT -j ufw6-before-input',
        'drift: INPUT (ipv6) does not jump to the chains of ufw as it should\n',
    ),
    'the default was changed': ('ufw default allow incoming', 'rest of ingress: accepted (ufw default incoming)\n'),
    'our rule was deleted': ('ufw --force delete 2', 'ufw: running, starts at boot\n'),
    'our rule was taken over': (
        "ufw allow proto tcp from 198.51.100.1 to any port 22 comment 'mine'",
        'ufw: running, starts at boot\n',
    ),
    'our section was deleted': (
        "sed -i '/^# portmatrix begin/,/^# portmatrix end/d' /etc/ufw/before.rules",
        'drift, only in the kernel: ingress icmp from any\n',
    ),
    'ufw was disabled': ('ufw disable', 'ufw: stopped, does not start at boot\n'),
    'ufw was not to start with the host': ('systemctl disable -q ufw', 'ufw: running, does not start at boot\n'),
}


@pytest.fixture(scope='module')
def hardened(ufw_pair):
    for host in HOSTS:
        world.shell(host, 'ufw allow 80/tcp comment theirs')
    assert world.play('portmatrix.firewall.harden', *LIMIT).code == 0
    # what comes back to this has nothing left to change
    assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'ok')
    yield
    assert world.play('portmatrix.firewall.release', *LIMIT).code == 0


@pytest.mark.parametrize('case', CASES)
def test_drift_is_named_and_mended(hardened, case):
    script, words = CASES[case]
    before = world.pictures(HOSTS)
    world.on_all(lambda host: world.shell(host, script), HOSTS)
    spoilt = world.pictures(HOSTS)
    assert all(spoilt[host] != before[host] for host in HOSTS)
    check = world.play('portmatrix.firewall.harden', *LIMIT, '--check', '--diff')
    taken_over = case == 'our rule was taken over'
    assert check.statuses() == dict.fromkeys(HOSTS, 'ok' if taken_over else 'changed'), check.output
    assert world.pictures(HOSTS) == spoilt, 'check mode changed something'
    for host in HOSTS:
        assert words in check.results[host]['diff']['before'], check.output
    assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == check.statuses()
    if taken_over:
        # somebody else says the same now, so ours is not needed; it comes back when theirs goes
        for host in HOSTS:
            assert "# mine" in world.shell(host, 'ufw status')
            world.shell(host, 'ufw delete allow proto tcp from 198.51.100.1 to any port 22')
        assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'changed')
    for host, after in world.pictures(HOSTS).items():
        assert {key: sorted(after[key].split('\n')) for key in after} == {
            key: sorted(before[host][key].split('\n')) for key in after
        }
        assert '# theirs' in world.shell(host, 'ufw status')
