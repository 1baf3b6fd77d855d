// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// Who decides about a pending change: whoever creates the file first, before anything slow. The other side reads
    /// it and yields.
    /// </summary>
    public class Claim
    {
        public const string Confirm = "confirm", RollBack = "roll back";
        public readonly string Token, Decision, Process;

        Claim(string token, string decision, string process)
        {
            Token = token;
            Decision = decision;
            Process = process;
        }

        /// <summary>Whether the DECISION about the change TOKEN is ours.</summary>
        public static bool TryMake(Machine machine, string token, string decision)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["token"] = token;
            data["decision"] = decision;
            data["process"] = machine.Host.GetProcessIdentity();
            return machine.Folder.TryCreate(Records.Claim, JsonWriter.Serialize(data));
        }

        /// <summary>The claim on the change TOKEN; null where there is none, or none that can be read.</summary>
        public static Claim Read(IRecordFolder folder, string token)
        {
            try
            {
                string text = folder.Read(Records.Claim);
                if (text == null) return null;
                Fields fields = Fields.Parse(text, "claim", "token", "decision", "process");
                Claim claim = new Claim(fields.GetText("token"), fields.GetChoice("decision", Confirm, RollBack),
                    fields.GetText("process"));
                return claim.Token == token ? claim : null;
            }
            catch (FormatException)
            {
                return null;
            }
        }
    }
}
