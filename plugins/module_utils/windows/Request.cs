// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Text;

    /// <summary>What the controller asks for (plugin_utils/_action/windows/wire.py).</summary>
    public class Request
    {
        const int Format = 2, MaxTimeout = 3600;
        static readonly string[] keys =
        {
            "format", "state", "check", "confirm_timeout", "confirm_connections", "token", "port", "transport",
                "policy",
        };
        public string State = "", Token = "";
        public bool Check, ConfirmConnections;
        /// <summary>Seconds; 0 keeps a change at once.</summary>
        public int ConfirmTimeout;
        /// <summary>
        /// The port of the controller's connection as the controller sees it, and what listens there.
        /// </summary>
        public int Port;
        public Listener Transport;
        /// <summary>Null except for state enforced.</summary>
        public WantedPolicy Policy;
        /// <summary>The text of this program, for the rollback.</summary>
        public string Program = "";
        /// <summary>What was compiled from it; null where the task has to compile it.</summary>
        public byte[] Library;

        /// <summary>Raises Refusal. SHA256 is that of TEXT.</summary>
        public static Request Parse(string text, string sha256)
        {
            if (Memory.ComputeHash(text) != sha256)
                throw new Refusal("damaged", "problem", "its checksum differs");
            try
            {
                return Parse(Fields.Parse(text, "request", keys));
            }
            catch (FormatException error)
            {
                throw new Refusal("damaged", "problem", error.Message);
            }
        }

        static Request Parse(Fields fields)
        {
            fields.GetNumber("format", Format, Format);
            Request request = new Request();
            request.State = fields.GetChoice("state", "enforced", "absent", "gathered", "confirmed");
            request.Check = fields.GetFlag("check");
            request.ConfirmTimeout = (int)fields.GetNumber("confirm_timeout", 0, MaxTimeout);
            request.ConfirmConnections = fields.GetFlag("confirm_connections");
            request.Token = fields.GetText("token");
            request.Port = (int)fields.GetNumber("port", 0, 65535);
            request.Transport = fields.GetChoice("transport", "ssh", "winrm") == "ssh" ? Listener.Ssh : Listener.WinRm;
            if ((request.State == "enforced") == fields.IsNull("policy"))
                throw new FormatException("request: policy: must be there for state enforced, and only then");
            if (request.State == "enforced")
                request.Policy = new WantedPolicy(fields.GetObject("policy", WantedPolicy.Keys));
            return request;
        }
    }
}
