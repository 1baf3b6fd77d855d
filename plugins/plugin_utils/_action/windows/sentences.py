# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences for the codes that a Windows host reports. {profile} is the name of a profile."""

from __future__ import annotations

# why something was refused before anything had changed
REFUSALS = {
    'damaged': (
        'the request to the host is damaged: {problem}; controller and host must use the same version of '
        'portmatrix.firewall'
    ),
    'not_administrator': 'administrator rights are missing on the host; connect as an administrator',
    'busy': (
        'another run of portmatrix.firewall has held the lock of this host for {seconds} s; wait until it ends, '
        'then run again'
    ),
    'broken_record': (
        'the record {path} on the host is damaged ({problem}); check the firewall of this host, delete that file, '
        'then run again'
    ),
    'folder': (
        'the folder {path} on the host cannot be trusted: {problem}; it must belong to Administrators or SYSTEM, '
        'and be open to nobody else; remove it, then run again'
    ),
    'service_stopped': (
        'the service of Windows Firewall is not running; start it: Set-Service -Name mpssvc -StartupType '
        'Automatic; Start-Service -Name mpssvc'
    ),
    'policy_overrides': (
        'group policy overrides the local firewall (LocalPolicyModifyState 1), so local rules would have no '
        'effect; change the group policy object or the device management policy that sets this, or exclude this '
        'host from it'
    ),
    'policy_blocks': (
        'group policy blocks all inbound traffic (LocalPolicyModifyState 2), so local rules would have no effect; '
        'change the group policy object or the device management policy that sets this, or exclude this host from '
        'it'
    ),
    'policy_switches_off': (
        'group policy or device management switches the firewall off in the {profile} profile; change the group '
        'policy object or the device management policy that sets this, or exclude this host from it'
    ),
    'policy_ignores_rules': (
        'group policy or device management ignores local rules in the {profile} profile (AllowLocalPolicyMerge 0); '
        'change the group policy object or the device management policy that sets this, or exclude this host from '
        'it'
    ),
    'policy_allows_ingress': (
        'group policy or device management allows all inbound traffic in the {profile} profile; change the group '
        'policy object or the device management policy that sets this, or exclude this host from it'
    ),
    'policy_allows_egress': (
        'group policy or device management allows all outbound traffic in the {profile} profile; change the group '
        'policy object or the device management policy that sets this, or exclude this host from it'
    ),
    'shields_up': (
        'the {profile} profile blocks all inbound traffic, whatever the rules allow; enable inbound rules first: '
        'Set-NetFirewallProfile -Name {profile} -AllowInboundRules True'
    ),
    'no_management': (
        'no management access was found on this host (no listener on the ports of SSH, RDP and WinRM), so none '
        'would be kept open; list its ports in portmatrix_management_ports'
    ),
    'management_nowhere': (
        'management access to port {ports} is open from nowhere now, so nothing would be kept open; set '
        'portmatrix_management_sources'
    ),
    'lockout': (
        'the new rules would lock out the management connection from {peer} to port {port}; add {peer} to '
        'portmatrix_management_sources, and check that no other rule of Windows Firewall blocks it'
    ),
    'release_lockout': (
        'without the rules managed by portmatrix, Windows Firewall would deny the management connection from '
        '{peer} to port {port}; allow it there first'
    ),
    'connection_blocked': (
        'the new rules would block {connection}, which is documented and established; check which other rule of '
        'Windows Firewall blocks it, or set portmatrix_confirm_connections: false'
    ),
    'way_unseen': (
        'the management connection of this run cannot be seen on the host (a forwarded port, a proxy), so it '
        'cannot be told whether it would be kept; set portmatrix_confirm_timeout, so that the host rolls back by '
        'itself'
    ),
    'rule_refused': 'Windows Firewall refuses the rule {rule} ({error})',
    'window_too_short': (
        'reading the rules takes long on this host, so a confirmation window must be at least {seconds} s; set '
        'portmatrix_confirm_timeout: {seconds}'
    ),
    'task_silent': (
        'the rollback could not be prepared: the Task Scheduler did not run it within {seconds} s; check the '
        'service Schedule, and whether application control lets SYSTEM compile C#'
    ),
    'rehearsal_failed': 'the rollback could not be prepared: it does not work as SYSTEM: {problem}',
    'not_armed': 'the rollback could not be prepared: {problem}',
}
# why a change was rolled back, or what else became of it
REASONS = {
    '': '',
    'not_confirmed': 'it was not confirmed in time',
    'window_over': 'its confirmation window was over',
    'task_did_not_run': 'its scheduled task did not run',
    'apply_failed': 'applying it failed',
    'same_connection': (
        'the confirmation used a connection that was there when the change was applied, which proves nothing'
    ),
    'rule_differs': 'the rule {rule} differs from what was written',
    'rule_missing': 'the rule {rule} is missing',
    'setting_differs': 'the settings of the {profile} profile differ from what was written',
    'other_enabled': 'the rule {rule}, not managed by portmatrix, was disabled and is enabled',
    'other_disabled': 'the rule {rule}, not managed by portmatrix, was enabled and is disabled',
    'connection_lost': 'connections that worked before are denied now: {connection}',
    'restore_failed': 'the former rules could not be restored: {problem}',
    'record_damaged': 'the record of the change was damaged ({problem}); the rules managed by portmatrix were removed',
    'not_restored': '{subject} could not be restored',
    'other_decides': 'another process on the host decides about it',
    'no_record': 'the host has no record of this change',
    'released': 'the host has no record of this change, and no rules managed by portmatrix',
}
