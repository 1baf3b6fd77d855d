#!/usr/bin/python
# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
module: catalogs
short_description: Show the products whose port matrices are known
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - Lists all catalogs, those of E(portmatrix_catalogs) included, or shows one of them as a table, with its components,
    options, flows, citations and notes.
  - Connects to no host, and changes nothing.
requirements: [netaddr, jmespath]
options:
  product:
    description: The product to show. Without it, all are listed. V(baseline) shows what every hardened host gets.
    type: str
  table:
    description: Show it on the terminal.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Changes nothing.
  diff_mode:
    support: none
    description: Changes nothing.
seealso:
  - plugin: portmatrix.firewall.flows
    plugin_type: lookup
'''

EXAMPLES = r'''
- name: Show the catalog of etcd
  portmatrix.firewall.catalogs:
    product: etcd
  delegate_to: localhost
  run_once: true
'''

RETURN = r'''
catalogs:
  description: The catalogs that are shown.
  returned: success
  type: list
  elements: dict
  contains:
    product:
      description: The name of the product.
      type: str
    title:
      description: Its title.
      type: str
    documents:
      description: The documents that are cited.
      type: dict
    components:
      description: Its components.
      type: list
      elements: str
    options:
      description: Its options, without the prefix of their variables.
      type: list
      elements: str
    flows:
      description: The number of its flows.
      type: int
'''
