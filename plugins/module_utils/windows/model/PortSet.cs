// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>
    /// A set of ports in canonical form: sorted, neighbours merged; keywords (RPC, IPHTTPS, ...) are kept apart. Empty
    /// text and `*` mean every port.
    /// </summary>
    public class PortSet
    {
        readonly List<int[]> spans = new List<int[]>();
        readonly SortedDictionary<string, bool> keywords = new SortedDictionary<string, bool>(StringComparer.Ordinal);

        public static PortSet Parse(string text)
        {
            PortSet set = new PortSet();
            List<int[]> unmerged = new List<int[]>();
            foreach (string item in (text ?? "").Split(','))
            {
                string part = item.Trim();
                int dash = part.IndexOf('-');
                int low, high;
                if (part.Length == 0 || part == "*") continue;
                bool isSpan = TryParsePort(dash < 0 ? part : part.Substring(0, dash), out low)
                    & TryParsePort(part.Substring(dash + 1), out high);
                if (isSpan) unmerged.Add(new int[] { low, high });
                else set.keywords[part.ToLowerInvariant()] = true;
            }
            unmerged.Sort(delegate(int[] a, int[] b)
            {
                return a[0] != b[0] ? a[0].CompareTo(b[0]) : a[1].CompareTo(b[1]);
            });
            foreach (int[] next in unmerged)
            {
                int[] last = set.spans.Count > 0 ? set.spans[set.spans.Count - 1] : null;
                if (last == null || next[0] > last[1] + 1) set.spans.Add(next);
                else last[1] = Math.Max(last[1], next[1]);
            }
            return set;
        }

        static bool TryParsePort(string text, out int port)
        {
            return Int32.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out port)
                && port <= 65535;
        }

        public bool IsAny()
        {
            return spans.Count == 0 && keywords.Count == 0;
        }

        /// <summary>Words that stand for ports (RPC, IPHTTPSIn, ...), in lower case.</summary>
        public ICollection<string> Keywords { get { return keywords.Keys; } }

        /// <summary>Whether a port is in both sets; words are left out.</summary>
        public bool Overlaps(PortSet other)
        {
            if (IsAny() || other.IsAny()) return true;
            foreach (int[] mine in spans)
                foreach (int[] its in other.spans)
                    if (mine[0] <= its[1] && its[0] <= mine[1]) return true;
            return false;
        }

        public bool Contains(int port)
        {
            foreach (int[] span in spans) if (span[0] <= port && port <= span[1]) return true;
            return IsAny();
        }

        /// <summary>"443", "80-90", keywords; empty for every port.</summary>
        public List<string> ToParts()
        {
            List<string> parts = new List<string>();
            foreach (int[] span in spans)
                parts.Add(span[0] == span[1] ? Format(span[0]) : Format(span[0]) + "-" + Format(span[1]));
            parts.AddRange(keywords.Keys);
            return parts;
        }

        static string Format(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        /// <summary>The same text for the same set.</summary>
        public string ToCanonicalText()
        {
            return IsAny() ? "*" : String.Join(",", ToParts().ToArray());
        }
    }
}
