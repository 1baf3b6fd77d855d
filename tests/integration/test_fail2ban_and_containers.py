"""What fail2ban, Docker and podman do on a host with firewalld keeps working."""

from __future__ import annotations

import faults
import pytest
import testbed
from fleet import Fleet

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
# What fail2ban does with its actions nftables (the default of Debian) and iptables-multiport, and what podman or Docker
# does for a published port.
ADD = r'''
nft add table inet f2b-table
nft add chain inet f2b-table f2b-chain '{ type filter hook input priority -1; }'
nft add set inet f2b-table addr-set-sshd '{ type ipv4_addr; }'
nft add rule inet f2b-table f2b-chain tcp dport 22 ip saddr @addr-set-sshd reject
nft add element inet f2b-table addr-set-sshd '{ 198.51.100.22 }'
iptables -w -N f2b-probe; iptables -w -A f2b-probe -s 198.51.100.22 -j REJECT; iptables -w -A f2b-probe -j RETURN
iptables -w -I INPUT -p tcp -m multiport --dports 4505 -j f2b-probe
ip link add docker0 type bridge
iptables -t nat -N DOCKER; iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
'''
READ = (
    'nft -s list table inet f2b-table; iptables -S f2b-probe; iptables -S INPUT | grep f2b; iptables -t nat -S DOCKER'
)
REMOVE = 'for table in "inet f2b-table" "ip filter" "ip nat"; do nft delete table $table; done; ip link del docker0'


def test_fail2ban_and_containers_keep_working(released):
    """A banned address stays banned although the policy allows it, and a warning names a published port, which bypasses
    the policy."""
    ssh = [('tcp', testbed.HOSTS[host]['ansible_host'], 22) for host in HOSTS]
    allowed = ('-e', '{"portmatrix_management_sources": ["198.51.100.1", "198.51.100.22", "198.51.100.32"]}')
    try:
        FIREWALLD.shell(f'set -e; {ADD}')
        before = FIREWALLD.shell(READ)
        run = FIREWALLD.play(*allowed)
        assert run.statuses() == dict.fromkeys(HOSTS, 'changed') and all(
            f'{host}: containers publish 8080/tcp' in run.output for host in HOSTS
        ), run.output
        assert FIREWALLD.shell(READ) == before
        assert testbed.connections('data2', ssh, expected=False) == [False, False]
        assert testbed.connections('edge2', ssh, expected=True) == [True, True]
        assert FIREWALLD.play(*allowed).statuses() == dict.fromkeys(HOSTS, 'ok')
        FIREWALLD.shell('nft delete element inet f2b-table addr-set-sshd "{ 198.51.100.22 }"')
        assert testbed.connections('data2', ssh, expected=True) == [True, True]
        FIREWALLD.shell('nft add element inet f2b-table addr-set-sshd "{ 198.51.100.22 }"')
        assert FIREWALLD.play(playbook='portmatrix.firewall.release').statuses() == dict.fromkeys(HOSTS, 'changed')
        assert FIREWALLD.shell(READ) == before
    finally:
        FIREWALLD.shell(REMOVE, check=False)


# What Docker before 28.0 does: it has rules that isolate its networks from one another, and omits them when it writes
# its rules again after a reload.
FORWARDS = 'iptables -w -C FORWARD -o docker0 -j ACCEPT || iptables -w -A FORWARD -o docker0 -j ACCEPT'
ISOLATED = f"""
set -e; ip link add docker0 type bridge; iptables -N DOCKER-ISOLATION-STAGE-1; iptables -N DOCKER-ISOLATION-STAGE-2; {FORWARDS}
iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2; iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP; iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
"""
REWRITE_WITHOUT_ISOLATION = f"""
busctl monitor --match=type=signal,member=Reloaded | while read -r line; do case "$line" in *Member=Reloaded*)
    sleep 0.5; {FORWARDS}
    for n in 1 2; do c=DOCKER-ISOLATION-STAGE-$n; iptables -w -N $c; iptables -w -F $c; sleep 0.3; iptables -w -A $c -j RETURN; done; touch /run/forgot
esac; done
"""
READ_ISOLATION = 'iptables-save -t filter | grep -e "-A DOCKER-ISOLATION"'
REMOVE_DOCKER = 'systemctl stop forgets; rm -f /run/forgot; nft delete table ip filter; ip link del docker0'
# until Docker has written its rules again, since the last time this was waited for
UNTIL_REWRITTEN = 'for n in $(seq 600); do test -e /run/forgot && exec rm /run/forgot; sleep 0.1; done; exit 1'


@pytest.mark.long
def test_networks_of_docker_stay_isolated(released):
    """Whatever Docker omits when firewalld reloads for portmatrix (the real one does so on virtual machines,
    tests/machines). After a reload by another program, a run warns."""
    not_isolated = 'the Docker network docker0 is not isolated'

    def isolation() -> dict[str, str]:
        """The rules in their order, after Docker has omitted them."""
        FIREWALLD.shell(UNTIL_REWRITTEN)
        return FIREWALLD.shell(READ_ISOLATION)

    try:
        FIREWALLD.shell(ISOLATED)
        rewrite = ('systemd-run', '--quiet', '--unit=forgets', 'sh', '-c', REWRITE_WITHOUT_ISOLATION)
        FIREWALLD.map(lambda host: testbed.run_command(host, *rewrite))
        before = FIREWALLD.shell(READ_ISOLATION)
        assert set(FIREWALLD.play().statuses().values()) == {'changed'}
        assert isolation() == before
        # a change without a reload, and its rollback, after which Docker has nothing to write
        FIREWALLD.map(faults.drop_new_connections_until_decided)
        run = FIREWALLD.play(
            '-e',
            '{"portmatrix_management_sources": ["198.51.100.1", "192.0.2.77"]}',
            window=FIREWALLD.short_window,
        )
        assert [(run.results[host]['transition'], run.results[host].get('rolled_back')) for host in HOSTS] == [
            ('hitless', True)
        ] * 2, run.output
        assert not_isolated not in run.output and FIREWALLD.shell(READ_ISOLATION) == before
        assert set(FIREWALLD.play(playbook='portmatrix.firewall.release').statuses().values()) == {'changed'}
        assert isolation() == before
        FIREWALLD.shell('rm -f /run/forgot; firewall-cmd --reload')
        FIREWALLD.shell(UNTIL_REWRITTEN)
        check = FIREWALLD.play('--check')
        assert all(f'{host}: {not_isolated}' in check.output for host in HOSTS), check.output
    finally:
        FIREWALLD.map(faults.remove)
        FIREWALLD.shell(REMOVE_DOCKER, check=False)
