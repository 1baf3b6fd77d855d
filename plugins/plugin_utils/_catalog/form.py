# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of a catalog file: the keys of each part, with the types and the values that they may have.

What checks a catalog and what describes it to editors (docs/catalog.schema.json) are made of these.
"""

from __future__ import annotations

import re
import typing as t

from .model import ADVICE, SAME

Spec = dict[str, dict[str, t.Any]]  # key -> its argument specification

OPTION_TYPES = ('bool', 'port', 'int', 'list', 'choice', 'ports', 'port_range', 'networks', 'group_addresses')
NAME = re.compile(r'[a-z][a-z0-9_]{0,63}')
TAKEN = re.compile(r'(ansible|portmatrix)(_|$)')
FLOW_ID = re.compile(r'[a-z0-9][a-z0-9_-]{0,63}')
BETWEEN = (SAME, 'different', 'any')

CATALOG: Spec = dict(
    product=dict(type='str', required=True),
    title=dict(type='str', required=True),
    documents=dict(type='dict', required=True),
    versions=dict(type='list', elements='str', default=[]),
    options=dict(type='dict', default={}),
    components=dict(type='dict', required=True),
    groups=dict(type='dict', default={}),
    notes=dict(type='list', elements='str', default=[]),
    flows=dict(type='list', elements='dict', required=True),
)
DISTINCTIVE = {'product', 'documents', 'components', 'flows'}
DOCUMENT: Spec = dict(
    title=dict(type='str', required=True),
    version=dict(type='str', required=True),
    retrieved=dict(type='str', required=True),
)
OPTION: Spec = dict(
    type=dict(type='str', required=True, choices=list(OPTION_TYPES)),
    choices=dict(type='list', elements='str'),
    default=dict(type='raw'),
    description=dict(type='str', required=True),
    component=dict(type='list', elements='str', default=[]),
)
COMPONENT: Spec = dict(
    title=dict(type='str', required=True),
    external=dict(type='bool', default=False),
    unstated=dict(type='bool', default=False),
    addresses=dict(type='list', elements='str', default=[]),
    names=dict(type='list', elements='str', default=[]),
)
CITATION: Spec = dict(
    document=dict(type='str', required=True),
    section=dict(type='str', required=True),
    row=dict(type='str', required=True),
)
FLOW: Spec = dict(
    id=dict(type='str', required=True),
    title=dict(type='str', required=True),
    note=dict(type='str'),
    source=dict(type='list', elements='str', default=[]),
    destination=dict(type='list', elements='str', required=True),
    protocol=dict(type='list', elements='str', required=True),
    ports=dict(type='list', elements='str', default=[]),
    ports_by=dict(type='dict', default={}),
    icmp_types=dict(type='list', elements='str', default=[]),
    group_addresses=dict(type='list', elements='str', default=[]),
    when=dict(type='str'),
    versions=dict(type='list', elements='str', default=[]),
    optional=dict(type='bool', default=False),
    assumed=dict(type='raw', default=False),
    doubtful=dict(type='str'),
    between=dict(type='str', choices=list(BETWEEN), default=SAME),
    forwarded=dict(type='bool', default=False),
    advice=dict(type='str', choices=list(ADVICE)),
    citations=dict(type='list', elements='dict', required=True, options=CITATION),
)
NEVER_EMPTY = {'product', 'components', 'flows', 'destination', 'protocol', 'id'}
PARTS: tuple[tuple[str, Spec], ...] = (('documents', DOCUMENT), ('options', OPTION), ('components', COMPONENT))
ASSUMED = {'true': ('port',), 'false': ()}  # what the older form, true or false, means; the newer is a list
