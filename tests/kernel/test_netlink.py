"""The names of tables as the kernel itself says them are those that nft lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
from module_utils._kernel import netlink
import json; print(json.dumps(sorted(netlink.tables())))
"""
TABLES = [['inet', 'firewalld'], ['ip', 'filter'], ['ip6', 'a-' + 'long' * 60], ['netdev', 'early']]


def test_tables():
    add = ''.join(f'nft add table {family} {name}; ' for family, name in TABLES)
    plugins = Path(__file__).parents[2] / 'plugins'
    command = ['unshare', '--net', 'sh', '-ec', f'{add} nft add table arp x; "$1" -c "$2" "$3"', 'sh', sys.executable]
    result = subprocess.run([*command, SCRIPT, str(plugins)], check=True, capture_output=True, text=True)
    assert json.loads(result.stdout) == sorted(TABLES)
    nothing = [*command[:3], '-ec', '"$1" -c "$2" "$3"', 'sh', sys.executable, SCRIPT, str(plugins)]
    assert json.loads(subprocess.run(nothing, check=True, capture_output=True, text=True).stdout) == []
