// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// Why something was not done, as a code and its details. The controller turns it into a sentence
    /// (plugin_utils/_action/windows/messages.py).
    /// </summary>
    public class Refusal : Exception
    {
        public readonly string Code;
        public readonly Dictionary<string, object> Details = new Dictionary<string, object>();

        /// <summary>DETAILS are a name and a value in turn.</summary>
        public Refusal(string code, params object[] details) : base(code)
        {
            Code = code;
            for (int i = 0; i + 1 < details.Length; i += 2) Details[(string)details[i]] = details[i + 1];
        }

        /// <summary>The code, with the details, for a record that a person may read.</summary>
        public override string ToString()
        {
            return Code + " " + JsonWriter.Serialize(Details);
        }
    }
}
