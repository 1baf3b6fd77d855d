// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>Why local rules would have no effect: what group policy or device management decides.</summary>
    public static class Obstacles
    {
        /// <summary>
        /// Raises Refusal where the policy could not come into force in an active profile. Returns what would be so in
        /// the other profiles: name of the profile and code.
        /// </summary>
        public static List<object> Find(IFirewallStore store, State state, WantedPolicy policy)
        {
            int modify = store.GetModifyState();
            if (modify == 1) throw new Refusal("policy_overrides");
            if (modify == 2) throw new Refusal("policy_blocks");
            List<object> later = new List<object>();
            foreach (int number in Profile.Numbers)
            {
                string code = FindIn(store.GetPolicy(number), state.Profiles[number], policy);
                if (code == null) continue;
                if (state.IsActive(number)) throw new Refusal(code, "profile", number);
                later.Add(new List<object> { number, code });
            }
            return later;
        }

        static string FindIn(ProfilePolicy decided, Profile now, WantedPolicy policy)
        {
            if (decided.Enabled == false) return "policy_switches_off";
            if (decided.MergesLocalRules == false) return "policy_ignores_rules";
            if (decided.ShieldsUp == true || now.ShieldsUp) return "shields_up";
            if (decided.BlockInbound == false) return "policy_allows_ingress";
            return policy.DeniesEgress && decided.BlockOutbound == false ? "policy_allows_egress" : null;
        }

        /// <summary>Whether the firewall denies what it is to deny, wherever it is in force.</summary>
        public static bool AreInTheWay(IFirewallStore store, State state)
        {
            if (store.GetModifyState() != 0) return true;
            foreach (int number in Profile.Numbers)
            {
                ProfilePolicy decided = store.GetPolicy(number);
                bool denied = decided.BlockInbound != false
                    && (decided.BlockOutbound != false || !state.Profiles[number].BlockOutbound);
                if (state.IsActive(number) && (decided.Enabled == false || decided.MergesLocalRules == false || !denied
                    || decided.ShieldsUp == true || state.Profiles[number].ShieldsUp)) return true;
            }
            return false;
        }
    }
}
