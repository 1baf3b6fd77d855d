// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json
{
    /// <summary>
    /// Parses strict JSON to Dictionary(string, object), List(object), string, long, bool and null, the same on every
    /// runtime. Fractions are refused: a policy has none. Raises FormatException.
    /// </summary>
    public class JsonReader
    {
        const int MaxDepth = 64;
        const string EscapeLetters = "\"\\/bfnrt", EscapedCharacters = "\"\\/\b\f\n\r\t";
        readonly string text;
        int position;

        JsonReader(string text)
        {
            this.text = text;
        }

        public static object Parse(string text)
        {
            JsonReader reader = new JsonReader(text ?? "");
            object value = reader.ReadValue(0);
            reader.SkipSpace();
            if (reader.position != reader.text.Length) throw reader.CreateError("unexpected text after the value");
            return value;
        }

        FormatException CreateError(string what)
        {
            return new FormatException(String.Format(CultureInfo.InvariantCulture,
                "not valid JSON: {0} at offset {1}", what, position));
        }

        void SkipSpace()
        {
            while (position < text.Length && " \t\n\r".IndexOf(text[position]) >= 0) position++;
        }

        bool TryRead(char wanted)
        {
            SkipSpace();
            if (position >= text.Length || text[position] != wanted) return false;
            position++;
            return true;
        }

        object ReadValue(int depth)
        {
            if (depth > MaxDepth) throw CreateError("nested too deep");
            if (TryRead('{')) return ReadMembers(depth);
            if (TryRead('[')) return ReadItems(depth);
            if (position < text.Length && text[position] == '"') return ReadString();
            if (TryReadWord("true")) return true;
            if (TryReadWord("false")) return false;
            if (TryReadWord("null")) return null;
            return ReadNumber();
        }

        Dictionary<string, object> ReadMembers(int depth)
        {
            Dictionary<string, object> members = new Dictionary<string, object>(StringComparer.Ordinal);
            if (TryRead('}')) return members;
            do
            {
                SkipSpace();
                string key = ReadString();
                if (!TryRead(':')) throw CreateError("expected a colon");
                if (members.ContainsKey(key)) throw CreateError("duplicate key '" + key + "'");
                members[key] = ReadValue(depth + 1);
            } while (TryRead(','));
            if (!TryRead('}')) throw CreateError("expected a comma or a brace");
            return members;
        }

        List<object> ReadItems(int depth)
        {
            List<object> items = new List<object>();
            if (TryRead(']')) return items;
            do items.Add(ReadValue(depth + 1)); while (TryRead(','));
            if (!TryRead(']')) throw CreateError("expected a comma or a bracket");
            return items;
        }

        bool TryReadWord(string word)
        {
            if (String.CompareOrdinal(text, position, word, 0, word.Length) != 0) return false;
            position += word.Length;
            return true;
        }

        object ReadNumber()
        {
            int start = position;
            while (position < text.Length && "+-0123456789.eE".IndexOf(text[position]) >= 0) position++;
            string digits = text.Substring(start, position - start);
            long number;
            if (Int64.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
                return number;
            position = start;
            throw CreateError("expected a value");
        }

        string ReadString()
        {
            if (position >= text.Length || text[position] != '"') throw CreateError("expected a string");
            position++;
            StringBuilder value = new StringBuilder();
            while (position < text.Length)
            {
                char next = text[position++];
                if (next == '"') return value.ToString();
                value.Append(next == '\\' ? ReadEscape() : next);
            }
            throw CreateError("unterminated string");
        }

        char ReadEscape()
        {
            char next = position < text.Length ? text[position++] : ' ';
            int index = EscapeLetters.IndexOf(next);
            if (index >= 0) return EscapedCharacters[index];
            if (next != 'u' || position + 4 > text.Length) throw CreateError("invalid escape");
            string digits = text.Substring(position, 4);
            int code;
            if (!Int32.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
                throw CreateError("invalid escape");
            position += 4;
            return (char)code;
        }
    }

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
