"""The machines before the tests: a firewall each, a direct rule, and the zone that NetworkManager assigns to the
interface."""

from __future__ import annotations

import firewall_scripts
import fleet
import machine
import testbed

# an emulated processor is slow
FLEETS = [
    fleet.Fleet({'vm1': one, 'vm2': other}, machine.INVENTORY, window=240, short_window=40)
    for one, other in (('ufw', 'firewalld'), ('firewalld', 'ufw'))
]
DIRECT = 'ipv4 filter INPUT 0 -s 192.0.2.11 -j ACCEPT'
SET_UP = {
    'ufw': f'{firewall_scripts.SWITCH_TO_UFW}; ufw allow 22/tcp; ufw --force enable',
    'firewalld': f'firewall-cmd -q --permanent --direct --add-rule {DIRECT}; firewall-cmd -q --reload',
}
TEAR_DOWN = {
    'ufw': firewall_scripts.SWITCH_TO_FIREWALLD,
    'firewalld': f'firewall-cmd -q --permanent --direct --remove-rule {DIRECT}; firewall-cmd -q --reload',
}


def zone(host: str) -> str:
    return testbed.shell(host, 'firewall-cmd --get-zone-of-interface=eth0').strip()


def move_command(zone_name: str) -> str:
    """The command that moves the interface to a zone; '' is the default zone."""
    return f'nmcli connection modify lab connection.zone "{zone_name}" && nmcli connection up lab >/dev/null'
