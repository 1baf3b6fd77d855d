// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Memories
{
    /// <summary>
    /// What the host had before us: settings of profiles that we turned round ("1 on" -> what it was), and the rules of others that we switched off or on
    /// (by Rule.Identity). Kept on the host until it is released.
    /// </summary>
    public class Memory
    {
        public const string Name = "Memory";
        public readonly Dictionary<string, bool> Settings = new Dictionary<string, bool>(StringComparer.Ordinal);
        public readonly List<string> SwitchedOff = new List<string>(), SwitchedOn = new List<string>();

        public bool IsEmpty()
        {
            return Settings.Count == 0 && SwitchedOff.Count == 0 && SwitchedOn.Count == 0;
        }

        public static string Key(int profile, string setting)
        {
            return profile.ToString(CultureInfo.InvariantCulture) + " " + setting;
        }

        /// <summary>Makes VALUE of a setting that is NOW, and remembers what it was before us.</summary>
        public bool Make(int profile, string setting, bool now, bool value)
        {
            string key = Key(profile, setting);
            if (now != value && !Settings.ContainsKey(key)) Settings[key] = now;
            return value;
        }

        /// <summary>What a setting that is NOW goes back to.</summary>
        public bool Former(int profile, string setting, bool now)
        {
            bool was;
            return Settings.TryGetValue(Key(profile, setting), out was) ? was : now;
        }

        /// <summary>All that either of two memories holds.</summary>
        public static Memory Union(Memory older, Memory newer)
        {
            Memory found = Parse(older.Text());
            foreach (KeyValuePair<string, bool> setting in newer.Settings) found.Settings[setting.Key] = setting.Value;
            foreach (string rule in newer.SwitchedOff) if (!found.SwitchedOff.Contains(rule)) found.SwitchedOff.Add(rule);
            foreach (string rule in newer.SwitchedOn) if (!found.SwitchedOn.Contains(rule)) found.SwitchedOn.Add(rule);
            return found;
        }

        /// <summary>The text to keep, null where there is nothing to remember.</summary>
        public string Text()
        {
            if (IsEmpty()) return null;
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["settings"] = Settings;
            data["switched off"] = SwitchedOff;
            data["switched on"] = SwitchedOn;
            return JsonWriter.Text(data);
        }

        public static Memory Parse(string text)
        {
            Memory memory = new Memory();
            if (text == null) return memory;
            Dictionary<string, object> data = (Dictionary<string, object>)JsonReader.Parse(text);
            foreach (KeyValuePair<string, object> setting in (Dictionary<string, object>)data["settings"]) memory.Settings[setting.Key] = (bool)setting.Value;
            foreach (object rule in (List<object>)data["switched off"]) memory.SwitchedOff.Add((string)rule);
            foreach (object rule in (List<object>)data["switched on"]) memory.SwitchedOn.Add((string)rule);
            return memory;
        }
    }
}
