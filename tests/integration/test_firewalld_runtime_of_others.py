"""What other programs have only in the running firewall survives the reload of the first application and that of the
release, whatever it is; a host on which that could not work is refused."""

from __future__ import annotations

import json
import typing as t

import cases
import faults
import pytest
from faults import Fault
from fleet import Fleet

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
INTERFACES = 20
ENTRIES = [f'10.{number // 256}.{number % 256}.7' for number in range(20000)]
SET = '/etc/firewalld/ipsets/blocklist.xml'
DIRECT = '<?xml version="1.0" encoding="utf-8"?><direct><rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-s 192.0.2.11 -j ACCEPT</rule></direct>'
CHAIN = 'iptables -N FOREIGN; iptables -A FOREIGN -s 192.0.2.13 -j ACCEPT; iptables -A INPUT -j FOREIGN'
RESTART = 'systemctl reset-failed; systemctl restart firewalld; for n in $(seq 99); do firewall-cmd -q --state && break; sleep 0.1; done'
NAT = 'iptables -t nat -A POSTROUTING -s 10.88.0.0/16 -j MASQUERADE'


def address_set(option: str, entries: t.Iterable[str]) -> str:
    members = ''.join(f'<entry>{entry}</entry>' for entry in entries)
    return f'<?xml version="1.0" encoding="utf-8"?><ipset type="hash:ip">{option}{members}</ipset>'


# what -> (files to load first, what others then do, what they see of it, what removes it)
OTHERS: dict[str, tuple[dict[str, str], str, str, str]] = {
    'ports, one with a timeout': (
        {},
        'firewall-cmd -q --zone=public --add-port=9100/tcp; firewall-cmd -q --zone=public --remove-service=dhcpv6-client',
        'firewall-cmd --zone=public --list-ports; firewall-cmd --zone=public --list-services',
        'firewall-cmd -q --reload',
    ),
    'many interfaces': (
        {},
        f'for n in $(seq {INTERFACES}); do ip link add office$n type bridge; done; busctl --timeout=300 -- call '
        'org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1.zone '
        f"setZoneSettings2 'sa{{sv}}' work 1 interfaces as {INTERFACES} $(seq -f office%g {INTERFACES})",
        'firewall-cmd --zone=work --list-interfaces | tr " " "\\n" | sort',
        f'for n in $(seq {INTERFACES}); do ip link del office$n; done; firewall-cmd -q --reload',
    ),
    'one entry more and one less in a large set': (
        {SET: address_set('', ENTRIES)},
        f'firewall-cmd -q --ipset=blocklist --add-entry=192.0.2.9; firewall-cmd -q --ipset=blocklist --remove-entry={ENTRIES[5]}',
        'firewall-cmd --ipset=blocklist --get-entries | sort | md5sum; nft list set inet firewalld blocklist | tr , "\\n" | sort | md5sum',
        f'rm {SET}; firewall-cmd -q --reload',
    ),
    # on Debian 13, firewalld owns its table unless it is told not to
    'elements with a timeout': (
        {SET: address_set('<option name="timeout" value="3600"/>', ())},
        f'sed -i s/NftablesTableOwner=yes/NftablesTableOwner=no/ /etc/firewalld/firewalld.conf; {RESTART}; '
        "nft add element inet firewalld blocklist '{ 192.0.2.9 }'; nft add element inet firewalld blocklist "
        "'{ 192.0.2.10 timeout 2h expires 90m }' 2>/dev/null; true",
        "nft list set inet firewalld blocklist | sed 's/expires [0-9hms]*//g' | grep -o 192.*",
        f'sed -i s/NftablesTableOwner=no/NftablesTableOwner=yes/ /etc/firewalld/firewalld.conf; rm {SET}; {RESTART}',
    ),
    'rules of iptables beside a direct rule': (
        {'/etc/firewalld/direct.xml': DIRECT},
        f'{CHAIN}; {NAT}',
        'iptables -S FOREIGN; iptables -S INPUT; iptables -t nat -S; firewall-cmd --direct --get-all-rules',
        f'rm /etc/firewalld/direct.xml; {RESTART}; nft delete table ip nat; nft delete table ip filter; true',
    ),
}


# With direct rules, firewalld 2.3 passes all sets to the kernel's ip_set, which the lab's kernel may not have: there, a
# policy is refused.
NOT_ON = {'rules of iptables beside a direct rule': 'mgmt2'}


ALWAYS = 'ports, one with a timeout', 'elements with a timeout', 'rules of iptables beside a direct rule'


