// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Reflection;

    /// <summary>Rules as plain data for records: the fields that differ from those of a new rule.</summary>
    public static class RuleData
    {
        static readonly Rule plain = new Rule();

        static IEnumerable<FieldInfo> GetFields()
        {
            foreach (FieldInfo field in typeof(Rule).GetFields(BindingFlags.Public | BindingFlags.Instance))
                if (field.Name != "Handle" && field.Name != "Unreadable") yield return field;
        }

        public static Dictionary<string, object> Write(Rule rule)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (FieldInfo field in GetFields())
                if (!Object.Equals(field.GetValue(rule),
                    field.GetValue(plain))) data[field.Name] = field.GetValue(rule);
            return data;
        }

        /// <summary>Raises FormatException. WHERE is for messages.</summary>
        public static Rule Parse(object item, string where)
        {
            Dictionary<string, object> data = item as Dictionary<string, object>;
            if (data == null) throw new FormatException(where + ": not a rule");
            Rule rule = new Rule();
            int known = 0;
            foreach (FieldInfo field in GetFields())
            {
                object value;
                if (!data.TryGetValue(field.Name, out value)) continue;
                known++;
                if (field.FieldType == typeof(int)
                    && value is long) value = Convert.ToInt32(value, CultureInfo.InvariantCulture);
                if (value == null && field.FieldType == typeof(string)) value = "";
                if (value == null || value.GetType() != field.FieldType)
                    throw new FormatException(where + ": " + field.Name + ": wrong type");
                field.SetValue(rule, value);
            }
            if (known != data.Count) throw new FormatException(where + ": unknown keys in a rule");
            return rule;
        }
    }
}
