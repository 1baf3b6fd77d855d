// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports
{
    /// <summary>A set of ports in one form: neighbours merged, sorted; words (RPC, IPHTTPS, ...) beside them. No text and `*` are every port.</summary>
    public class PortSet
    {
        readonly List<int[]> spans = new List<int[]>();
        readonly SortedDictionary<string, bool> words = new SortedDictionary<string, bool>(StringComparer.Ordinal);

        public static PortSet Parse(string text)
        {
            PortSet found = new PortSet();
            List<int[]> all = new List<int[]>();
            foreach (string item in (text ?? "").Split(','))
            {
                string part = item.Trim();
                int dash = part.IndexOf('-');
                int low, high;
                if (part.Length == 0 || part == "*") continue;
                if (Number(dash < 0 ? part : part.Substring(0, dash), out low) & Number(part.Substring(dash + 1), out high)) all.Add(new int[] { low, high });
                else found.words[part.ToLowerInvariant()] = true;
            }
            all.Sort(delegate(int[] a, int[] b) { return a[0] != b[0] ? a[0].CompareTo(b[0]) : a[1].CompareTo(b[1]); });
            foreach (int[] next in all)
            {
                int[] last = found.spans.Count > 0 ? found.spans[found.spans.Count - 1] : null;
                if (last == null || next[0] > last[1] + 1) found.spans.Add(next);
                else last[1] = Math.Max(last[1], next[1]);
            }
            return found;
        }

        static bool Number(string text, out int number)
        {
            return Int32.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= 65535;
        }

        public bool Any()
        {
            return spans.Count == 0 && words.Count == 0;
        }

        public bool HasWords()
        {
            return words.Count > 0;
        }

        public bool Contains(int port)
        {
            foreach (int[] span in spans) if (span[0] <= port && port <= span[1]) return true;
            return Any();
        }

        /// <summary>"443", "80-90", words; empty where it is every port.</summary>
        public List<string> Parts()
        {
            List<string> found = new List<string>();
            foreach (int[] span in spans)
                found.Add(span[0] == span[1] ? Text(span[0]) : Text(span[0]) + "-" + Text(span[1]));
            found.AddRange(words.Keys);
            return found;
        }

        static string Text(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        public string Canonical()
        {
            return Any() ? "*" : String.Join(",", Parts().ToArray());
        }
    }
}
