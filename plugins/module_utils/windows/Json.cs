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
    /// Strict JSON to Dictionary(string, object), List(object), string, long, bool and null, the same on every runtime. No fractions: a policy has none.
    /// Raises FormatException.
    /// </summary>
    public class JsonReader
    {
        const int DeepestNesting = 64;
        const string Escapes = "\"\\/bfnrt", Escaped = "\"\\/\b\f\n\r\t";
        readonly string text;
        int at;

        JsonReader(string text)
        {
            this.text = text;
        }

        public static object Parse(string text)
        {
            JsonReader reader = new JsonReader(text ?? "");
            object value = reader.Value(0);
            reader.Space();
            if (reader.at != reader.text.Length) throw reader.Bad("there is more after the value");
            return value;
        }

        FormatException Bad(string what)
        {
            return new FormatException(String.Format(CultureInfo.InvariantCulture, "no JSON: {0} at offset {1}", what, at));
        }

        void Space()
        {
            while (at < text.Length && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) at++;
        }

        bool Take(char wanted)
        {
            Space();
            if (at >= text.Length || text[at] != wanted) return false;
            at++;
            return true;
        }

        object Value(int depth)
        {
            if (depth > DeepestNesting) throw Bad("nested too deep");
            if (Take('{')) return Members(depth);
            if (Take('[')) return Items(depth);
            if (at < text.Length && text[at] == '"') return Text();
            if (Word("true")) return true;
            if (Word("false")) return false;
            if (Word("null")) return null;
            return Number();
        }

        Dictionary<string, object> Members(int depth)
        {
            Dictionary<string, object> found = new Dictionary<string, object>(StringComparer.Ordinal);
            if (Take('}')) return found;
            do
            {
                Space();
                string key = Text();
                if (!Take(':')) throw Bad("a colon is missing");
                if (found.ContainsKey(key)) throw Bad("the key '" + key + "' is there twice");
                found[key] = Value(depth + 1);
            } while (Take(','));
            if (!Take('}')) throw Bad("a comma or a brace is missing");
            return found;
        }

        List<object> Items(int depth)
        {
            List<object> found = new List<object>();
            if (Take(']')) return found;
            do found.Add(Value(depth + 1)); while (Take(','));
            if (!Take(']')) throw Bad("a comma or a bracket is missing");
            return found;
        }

        bool Word(string word)
        {
            if (String.CompareOrdinal(text, at, word, 0, word.Length) != 0) return false;
            at += word.Length;
            return true;
        }

        object Number()
        {
            int start = at;
            while (at < text.Length && "+-0123456789.eE".IndexOf(text[at]) >= 0) at++;
            long number;
            if (Int64.TryParse(text.Substring(start, at - start), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number)) return number;
            at = start;
            throw Bad("a value is missing");
        }

        string Text()
        {
            if (at >= text.Length || text[at] != '"') throw Bad("a string is missing");
            at++;
            StringBuilder found = new StringBuilder();
            while (at < text.Length)
            {
                char next = text[at++];
                if (next == '"') return found.ToString();
                found.Append(next == '\\' ? Escape() : next);
            }
            throw Bad("a string does not end");
        }

        char Escape()
        {
            char next = at < text.Length ? text[at++] : ' ';
            int index = Escapes.IndexOf(next);
            if (index >= 0) return Escaped[index];
            int code;
            if (next != 'u' || at + 4 > text.Length
                || !Int32.TryParse(text.Substring(at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
                throw Bad("an escape is wrong");
            at += 4;
            return (char)code;
        }
    }

    /// <summary>Values of JsonReader as text: keys sorted, no blanks, ASCII only. The same bytes as Python's json.dumps(sort_keys, separators=(',',
    /// ':')).</summary>
    public static class JsonWriter
    {
        public static string Text(object value)
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
            else if (word != null) Quote(text, word);
            else if (members != null) Members(text, members);
            else if (items != null) Items(text, items);
            else if (value is bool) text.Append((bool)value ? "true" : "false");
            else text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
        }

        static void Members(StringBuilder text, IDictionary members)
        {
            List<string> keys = new List<string>();
            foreach (object key in members.Keys) keys.Add((string)key);
            keys.Sort(StringComparer.Ordinal);
            string separator = "{";
            foreach (string key in keys)
            {
                text.Append(separator);
                Quote(text, key);
                text.Append(':');
                Write(text, members[key]);
                separator = ",";
            }
            text.Append(keys.Count == 0 ? "{}" : "}");
        }

        static void Items(StringBuilder text, IEnumerable items)
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

        static void Quote(StringBuilder text, string word)
        {
            const string named = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
            text.Append('"');
            foreach (char letter in word)
            {
                int index = named.IndexOf(letter);
                if (index >= 0) text.Append('\\').Append(letters[index]);
                else if (letter < ' ' || letter > '~') text.Append("\\u").Append(((int)letter).ToString("x4", CultureInfo.InvariantCulture));
                else text.Append(letter);
            }
            text.Append('"');
        }
    }
}
