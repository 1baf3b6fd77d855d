// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>How a pending change ends: confirmed over a new connection, or rolled back.</summary>
    public class Ending
    {
        public const string Confirmed = "confirmed", RolledBack = "rolled back", Refused = "refused", Error = "error",
            Unknown = "unknown";
        /// <summary>Seconds and milliseconds.</summary>
        const int Patience = 120, Pause = 200;
        readonly Machine machine;
        readonly Snapshot pending;

        public Ending(Machine machine, Snapshot pending)
        {
            this.machine = machine;
            this.pending = pending;
        }

        /// <summary>
        /// Confirm the change TOKEN over a new connection, so that it is kept; REQUEST says how the controller
        /// connects. The answer's `outcome` is confirmed, rolled back, refused, error or unknown.
        /// </summary>
        public static Dictionary<string, object> Confirm(Machine machine, Request request)
        {
            Snapshot pending = Records.ReadPending(machine.Folder);
            if (pending == null || pending.Token != request.Token)
                return Records.FindOutcome(machine.Folder, request.Token);
            Dictionary<string, object> answer = new Ending(machine, pending).Confirm(request);
            machine.Folder.RemoveIfEmpty();
            return answer;
        }

        Dictionary<string, object> Confirm(Request request)
        {
            if (pending.Deadline <= machine.Host.UtcNow()) return RollBack("window_over");
            if (!IsNewConnection(request))
                return Records.CreateOutcome(pending.Token, Refused, "same_connection");
            return Carry(Claim.Confirm, "not_confirmed") ?? WaitForOther();
        }

        /// <summary>Roll back for REASON, unless somebody else decides.</summary>
        public Dictionary<string, object> RollBack(string reason)
        {
            return TryRollBack(reason) ?? WaitForOther();
        }

        /// <summary>The same, without waiting: null where somebody else decides.</summary>
        public Dictionary<string, object> TryRollBack(string reason)
        {
            return Carry(Claim.RollBack, reason);
        }

        /// <summary>
        /// Whether whoever made CLAIM is still at it. Nobody is for ever: calls to Windows Firewall can hang.
        /// </summary>
        public bool IsAtWork(Claim claim)
        {
            bool isOver = pending.Deadline.AddSeconds(Patience) < machine.Host.UtcNow();
            return claim != null && !isOver && machine.Host.IsAlive(claim.Process);
        }

        /// <summary>
        /// Carry out DECISION, or that of somebody who has decided before and died; null where somebody else is at it.
        /// </summary>
        Dictionary<string, object> Carry(string decision, string reason)
        {
            if (!TryClaim(decision))
            {
                Claim claim = Claim.Read(machine.Folder, pending.Token);
                if (IsAtWork(claim)) return null;
                decision = claim == null ? Claim.RollBack : claim.Decision;
            }
            try
            {
                return decision == Claim.Confirm ? Conclude() : Restore(reason, null);
            }
            catch (Exception)
            {
                // whoever comes next decides
                TryWrite(machine, Records.Claim, null);
                throw;
            }
        }

        /// <summary>A claim that cannot be written does not prevent a rollback.</summary>
        bool TryClaim(string decision)
        {
            try
            {
                return Claim.TryMake(machine, pending.Token, decision);
            }
            catch (Exception)
            {
                if (decision == Claim.RollBack) return true;
                throw;
            }
        }

        /// <summary>Whether a management connection is there that did not stand when the change was applied.</summary>
        bool IsNewConnection(Request request)
        {
            List<Connection> now = new Management(machine.Host, request).Connections;
            List<Connection> appliers = pending.Appliers;
            if (now.Count == 0) return appliers.Count == 0;
            // the new connection of somebody else proves nothing, while ours may be the old one
            return !now.Exists(delegate(Connection one) { return appliers.Exists(one.IsSame); })
                || now.Exists(delegate(Connection one)
                {
                    return !appliers.Exists(one.IsSame)
                        && appliers.Exists(delegate(Connection applier) { return applier.Peer == one.Peer; });
                });
        }

        /// <summary>The decision is made: keep the change if it is in force as it was meant.</summary>
        Dictionary<string, object> Conclude()
        {
            State state = Observer.Observe(machine, pending.GetSwitched());
            Refusal reason = pending.FindDeviation(state, false) ?? FindBlocked(state);
            return reason == null ? Finish(Confirmed, "") : Restore(reason.Code, reason.Details);
        }

        Refusal FindBlocked(State state)
        {
            Guard guard = new Guard(pending.Connections, state, new Matching(machine.Host.GetLocalSubnets()));
            List<Connection> blocked = guard.FindBlocked();
            return blocked.Count == 0 ? null : new Refusal("connection_lost", "connection", blocked[0].ToData());
        }

        /// <summary>Somebody else has decided; what comes of it is read.</summary>
        Dictionary<string, object> WaitForOther()
        {
            for (int waited = 0; waited < Patience * 1000; waited += Pause)
            {
                Snapshot now = Records.ReadPending(machine.Folder);
                if (now == null || now.Token != pending.Token)
                    return Records.FindOutcome(machine.Folder, pending.Token);
                machine.Host.Sleep(Pause);
            }
            return Records.CreateOutcome(pending.Token, Unknown, "other_decides");
        }

        Dictionary<string, object> Restore(string reason, Dictionary<string, object> details)
        {
            List<string> notFound;
            try
            {
                notFound = Restoring.Restore(machine, pending);
            }
            catch (Exception error)
            {
                Dictionary<string, object> failed = Records.CreateOutcome(pending.Token, Error, "restore_failed",
                    "problem", error is Refusal ? error.ToString() : error.Message);
                TryWrite(machine, Records.Outcome, JsonWriter.Serialize(failed));
                TryWrite(machine, Records.Claim, null);
                return failed;
            }
            details = details ?? new Dictionary<string, object>();
            if (notFound.Count > 0) details["not_found"] = notFound;
            return Finish(RolledBack, reason, details);
        }

        Dictionary<string, object> Finish(string outcome, string reason, Dictionary<string, object> details = null)
        {
            Dictionary<string, object> answer = Records.CreateOutcome(pending.Token, outcome, reason);
            if (details != null) answer["details"] = details;
            bool isConfirmed = outcome == Confirmed;
            if (isConfirmed) Records.WriteMemory(machine.Folder, pending.After);
            // after a release nothing of ours is left on the host
            if (isConfirmed && pending.After.IsEmpty()) machine.Folder.Write(Records.Outcome, null);
            else machine.Folder.Write(Records.Outcome, JsonWriter.Serialize(answer));
            // before the pending change goes: from then on, task and program may be those of another run
            Records.TryRemoveProgram(machine);
            machine.Folder.Write(Records.Pending, null);
            if (Claim.Read(machine.Folder, pending.Token) != null) TryWrite(machine, Records.Claim, null);
            return answer;
        }

        /// <summary>What cannot be written must not hide why.</summary>
        static void TryWrite(Machine machine, string name, string text)
        {
            try
            {
                machine.Folder.Write(name, text);
            }
            catch (Exception)
            {
                // the reason is on its way already
            }
        }
    }
}
