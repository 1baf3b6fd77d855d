"""What others put on a host survives: in files, in the running firewalld only, and beside firewalld."""

from __future__ import annotations

import faults
import world
from fleet import Fleet

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
FOREIGN = r'''
firewall-cmd -q --permanent --zone=public --add-service=http
firewall-cmd -q --permanent --new-zone=dmz2
firewall-cmd -q --permanent --new-policy=foreign
firewall-cmd -q --permanent --policy=foreign --add-ingress-zone=ANY
firewall-cmd -q --permanent --policy=foreign --add-egress-zone=HOST
firewall-cmd -q --permanent --policy=foreign --set-priority=10
firewall-cmd -q --permanent --new-ipset=foreign --type=hash:ip
firewall-cmd -q --reload
firewall-cmd -q --zone=public --add-port=9100/tcp
firewall-cmd -q --zone=public --add-rich-rule='rule family="ipv4" source address="192.0.2.7" port port="9101" protocol="tcp" accept'
firewall-cmd -q --policy=foreign --add-port=9102/tcp
firewall-cmd -q --ipset=foreign --add-entry=192.0.2.9
ip link add foreign0 type bridge; firewall-cmd -q --zone=dmz2 --change-interface=foreign0
nft add table inet foreign
nft add chain inet foreign input '{ type filter hook input priority 0; policy accept; }'
nft add rule inet foreign input ip saddr 192.0.2.12 counter accept
iptables -N FOREIGN
iptables -A FOREIGN -s 192.0.2.13 -j ACCEPT
iptables -A INPUT -j FOREIGN
'''
# firewalld 2.3 hands sets to ipset as soon as there is a direct rule, and a kernel without ip_set (the lab's may be
# one) then refuses them.
DIRECT = 'firewall-cmd -q --direct --add-rule ipv4 filter INPUT 0 -s 192.0.2.11 -j ACCEPT'
CLEAN = r'''
firewall-cmd -q --permanent --zone=public --remove-service=http
firewall-cmd -q --permanent --delete-zone=dmz2
firewall-cmd -q --permanent --delete-policy=foreign
firewall-cmd -q --permanent --delete-ipset=foreign
rm -f /etc/firewalld/*/*.xml.old
nft delete table inet foreign; nft delete table ip filter; ip link del foreign0
systemctl restart firewalld
'''
READ = r'''
for zone in public dmz2; do firewall-cmd --zone=$zone --list-all; done
firewall-cmd --info-policy=foreign; firewall-cmd --ipset=foreign --get-entries; firewall-cmd --direct --get-all-rules
firewall-cmd --permanent --zone=public --list-all; firewall-cmd --permanent --get-policies | tr ' ' '\n' | grep -v portmatrix
nft -s list table inet foreign; iptables -S FOREIGN; iptables -S INPUT
'''


def test_foreign_rules_survive(released):
    try:
        world.on_all(lambda host: world.shell(host, f'set -e; {FOREIGN} {DIRECT if host == "mgmt1" else ""}'), HOSTS)
        before = FIREWALLD.shell(READ)
        for host, text in before.items():
            assert all(
                word in text
                for word in (
                    '9100/tcp',
                    '192.0.2.9',
                    'foreign0',
                    '192.0.2.12',
                    '192.0.2.13',
                    *(['192.0.2.11'] if host == 'mgmt1' else []),
                )
            )
        run = FIREWALLD.play()
        assert [run.results[host]['transition'] for host in HOSTS] == ['reload', 'reload'], run.output
        assert FIREWALLD.shell(READ) == before
        assert FIREWALLD.play(playbook='portmatrix.firewall.release').statuses() == dict.fromkeys(HOSTS, 'changed')
        assert FIREWALLD.shell(READ) == before
    finally:
        FIREWALLD.shell(CLEAN, check=False)


