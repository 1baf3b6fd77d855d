namespace Portmatrix.Firewall
{
    /// <summary>Replaces the shipped file of this name in a copy of the collection.</summary>
    public static class Parts
    {
        public static Machine Create()
        {
            HostFolder folder = new HostFolder();
            FileRecords records = new FileRecords(folder);
            return new Machine(new FileStore(folder), new FileMachine(folder), records,
                new FileTask(folder, records.Path));
        }
    }
}
