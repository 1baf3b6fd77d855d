// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards
{
    /// <summary>
    /// Simulates which connections are allowed after each step of a change. It counts the rules that allow and the
    /// rules that block each connection; block wins, then allow, then the profile's default. A rule with conditions
    /// beyond addresses and ports never counts as allowing.
    /// </summary>
    public class Guard
    {
        readonly List<Connection> connections;
        readonly int[] allowing, blocking;
        readonly Dictionary<int, Profile> profiles = new Dictionary<int, Profile>();
        readonly int activeProfiles;

        /// <summary>ACTIVEPROFILES are bits. A connection must be allowed in each of these profiles.</summary>
        public Guard(IEnumerable<Connection> connections, IEnumerable<Rule> rules, IDictionary<int, Profile> profiles,
            int activeProfiles)
        {
            this.connections = new List<Connection>(connections);
            this.activeProfiles = activeProfiles;
            allowing = new int[this.connections.Count];
            blocking = new int[this.connections.Count];
            foreach (KeyValuePair<int, Profile> profile in profiles) this.profiles[profile.Key] = profile.Value.Copy();
            foreach (Rule rule in rules)
                if (rule.Enabled) AddRule(rule);
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
                int verdict = connections[i].GetVerdict(rule);
                int active = activeProfiles & Rule.ProfileBits;
                bool inEveryProfile = (rule.Profiles & active) == active;
                if (verdict > 0 && inEveryProfile) allowing[i] += sign;
                if (verdict < 0 && (rule.Profiles & activeProfiles) != 0) blocking[i] += sign;
            }
        }

        public void SetProfileSetting(int number, string setting, bool value)
        {
            Profile profile = profiles[number];
            if (setting == "on") profile.Enabled = value;
            else if (setting == "inbound") profile.BlockInbound = value;
            else profile.BlockOutbound = value;
        }

        /// <summary>The first connection that would be blocked now, or null.</summary>
        public Connection FindBlockedConnection()
        {
            for (int i = 0; i < connections.Count; i++)
                foreach (int number in Profile.Numbers)
                    if ((activeProfiles & number) != 0 && !IsAllowed(i, profiles[number])) return connections[i];
            return null;
        }

        bool IsAllowed(int index, Profile profile)
        {
            bool inbound = connections[index].Inbound;
            if (!profile.Enabled) return true;
            if (blocking[index] > 0 || (inbound && profile.ShieldsUp)) return false;
            return allowing[index] > 0 || !(inbound ? profile.BlockInbound : profile.BlockOutbound);
        }
    }
}
