#!/usr/bin/python
# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
module: policy
short_description: Bring a host's firewall to what the port matrices say
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - Compiles the documented flows of all components that the host plays into its exact rules and applies them in one transaction.
  - Peers are the hosts of the inventory that play the other component, and the addresses in E(portmatrix_peers). What cannot be resolved is refused
    before any host of the task is touched.
  - A host's policy is the union of all its components. The ports on which management comes in stay open; everything else that comes in is denied.
  - Only objects of ours (their names begin with C(portmatrix)) are changed or removed. Rules that others put into the running firewall survive.
  - Needs root on a Linux host (C(become)), and an administrator on a Windows host.
requirements:
  - netaddr and jmespath on the controller
  - firewalld 1.0.0 or later, systemd 240 or later and nft; or ufw 0.36 or later; or Windows Server 2016 or later, on the host
options:
  state:
    description:
      - V(enforced) brings the host to its policy. Where firewalld is stopped it is started and enabled, after the rules are in place.
      - V(absent) removes everything of ours and switches off again what we switched on.
      - V(rendered) returns the files that the host would get, without a connection to it.
      - V(gathered) returns what of ours is on the host.
    type: str
    choices: [enforced, absent, rendered, gathered]
    default: enforced
  backend:
    description:
      - The firewall to work with; V(auto) takes the one that is active, else the one that has rules of ours, else the one that is installed, else
        what is custom on the distribution (ufw on Debian and Ubuntu). Two active ones are an error.
      - The variable C(portmatrix_backend) is its default, V(auto) without it.
      - Windows hosts know V(auto) and V(windows), Linux hosts the others.
    type: str
    choices: [auto, firewalld, ufw, windows]
  components:
    description:
      - Components (C(product.component)) that the host plays besides those that the inventory declares.
      - Its peers know only of those in the inventory, so a warning names the others.
    type: list
    elements: str
  egress:
    description:
      - With V(deny) the host may open only what is documented and what the baseline holds (name resolution, time, DHCP, ICMP).
      - The variable C(portmatrix_egress) is its default, V(allow) without it.
    type: str
    choices: [allow, deny]
  confirm_timeout:
    description:
      - Seconds in which a change has to be confirmed over a new connection, or the host rolls it back by itself; 5 to 3600.
      - V(0) keeps a change at once, without a confirmation.
      - The variable C(portmatrix_confirm_timeout) is its default, 30 without it.
    type: int
attributes:
  check_mode:
    support: full
    description: Predicts the change from the same computation that would make it.
  diff_mode:
    support: full
    description: Shows flow, direction, ports and peers of every rule that comes or goes.
seealso:
  - module: portmatrix.firewall.plan
  - plugin: portmatrix.firewall.flows
    plugin_type: lookup
'''

EXAMPLES = r'''
- name: Harden the hosts that play a component
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Enforce the port matrices
      portmatrix.firewall.policy:

- name: See what a host would get, without touching it
  hosts: avi_vantage_controller
  gather_facts: false
  tasks:
    - name: Render
      portmatrix.firewall.policy:
        state: rendered
      register: rendered

    - name: Show
      ansible.builtin.debug:
        msg: "{{ rendered.rendered | map(attribute='content') | join('\n') }}"
'''

RETURN = r'''
added:
  description: Number of rules that come. A rule is one line of the diff.
  returned: when O(state=enforced) or O(state=absent)
  type: int
removed:
  description: Number of rules that go.
  returned: when O(state=enforced) or O(state=absent)
  type: int
kept:
  description: Number of rules that stay.
  returned: when O(state=enforced) or O(state=absent)
  type: int
backend:
  description: The back end that was used.
  returned: success
  type: str
transition:
  description:
    - How the running firewall gets there. V(none) where it need not change, V(hitless) where rules and members of sets change one by one and no
      allowed connection is lost, V(reload) where objects come or go and new connections wait for a moment.
  returned: when O(state=enforced) or O(state=absent)
  type: str
rolled_back:
  description: Whether the host went back to its former rules because the change was not confirmed; the task has failed then.
  returned: when a change was not confirmed
  type: bool
digest:
  description: SHA-256 of the policy. The same policy has the same digest on every host and platform.
  returned: when O(state=enforced) or O(state=rendered)
  type: str
rendered:
  description: The files that the host would get. The management guard is rendered for E(ansible_port), as no connection is observed.
  returned: when O(state=rendered)
  type: list
  elements: dict
  contains:
    path: {description: Path on the host, type: str}
    content: {description: Whole content, type: str}
gathered:
  description: What of ours is on the host; null where no firewall is installed that we know.
  returned: when O(state=gathered)
  type: dict
  contains:
    backend: {description: The back end, type: str}
    version: {description: Version of the firewall, type: str}
    active: {description: Whether the firewall runs, type: bool}
    enforced: {description: Whether rules of ours are in force exactly as the files say, type: bool}
    state: {description: "Lines about the service, what is denied, changes by hand and drift", type: list}
    rules: {description: "Rules with direction, protocol, ports, peers and flows", type: list}
'''
