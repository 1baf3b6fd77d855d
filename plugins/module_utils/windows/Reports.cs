// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Words;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Reports
{
    /// <summary>The result of the module, in the same words as on Linux. Result: plain values; Before and After: Ansible's diff.</summary>
    public class Report
    {
        const int MostNames = 8;
        public readonly Dictionary<string, object> Result = new Dictionary<string, object>();
        public readonly List<string> Warnings = new List<string>();
        public string Before = "", After = "";

        public static Report Of(Dictionary<string, object> result)
        {
            Report report = new Report();
            foreach (KeyValuePair<string, object> entry in result) report.Result[entry.Key] = entry.Value;
            report.Result["changed"] = false;
            return report;
        }

        public static Report Of(Seam seam, State state, Target target, Policy policy, bool changed)
        {
            Report report = new Report();
            List<Line> before = Line.Of(state.Own), after = Line.Of(target.Own);
            Dictionary<string, bool> old = Keys(before), now = Keys(after);
            int kept = 0;
            foreach (string key in now.Keys) if (old.ContainsKey(key)) kept++;
            report.Result["changed"] = changed;
            report.Result["backend"] = "windows";
            report.Result["digest"] = policy == null ? "" : policy.Digest();
            report.Result["transition"] = changed ? "hitless" : "none";
            report.Result["added"] = now.Count - kept;
            report.Result["removed"] = old.Count - kept;
            report.Result["kept"] = kept;
            report.Before = Text(Settings(state.Profiles), Switched(target, false), before, now, after.Count);
            report.After = Text(Settings(target.Profiles), Switched(target, true), after, old, before.Count);
            if (policy != null) report.Warn(state, policy);
            return report;
        }

        /// <summary>Whether there is a before and an after to show.</summary>
        public bool HasDiff()
        {
            return Before.Length + After.Length > 0;
        }

        public void Wait(string token)
        {
            Dictionary<string, object> pending = new Dictionary<string, object>();
            pending["token"] = token;
            Result["pending"] = pending;
        }

        public static Report Gathered(Seam seam, State state)
        {
            List<Line> lines = Line.Of(state.Own);
            bool active = true, denies = true;
            foreach (Profile profile in state.Profiles.Values)
            {
                active &= profile.Enabled;
                denies &= profile.BlockInbound;
            }
            Dictionary<string, object> found = new Dictionary<string, object>();
            found["backend"] = "windows";
            found["version"] = seam.Host.Version();
            found["active"] = active;
            found["enforced"] = lines.Count > 0 && active && denies;
            found["state"] = Settings(state.Profiles).ConvertAll<object>(delegate(string line) { return line; });
            found["rules"] = lines.ConvertAll<object>(delegate(Line line) { return line.ToData(); });
            Report report = new Report();
            report.Result["changed"] = false;
            report.Result["gathered"] = found;
            return report;
        }

        static Dictionary<string, bool> Keys(List<Line> lines)
        {
            Dictionary<string, bool> keys = new Dictionary<string, bool>();
            foreach (Line line in lines) keys[line.Key()] = true;
            return keys;
        }

        static List<string> Settings(Dictionary<int, Profile> profiles)
        {
            List<string> lines = new List<string>();
            foreach (int number in Profile.Numbers)
            {
                Profile profile = profiles[number];
                lines.Add(Profile.Title(number) + " profile: " + (profile.Enabled ? "on" : "off") + ", ingress " + (profile.BlockInbound ? "deny" : "allow")
                    + ", egress " + (profile.BlockOutbound ? "deny" : "allow"));
            }
            return lines;
        }

        static List<string> Switched(Target target, bool after)
        {
            List<string> lines = new List<string>();
            foreach (Rule rule in target.SwitchOff) lines.Add(Other(rule, !after));
            foreach (Rule rule in target.SwitchOn) lines.Add(Other(rule, after));
            return lines;
        }

        static string Other(Rule rule, bool on)
        {
            return "rule of others '" + rule.Name + "' (" + (rule.Inbound ? "ingress" : "egress") + "): " + (on ? "on" : "off");
        }

        /// <summary>Lines that stay are left out of a long text.</summary>
        static string Text(List<string> settings, List<string> switched, List<Line> lines, Dictionary<string, bool> others, int otherCount)
        {
            StringBuilder text = new StringBuilder();
            foreach (string line in settings) text.Append(line).Append('\n');
            foreach (string line in switched) text.Append(line).Append('\n');
            bool brief = lines.Count + otherCount > Line.MostLines;
            List<Line> shown = lines.FindAll(delegate(Line line) { return !brief || !others.ContainsKey(line.Key()); });
            for (int i = 0; i < shown.Count && i < Line.MostLines; i++) text.Append(shown[i].Text()).Append('\n');
            string more = (shown.Count - Line.MostLines).ToString(CultureInfo.InvariantCulture);
            if (shown.Count > Line.MostLines) text.Append("... and ").Append(more).Append(" rules more\n");
            return text.ToString();
        }

        void Warn(State state, Policy policy)
        {
            foreach (int number in Profile.Numbers)
                if ((state.Current & number) == 0 && state.Profiles[number].ShieldsUp)
                    Warnings.Add("all that comes in is blocked in the " + Profile.Title(number)
                        + " profile, which is not in force now; if it comes into force, management is blocked, too");
            if (policy.Exclusive) return;
            List<Rule> beside = Exclusivity.Beside(state, policy.DeniesEgress);
            if (beside.Count == 0) return;
            List<string> names = new List<string>();
            foreach (Rule rule in beside) if (names.Count < MostNames && !names.Contains("'" + rule.Name + "'")) names.Add("'" + rule.Name + "'");
            Warnings.Add(beside.Count.ToString(CultureInfo.InvariantCulture) + " enabled rules of others let traffic pass beside the policy ("
                + string.Join(", ", names.ToArray())
                + (beside.Count > names.Count ? ", ..." : "") + "); portmatrix_exclusive: true switches them off");
        }
    }
}
