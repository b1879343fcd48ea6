namespace MomentTools.Files;

/// <summary>Which file lies under a path, and when it was written last: cheap to take, and another one after nearly every foreign change.</summary>
/// <param name="Device">The file system, major and minor number.</param>
/// <param name="Inode">The file in it.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Modified">Its last change of content, in nanoseconds since 1970.</param>
/// <param name="Changed">Its last change of content, name, owner or mode, in nanoseconds since 1970: nobody can set it back.</param>
internal sealed record FileStamp(ulong Device, ulong Inode, long Length, long Modified, long Changed)
{
    /// <summary>Takes the stamp; null where there is no such file, or it may not be looked at.</summary>
    public static FileStamp? Of(string path) => Libc.Stat(path);

    /// <summary>Whether it is certain that there is no such file; not where it merely may not be looked at.</summary>
    public static bool IsAbsent(string path) => Libc.IsAbsent(path);
}
