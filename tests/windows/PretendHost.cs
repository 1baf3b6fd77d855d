using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rollbacks;

namespace PortmatrixTests
{
    /// <summary>A pretended host. Its clock advances in Sleep only, which also runs its task when it is due.</summary>
    public class PretendHost : IHost, IRollbackTimer
    {
        public readonly Dictionary<string, string> Registry = new Dictionary<string, string>();
        public readonly List<int> ListeningPorts = new List<int>();
        public readonly List<Connection> Connections = new List<Connection>();
        public Connection OwnConnection;
        public DateTime Now = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), Due = DateTime.MaxValue;
        public string Token;
        public Dependencies Dependencies;
        public int FailWriteAt = -1, Writes;
        bool locked;

        public string GetVersion() { return "10.0.20348.0"; }
        public bool Administrator = true;
        public bool IsAdministrator() { return Administrator; }
        public List<int> GetListeningPorts() { return ListeningPorts; }
        public List<Connection> GetEstablishedConnections() { return Connections; }
        public Connection GetOwnConnection() { return OwnConnection; }
        public DateTime UtcNow() { return Now; }
        public string GetProcessIdentity() { return "1 1"; }
        public void EndProcess(string identity) { locked = false; }

        public string ReadValue(string name)
        {
            string text;
            return Registry.TryGetValue(name, out text) ? text : null;
        }

        public void WriteValue(string name, string text)
        {
            if (Writes++ == FailWriteAt) throw new UnauthorizedAccessException("Access to the registry key is denied.");
            if (text == null) Registry.Remove(name);
            else Registry[name] = text;
        }

        public IDisposable Lock(int seconds)
        {
            if (locked)
                throw new PolicyException("another run of portmatrix.firewall has held the lock of this host for "
                    + seconds + " s; wait until it ends, then run again");
            locked = true;
            return new Unlocker(this);
        }

        public void Sleep(int seconds)
        {
            Now = Now.AddSeconds(seconds);
            if (Now >= Due) RunTask();
        }

        public void Arm(string token, int seconds, string program)
        {
            Token = token;
            Due = Now.AddSeconds(seconds);
        }

        public void Disarm() { Due = DateTime.MaxValue; }

        /// <summary>Run the task, as the task scheduler does when it is due or when the host starts.</summary>
        public Dictionary<string, object> RunTask()
        {
            locked = false;
            Due = DateTime.MaxValue;
            Dictionary<string, object> answer = Rollback.RunForToken(Dependencies, Token ?? "");
            // the task scheduler restarts a task that failed
            if ((string)answer["outcome"] == "error") Due = Now.AddSeconds(60);
            return answer;
        }

        class Unlocker : IDisposable
        {
            readonly PretendHost host;
            public Unlocker(PretendHost host) { this.host = host; }
            public void Dispose() { host.locked = false; }
        }
    }
}
