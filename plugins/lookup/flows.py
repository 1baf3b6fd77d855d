# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
name: flows
short_description: The flows of the port matrices, filtered with JMESPath
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - Returns the documented flows of all catalogs as data, or those of the products in O(_terms).
requirements: [netaddr, jmespath]
options:
  _terms:
    description: Products whose flows to return; all products if it is empty.
    type: list
    elements: str
  query:
    description: A JMESPath expression over the list of flows.
    type: str
  catalogs:
    description: Additional catalogs, files or folders.
    type: list
    elements: str
    vars:
      - name: portmatrix_catalogs
'''

EXAMPLES = r'''
- name: Show which flows lead to Avi controllers
  ansible.builtin.debug:
    msg: "{{ query('portmatrix.firewall.flows', 'avi_vantage', query=controller_flows) }}"
  vars:
    controller_flows: "[?contains(destination, 'controller')].[id, protocol, ports]"

- name: Count the flows whose port the vendor does not document
  ansible.builtin.debug:
    msg: "{{ query('portmatrix.firewall.flows', query='[?assumed]') | length }}"
'''

RETURN = r'''
_raw:
  description: The flows, or the result of O(query).
  type: list
  elements: dict
  contains:
    flow: {description: Product and id, type: str}
    product: {description: The product, type: str}
    id: {description: Unique in its product, type: str}
    title: {description: What the flow is for, type: str}
    note: {description: What the document states in addition, type: str}
    source: {description: Components that open the connection, type: list}
    destination: {description: Components that listen, type: list}
    protocol: {description: Protocols, type: list}
    ports: {description: "Ports, ranges, names of port options", type: list}
    when: {description: Condition over the listener's options, type: str}
    optional: {description: Whether the document calls it optional, type: bool}
    assumed: {description: Whether the document gives no port, type: bool}
    between: {description: "Which deployments it joins (same, different, any)", type: str}
    citations: {description: "Document, section and row", type: list}
'''

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ..module_utils._base.errors import PortmatrixError
from ..plugin_utils._base import libraries
from ..plugin_utils._base.words import nearest
from ..plugin_utils._catalog.loader import existing_path, load_catalogs
from ..plugin_utils._catalog.model import Flow
from ..plugin_utils._inventory.components import CATALOGS_PLAYBOOK
from ..plugin_utils._inventory.host_variables import Inventory


class LookupModule(LookupBase):
    """portmatrix.firewall.flows"""

    def run(self, terms: list[str], variables: dict[str, t.Any] | None = None, **kwargs: t.Any) -> list[t.Any]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            libraries.require()
            known = variables or {}
            if 'catalogs' not in kwargs and {'hostvars', 'groups', 'inventory_hostname'} <= known.keys():
                Inventory(known, self._templar).task().refuse_facts(['portmatrix_catalogs'])
            folder = (variables or {}).get('inventory_dir')
            extra = [existing_path(str(path), folder) for path in self.get_option('catalogs') or []]
            return _flows([str(term) for term in terms], extra, self.get_option('query'))
        except PortmatrixError as error:
            raise AnsibleError(str(error)) from error


def _flows(products: list[str], extra: list[str], query: str | None) -> list[t.Any]:
    catalogs = load_catalogs(extra)
    unknown = sorted(set(products) - set(catalogs))
    if unknown:
        hints = dict.fromkeys(nearest(product, catalogs, CATALOGS_PLAYBOOK) for product in unknown)
        raise PortmatrixError(f'unknown product {", ".join(map(repr, unknown))}; {" ".join(hints)}')
    flows = [_to_data(flow) for product in products or sorted(catalogs) for flow in catalogs[product].flows]
    if query is None:
        return flows
    try:
        result = libraries.jmespath.search(query, flows)
    except libraries.jmespath.exceptions.JMESPathError as error:
        message = ' '.join(str(error).split())
        raise PortmatrixError(f'query: {query!r} is not a valid JMESPath expression ({message})') from error
    return result if isinstance(result, list) else [result]


def _to_data(flow: Flow) -> dict[str, t.Any]:
    return {
        'flow': flow.name,
        'product': flow.product,
        'id': flow.id,
        'title': flow.title,
        'note': flow.note,
        'source': list(dict.fromkeys(source for source, _destination in flow.pairs if source)),
        'destination': list(dict.fromkeys(destination for _source, destination in flow.pairs)),
        'protocol': list(flow.protocols),
        'ports': list(flow.ports),
        'when': flow.when,
        'optional': flow.optional,
        'assumed': flow.assumed,
        'between': flow.between,
        'citations': list(flow.citations),
    }
