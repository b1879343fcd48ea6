using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>A file system of a few mebibytes in place of a directory, whose content it takes over; gone afterwards.</summary>
internal sealed class SmallFileSystem : IDisposable
{
    private readonly string _path;

    private SmallFileSystem(string path) => _path = path;

    /// <summary>The directory.</summary>
    public string Path => _path;

    private string Filling => System.IO.Path.Combine(_path, "filling");

    /// <summary>Mounts it; skips the test, saying why, where this user may not.</summary>
    public static SmallFileSystem Over(string path, int mebibytes)
    {
        Tool.Require("mount", "umount", "cp", "fallocate");
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
        long size = new DriveInfo(_path).AvailableFreeSpace - leave;
        if (size > 0)
            Tool.Run("fallocate", "-l", size.ToString(CultureInfo.InvariantCulture), Filling);
    }

    public void Free() => File.Delete(Filling);

    /// <summary>Forbids or allows all writing.</summary>
    public void ReadOnly(bool on) => Tool.Run("mount", "-o", on ? "remount,ro" : "remount,rw", _path);

    /// <summary>Puts the content back where it was.</summary>
    public void Dispose()
    {
        string aside = _path + ".aside";
        Tool.Run("cp", "-a", _path, aside);
        Tool.Run("umount", "-l", _path);
        Directory.Delete(_path, recursive: true);
        Directory.Move(aside, _path);
    }
}
