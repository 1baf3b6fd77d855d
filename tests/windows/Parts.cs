using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers;

namespace PortmatrixTests
{
    /// <summary>Stands in for Schedule.Service: what the timer asks of it, in order.</summary>
    public class Scheduler
    {
        public readonly List<object> Asked = new List<object>();
        public string Xml = "";
        public bool Missing;

        public void Connect() { Asked.Add("connect"); }

        public object GetFolder(string path)
        {
            Asked.Add("folder " + path);
            return this;
        }

        public object RegisterTask(string name, string xml, int flags, object user, object password, int logon, object security)
        {
            Asked.Add("register " + name + " " + flags + " " + user + " " + (password ?? "no password") + " " + logon);
            Xml = xml;
            return this;
        }

        public void DeleteTask(string name, int flags)
        {
            Asked.Add("delete " + name + " " + flags);
            if (Missing) throw new FileNotFoundException("there is no such task");
        }
    }

    /// <summary>The parts that talk to the host, as far as they mean something on this one.</summary>
    public static class Parts
    {
        public static object Timer()
        {
            Scheduler scheduler = new Scheduler();
            TaskTimer timer = new TaskTimer(delegate { return scheduler; }, delegate { return new DateTime(2026, 1, 1, 23, 59, 50, DateTimeKind.Utc); });
            timer.Arm("the-token", 30, "program");
            timer.Disarm();
            scheduler.Missing = true;
            timer.Disarm();
            Dictionary<string, object> found = new Dictionary<string, object>();
            found["asked"] = scheduler.Asked;
            found["xml"] = scheduler.Xml;
            return found;
        }

        public static object Host()
        {
            WindowsHost host = new WindowsHost();
            Dictionary<string, object> found = new Dictionary<string, object>();
            Connection own = host.Own();
            found["own"] = own == null ? null : own.Peer + " " + own.Port + " " + own.PeerPort;
            TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            int port = ((IPEndPoint)listener.LocalEndpoint).Port;
            using (TcpClient client = new TcpClient("127.0.0.1", port))
            {
                found["listens"] = host.Listening().Contains(port);
                found["loopback"] = host.Established().Exists(delegate(Connection open) { return open.Peer == "127.0.0.1" || open.Port == port; });
            }
            listener.Stop();
            Registry(host, found);
            found["second"] = Second(host);
            found["ended"] = Ended(host);
            return found;
        }

        static void Registry(WindowsHost host, Dictionary<string, object> found)
        {
            found["nothing"] = host.Recall("Memory");
            string text = new string('x', 200000) + "\u00e9\n\"";
            host.Keep("Memory", text);
            found["kept"] = new WindowsHost().Recall("Memory") == text;
            host.Keep("Memory", null);
            host.Keep("Memory", null);
            found["forgotten"] = host.Recall("Memory");
        }

        /// <summary>What a second run hears while the first is at work, and that the third may go on.</summary>
        static string Second(WindowsHost host)
        {
            string heard = "nothing";
            using (host.Alone(1))
            {
                Thread other = new Thread(delegate()
                {
                    try
                    {
                        host.Alone(1).Dispose();
                    }
                    catch (PolicyException error)
                    {
                        heard = error.Message;
                    }
                });
                other.Start();
                other.Join();
            }
            host.Alone(1).Dispose();
            return heard;
        }

        [DllImport("libc")] static extern int kill(int process, int signal);

        /// <summary>Whether a process lives through being named with another start, and ends when it is named rightly.</summary>
        static List<object> Ended(WindowsHost host)
        {
            using (Process child = Process.Start(new ProcessStartInfo("sleep", "60") { UseShellExecute = false }))
            {
                host.End(child.Id + " 1");
                bool lives = !child.HasExited;
                host.End(child.Id + " " + child.StartTime.ToUniversalTime().Ticks);
                host.End(child.Id + " " + 1);
                host.End("none");
                bool ended = child.WaitForExit(5000);
                if (!ended) kill(child.Id, 9);
                return new List<object> { lives, ended };
            }
        }
    }
}
