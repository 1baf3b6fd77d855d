using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rescues;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace PortmatrixTests
{
    /// <summary>A host whose clock runs when it sleeps, and whose tasks run when their time has come.</summary>
    public class PretendHost : IHost, ITimer
    {
        public readonly Dictionary<string, string> Registry = new Dictionary<string, string>();
        public readonly List<int> Ports = new List<int>();
        public readonly List<Connection> Connections = new List<Connection>();
        public Connection Ssh;
        public DateTime Now = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), Due = DateTime.MaxValue;
        public string Token;
        public Seam Seam;
        public int FailKeepAt = -1, Keeps;
        bool taken;

        public string Version() { return "10.0.20348.0"; }
        public bool Administrator = true;
        public bool IsAdministrator() { return Administrator; }
        public List<int> Listening() { return Ports; }
        public List<Connection> Established() { return Connections; }
        public Connection Own() { return Ssh; }
        public DateTime UtcNow() { return Now; }
        public string Process() { return "1 1"; }
        public void End(string process) { taken = false; }

        public string Recall(string name)
        {
            string text;
            return Registry.TryGetValue(name, out text) ? text : null;
        }

        public void Keep(string name, string text)
        {
            if (Keeps++ == FailKeepAt) throw new UnauthorizedAccessException("Access to the registry key is denied.");
            if (text == null) Registry.Remove(name);
            else Registry[name] = text;
        }

        public IDisposable Alone(int seconds)
        {
            if (taken) throw new PolicyException("another run of portmatrix.firewall has been at work on this host for " + seconds
                + " s; wait for it, then run again");
            taken = true;
            return new Release(this);
        }

        public void Sleep(int seconds)
        {
            Now = Now.AddSeconds(seconds);
            if (Now >= Due) Fire();
        }

        public void Arm(string token, int seconds, string program)
        {
            Token = token;
            Due = Now.AddSeconds(seconds);
        }

        public void Disarm() { Due = DateTime.MaxValue; }

        /// <summary>What the task scheduler does when the time has come, or when the host starts.</summary>
        public Dictionary<string, object> Fire()
        {
            taken = false;
            Due = DateTime.MaxValue;
            Dictionary<string, object> answer = Rescue.Rollback(Seam, Token ?? "");
            // the task is told to try again where it failed
            if ((string)answer["outcome"] == "error") Due = Now.AddSeconds(60);
            return answer;
        }

        class Release : IDisposable
        {
            readonly PretendHost host;
            public Release(PretendHost host) { this.host = host; }
            public void Dispose() { host.taken = false; }
        }
    }
}
