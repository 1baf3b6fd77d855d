// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// A rule not managed by portmatrix that it has switched: its effect is its identity, as names of built-in rules
    /// depend on the language of the reader. The name tells rules of the same effect apart. Alike: how many rules of
    /// this effect were in that state already, and are to stay so.
    /// </summary>
    public class SwitchedRule
    {
        public readonly string Name, Effect;
        readonly long alike;

        public SwitchedRule(Rule rule, int alike) : this(rule.Name, rule.GetEffect(), alike) { }

        SwitchedRule(string name, string effect, long alike)
        {
            Name = name;
            Effect = effect;
            this.alike = alike;
        }

        /// <summary>
        /// Whether RULE may be meant, or be one of those that are alike, judged by its name and group.
        /// </summary>
        public bool MayMean(Rule rule)
        {
            bool isBuiltIn = rule.Grouping.StartsWith("@", StringComparison.Ordinal);
            return rule.Name == Name
                || (isBuiltIn && Effect.StartsWith(rule.Grouping + " | ", StringComparison.Ordinal));
        }

        public bool IsSame(SwitchedRule other)
        {
            return Name == other.Name && Effect == other.Effect;
        }

        /// <summary>
        /// Which of RULES are meant by SWITCHED: each of these takes one rule of the same effect, preferably with the
        /// same name. MISSING receives those that find none.
        /// </summary>
        public static Set<Rule> Find(IEnumerable<SwitchedRule> switched, IEnumerable<Rule> rules,
            List<SwitchedRule> missing)
        {
            Set<Rule> found = new Set<Rule>();
            List<Rule> candidates = new List<Rule>(rules);
            List<SwitchedRule> open = new List<SwitchedRule>();
            foreach (SwitchedRule one in switched) if (!one.Take(candidates, found, true)) open.Add(one);
            foreach (SwitchedRule one in open) if (!one.Take(candidates, found, false)) missing.Add(one);
            return found;
        }

        bool Take(List<Rule> candidates, Set<Rule> found, bool byName)
        {
            List<Rule> same = candidates.FindAll(delegate(Rule rule) { return MayMean(rule)
                && (Effect.Length == 0 || rule.GetEffect() == Effect); });
            Rule match = same.Find(delegate(Rule rule) { return !byName || rule.Name == Name; });
            if (match == null || same.Count <= alike) return false;
            candidates.Remove(match);
            found.Add(match);
            return true;
        }

        public static List<object> ToData(List<SwitchedRule> rules)
        {
            return rules.ConvertAll<object>(delegate(SwitchedRule rule)
            {
                return new List<object> { rule.Name, rule.Effect, rule.alike };
            });
        }

        public static void Parse(Fields fields, string key, List<SwitchedRule> into)
        {
            foreach (object item in fields.GetItems(key))
            {
                List<object> parts = item as List<object>;
                if (parts == null || parts.Count != 3 || !(parts[0] is string) || !(parts[1] is string)
                    || !(parts[2] is long))
                    throw new FormatException(key + ": must be lists of two texts and a number");
                into.Add(new SwitchedRule((string)parts[0], (string)parts[1], (long)parts[2]));
            }
        }

        public static List<string> GetNames(List<SwitchedRule> rules)
        {
            return rules.ConvertAll<string>(delegate(SwitchedRule rule) { return rule.Name; });
        }
    }
}
