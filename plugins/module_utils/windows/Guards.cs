// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards
{
    /// <summary>
    /// What becomes of connections while one step follows the other. It knows which rules let each connection pass and which stop it; block wins, then
    /// allow, then the profile's default. What a rule asks for beyond addresses and ports is never counted on.
    /// </summary>
    public class Guard
    {
        readonly List<Connection> connections;
        readonly int[] passing, stopping;
        readonly Dictionary<int, Profile> profiles = new Dictionary<int, Profile>();
        readonly int current;

        /// <summary>CURRENT: bits of the profiles in force. A connection has to pass in each of them.</summary>
        public Guard(IEnumerable<Connection> connections, IEnumerable<Rule> rules, IDictionary<int, Profile> profiles, int current)
        {
            this.connections = new List<Connection>(connections);
            this.current = current;
            passing = new int[this.connections.Count];
            stopping = new int[this.connections.Count];
            foreach (KeyValuePair<int, Profile> profile in profiles) this.profiles[profile.Key] = profile.Value.Copy();
            foreach (Rule rule in rules)
                if (rule.Enabled) Take(rule, 1);
        }

        public void Take(Rule rule, int sign)
        {
            for (int i = 0; i < connections.Count; i++)
            {
                int verdict = connections[i].Verdict(rule);
                bool everywhere = (rule.Profiles & current & Rule.ProfileBits) == (current & Rule.ProfileBits);
                if (verdict > 0 && everywhere) passing[i] += sign;
                if (verdict < 0 && (rule.Profiles & current) != 0) stopping[i] += sign;
            }
        }

        public void Set(int number, string setting, bool value)
        {
            Profile profile = profiles[number];
            if (setting == "on") profile.Enabled = value;
            else if (setting == "inbound") profile.BlockInbound = value;
            else profile.BlockOutbound = value;
        }

        /// <summary>The first connection that would not pass now, or null.</summary>
        public Connection Stopped()
        {
            for (int i = 0; i < connections.Count; i++)
                foreach (int number in Profile.Numbers)
                    if ((current & number) != 0 && !Passes(i, profiles[number])) return connections[i];
            return null;
        }

        bool Passes(int index, Profile profile)
        {
            if (!profile.Enabled) return true;
            if (stopping[index] > 0 || (connections[index].Inbound && profile.ShieldsUp)) return false;
            return passing[index] > 0 || !(connections[index].Inbound ? profile.BlockInbound : profile.BlockOutbound);
        }
    }
}
