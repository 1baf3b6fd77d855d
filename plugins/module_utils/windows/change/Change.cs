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
            RefuseLockOut(management);
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

        /// <summary>
        /// Raise Refusal where the connection of this run, or a documented one, would be blocked after any step. Where
        /// the connection of this run is one of several, or cannot be seen, the confirmation decides.
        /// </summary>
        void RefuseLockOut(Management management)
        {
            if (Plan.Operations.Count == 0) return;
            List<Connection> ways = Connection.GetDistinct(management.Connections);
            if (request.Policy != null && request.ConfirmConnections)
                Snapshot.Connections.AddRange(FindDocumented());
            List<Connection> all = new List<Connection>(ways);
            all.AddRange(Connection.GetDistinct(Snapshot.Connections));
            List<Connection> blocked = Simulate(all);
            List<Connection> blockedWays = ways.FindAll(blocked.Contains);
            bool isOneOfSeveral = !management.IsOwnKnown && blockedWays.Count < ways.Count;
            if (blockedWays.Count > 0 && !(isOneOfSeveral && request.ConfirmTimeout > 0))
                throw new Refusal(request.Policy == null ? "release_lockout" : "lockout", "connection",
                    blockedWays[0].ToData());
            if (blockedWays.Count > 0) Facts.SetConnections("blocked_ways", blockedWays);
            if (blocked.Count > blockedWays.Count)
                throw new Refusal("connection_blocked", "connection",
                    blocked.Find(delegate(Connection connection) { return !ways.Contains(connection); }).ToData());
            if (ways.Count > 0) return;
            if (request.ConfirmTimeout == 0) throw new Refusal("way_unseen");
            Facts.Set("way_unseen", true);
        }

        /// <summary>The CONNECTIONS that are blocked after any step.</summary>
        List<Connection> Simulate(List<Connection> connections)
        {
            Guard guard = new Guard(connections, State, matching);
            List<Connection> blocked = new List<Connection>();
            foreach (Operation step in Plan.Operations)
            {
                step.Simulate(guard);
                foreach (Connection connection in guard.FindBlocked())
                    if (!blocked.Contains(connection)) blocked.Add(connection);
            }
            return blocked;
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
