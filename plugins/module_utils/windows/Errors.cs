// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors
{
    /// <summary>A problem with a policy or a host: one sentence that says what is wrong and how to fix it.</summary>
    public class PolicyException : Exception
    {
        public PolicyException(string message) : base(message) { }

        public PolicyException(string message, Exception inner) : base(message, inner) { }
    }
}
