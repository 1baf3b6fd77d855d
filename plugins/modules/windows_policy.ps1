#!powershell

# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences
#AnsibleRequires -CSharpUtil ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors
#AnsibleRequires -CSharpUtil ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Factories

$spec = @{
    options = @{
        state = @{ type = 'str'; default = 'enforced'; choices = @('enforced', 'absent', 'gathered', 'confirmed') }
        policy = @{ type = 'raw' }
        confirm_timeout = @{ type = 'int'; default = 0 }
        confirm_connections = @{ type = 'bool'; default = $false }
        port = @{ type = 'int'; default = 0 }
        program = @{ type = 'raw' }
        token = @{ type = 'raw' }
    }
    supports_check_mode = $true
    no_log = $true
}

$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
# the arguments contain the whole policy, which is too large for a result
$module.Result.invocation = @{ module_args = @{ state = $module.Params.state } }

try {
    $request = New-Object -TypeName ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests.Request
    $request.State = $module.Params.state
    $request.Policy = $module.Params.policy
    $request.ConfirmTimeout = $module.Params.confirm_timeout
    $request.ConfirmConnections = $module.Params.confirm_connections
    $request.Port = $module.Params.port
    $request.Program = $module.Params.program
    $request.Token = $module.Params.token
    $request.Check = $module.CheckMode
    $dependencies =
        [ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Factories.DependencyFactory]::Create()
    $result = [ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences.Convergence]::Run(
        $dependencies, $request)
    foreach ($entry in $result.Values.GetEnumerator()) {
        $module.Result[$entry.Key] = $entry.Value
    }
    if ($module.DiffMode -and $result.HasDiff()) {
        $module.Diff.before_header = 'windows (now)'
        $module.Diff.after_header = 'windows (portmatrix)'
        $module.Diff.before = $result.Before
        $module.Diff.after = $result.After
    }
    foreach ($warning in $result.Warnings) {
        $module.Warn($warning)
    }
}
catch [ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors.PolicyException] {
    $module.FailJson($_.Exception.Message)
}
catch {
    $cause = $_.Exception.GetBaseException()
    if ($cause -is [ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors.PolicyException]) {
        $module.FailJson($cause.Message)
    }
    $module.FailJson("Unexpected error: $($cause.Message)", $_)
}

$module.ExitJson()
