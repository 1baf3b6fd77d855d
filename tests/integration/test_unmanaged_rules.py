"""Rules that portmatrix does not manage are kept: those in files, those of the running firewalld only, and those
outside of firewalld."""

from __future__ import annotations

import testbed
from fleet import Fleet

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
ADD = r'''
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
# As soon as there is a direct rule, firewalld 2.3 passes sets to ipset, which a kernel without ip_set (the lab's may
# be one) refuses: only the host with an older firewalld gets one.
DIRECT = 'firewall-cmd -q --direct --add-rule ipv4 filter INPUT 0 -s 192.0.2.11 -j ACCEPT'
REMOVE = r'''
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


def test_unmanaged_rules_are_kept(released):
    try:
        testbed.map_hosts(lambda host: testbed.shell(host, f'set -e; {ADD} {DIRECT if host == "mgmt1" else ""}'), HOSTS)
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
        FIREWALLD.shell(REMOVE, check=False)


def test_a_policy_with_precedence_is_reported(released):
    """Even an exclusive policy comes after one with a lower number."""
    policy = 'firewall-cmd -q --permanent --policy=early'
    script = (
        f'firewall-cmd -q --permanent --new-policy=early; {policy} --add-ingress-zone=ANY; {policy} '
        f'--add-egress-zone=HOST; {policy} --set-priority=-32500; {policy} --add-port=9999/tcp; firewall-cmd -q --reload'
    )
    targets = [('tcp', testbed.HOSTS[host]['ansible_host'], 9999) for host in HOSTS]
    try:
        with testbed.serving({host: [('tcp', 9999)] for host in HOSTS}):
            FIREWALLD.shell(script)
            run = FIREWALLD.play()
            assert all(
                f'{host}: the firewalld policy early has a lower priority number than portmatrix' in run.output
                for host in HOSTS
            ), run.output
            assert testbed.connections('data2', targets, expected=True) == [True, True]
            assert all('early' in text for text in FIREWALLD.shell('firewall-cmd --get-policies').values())
    finally:
        FIREWALLD.shell(
            'firewall-cmd -q --permanent --delete-policy=early; rm -f /etc/firewalld/policies/early.xml*; '
            'firewall-cmd -q --reload',
            check=False,
        )
