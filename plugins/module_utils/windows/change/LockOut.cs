// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>
    /// Refuses changes that would cut management access. All steps are simulated with the connections that stand now.
    /// </summary>
    public class LockOut
    {
        readonly State state;
        readonly Plan plan;
        readonly Matching matching;
        readonly Request request;
        /// <summary>
        /// Connections that some step blocks, and those that no rule allows for certain, before or after.
        /// </summary>
        readonly List<Connection> blocked = new List<Connection>();
        List<Connection> unproven = new List<Connection>();

        public LockOut(State state, Plan plan, Matching matching, Request request)
        {
            this.state = state;
            this.plan = plan;
            this.matching = matching;
            this.request = request;
        }

        /// <summary>
        /// Raise Refusal where the way in of this run (MANAGEMENT), or one of the DOCUMENTED connections, would be
        /// blocked. Where the way in is one of several connections, or cannot be seen or judged, a confirmation
        /// decides; FACTS receives that.
        /// </summary>
        public void Refuse(Management management, List<Connection> documented, Facts facts)
        {
            List<Connection> ways = Connection.GetDistinct(management.Connections);
            List<Connection> all = new List<Connection>(ways);
            all.AddRange(Connection.GetDistinct(documented));
            Simulate(all);
            // without our rules there may be no proof for what passes all the same
            bool isRelease = request.Policy == null;
            if (!isRelease) blocked.AddRange(unproven);
            RefuseBlockedWays(management, ways, facts);
            foreach (Connection connection in documented)
                if (blocked.Contains(connection)) throw new Refusal("connection_blocked", "connection",
                    connection.ToData());
            if (isRelease
                && ways.Exists(unproven.Contains)) Require("release_lockout", unproven[0], facts, "way_unproven");
            if (ways.Count == 0) Require("way_unseen", null, facts, "way_unseen");
        }

        void RefuseBlockedWays(Management management, List<Connection> ways, Facts facts)
        {
            List<Connection> blockedWays = ways.FindAll(blocked.Contains);
            if (blockedWays.Count == 0) return;
            bool isOneOfSeveral = !management.IsOwnKnown && blockedWays.Count < ways.Count;
            if (!isOneOfSeveral || request.ConfirmTimeout == 0)
                throw new Refusal(request.Policy == null ? "release_lockout" : "lockout", "connection",
                    blockedWays[0].ToData());
            facts.SetConnections("blocked_ways", blockedWays);
        }

        /// <summary>Without a confirmation raise Refusal with CODE; with one, set the fact NAME.</summary>
        void Require(string code, Connection connection, Facts facts, string name)
        {
            if (request.ConfirmTimeout > 0) facts.Set(name, true);
            else if (connection == null) throw new Refusal(code);
            else throw new Refusal(code, "connection", connection.ToData());
        }

        /// <summary>
        /// A connection stands, whatever can be proven of it: it is cut by a step only where it was allowed for certain
        /// before.
        /// </summary>
        void Simulate(List<Connection> connections)
        {
            Guard guard = new Guard(connections, state, matching);
            unproven = guard.FindBlocked();
            foreach (Operation step in plan.Operations)
            {
                step.Simulate(guard);
                List<Connection> now = guard.FindBlocked();
                unproven = unproven.FindAll(now.Contains);
                foreach (Connection connection in now)
                    if (!unproven.Contains(connection) && !blocked.Contains(connection)) blocked.Add(connection);
            }
        }
    }
}
