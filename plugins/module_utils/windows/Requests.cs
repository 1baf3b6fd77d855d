// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests
{
    /// <summary>
    /// The parameters of the module. Port: of the controller's connection; Program: what the timer runs;
    /// ConfirmTimeout: seconds, 0 keeps a change at once.
    /// </summary>
    public class Request
    {
        public string State = "", Policy = "", Token = "", Program = "";
        public bool Check, ConfirmConnections;
        public int ConfirmTimeout, Port;
    }
}
