// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Snapshots;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rollbacks
{
    /// <summary>
    /// How a pending change ends: confirmed over a new connection, or rolled back. Whoever removes the snapshot first
    /// decides.
    /// </summary>
    public static class Rollback
    {
        /// <summary>LockTimeout is in seconds.</summary>
        const int MaxAttempts = 3, LockTimeout = 10;

        /// <summary>The snapshot of the pending change, or null.</summary>
        public static Snapshot ReadPending(IHost host)
        {
            string text = host.ReadValue(Snapshot.PendingValue);
            return text == null ? null : Snapshot.Parse(text);
        }

        /// <summary>
        /// Confirm the change TOKEN over a new connection, so that it is kept. The `outcome` is confirmed, rolled back,
        /// refused or error.
        /// </summary>
        public static Dictionary<string, object> Confirm(Dependencies dependencies, string token)
        {
            using (dependencies.Host.Lock(LockTimeout))
            {
                Snapshot pending = ReadPending(dependencies.Host);
                if (pending == null || pending.Token != token)
                    return ReadAnswer(dependencies.Host, token)
                        ?? CreateAnswer(token, "rolled back", "it is no longer pending");
                if (IsApplier(dependencies.Host.GetOwnConnection(), pending.Applier))
                    return CreateAnswer(token, "refused",
                        "the confirmation used the connection that applied the change, "
                        + "so it does not prove that a new connection is possible");
                if (pending.Deadline <= dependencies.Host.UtcNow())
                    return Run(dependencies, pending, "its confirmation window was over");
                State state = Observer.Observe(dependencies.Store, pending.GetFormerStateToObserve());
                string reason = pending.FindDeviation(state) ?? FindBlockedConnection(pending, state);
                return reason == null
                    ? Finish(dependencies, pending, "confirmed", "") : Run(dependencies, pending, reason);
            }
        }

        static bool IsApplier(Connection own, Connection applier)
        {
            return own != null && applier != null && own.Peer == applier.Peer && own.PeerPort == applier.PeerPort;
        }

        static string FindBlockedConnection(Snapshot pending, State state)
        {
            Guard guard = new Guard(pending.Connections, state.GetAllRules(), state.Profiles, state.ActiveProfiles);
            Connection blocked = guard.FindBlockedConnection();
            return blocked == null ? null : blocked + " was allowed before the change and is blocked now";
        }

        /// <summary>
        /// Roll back the change TOKEN if it is pending. The task of the operating system calls this, without Ansible,
        /// controller or network.
        /// </summary>
        public static Dictionary<string, object> RunForToken(Dependencies dependencies, string token)
        {
            IDisposable hostLock = null;
            try
            {
                hostLock = dependencies.Host.Lock(LockTimeout);
            }
            catch (PolicyException)
            {
                // a run that still holds the lock now hangs: calls to Windows Firewall can block for minutes
                Snapshot hung = ReadPending(dependencies.Host);
                if (hung != null) dependencies.Host.EndProcess(hung.Process);
            }
            try
            {
                Snapshot pending = ReadPending(dependencies.Host);
                if (pending == null || pending.Token != token)
                    return ReadAnswer(dependencies.Host, token) ?? CreateAnswer(token, "nothing", "");
                return Run(dependencies, pending, "it was not confirmed in time");
            }
            finally
            {
                if (hostLock != null) hostLock.Dispose();
            }
        }

        /// <summary>Restore what the host had before the PENDING change; REASON is for the answer.</summary>
        public static Dictionary<string, object> Run(Dependencies dependencies, Snapshot pending, string reason)
        {
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    pending.Restore(dependencies);
                    break;
                }
                catch (Exception error)
                {
                    if (attempt == MaxAttempts)
                        return CreateAnswer(pending.Token, "error",
                            "the former rules could not be restored: " + error.Message);
                    dependencies.Host.Sleep(1);
                }
            }
            return Finish(dependencies, pending, "rolled back", reason);
        }

        /// <summary>Store the outcome, remove the pending change and its timer.</summary>
        static Dictionary<string, object> Finish(Dependencies dependencies, Snapshot pending, string outcome,
            string reason)
        {
            Dictionary<string, object> answer = CreateAnswer(pending.Token, outcome, reason);
            dependencies.Host.WriteValue(Snapshot.OutcomeValue, JsonWriter.Serialize(answer));
            dependencies.Host.WriteValue(Snapshot.PendingValue, null);
            if (outcome == "confirmed") dependencies.Host.WriteValue(FormerState.ValueName, pending.After.ToJson());
            dependencies.Host.WriteValue(Snapshot.ProgramValue, null);
            dependencies.Timer.Disarm();
            return answer;
        }

        /// <summary>How the change TOKEN ended; null where another change ended since.</summary>
        static Dictionary<string, object> ReadAnswer(IHost host, string token)
        {
            string text = host.ReadValue(Snapshot.OutcomeValue);
            Dictionary<string, object> answer = text == null
                ? null : (Dictionary<string, object>)JsonReader.Parse(text);
            return answer != null && (string)answer["token"] == token ? answer : null;
        }

        static Dictionary<string, object> CreateAnswer(string token, string outcome, string reason)
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
