// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Addresses
{
    /// <summary>An IPv4 or IPv6 address as a number. Parsing is strict: full notation only, no octal, no zones. IPv4 comes before IPv6.</summary>
    public struct Address : IComparable<Address>
    {
        public readonly bool V6;
        public readonly ulong High, Low;

        public Address(bool v6, ulong high, ulong low)
        {
            V6 = v6;
            High = high;
            Low = low;
        }

        public int Width()
        {
            return V6 ? 128 : 32;
        }

        public int CompareTo(Address other)
        {
            return V6 != other.V6 ? (V6 ? 1 : -1) : High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);
        }

        /// <summary>The address one further; of the very last one, the first.</summary>
        public Address Next()
        {
            return V6 ? new Address(true, Low == UInt64.MaxValue ? unchecked(High + 1) : High, unchecked(Low + 1))
                : new Address(false, 0, (Low + 1) & 0xffffffff);
        }

        /// <summary>This address with its last BITS bits all VALUE.</summary>
        public Address Fill(int bits, bool value)
        {
            ulong low = bits >= 64 ? UInt64.MaxValue : (1UL << bits) - 1, high = bits <= 64 ? 0 : bits >= 128 ? UInt64.MaxValue : (1UL << (bits - 64)) - 1;
            if (!V6) return new Address(false, 0, value ? Low | low : Low & ~low & 0xffffffff);
            return value ? new Address(true, High | high, Low | low) : new Address(true, High & ~high, Low & ~low);
        }

        public static bool TryParse(string text, out Address address)
        {
            address = new Address(false, 0, 0);
            ulong number;
            if (text.IndexOf(':') >= 0) return TryParse6(text, out address);
            if (!TryParse4(text, out number)) return false;
            address = new Address(false, 0, number);
            return true;
        }

        static bool TryParse4(string text, out ulong number)
        {
            number = 0;
            string[] parts = text.Split('.');
            if (parts.Length != 4) return false;
            foreach (string part in parts)
            {
                int octet;
                if (part.Length == 0 || part.Length > 3 || (part.Length > 1 && part[0] == '0')) return false;
                if (!Int32.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out octet) || octet > 255) return false;
                number = (number << 8) | (uint)octet;
            }
            return true;
        }

        static bool TryParse6(string text, out Address address)
        {
            address = new Address(true, 0, 0);
            int gap = text.IndexOf("::", StringComparison.Ordinal);
            List<int> head = new List<int>(), tail = new List<int>();
            if (!Groups(gap < 0 ? text : text.Substring(0, gap), head, gap < 0)) return false;
            if (gap >= 0 && !Groups(text.Substring(gap + 2), tail, true)) return false;
            int missing = 8 - head.Count - tail.Count;
            if (gap < 0 ? missing != 0 : missing < 1) return false;
            for (int i = 0; i < missing; i++) head.Add(0);
            head.AddRange(tail);
            ulong high = 0, low = 0;
            for (int i = 0; i < 8; i++)
            {
                if (i < 4) high = (high << 16) | (uint)head[i];
                else low = (low << 16) | (uint)head[i];
            }
            address = new Address(true, high, low);
            return true;
        }

        static bool Groups(string text, List<int> found, bool mayEndDotted)
        {
            if (text.Length == 0) return true;
            string[] parts = text.Split(':');
            for (int i = 0; i < parts.Length; i++)
            {
                int group;
                ulong dotted;
                if (mayEndDotted && i == parts.Length - 1 && TryParse4(parts[i], out dotted))
                {
                    found.Add((int)(dotted >> 16));
                    found.Add((int)(dotted & 0xffff));
                }
                else if (parts[i].Length >= 1 && parts[i].Length <= 4
                    && Int32.TryParse(parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out group)) found.Add(group);
                else return false;
            }
            return true;
        }

        /// <summary>Canonical text (RFC 5952).</summary>
        public override string ToString()
        {
            if (!V6) return String.Format(CultureInfo.InvariantCulture, "{0}.{1}.{2}.{3}", Low >> 24, (Low >> 16) & 255, (Low >> 8) & 255, Low & 255);
            int[] groups = new int[8];
            for (int i = 0; i < 8; i++) groups[i] = (int)(((i < 4 ? High : Low) >> (48 - 16 * (i % 4))) & 0xffff);
            int best = -1, longest = 1;
            for (int i = 0; i < 8; i++)
            {
                int end = i;
                while (end < 8 && groups[end] == 0) end++;
                if (end - i > longest)
                {
                    best = i;
                    longest = end - i;
                }
            }
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 8; i++)
            {
                if (i == best)
                {
                    text.Append("::");
                    i += longest - 1;
                    continue;
                }
                if (text.Length > 0 && text[text.Length - 1] != ':') text.Append(':');
                text.Append(groups[i].ToString("x", CultureInfo.InvariantCulture));
            }
            return text.ToString();
        }
    }
}
