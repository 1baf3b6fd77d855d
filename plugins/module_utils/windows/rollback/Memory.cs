// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Security.Cryptography;
    using System.Text;

    /// <summary>
    /// What the host had before portmatrix: the former values of the profile settings that portmatrix decides about ("1
    /// Enabled" -> value), taken once, and the rules not managed by portmatrix that it disabled or enabled. Stored on
    /// the host until release.
    /// </summary>
    public class Memory
    {
        public readonly Dictionary<string, bool> Settings = new Dictionary<string, bool>(StringComparer.Ordinal);
        public readonly List<SwitchedRule> SwitchedOff = new List<SwitchedRule>(),
            SwitchedOn = new List<SwitchedRule>();
        /// <summary>Rules that this host does not let anybody disable.</summary>
        public readonly List<SwitchedRule> Fixed = new List<SwitchedRule>();
        /// <summary>The digest of the managed rules as they were applied; "" where there are none.</summary>
        public string ManagedDigest = "";

        public bool IsEmpty()
        {
            return Settings.Count + SwitchedOff.Count + SwitchedOn.Count == 0;
        }

        static string GetKey(int profile, Setting setting)
        {
            return profile.ToString(CultureInfo.InvariantCulture) + " " + setting;
        }

        /// <summary>The former value of a setting, null where none is stored.</summary>
        public bool? GetFormer(int profile, Setting setting)
        {
            bool former;
            return Settings.TryGetValue(GetKey(profile, setting), out former) ? former : (bool?)null;
        }

        public void SetFormer(int profile, Setting setting, bool value)
        {
            Settings[GetKey(profile, setting)] = value;
        }

        /// <summary>
        /// Whether all that was decided is so in STATE: the settings in active profiles, and the rules of others.
        /// </summary>
        public bool IsInForce(State state)
        {
            if (Settings.Count == 0) return false;
            foreach (int number in Profile.Numbers)
                foreach (Setting setting in Profile.Settings)
                    if (state.IsActive(number) && GetFormer(number, setting).HasValue
                        && !state.Profiles[number].Get(setting))
                        return false;
            List<SwitchedRule> notOff = new List<SwitchedRule>();
            SwitchedRule.Find(SwitchedOff, state.Unmanaged.FindAll(delegate(Rule rule) { return !rule.Enabled; }),
                notOff);
            return SwitchedRule.Find(notOff, state.Unmanaged.FindAll(delegate(Rule rule) { return rule.Enabled; }),
                new List<SwitchedRule>()).Count == 0;
        }

        public List<SwitchedRule> GetSwitched()
        {
            List<SwitchedRule> all = new List<SwitchedRule>(SwitchedOff);
            all.AddRange(SwitchedOn);
            return all;
        }

        /// <summary>The digest of RULES as they are in force.</summary>
        public static string ComputeDigest(IEnumerable<Rule> rules)
        {
            List<string> texts = new List<string>();
            foreach (Rule rule in rules) texts.Add(rule.GetManagedText());
            texts.Sort(StringComparer.Ordinal);
            return ComputeHash(String.Join("\n", texts.ToArray()));
        }

        public static string ComputeHash(string text)
        {
            using (SHA256 hash = SHA256.Create())
                return BitConverter.ToString(hash.ComputeHash(Encoding.UTF8.GetBytes(text))).Replace("-", "")
                    .ToLowerInvariant();
        }

        /// <summary>
        /// Everything in either of two states, for as long as a change is half done; settings of the newer one win.
        /// </summary>
        public static Memory Union(Memory older, Memory newer)
        {
            Memory union = Parse(older.ToJson());
            foreach (KeyValuePair<string, bool> setting in newer.Settings) union.Settings[setting.Key] = setting.Value;
            AddMissing(union.SwitchedOff, newer.SwitchedOff);
            AddMissing(union.SwitchedOn, newer.SwitchedOn);
            AddMissing(union.Fixed, newer.Fixed);
            return union;
        }

        /// <summary>Each rule as often as in the list that has it more often.</summary>
        static void AddMissing(List<SwitchedRule> to, List<SwitchedRule> from)
        {
            List<SwitchedRule> unused = new List<SwitchedRule>(to);
            foreach (SwitchedRule rule in from)
            {
                SwitchedRule known = unused.Find(rule.IsSame);
                if (known == null) to.Add(rule);
                else unused.Remove(known);
            }
        }

        /// <summary>The text to store; null where there is nothing to store.</summary>
        public string ToJson()
        {
            if (IsEmpty()) return null;
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["settings"] = Settings;
            data["switched_off"] = SwitchedRule.ToData(SwitchedOff);
            data["switched_on"] = SwitchedRule.ToData(SwitchedOn);
            data["fixed"] = SwitchedRule.ToData(Fixed);
            data["managed"] = ManagedDigest;
            return JsonWriter.Serialize(data);
        }

        /// <summary>Raises FormatException.</summary>
        public static Memory Parse(string text)
        {
            Memory memory = new Memory();
            if (text == null) return memory;
            Fields fields = Fields.Parse(text, "memory", "settings", "switched_off", "switched_on", "fixed", "managed");
            foreach (KeyValuePair<string, object> setting in fields.GetMembers("settings"))
            {
                if (!(setting.Value is bool)) throw new FormatException("memory: settings: must be true or false");
                memory.Settings[setting.Key] = (bool)setting.Value;
            }
            SwitchedRule.Parse(fields, "switched_off", memory.SwitchedOff);
            SwitchedRule.Parse(fields, "switched_on", memory.SwitchedOn);
            SwitchedRule.Parse(fields, "fixed", memory.Fixed);
            memory.ManagedDigest = fields.GetText("managed");
            return memory;
        }
    }
}
