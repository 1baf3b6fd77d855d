// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>
    /// Simulates which connections are allowed after each step of a change. In each profile, a rule that blocks wins,
    /// then one that allows, then the default. A rule counts as allowing where it certainly applies, and as blocking
    /// where it may; but what a standing connection has passed already does not block it.
    /// </summary>
    public class Guard
    {
        readonly List<Connection> connections;
        readonly Matching matching;
        readonly int[,] allowing, blocking;
        readonly Dictionary<int, Profile> profiles = new Dictionary<int, Profile>();
        readonly State state;
        readonly Set<Rule> passed = new Set<Rule>();

        /// <summary>CONNECTIONS stand now, in STATE.</summary>
        public Guard(IEnumerable<Connection> connections, State state, Matching matching)
        {
            this.connections = new List<Connection>(connections);
            this.state = state;
            this.matching = matching;
            allowing = new int[this.connections.Count, Profile.Numbers.Length];
            blocking = new int[this.connections.Count, Profile.Numbers.Length];
            foreach (KeyValuePair<int, Profile> profile in state.Profiles) profiles[profile.Key] = profile.Value.Copy();
            List<Rule> rules = new List<Rule>(state.GetAllRules());
            rules.AddRange(state.Unreadable);
            foreach (Rule rule in rules)
            {
                if (!rule.Enabled) continue;
                if (state.IsOn()) passed.Add(rule);
                AddRule(rule);
            }
        }

        public void AddRule(Rule rule)
        {
            Count(rule, 1);
        }

        public void RemoveRule(Rule rule)
        {
            Count(rule, -1);
        }

        void Count(Rule rule, int sign)
        {
            for (int i = 0; i < connections.Count; i++)
            {
                Match match = matching.Compare(rule, connections[i]);
                bool allows = rule.Allow && !rule.Unreadable;
                if (match == Match.No || (match == Match.Maybe && (allows || passed.Contains(rule)))) continue;
                for (int p = 0; p < Profile.Numbers.Length; p++)
                    if ((rule.Profiles & Profile.Numbers[p]) != 0) (allows ? allowing : blocking)[i, p] += sign;
            }
        }

        public void SetProfileSetting(int number, Setting setting, bool value)
        {
            profiles[number].Set(setting, value);
        }

        /// <summary>The connections that would be blocked now.</summary>
        public List<Connection> FindBlocked()
        {
            List<Connection> blocked = new List<Connection>();
            for (int i = 0; i < connections.Count; i++)
                if (!IsAllowed(i)) blocked.Add(connections[i]);
            return blocked;
        }

        bool IsAllowed(int index)
        {
            bool inbound = connections[index].Inbound;
            for (int p = 0; p < Profile.Numbers.Length; p++)
            {
                Profile profile = profiles[Profile.Numbers[p]];
                if (!state.IsActive(Profile.Numbers[p]) || !profile.Enabled) continue;
                if (blocking[index, p] > 0 || (inbound && profile.ShieldsUp)) return false;
                if (allowing[index, p] == 0 && (inbound ? profile.BlockInbound : profile.BlockOutbound)) return false;
            }
            return true;
        }
    }
}