def test_a_foreign_policy_ahead_of_ours_is_reported_and_overtaken_when_exclusive(released):
    script = (
        'firewall-cmd -q --permanent --new-policy=early; firewall-cmd -q --permanent --policy=early '
        '--add-ingress-zone=ANY;'
        'firewall-cmd -q --permanent --policy=early --add-egress-zone=HOST; firewall-cmd -q --permanent '
        '--policy=early --set-priority=-200;'
        'firewall-cmd -q --permanent --policy=early --add-port=9999/tcp; firewall-cmd -q --reload'
    )
    targets = {'targets': [['tcp', world.HOSTS[host]['ansible_host'], 9999] for host in HOSTS]}
    servers = {host: world.serve(host, [('tcp', 9999)]) for host in HOSTS}
    try:
        FIREWALLD.shell(script)
        run = FIREWALLD.play()
        assert all(
            f'{host}: the firewalld policy early has a lower priority number than portmatrix' in run.output
            for host in HOSTS
        ), run.output
        assert world.probe('data2', 'connect', targets) == [True, True]
        run = FIREWALLD.play('-e', 'portmatrix_exclusive=true')
        assert 'policy early' not in run.output
        assert world.probe('data2', 'connect', targets) == [False, False]
        assert all('early' in text for text in FIREWALLD.shell('firewall-cmd --get-policies').values())
    finally:
        for host, server in servers.items():
            world.stop_serving(host, server)
        FIREWALLD.shell(
            'firewall-cmd -q --permanent --delete-policy=early; rm -f /etc/firewalld/policies/early.xml*; '
            'firewall-cmd -q --reload',
            check=False,
        )


