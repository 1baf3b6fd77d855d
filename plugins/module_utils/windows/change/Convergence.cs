// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// Converges one Windows host to its policy: observe, plan, guard, build, snapshot, arm, apply, verify; then keep
    /// the change, or leave it pending until it is confirmed.
    /// </summary>
    public class Convergence
    {
        /// <summary>Seconds.</summary>
        const int LockTimeout = 60, Grace = 90;
        readonly Machine machine;
        readonly Request request;
        /// <summary>Why the rollback of an earlier change did not work, or null.</summary>
        Dictionary<string, object> lateRollback;

        public Convergence(Machine machine, Request request)
        {
            this.machine = machine;
            this.request = request;
        }

        /// <summary>The facts of the change that was made, or would be made in check mode. Raises Refusal.</summary>
        public Dictionary<string, object> Run()
        {
            if (!machine.Host.IsAdministrator()) throw new Refusal("not_administrator");
            machine.Folder.Check();
            if (request.Check) return new Change(machine, request).Facts.Values;
            machine.Folder.Prepare();
            try
            {
                Dictionary<string, object> answer = RunLocked();
                if (lateRollback != null) answer["late_rollback"] = lateRollback;
                return answer;
            }
            finally
            {
                machine.Folder.RemoveIfEmpty();
            }
        }

        /// <summary>Once no other change is pending: the window of another run ends by itself.</summary>
        Dictionary<string, object> RunLocked()
        {
            for (int waited = 0; ; waited++)
            {
                using (IDisposable taken = machine.Folder.TryLock(LockTimeout))
                {
                    if (taken == null) throw new Refusal("busy", "seconds", LockTimeout);
                    Snapshot pending = Records.ReadPending(machine.Folder);
                    if (pending == null)
                    {
                        Change change = new Change(machine, request);
                        change.Facts.Set("waited", waited);
                        return Apply(change);
                    }
                    if (pending.Deadline.AddSeconds(Grace) < machine.Host.UtcNow()) RollBackLate(pending);
                }
                machine.Host.Sleep(1000);
            }
        }

        /// <summary>A change that its task did not roll back.</summary>
        void RollBackLate(Snapshot pending)
        {
            Dictionary<string, object> before = Records.ReadOutcome(machine.Folder, pending.Token);
            Dictionary<string, object> answer = new Ending(machine, pending).RollBack("task_did_not_run");
            string outcome = (string)answer["outcome"];
            // whoever confirmed it may have died before the end
            if (outcome == Ending.Confirmed) return;
            if (outcome != Ending.RolledBack) throw new Refusal("not_rolled_back", "answer", answer);
            lateRollback = before ?? answer;
        }

        Dictionary<string, object> Apply(Change change)
        {
            Snapshot snapshot = change.Snapshot;
            if (change.Plan.Operations.Count == 0)
            {
                // memory follows what is seen, also where nothing has to change
                Records.WriteMemory(machine.Folder, snapshot.After);
                Records.RemoveLeftovers(machine);
                if (snapshot.After.IsEmpty()) machine.Folder.Write(Records.Outcome, null);
                return change.Facts.Values;
            }
            if (request.ConfirmTimeout > 0) Arming.Arm(machine, request, change);
            else snapshot.Token = request.Token;
            try
            {
                RunSteps(change);
            }
            catch (Exception error)
            {
                throw Fail(snapshot, error);
            }
            if (request.ConfirmTimeout > 0) RequireInTime(snapshot);
            change.Facts.Set("pending", request.ConfirmTimeout > 0);
            return change.Facts.Values;
        }

        void RunSteps(Change change)
        {
            Snapshot snapshot = change.Snapshot;
            // stored before the first step, so that a crash between the steps does not lose the former state
            machine.Folder.Write(Records.Memory, Memory.Union(snapshot.Before, snapshot.After).ToJson());
            List<SwitchedRule> refused = new List<SwitchedRule>();
            foreach (Operation step in change.Plan.Operations)
            {
                try
                {
                    step.Run(machine.Store);
                }
                catch (UnauthorizedAccessException)
                {
                    // nobody may disable this rule; any other error may be over the next time
                    if (!step.IsOptional) throw;
                    refused.Add(new SwitchedRule(((SetRuleEnabled)step).Rule, 0));
                }
            }
            if (refused.Count > 0) Accept(change, refused);
            Refusal deviation = snapshot.FindDeviation(Observer.Observe(machine, snapshot.GetSwitched()), true);
            if (deviation != null) throw deviation;
            if (request.ConfirmTimeout > 0) return;
            Records.WriteMemory(machine.Folder, snapshot.After);
            if (snapshot.After.IsEmpty()) machine.Folder.Write(Records.Outcome, null);
        }

        /// <summary>Rules that cannot be disabled are named, and left alone from now on.</summary>
        void Accept(Change change, List<SwitchedRule> refused)
        {
            Snapshot snapshot = change.Snapshot;
            foreach (SwitchedRule rule in refused)
            {
                foreach (List<SwitchedRule> list in new List<SwitchedRule>[] { snapshot.SwitchedOff,
                    snapshot.After.SwitchedOff })
                    list.Remove(list.Find(rule.IsSame));
                snapshot.After.Fixed.Add(rule);
            }
            change.Facts.SetFixed(SwitchedRule.GetNames(refused), refused.Count < change.Plan.Operations.Count);
            if (request.ConfirmTimeout > 0) machine.Folder.Write(Records.Pending, SnapshotData.Serialize(snapshot));
        }

        void RequireInTime(Snapshot snapshot)
        {
            Claim claim = Claim.Read(machine.Folder, snapshot.Token);
            if (snapshot.Deadline > machine.Host.UtcNow() && claim == null) return;
            Dictionary<string, object> answer = new Ending(machine, snapshot).RollBack("window_over");
            throw new Refusal("too_slow", "seconds", request.ConfirmTimeout, "answer", answer);
        }

        /// <summary>Roll back a change that failed while it was applied.</summary>
        Refusal Fail(Snapshot snapshot, Exception error)
        {
            Refusal refusal = error as Refusal;
            Dictionary<string, object> answer;
            try
            {
                answer = new Ending(machine, snapshot).RollBack("apply_failed");
            }
            catch (Exception problem)
            {
                answer = Records.CreateOutcome(snapshot.Token, Ending.Error, "restore_failed", "problem",
                    problem.Message);
            }
            return new Refusal("apply_failed", "problem", refusal == null ? error.Message : refusal.Code,
                "details", refusal == null ? new Dictionary<string, object>() : refusal.Details, "answer", answer,
                "armed", request.ConfirmTimeout > 0);
        }
    }
}
