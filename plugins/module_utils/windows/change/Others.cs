// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>
    /// Rules not managed by portmatrix: what they allow beyond the policy, and what of it they block.
    /// </summary>
    public static class Others
    {
        /// <summary>The group that a host needs for its addresses and names: ICMPv6, DHCP, DNS, group policy.</summary>
        public const string CoreNetworking = "@FirewallAPI.dll,-25000";

        /// <summary>Enabled other rules that allow traffic in the directions in which the policy denies it.</summary>
        public static List<Rule> FindAllowing(State state, bool deniesEgress)
        {
            return state.Unmanaged.FindAll(delegate(Rule rule)
            {
                return rule.Enabled && rule.Allow && rule.Grouping != CoreNetworking && (rule.Inbound || deniesEgress);
            });
        }

        /// <summary>The WANTED rules that BLOCKING may restrict.</summary>
        public static List<Rule> FindRestricted(Rule blocking, IEnumerable<Rule> wanted)
        {
            List<Rule> restricted = new List<Rule>();
            foreach (Rule rule in wanted)
            {
                bool sameProtocol = blocking.Protocol == Rule.AnyProtocol || blocking.Protocol == rule.Protocol;
                if (blocking.Inbound != rule.Inbound || !sameProtocol) continue;
                bool meets = HasWords(blocking.ListenerPortSet.Keywords)
                    || blocking.ListenerPortSet.Overlaps(rule.ListenerPortSet);
                if (meets && (HasWords(blocking.RemoteAddressSet.Keywords)
                    || blocking.RemoteAddressSet.Overlaps(rule.RemoteAddressSet))) restricted.Add(rule);
            }
            return restricted;
        }

        static bool HasWords(ICollection<string> words)
        {
            return words.Count > 0;
        }

        /// <summary>Enabled other rules that block.</summary>
        public static List<Rule> FindBlocking(State state)
        {
            return state.Unmanaged.FindAll(delegate(Rule rule) { return rule.Enabled && !rule.Allow; });
        }
    }
}
