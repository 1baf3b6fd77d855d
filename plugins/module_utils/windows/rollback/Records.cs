// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>The files in the folder of portmatrix on the host, and what they say.</summary>
    public static class Records
    {
        /// <summary>
        /// What the host had before portmatrix; the pending change; who decides about it; how the last change ended;
        /// the rehearsal of the task; its program, and that program compiled.
        /// </summary>
        public const string Memory = "memory.json", Pending = "pending.json", Claim = "claim.json",
            Outcome = "outcome.json", Rehearsal = "rehearsal.json", Program = "rollback.cs", Library = "rollback.dll";

        /// <summary>Raises Refusal where the record is damaged.</summary>
        public static Memory ReadMemory(IRecordFolder folder)
        {
            return Read(folder, Memory, Firewall.Memory.Parse);
        }

        /// <summary>The pending change, or null. Raises Refusal where the record is damaged.</summary>
        public static Snapshot ReadPending(IRecordFolder folder)
        {
            return Read(folder, Pending,
                delegate(string text) { return text == null ? null : SnapshotData.Parse(text); });
        }

        static T Read<T>(IRecordFolder folder, string name, Func<string, T> parse)
        {
            try
            {
                return parse(folder.Read(name));
            }
            catch (FormatException error)
            {
                throw new Refusal("broken_record", "path", folder.Path + "\\" + name, "problem", error.Message);
            }
        }

        public static void WriteMemory(IRecordFolder folder, Memory memory)
        {
            string text = memory.ToJson();
            if (folder.Read(Memory) != text) folder.Write(Memory, text);
        }

        public static Dictionary<string, object> CreateOutcome(string token, string outcome, string reason,
            params object[] details)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            Refusal why = new Refusal(reason, details);
            answer["token"] = token;
            answer["outcome"] = outcome;
            answer["reason"] = why.Code;
            answer["details"] = why.Details;
            return answer;
        }

        /// <summary>How the change TOKEN ended; null where that is not on record.</summary>
        public static Dictionary<string, object> ReadOutcome(IRecordFolder folder, string token)
        {
            try
            {
                string text = folder.Read(Outcome);
                if (text == null) return null;
                Fields fields = Fields.Parse(text, "outcome", "token", "outcome", "reason", "details");
                if (fields.GetText("token") != token) return null;
                Dictionary<string, object> answer = CreateOutcome(token, fields.GetText("outcome"),
                    fields.GetText("reason"));
                answer["details"] = fields.GetMembers("details");
                return answer;
            }
            catch (FormatException)
            {
                // it is for information only
                return null;
            }
        }

        /// <summary>The same; without a record of it, whether anything of ours is on the host.</summary>
        public static Dictionary<string, object> FindOutcome(IRecordFolder folder, string token)
        {
            return ReadOutcome(folder, token)
                ?? CreateOutcome(token, Ending.Unknown, folder.Read(Memory) == null ? "released" : "no_record");
        }

        /// <summary>Remove what a run left behind that died.</summary>
        public static void RemoveLeftovers(Machine machine)
        {
            if (machine.Folder.Read(Program) != null) RemoveProgram(machine);
            machine.Folder.Write(Claim, null);
        }

        /// <summary>A task that cannot be removed removes itself, as it finds nothing to do.</summary>
        public static void TryRemoveProgram(Machine machine)
        {
            try
            {
                RemoveProgram(machine);
            }
            catch (Exception)
            {
                // the next run finds the files
            }
        }

        /// <summary>Remove what only a pending change needs.</summary>
        public static void RemoveProgram(Machine machine)
        {
            machine.Task.Remove();
            foreach (string name in new string[] { Rehearsal, Program, Library }) machine.Folder.Write(name, null);
        }
    }
}
