// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections;
    using System.Collections.Generic;

    /// <summary>
    /// A set. That of .NET is in System.Core, which Windows PowerShell 5.1 need not reference when it compiles this.
    /// </summary>
    public class Set<T> : IEnumerable<T>
    {
        readonly Dictionary<T, bool> items;

        public Set() : this(EqualityComparer<T>.Default) { }

        public Set(IEqualityComparer<T> comparer)
        {
            items = new Dictionary<T, bool>(comparer);
        }

        public Set(IEnumerable<T> all) : this()
        {
            foreach (T item in all) Add(item);
        }

        /// <summary>False where ITEM is in the set already.</summary>
        public bool Add(T item)
        {
            if (items.ContainsKey(item)) return false;
            items[item] = true;
            return true;
        }

        public int Count { get { return items.Count; } }

        public bool Contains(T item)
        {
            return items.ContainsKey(item);
        }

        public bool ContainsAll(IEnumerable<T> others)
        {
            foreach (T item in others) if (!Contains(item)) return false;
            return true;
        }

        public IEnumerator<T> GetEnumerator()
        {
            return items.Keys.GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }
    }
}
