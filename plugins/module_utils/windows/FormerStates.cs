// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates
{
    /// <summary>
    /// What the host had before portmatrix: the former values of profile settings that it changed ("1 on" -> value),
    /// and the rules not managed by portmatrix that it disabled or enabled (by Rule.GetIdentity). Stored on the host
    /// until release.
    /// </summary>
    public class FormerState
    {
        /// <summary>The registry value that stores it.</summary>
        public const string ValueName = "Memory";
        public readonly Dictionary<string, bool> Settings = new Dictionary<string, bool>(StringComparer.Ordinal);
        public readonly List<string> SwitchedOff = new List<string>(), SwitchedOn = new List<string>();

        /// <summary>The former state that HOST has stored; empty where it has none.</summary>
        public static FormerState Read(IHost host)
        {
            return Parse(host.ReadValue(ValueName));
        }

        public bool IsEmpty()
        {
            return Settings.Count == 0 && SwitchedOff.Count == 0 && SwitchedOn.Count == 0;
        }

        public static string GetKey(int profile, string setting)
        {
            return profile.ToString(CultureInfo.InvariantCulture) + " " + setting;
        }

        /// <summary>
        /// Return VALUE for a setting that is NOW; where they differ, record NOW as the former value unless one is
        /// recorded.
        /// </summary>
        public bool RecordChange(int profile, string setting, bool now, bool value)
        {
            string key = GetKey(profile, setting);
            if (now != value && !Settings.ContainsKey(key)) Settings[key] = now;
            return value;
        }

        /// <summary>
        /// The value to restore for a setting that is NOW: the former value, or NOW where none is recorded.
        /// </summary>
        public bool GetFormerValue(int profile, string setting, bool now)
        {
            bool former;
            return Settings.TryGetValue(GetKey(profile, setting), out former) ? former : now;
        }

        /// <summary>Everything in either of two states; settings of the newer one win.</summary>
        public static FormerState Union(FormerState older, FormerState newer)
        {
            FormerState union = Parse(older.ToJson());
            foreach (KeyValuePair<string, bool> setting in newer.Settings) union.Settings[setting.Key] = setting.Value;
            foreach (string rule in newer.SwitchedOff)
                if (!union.SwitchedOff.Contains(rule)) union.SwitchedOff.Add(rule);
            foreach (string rule in newer.SwitchedOn) if (!union.SwitchedOn.Contains(rule)) union.SwitchedOn.Add(rule);
            return union;
        }

        /// <summary>The text to store; null where there is nothing to store.</summary>
        public string ToJson()
        {
            if (IsEmpty()) return null;
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["settings"] = Settings;
            data["switched off"] = SwitchedOff;
            data["switched on"] = SwitchedOn;
            return JsonWriter.Serialize(data);
        }

        public static FormerState Parse(string text)
        {
            FormerState former = new FormerState();
            if (text == null) return former;
            Dictionary<string, object> data = (Dictionary<string, object>)JsonReader.Parse(text);
            foreach (KeyValuePair<string, object> setting in (Dictionary<string, object>)data["settings"])
                former.Settings[setting.Key] = (bool)setting.Value;
            foreach (object rule in (List<object>)data["switched off"]) former.SwitchedOff.Add((string)rule);
            foreach (object rule in (List<object>)data["switched on"]) former.SwitchedOn.Add((string)rule);
            return former;
        }
    }
}
