using Portmatrix.Firewall;
using PortmatrixTests;

namespace Portmatrix.Firewall
{
    /// <summary>Replaces the shipped file of this name: the module runs unchanged, on a pretended host.</summary>
    public static class Parts
    {
        public static HostileStore Store;
        public static PretendHost Host;

        public static void Reset()
        {
            Store = new HostileStore(1);
            Host = new PretendHost(Store);
            Host.ListeningPorts.Add(5985);
            Host.Connections.Add(new Connection { Peer = "198.51.100.1", Port = 5985, PeerPort = 50000 });
            Store.Rules.Add(RandomHosts.CreateOtherRule("WinRM", true, true, true, 6, "5985", "*", ""));
        }

        public static Machine Create()
        {
            return Host.Machine;
        }
    }
}
