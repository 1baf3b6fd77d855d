#!/usr/bin/python
# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
module: policy
short_description: Converge the firewall of a host to the port matrices of its products
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - Compiles the documented flows of all components of the host into its exact rules, and applies them as one change,
    wholly or not at all.
  - Peers are the hosts of the inventory that have the other component, and the addresses in E(portmatrix_peers). What
    cannot be resolved is refused before any host of the task is changed.
  - The policy of a host is the union of all its components. Management ports stay open; all other ingress is denied.
  - Only objects managed by portmatrix (their names begin with C(portmatrix)) are changed or removed. Rules that other
    programs put into the running firewall survive.
  - Needs root on a Linux host (C(become)), and an administrator on a Windows host.
requirements:
  - netaddr and jmespath on the controller
  - on the host, firewalld 1.0.0 or later with systemd 240 or later and nft; or ufw 0.36 or later; or Windows Server
    2016 or later
options:
  state:
    description:
      - V(enforced) converges the host to its policy. If firewalld is stopped, it is started and enabled after the rules
        are in place.
      - V(absent) removes everything managed by portmatrix, and switches off again what portmatrix switched on.
      - V(rendered) returns the files that the host would get, without a connection to it.
      - V(gathered) returns the rules that portmatrix manages on the host.
    type: str
    choices: [enforced, absent, rendered, gathered]
    default: enforced
  backend:
    description:
      - The firewall to manage. V(auto) is the active one; otherwise the one that already has portmatrix rules;
        otherwise the only one installed; otherwise the distribution's default (ufw on Debian and Ubuntu, else
        firewalld). Two active ones are an error.
      - The default is the variable C(portmatrix_backend), or V(auto) if it is not set.
      - Windows hosts support V(auto) and V(windows), Linux hosts the others.
    type: str
    choices: [auto, firewalld, ufw, windows]
  components:
    description:
      - Components (C(product.component)) of the host in addition to those that the inventory declares.
      - Its peers have rules only for those in the inventory, so a warning lists the others.
    type: list
    elements: str
  egress:
    description:
      - With V(deny), the host may open only documented connections and those of the baseline (name resolution, time,
        DHCP, ICMP).
      - The default is the variable C(portmatrix_egress), or V(allow) if it is not set.
    type: str
    choices: [allow, deny]
  confirm_timeout:
    description:
      - Seconds in which a change has to be confirmed over a new connection, 5 to 3600; otherwise the host rolls it back
        by itself.
      - V(0) keeps a change at once, without confirmation.
      - The default is the variable C(portmatrix_confirm_timeout), or 30 if it is not set.
    type: int
attributes:
  check_mode:
    support: full
    description: Predicts the change with the same computation that makes it.
  diff_mode:
    support: full
    description: Shows flow, direction, ports and peers of every rule that is added or removed.
seealso:
  - module: portmatrix.firewall.plan
  - plugin: portmatrix.firewall.flows
    plugin_type: lookup
'''

EXAMPLES = r'''
- name: Harden the hosts that have a component
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Enforce the port matrices
      portmatrix.firewall.policy:

- name: Show what a host would get, without changing it
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
  description: Number of rules that are added. A rule is one line of the diff.
  returned: when O(state=enforced) or O(state=absent)
  type: int
removed:
  description: Number of rules that are removed.
  returned: when O(state=enforced) or O(state=absent)
  type: int
kept:
  description: Number of rules that are kept.
  returned: when O(state=enforced) or O(state=absent)
  type: int
backend:
  description: The back end that was used.
  returned: success
  type: str
transition:
  description:
    - How the running firewall changes. V(none) if it need not change; V(hitless) if only the content of objects changes
      and no allowed connection is lost; V(reload) if objects are added or removed, and new connections wait for a
      moment.
  returned: when O(state=enforced) or O(state=absent)
  type: str
rolled_back:
  description: Whether the host has its former rules back, because the change failed or was not confirmed; null where
    that is not known. The task has then failed.
  returned: when a change failed or was not confirmed
  type: bool
digest:
  description: SHA-256 of the policy. The same policy has the same digest on every host and platform.
  returned: when O(state=enforced) or O(state=rendered)
  type: str
rendered:
  description: The files that the host would get. The management guard is rendered for E(ansible_port), since there is
    no connection to observe.
  returned: when O(state=rendered)
  type: list
  elements: dict
  contains:
    path: {description: Path on the host, type: str}
    content: {description: Whole content, type: str}
components:
  description: The components of the host.
  returned: when O(state=rendered)
  type: list
  elements: str
products:
  description: The products of these components.
  returned: when O(state=rendered)
  type: list
  elements: str
gathered:
  description: The rules that portmatrix manages on the host; null if no supported firewall is installed.
  returned: when O(state=gathered)
  type: dict
  contains:
    backend: {description: The back end, type: str}
    version: {description: Version of the firewall, type: str}
    active: {description: Whether the firewall runs, type: bool}
    enforced: {description: Whether the kernel has exactly the rules in the files, type: bool}
    state: {description: "The service, what is denied, changes by hand and drift, a line each", type: list}
    rules: {description: "Rules with direction, protocol, ports, peers and flows", type: list}
'''
