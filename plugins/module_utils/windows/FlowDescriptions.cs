// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Text;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FlowDescriptions
{
    /// <summary>Writes and reads the flows in the description of a rule managed by portmatrix.</summary>
    public static class FlowDescription
    {
        const int MaxSourceLength = 2000;
        const string Start = "Flows: ", Separator = ", ", SourceStart = ". Source: ";

        /// <summary>The description for FLOWS with their SOURCES, which are cut at MaxSourceLength.</summary>
        public static string Build(List<string> flows, List<string> sources)
        {
            string source = ReplaceForbiddenCharacters(String.Join("; ", sources.ToArray()));
            if (source.Length > MaxSourceLength) source = source.Substring(0, MaxSourceLength) + "...";
            return Start + String.Join(Separator, flows.ToArray()) + SourceStart + source;
        }

        /// <summary>TEXT without the characters that Windows forbids or does not read back unchanged.</summary>
        static string ReplaceForbiddenCharacters(string text)
        {
            StringBuilder replaced = new StringBuilder();
            foreach (char letter in text) replaced.Append(letter == '|' ? '/' : letter < ' ' ? ' ' : letter);
            return replaced.ToString().Trim();
        }

        /// <summary>The flows in the description of RULE; empty where it has another format.</summary>
        public static List<string> GetFlows(Rule rule)
        {
            string text = rule.Description ?? "";
            int end = text.IndexOf(SourceStart, StringComparison.Ordinal);
            if (!text.StartsWith(Start, StringComparison.Ordinal) || end <= 0) return new List<string>();
            string flows = text.Substring(Start.Length, end - Start.Length);
            return new List<string>(flows.Split(new string[] { Separator }, StringSplitOptions.None));
        }
    }
}