# What fail2ban does with its action nftables (Debian's default) and iptables-multiport, and podman or Docker with a
# published port.
BYSTANDERS = r'''
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
READ_BYSTANDERS = (
    'nft -s list table inet f2b-table; iptables -S f2b-probe; iptables -S INPUT | grep f2b; iptables -t nat -S DOCKER'
)
CLEAN_BYSTANDERS = (
    'for table in "inet f2b-table" "ip filter" "ip nat"; do nft delete table $table; done; ip link del docker0'
)


def test_fail2ban_and_containers_keep_working(released):
    """A banned address stays banned though the policy admits it, and a published port is named, as it bypasses the
    policy."""
    knock = {'targets': [['tcp', world.HOSTS[host]['ansible_host'], 22] for host in HOSTS]}
    admitted = ('-e', '{"portmatrix_management_sources": ["198.51.100.1", "198.51.100.22", "198.51.100.32"]}')
    try:
        FIREWALLD.shell(f'set -e; {BYSTANDERS}')
        before = FIREWALLD.shell(READ_BYSTANDERS)
        run = FIREWALLD.play(*admitted)
        assert run.statuses() == dict.fromkeys(HOSTS, 'changed') and all(
            f'{host}: containers publish 8080/tcp' in run.output for host in HOSTS
        ), run.output
        assert FIREWALLD.shell(READ_BYSTANDERS) == before
        assert (world.probe('data2', 'connect', knock), world.probe('edge2', 'connect', knock)) == (
            [False, False],
            [True, True],
        )
        assert FIREWALLD.play(*admitted).statuses() == dict.fromkeys(HOSTS, 'ok')
        FIREWALLD.shell('nft delete element inet f2b-table addr-set-sshd "{ 198.51.100.22 }"')
        assert world.probe('data2', 'connect', knock) == [True, True]
        FIREWALLD.shell('nft add element inet f2b-table addr-set-sshd "{ 198.51.100.22 }"')
        assert FIREWALLD.play(playbook='portmatrix.firewall.release').statuses() == dict.fromkeys(HOSTS, 'changed')
        assert FIREWALLD.shell(READ_BYSTANDERS) == before
    finally:
        FIREWALLD.shell(CLEAN_BYSTANDERS, check=False)


# What Docker before 28.0 does: it has rules that keep its networks apart, and leaves them out when it writes its own
# anew after a reload.
FORWARDS = 'iptables -w -C FORWARD -o docker0 -j ACCEPT || iptables -w -A FORWARD -o docker0 -j ACCEPT'
APART = f"""
set -e; ip link add docker0 type bridge; iptables -N DOCKER-ISOLATION-STAGE-1; iptables -N DOCKER-ISOLATION-STAGE-2; {FORWARDS}
iptables -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2; iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP; iptables -A DOCKER-ISOLATION-STAGE-2 -j RETURN
"""
FORGET = f"""
busctl monitor --match=type=signal,member=Reloaded | while read -r line; do case "$line" in *Member=Reloaded*)
    sleep 0.5; {FORWARDS}
    for n in 1 2; do c=DOCKER-ISOLATION-STAGE-$n; iptables -w -N $c; iptables -w -F $c; sleep 0.3; iptables -w -A $c -j RETURN; done; touch /run/forgot
esac; done
"""
READ_APART = 'iptables-save -t filter | grep -e "-A DOCKER-ISOLATION"'
NO_DOCKER = 'systemctl stop forgets; rm -f /run/forgot; nft delete table ip filter; ip link del docker0'


def test_networks_of_docker_stay_apart(released):
    """Whatever Docker forgets when firewalld reloads for us (the real one forgets on virtual machines,
    tests/machines); where others reload, a run says so."""
    mixed = 'the Docker network docker0 is not isolated'

    def apart() -> dict[str, str]:
        """The rules, in their order, after Docker has forgotten them."""
        FIREWALLD.shell('test -e /run/forgot && rm /run/forgot')
        return FIREWALLD.shell(READ_APART)

    try:
        FIREWALLD.shell(APART)
        world.on_all(lambda host: world.on(host, 'systemd-run', '--quiet', '--unit=forgets', 'sh', '-c', FORGET), HOSTS)
        before = FIREWALLD.shell(READ_APART)
        assert set(FIREWALLD.play().statuses().values()) == {'changed'}
        assert apart() == before
        # a change without a reload; its way back is one
        FIREWALLD.all(lambda host: faults.hang_new_connections(host, seconds=FIREWALLD.window + 5))
        run = FIREWALLD.play('-e', '{"portmatrix_management_sources": ["198.51.100.1", "192.0.2.77"]}')
        assert [(run.results[host]['transition'], run.results[host].get('rolled_back')) for host in HOSTS] == [
            ('hitless', True)
        ] * 2, run.output
        assert mixed not in run.output and apart() == before
        assert set(FIREWALLD.play(playbook='portmatrix.firewall.release').statuses().values()) == {'changed'}
        assert apart() == before
        FIREWALLD.shell('firewall-cmd --reload; sleep 2; rm /run/forgot')
        check = FIREWALLD.play('--check')
        assert all(f'{host}: {mixed}' in check.output for host in HOSTS), check.output
    finally:
        FIREWALLD.all(faults.remove)
        FIREWALLD.shell(NO_DOCKER, check=False)


def test_what_a_zone_denies_in_vain_is_named(released):
    """fail2ban's action firewallcmd-rich-rules bans in the zone, which our policy comes before."""
    ban = """--zone=public --add-rich-rule='rule family="ipv4" source address="198.51.100.22" port port="22" protocol="tcp" reject'"""
    try:
        world.shell(
            'mgmt1',
            'firewall-cmd -q --permanent --zone=public --add-interface=eth0; firewall-cmd -q --reload; firewall-cmd '
            f'-q {ban}',
        )
        run = world.play('portmatrix.firewall.harden', '-l', 'mgmt1')
        assert (
            'the firewalld zone public has rich rules that deny' in run.output and 'banaction = nftables' in run.output
        )
        assert 'reject' in world.shell('mgmt1', 'firewall-cmd --zone=public --list-rich-rules')
    finally:
        world.shell('mgmt1', 'rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload', check=False)
