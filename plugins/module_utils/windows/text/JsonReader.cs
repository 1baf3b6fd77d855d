// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;
    using System.Text;

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
}
