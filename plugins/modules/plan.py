#!/usr/bin/python
# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
module: plan
short_description: Plan which ports are open to which peers, for all hosts of a play
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - Compiles the catalogs and the inventory into the rules of every host of the play, shows them as a table and writes
    them to a file.
  - Connects to no host. Run it with C(run_once) and C(delegate_to=localhost), as the playbook
    P(portmatrix.firewall.plan#playbook) does; then the connection plugins of the hosts need not be installed.
  - A plan of a part of the hosts (C(--limit)) says so on the terminal and in the file (C(partial)).
  - Peers come from the whole inventory, even if C(--limit) restricts the play. The variables are described in
    M(portmatrix.firewall.policy).
requirements: [netaddr, jmespath]
options:
  path:
    description: Path of the plan file to write (JSON, see the guide). Without it, none is written.
    type: path
  address_book:
    description: Path of the address book to write, for runs that read only a part of the inventory
      (E(portmatrix_address_book)).
    type: path
  table:
    description: Show the table of rules on the terminal.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Writes no file and reports whether it would.
  diff_mode:
    support: full
    description: Shows the difference from the former plan file.
'''

EXAMPLES = r'''
- name: Plan the whole inventory
  hosts: all
  gather_facts: false
  tasks:
    - name: Write the plan
      portmatrix.firewall.plan:
        path: portmatrix-plan.json
      run_once: true
      delegate_to: localhost
'''

RETURN = r'''
path:
  description: Path of the plan file.
  returned: success
  type: str
hosts:
  description: Number of hosts planned.
  returned: success
  type: int
rules:
  description: Number of rules of all hosts, both directions.
  returned: success
  type: int
open_to_any:
  description: Number of ingress rules whose peers are any.
  returned: success
  type: int
open_to_any_baseline:
  description: How many of these belong to management access and the baseline, not to a product.
  returned: success
  type: int
unresolved:
  description: Number of components that a flow needs and that have neither hosts nor addresses.
  returned: success
  type: int
'''
