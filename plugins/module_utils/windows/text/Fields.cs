// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// A JSON object whose members are read by name and type. Whatever is missing, unknown or of another type raises
    /// FormatException.
    /// </summary>
    public class Fields
    {
        readonly Dictionary<string, object> data;
        readonly string where;

        Fields(object data, string where)
        {
            this.data = data as Dictionary<string, object>;
            this.where = where;
            if (this.data == null) throw new FormatException(where + ": not a JSON object");
        }

        /// <summary>The object in TEXT, which has exactly these KEYS. WHERE is for messages.</summary>
        public static Fields Parse(string text, string where, params string[] keys)
        {
            return new Fields(JsonReader.Parse(text), where).RequireKeys(keys);
        }

        Fields RequireKeys(string[] keys)
        {
            foreach (string key in keys)
                if (!data.ContainsKey(key)) throw new FormatException(where + ": the key " + key + " is missing");
            foreach (string key in data.Keys)
                if (Array.IndexOf(keys, key) < 0) throw new FormatException(where + ": unknown key " + key);
            return this;
        }

        T Get<T>(string key, string kind)
        {
            if (data[key] is T) return (T)data[key];
            throw new FormatException(where + ": " + key + ": must be " + kind);
        }

        public bool GetFlag(string key)
        {
            return Get<bool>(key, "true or false");
        }

        public long GetNumber(string key, long least, long most)
        {
            long number = Get<long>(key, "a number");
            if (number >= least && number <= most) return number;
            throw new FormatException(where + ": " + key + ": out of range");
        }

        public string GetText(string key)
        {
            return Get<string>(key, "text");
        }

        /// <summary>One of CHOICES, exactly.</summary>
        public string GetChoice(string key, params string[] choices)
        {
            string text = GetText(key);
            if (Array.IndexOf(choices, text) >= 0) return text;
            throw new FormatException(where + ": " + key + ": must be one of " + String.Join(", ", choices));
        }

        public List<object> GetItems(string key)
        {
            return Get<List<object>>(key, "a list");
        }

        public List<string> GetTexts(string key)
        {
            return GetItems(key).ConvertAll<string>(delegate(object item)
            {
                if (item is string) return (string)item;
                throw new FormatException(where + ": " + key + ": must be a list of texts");
            });
        }

        public bool IsNull(string key)
        {
            return data[key] == null;
        }

        public Fields GetObject(string key, params string[] keys)
        {
            return new Fields(data[key], where + ": " + key).RequireKeys(keys);
        }

        /// <summary>An item of a list as an object with exactly these KEYS.</summary>
        public static Fields FromItem(object item, string where, params string[] keys)
        {
            return new Fields(item, where).RequireKeys(keys);
        }

        /// <summary>The members, which are whatever they are.</summary>
        public Dictionary<string, object> GetMembers(string key)
        {
            return Get<Dictionary<string, object>>(key, "an object");
        }
    }
}
