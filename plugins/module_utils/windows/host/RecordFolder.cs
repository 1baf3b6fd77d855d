// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Diagnostics;
    using System.IO;
    using System.Security.AccessControl;
    using System.Security.Principal;
    using System.Threading;

    /// <summary>%ProgramData%\portmatrix, with an access list of its own.</summary>
    public class RecordFolder : IRecordFolder
    {
        const string LockName = "lock";
        const int Pause = 100;
        static readonly SecurityIdentifier administrators =
            new SecurityIdentifier(WellKnownSidType.BuiltinAdministratorsSid, null);
        static readonly SecurityIdentifier system = new SecurityIdentifier(WellKnownSidType.LocalSystemSid, null);

        public string Path { get; private set; }

        public RecordFolder()
            : this(System.IO.Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "portmatrix")) { }

        public RecordFolder(string path)
        {
            Path = path;
        }

        /// <summary>
        /// Everybody may create folders in %ProgramData%: one that somebody else has made there is refused.
        /// </summary>
        public virtual void Prepare()
        {
            DirectoryInfo folder = new DirectoryInfo(Path);
            if (!folder.Exists) folder.Create(CreateAccessList());
            folder.Refresh();
            if ((folder.Attributes & FileAttributes.ReparsePoint) != 0)
                throw new Refusal("folder", "path", Path, "problem", "it is a link");
            DirectorySecurity security = folder.GetAccessControl();
            SecurityIdentifier owner = (SecurityIdentifier)security.GetOwner(typeof(SecurityIdentifier));
            if (!IsTrusted(owner))
                throw new Refusal("folder", "path", Path, "problem", "it belongs to " + owner.Value);
            foreach (FileSystemAccessRule rule in security.GetAccessRules(true, true, typeof(SecurityIdentifier)))
                if (rule.AccessControlType == AccessControlType.Allow
                    && !IsTrusted((SecurityIdentifier)rule.IdentityReference))
                    throw new Refusal("folder", "path", Path, "problem", rule.IdentityReference.Value + " has access");
        }

        static bool IsTrusted(SecurityIdentifier identity)
        {
            return identity == administrators || identity == system;
        }

        static DirectorySecurity CreateAccessList()
        {
            DirectorySecurity security = new DirectorySecurity();
            security.SetAccessRuleProtection(true, false);
            security.SetOwner(administrators);
            foreach (SecurityIdentifier identity in new SecurityIdentifier[] { administrators, system })
                security.AddAccessRule(new FileSystemAccessRule(identity, FileSystemRights.FullControl,
                    InheritanceFlags.ContainerInherit | InheritanceFlags.ObjectInherit, PropagationFlags.None,
                    AccessControlType.Allow));
            return security;
        }

        string GetPath(string name)
        {
            return System.IO.Path.Combine(Path, name);
        }

        public string Read(string name)
        {
            try
            {
                return File.ReadAllText(GetPath(name));
            }
            catch (FileNotFoundException)
            {
                return null;
            }
            catch (DirectoryNotFoundException)
            {
                return null;
            }
        }

        public virtual void Write(string name, string text)
        {
            string path = GetPath(name), draft = path + ".new";
            if (text == null)
            {
                if (Directory.Exists(Path)) File.Delete(path);
                return;
            }
            using (FileStream stream = new FileStream(draft, FileMode.Create, FileAccess.Write))
            using (StreamWriter writer = new StreamWriter(stream))
            {
                writer.Write(text);
                writer.Flush();
                stream.Flush(true);
            }
            if (File.Exists(path)) File.Replace(draft, path, null);
            else File.Move(draft, path);
        }

        public virtual void WriteBytes(string name, byte[] bytes)
        {
            File.WriteAllBytes(GetPath(name), bytes);
        }

        public virtual bool TryCreate(string name, string text)
        {
            string path = GetPath(name);
            try
            {
                using (FileStream stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write))
                using (StreamWriter writer = new StreamWriter(stream)) writer.Write(text);
                return true;
            }
            catch (IOException)
            {
                if (File.Exists(path)) return false;
                throw;
            }
        }

        public void RemoveIfEmpty()
        {
            if (!Directory.Exists(Path)) return;
            File.Delete(GetPath(LockName));
            if (Directory.GetFileSystemEntries(Path).Length == 0) Directory.Delete(Path);
        }

        /// <summary>The system opens the file again when its holder ends, however that ends.</summary>
        public IDisposable TryLock(int seconds)
        {
            Stopwatch watch = Stopwatch.StartNew();
            while (true)
            {
                try
                {
                    return new FileStream(GetPath(LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                        FileShare.None);
                }
                catch (IOException)
                {
                    if (!Directory.Exists(Path)) throw;
                }
                if (watch.Elapsed.TotalSeconds >= seconds) return null;
                Thread.Sleep(Pause);
            }
        }
    }
}
