// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Text;

    /// <summary>
    /// Writes the values of JsonReader as text: keys sorted, no blanks, ASCII only. The same bytes as Python's
    /// json.dumps(sort_keys, separators=(',', ':')).
    /// </summary>
    public static class JsonWriter
    {
        public static string Serialize(object value)
        {
            StringBuilder text = new StringBuilder();
            Write(text, value);
            return text.ToString();
        }

        static void Write(StringBuilder text, object value)
        {
            IDictionary members = value as IDictionary;
            string word = value as string;
            IEnumerable items = value as IEnumerable;
            if (value == null) text.Append("null");
            else if (word != null) WriteString(text, word);
            else if (members != null) WriteMembers(text, members);
            else if (items != null) WriteItems(text, items);
            else if (value is bool) text.Append((bool)value ? "true" : "false");
            else text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
        }

        static void WriteMembers(StringBuilder text, IDictionary members)
        {
            List<string> keys = new List<string>();
            foreach (object key in members.Keys) keys.Add((string)key);
            keys.Sort(StringComparer.Ordinal);
            string separator = "{";
            foreach (string key in keys)
            {
                text.Append(separator);
                WriteString(text, key);
                text.Append(':');
                Write(text, members[key]);
                separator = ",";
            }
            text.Append(keys.Count == 0 ? "{}" : "}");
        }

        static void WriteItems(StringBuilder text, IEnumerable items)
        {
            text.Append('[');
            string separator = "";
            foreach (object item in items)
            {
                text.Append(separator);
                Write(text, item);
                separator = ",";
            }
            text.Append(']');
        }

        static void WriteString(StringBuilder text, string value)
        {
            const string escapedCharacters = "\"\\\b\f\n\r\t", escapeLetters = "\"\\bfnrt";
            text.Append('"');
            foreach (char letter in value)
            {
                int index = escapedCharacters.IndexOf(letter);
                if (index >= 0) text.Append('\\').Append(escapeLetters[index]);
                else if (letter < ' ' || letter > '~')
                    text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                else text.Append(letter);
            }
            text.Append('"');
        }
    }
}
