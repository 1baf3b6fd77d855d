using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>driver.exe VERB ARGUMENT...: runs VERB on the shipped C# and prints the answer as JSON.</summary>
    public static class Driver
    {
        public static int Main(string[] arguments)
        {
            Dictionary<string, Func<string[], object>> verbs = new Dictionary<string, Func<string[], object>>
            {
                { "fuzz", delegate(string[] a) { return new Fuzz(Int32.Parse(a[1])).Run(Int32.Parse(a[2])); } },
                { "addresses", delegate(string[] a) { return ConvertEach(a[1], NormaliseAddresses); } },
                { "ports", delegate(string[] a) { return ConvertEach(a[1], NormalisePorts); } },
                { "json", delegate(string[] a) { return ConvertEach(a[1], NormaliseJson); } },
                { "rules", delegate(string[] a) { return ConvertEach(a[1], DescribeRules); } },
                { "time", delegate(string[] a) { return new Loads(a).Measure(); } },
                { "script", delegate(string[] a) { return ScheduledTask.BuildScript(a[1], a[2]); } },
                { "task", delegate { return HostParts.CheckTask(); } },
                { "host", delegate(string[] a) { return HostParts.CheckHost(a[1]); } },
                { "scenario", delegate(string[] a) { return new Scenario(File.ReadAllText(a[1])).Run(); } },
            };
            Console.WriteLine(JsonWriter.Serialize(verbs[arguments[0]](arguments)));
            return 0;
        }

        static object ConvertEach(string path, Func<string, object> answer)
        {
            List<object> answers = new List<object>();
            foreach (object text in (List<object>)JsonReader.Parse(File.ReadAllText(path)))
                answers.Add(answer((string)text));
            return answers;
        }

        static object NormaliseAddresses(string text) { return AddressSet.Parse(text).ToCanonicalText(); }

        static object NormalisePorts(string text) { return PortSet.Parse(text).ToCanonicalText(); }

        static object NormaliseJson(string text)
        {
            try
            {
                return JsonWriter.Serialize(JsonReader.Parse(text));
            }
            catch (FormatException error)
            {
                return "error: " + error.Message;
            }
        }

        /// <summary>What the host understands of a request.</summary>
        static object DescribeRules(string text)
        {
            try
            {
                WantedPolicy policy = Request.Parse(text, Memory.ComputeHash(text)).Policy;
                return policy.Rules.ConvertAll<object>(delegate(Rule rule) { return rule.GetManagedText(); });
            }
            catch (Refusal refusal)
            {
                return refusal.ToString();
            }
        }
    }
}