@pytest.fixture(params=cases.chosen(OTHERS, *ALWAYS))
def others(request, released):
    """(the hosts, what shows there what others have)."""
    contents, script, read, remove = OTHERS[request.param]
    fleet = Fleet({host: 'firewalld' for host in HOSTS if host != NOT_ON.get(request.param)})
    fleet.write(contents)
    try:
        fleet.shell(f'{"firewall-cmd -q --reload;" if contents else ""} {script}')
        yield fleet, read
    finally:
        fleet.release()
        fleet.shell(remove)


def test_it_survives_a_first_application_and_a_release(others):
    fleet, read = others
    before = fleet.shell(read)
    assert all(before.values())
    run = fleet.play()
    assert {run.results[host].get('transition') for host in fleet.hosts} == {'reload'}, run.output
    assert fleet.shell(read) == before
    assert set(fleet.play().statuses().values()) == {'ok'}
    fleet.release()
    assert fleet.shell(read) == before


def test_a_rollback_whose_first_attempt_fails_restores_it_too(released):
    """The first call that restores something of others fails, in the rollback of a first application."""
    read = 'firewall-cmd --zone=public --query-port=9100/tcp; true'
    FIREWALLD.shell('firewall-cmd -q --zone=public --add-port=9100/tcp')
    FIREWALLD.apply_and_kill_controller()
    FIREWALLD.map(lambda host: faults.install(host, Fault('busctl', '*setZoneSettings2*', before='exit 1')))
    FIREWALLD.end_window()
    FIREWALLD.wait_until_decided()
    assert all(FIREWALLD.map(faults.has_happened).values())
    FIREWALLD.map(faults.remove)
    assert FIREWALLD.shell(read) == dict.fromkeys(HOSTS, 'yes\n')
    assert set(FIREWALLD.shell('ls /run/portmatrix-firewalld* 2>/dev/null; true').values()) == {''}
    FIREWALLD.shell('firewall-cmd -q --reload')


LOCK = """
mv /etc/firewalld/lockdown-whitelist.xml /root 2>/dev/null
echo '<whitelist><user name="nobody"/></whitelist>' > /etc/firewalld/lockdown-whitelist.xml
firewall-cmd -q --reload; firewall-cmd -q --lockdown-on
"""
UNLOCK = """
rm /etc/firewalld/lockdown-whitelist.xml
mv /root/lockdown-whitelist.xml /etc/firewalld 2>/dev/null
sed -i s/Lockdown=yes/Lockdown=no/ /etc/firewalld/firewalld.conf
systemctl restart firewalld
"""


def test_a_lockdown_that_excludes_root_is_refused(released):
    """firewalld 2.3 has no lockdown any more."""
    locked = Fleet({'mgmt1': 'firewalld'})
    locked.shell(LOCK)
    try:
        before = locked.states()
        for arguments in (['--check'], []):
            run = locked.play(*arguments)
            assert run.statuses() == {'mgmt1': 'failed'} and 'add <user id="0"/>' in run.results['mgmt1']['msg'], (
                run.output
            )
        locked.assert_unchanged(before)
    finally:
        locked.shell(UNLOCK)
    assert locked.play().statuses() == {'mgmt1': 'changed'}


OPTION = f'sed -i s/^FlushAllOnReload=.*/FlushAllOnReload={{}}/ /etc/firewalld/firewalld.conf; {RESTART}'
MEMBERS = 'nft list ruleset | grep -o "10[.]99[.]0[.][0-9]*" | sort -u | wc -l; nft list sets inet | grep -A9 portmatrix | grep -c elements; true'


def test_members_go_although_a_reload_keeps_them(released):
    """With FlushAllOnReload=no, sets keep their members over a reload of firewalld, and after a release they exist,
    empty, until it restarts."""
    fleet = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
    fleet.shell(OPTION.format('no'))
    try:
        for number in (40, 15, 0):
            members = [f'10.99.0.{2 * position}' for position in range(number)]
            run = fleet.play('-e', json.dumps({'portmatrix_peers': {'avi_vantage.service_engine': members}}))
            assert set(run.statuses().values()) == {'changed'}, run.output
            found = {host: text.split() for host, text in fleet.shell(MEMBERS).items()}
            assert {host: int(words[0]) for host, words in found.items()} == dict.fromkeys(HOSTS, number), found
            fleet.shell('firewall-cmd -q --reload')  # of somebody else
        fleet.release()
        assert {tuple(text.split()) for text in fleet.shell(MEMBERS).values()} == {('0', '0')}
    finally:
        fleet.release()
        fleet.shell(OPTION.format('yes'))
