#!/usr/bin/python
# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r'''
module: linux_policy
short_description: Converge a Linux host to its policy (target side of portmatrix.firewall.policy)
version_added: 1.0.0
author: The portmatrix.firewall authors (@portmatrix)
description:
  - The part of M(portmatrix.firewall.policy) that runs on a Linux host. The action plugin of that name plans on the
    controller and calls this module; use M(portmatrix.firewall.policy) in playbooks.
options:
  state:
    description: What to do; see M(portmatrix.firewall.policy).
    type: str
    choices: [enforced, absent, gathered]
    default: enforced
  policy:
    description: The policy document as JSON text, as the controller compiled it. Required for O(state=enforced).
    type: str
  backend:
    description: The firewall to work with; see M(portmatrix.firewall.policy).
    type: str
    default: auto
  confirm_timeout:
    description:
      - Seconds in which the change has to be confirmed over a new connection; otherwise the host rolls it back. V(0)
        keeps it at once.
      - The action plugin confirms the change; a task that calls this module directly needs V(0).
    type: int
    default: 0
  confirm_connections:
    description: Whether documented connections that were established before the change also have to be allowed when it
      is confirmed.
    type: bool
    default: false
  token:
    description: A name for the change, by which the controller can ask for its end; without it, one is made up.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
    description: Predicts the change with the same computation that makes it.
  diff_mode:
    support: full
    description: Shows rules with flow, direction, ports and peers.
'''

EXAMPLES = r'''
- name: Read the rules that portmatrix manages on a host
  portmatrix.firewall.linux_policy:
    state: gathered
'''

RETURN = r'''
digest:
  description: SHA-256 of the policy document.
  returned: when O(state=enforced) or O(state=absent)
  type: str
addresses:
  description: The addresses of the host's interfaces, which the controller compares with those of the inventory.
  returned: when O(state=enforced) or O(state=absent)
  type: list
  elements: str
pending:
  description: The pending change (token, the command that confirms it, and the file with its outcome).
  returned: when something was changed with O(confirm_timeout)
  type: dict
again:
  description: Nothing was changed yet; the module has to be called once more, over the same connection, whose packets
    the kernel tracks from now on.
  returned: when a firewall has to start that denies egress
  type: bool
gathered:
  description: The rules that portmatrix manages on the host.
  returned: when O(state=gathered)
  type: dict
'''

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._base.errors import PortmatrixError, RolledBack
from ..module_utils._converge.request import Request
from ..module_utils._converge.run import run


def main() -> None:
    os.umask(0o022)  # whatever the host's own is: folders that are made here belong to root
    module = AnsibleModule(
        argument_spec=dict(
            state=dict(type='str', choices=['enforced', 'absent', 'gathered'], default='enforced'),
            policy=dict(type='str'),
            backend=dict(type='str', default='auto'),
            confirm_timeout=dict(type='int', default=0),
            confirm_connections=dict(type='bool', default=False),
            token=dict(type='str', default='', no_log=False),
        ),
        required_if=[('state', 'enforced', ('policy',))],
        supports_check_mode=True,
    )
    parameters = module.params
    request = Request(
        parameters['state'],
        parameters['backend'],
        parameters['policy'],
        module.check_mode,
        parameters['confirm_timeout'],
        parameters['confirm_connections'],
        parameters['token'],
    )
    try:
        result = run(request)
    except PortmatrixError as error:
        module.fail_json(msg=str(error), rolled_back=isinstance(error, RolledBack))
    for warning in result.pop('warnings', ()):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
