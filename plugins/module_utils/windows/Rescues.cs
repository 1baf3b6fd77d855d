// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rescues
{
    /// <summary>How a change that waits ends: confirmed over a new connection, or rolled back. Whoever removes the snapshot first has decided.</summary>
    public static class Rescue
    {
        const int Attempts = 3, Patience = 10;

        /// <summary>The snapshot of the change that waits, or null.</summary>
        public static Snapshot Waiting(IHost host)
        {
            string text = host.Recall(Snapshot.Pending);
            return text == null ? null : Snapshot.Parse(text);
        }

        /// <summary>Keeps the change TOKEN: somebody came in by a new connection to say so. `outcome` is confirmed, rolled back, refused or error.</summary>
        public static Dictionary<string, object> Confirm(Seam seam, string token)
        {
            using (seam.Host.Alone(Patience))
            {
                Snapshot waiting = Waiting(seam.Host);
                if (waiting == null || waiting.Token != token) return Last(seam.Host, token) ?? Answer(token, "rolled back", "it does not wait any more");
                Connection own = seam.Host.Own();
                if (own != null && waiting.Applier != null && own.Peer == waiting.Applier.Peer && own.PeerPort == waiting.Applier.PeerPort)
                    return Answer(token, "refused", "the confirmation came over the connection that applied the change, which proves nothing");
                if (waiting.Deadline <= seam.Host.UtcNow()) return Undo(seam, waiting, "its time was over");
                State state = Observer.Observe(seam.Store, waiting.Known());
                string reason = waiting.Deviation(state) ?? Cut(waiting, state);
                return reason == null ? Forget(seam, waiting, "confirmed", "") : Undo(seam, waiting, reason);
            }
        }

        static string Cut(Snapshot waiting, State state)
        {
            Connection stopped = new Guard(waiting.Flows, state.All(), state.Profiles, state.Current).Stopped();
            return stopped == null ? null : stopped + " worked before and does not pass any more";
        }

        /// <summary>What the task of the operating system does: without an Ansible, a controller or a network.</summary>
        public static Dictionary<string, object> Rollback(Seam seam, string token)
        {
            IDisposable alone = null;
            try
            {
                alone = seam.Host.Alone(Patience);
            }
            catch (PolicyException)
            {
                // a run that holds on beyond its time hangs; a call to Windows Firewall can, for minutes
                Snapshot hung = Waiting(seam.Host);
                if (hung != null) seam.Host.End(hung.Process);
            }
            try
            {
                Snapshot waiting = Waiting(seam.Host);
                if (waiting == null || waiting.Token != token) return Last(seam.Host, token) ?? Answer(token, "nothing", "");
                return Undo(seam, waiting, "it was not confirmed in time");
            }
            finally
            {
                if (alone != null) alone.Dispose();
            }
        }

        public static Dictionary<string, object> Undo(Seam seam, Snapshot waiting, string reason)
        {
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    waiting.Restore(seam);
                    break;
                }
                catch (Exception error)
                {
                    if (attempt == Attempts) return Answer(waiting.Token, "error", "the former rules could not be brought back: " + error.Message);
                    seam.Host.Sleep(1);
                }
            }
            return Forget(seam, waiting, "rolled back", reason);
        }

        static Dictionary<string, object> Forget(Seam seam, Snapshot waiting, string outcome, string reason)
        {
            Dictionary<string, object> answer = Answer(waiting.Token, outcome, reason);
            seam.Host.Keep(Snapshot.Outcome, JsonWriter.Text(answer));
            seam.Host.Keep(Snapshot.Pending, null);
            if (outcome == "confirmed") seam.Host.Keep(Memories.Memory.Name, waiting.After.Text());
            seam.Host.Keep(Snapshot.Program, null);
            seam.Timer.Disarm();
            return answer;
        }

        /// <summary>How the change TOKEN ended, or null where that is not known any more.</summary>
        static Dictionary<string, object> Last(IHost host, string token)
        {
            string text = host.Recall(Snapshot.Outcome);
            Dictionary<string, object> answer = text == null ? null : (Dictionary<string, object>)JsonReader.Parse(text);
            return answer != null && (string)answer["token"] == token ? answer : null;
        }

        static Dictionary<string, object> Answer(string token, string outcome, string reason)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            answer["token"] = token;
            answer["outcome"] = outcome;
            answer["reason"] = reason;
            answer["settled"] = true;
            return answer;
        }
    }
}
