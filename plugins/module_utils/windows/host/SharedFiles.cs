// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.IO;
    using System.Threading;

    /// <summary>
    /// Files that several processes read, replace and delete at the same time. Windows refuses that for a moment, so it
    /// is tried again.
    /// </summary>
    public static class SharedFiles
    {
        /// <summary>Milliseconds.</summary>
        const int Patience = 3000, Pause = 50;

        /// <summary>The text of a file, or null.</summary>
        public static string Read(string path)
        {
            return Repeat<string>(delegate
            {
                try
                {
                    using (FileStream stream = new FileStream(path, FileMode.Open, FileAccess.Read,
                        FileShare.ReadWrite | FileShare.Delete))
                    using (StreamReader reader = new StreamReader(stream)) return reader.ReadToEnd();
                }
                catch (FileNotFoundException)
                {
                    return null;
                }
                catch (DirectoryNotFoundException)
                {
                    return null;
                }
            });
        }

        /// <summary>Replace a file by TEXT at once, or not at all.</summary>
        public static void Write(string path, string text)
        {
            string draft = path + ".new";
            Repeat<bool>(delegate
            {
                using (FileStream stream = new FileStream(draft, FileMode.Create, FileAccess.Write))
                using (StreamWriter writer = new StreamWriter(stream))
                {
                    writer.Write(text);
                    writer.Flush();
                    stream.Flush(true);
                }
                if (File.Exists(path)) File.Replace(draft, path, null);
                else File.Move(draft, path);
                return true;
            });
        }

        public static void WriteBytes(string path, byte[] bytes)
        {
            using (FileStream stream = new FileStream(path, FileMode.Create, FileAccess.Write))
            {
                stream.Write(bytes, 0, bytes.Length);
                stream.Flush(true);
            }
        }

        public static void Delete(string path)
        {
            Repeat<bool>(delegate
            {
                File.Delete(path);
                return true;
            });
        }

        /// <summary>False where the file exists.</summary>
        public static bool TryCreate(string path, string text)
        {
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

        static T Repeat<T>(Func<T> action)
        {
            for (int waited = 0; ; waited += Pause)
            {
                try
                {
                    return action();
                }
                catch (Exception error)
                {
                    bool mayEnd = error is IOException || error is UnauthorizedAccessException;
                    if (!mayEnd || error is DirectoryNotFoundException || waited >= Patience) throw;
                }
                Thread.Sleep(Pause);
            }
        }
    }
}
