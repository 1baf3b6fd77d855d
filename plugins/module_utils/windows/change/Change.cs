// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>
    /// One change: planned, proven safe, and every new rule built by Windows. Nothing has changed until its steps run.
    /// </summary>
    public class Change
    {
        public readonly Plan Plan;
        public readonly Snapshot Snapshot;
        public readonly Facts Facts;
        public readonly State State;
        readonly Machine machine;
        readonly Request request;
        readonly Matching matching;

        /// <summary>A policy of null removes the rules managed by portmatrix. Raises Refusal.</summary>
        public Change(Machine machine, Request request)
        {
            this.machine = machine;
            this.request = request;
            WantedPolicy policy = request.Policy;
            Memory memory = Records.ReadMemory(machine.Folder), next = new Memory();
            State = Observer.Observe(machine, memory.GetSwitched());
            matching = new Matching(machine.Host.GetLocalSubnets());
            Facts = new Facts(machine, State, policy);
            Management management = new Management(machine.Host, request);
            TargetBuilder builder = new TargetBuilder(State, memory, next);
            List<Rule> managed = new List<Rule>();
            if (policy != null)
            {
                Facts.Set("later_obstacles", Obstacles.Find(machine.Store, State, policy));
                if (policy.IsExclusive)
                    Observer.AddAlike(State, machine.Store, Others.FindAllowing(State, policy.DeniesEgress));
                managed.AddRange(BuildManagementRules(management, policy, builder.SwitchOthers(policy)));
                managed.AddRange(policy.Rules);
            }
            Target target = policy == null ? builder.BuildReleased() : builder.BuildEnforced(policy, managed);
            Plan = new Plan(State, target);
            Snapshot = Snapshot.Create(State, target, memory, next);
            Snapshot.Appliers.AddRange(management.Connections);
            if (policy != null && request.ConfirmConnections) Snapshot.Connections.AddRange(FindDocumented());
            if (Plan.Operations.Count > 0) RefuseUnsafe(management);
            foreach (Operation step in Plan.Operations) step.Prepare(machine.Store);
            Facts.AddPlan(Plan, target, managed);
        }

        List<Rule> BuildManagementRules(Management management, WantedPolicy policy, List<Rule> enabledAgain)
        {
            Dictionary<string, object> sources = new Dictionary<string, object>();
            List<Rule> rules = management.BuildRules(policy, State, enabledAgain, matching, sources);
            Facts.SetManagement(rules, sources);
            return rules;
        }

        void RefuseUnsafe(Management management)
        {
            new LockOut(State, Plan, matching, request).Refuse(management, Snapshot.Connections, Facts);
            if (request.ConfirmTimeout > 0) Arming.RequireWindow(request, State.Seconds);
        }

        /// <summary>Established connections that are allowed now and documented by the policy.</summary>
        List<Connection> FindDocumented()
        {
            List<Connection> established = Connection.GetDistinct(machine.Host.GetEstablishedConnections());
            List<Connection> documented = established.FindAll(delegate(Connection connection)
            {
                return request.Policy.Rules.Exists(delegate(Rule rule)
                {
                    return matching.Compare(rule, connection) == Match.Yes;
                });
            });
            List<Connection> blocked = new Guard(documented, State, matching).FindBlocked();
            return documented.FindAll(delegate(Connection connection) { return !blocked.Contains(connection); });
        }
    }
}
