using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>A file system of a few mebibytes in place of a directory, whose content it takes over; gone afterwards.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private readonly string _path;

    private SmallFileSystem(string path) => _path = path;

    private string Filling => Path.Combine(_path, "filling");

    /// <summary>Mounts it; skips the test, saying why, where this user may not.</summary>
    public static SmallFileSystem Over(string path, int mebibytes)
    {
        Tool.Require("mount", "umount", "cp");
        Directory.CreateDirectory(path);
        string aside = path + ".aside";
        Directory.Move(path, aside);
        Directory.CreateDirectory(path);
        (int exit, _, string error) = Tool.TryRun("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "tmpfs", path);
        if (exit != 0)
        {
            Directory.Delete(path);
            Directory.Move(aside, path);
            Skip.If(true, $"a small file system cannot be mounted here: {error}");
        }

        Tool.Run("cp", "-a", aside + "/.", path);
        Directory.Delete(aside, recursive: true);
        return new SmallFileSystem(path);
    }

    /// <summary>Takes all space but this many bytes.</summary>
    public void Fill(int leave)
    {
        using (FileStream file = File.Create(Filling))
        {
            byte[] page = new byte[4096];
            try
            {
                while (true)
                {
                    file.Write(page);
                    file.Flush();
                }
            }
            catch (IOException)
            {
                file.SetLength(Math.Max(0, file.Length / page.Length * page.Length - leave));
            }
        }
    }

    public void Free() => File.Delete(Filling);

    /// <summary>Forbids or allows all writing.</summary>
    public void ReadOnly(bool on) => Tool.Run("mount", "-o", on ? "remount,ro" : "remount,rw", _path);

    public void Dispose() => Tool.Run("umount", "-l", _path);
}
