using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Layers;

/// <summary>Files with a machine's memory: they go when no snapshot, no branch and nothing that is kept names them any more.</summary>
internal static class MemoryFiles
{
    // How QEMU's migration streams begin, which is what MomentTools saves; libvirt's files begin otherwise.
    private static readonly byte[] Magic = "QEVM"u8.ToArray();

    /// <summary>Those of the files that nothing of this state names: none, where a file cannot be read that may name them.</summary>
    public static string[] Unused(DomainMoments state, IEnumerable<string> paths)
    {
        if (state.Broken.Count + state.BrokenBranches.Count > 0)
            return [];
        HashSet<string> named = [.. state.Moments.Values.Select(moment => moment.Document).OfType<SnapshotDocument>().Select(document => document.Memory?.File).OfType<string>(),
            .. state.Branches.Values.Select(branch => branch.Memory).OfType<string>(),
            .. state.Kept.SelectMany(kept => kept.Files).Select(file => (MomentFile.Parse(file.Key, file.Value).Moment.Document as SnapshotDocument)?.Memory?.File).OfType<string>()];
        return [.. paths.Distinct(StringComparer.Ordinal).Where(path => !named.Any(other => ImageLink.IsSame(path, other)))];
    }

    /// <summary>Removes the files; what is no stream of QEMU's stays, whoever names it.</summary>
    public static List<(string Path, long Bytes)> Remove(IEnumerable<string> paths)
    {
        List<(string, long)> removed = [];
        foreach (string path in paths)
            if (IsStream(path) && FileStamp.Of(path) is { } stamp)
            {
                DurableFile.Delete(path);
                removed.Add((path, stamp.Length));
            }

        return removed;
    }

    private static bool IsStream(string path)
    {
        try
        {
            // A document may name anything: a FIFO would hold who opens it for ever.
            if (Libc.RealPath(path) is not { } real || Libc.KindOf(real) != FileKind.Regular)
                return false;
            using FileStream file = File.OpenRead(path);
            byte[] start = new byte[Magic.Length];
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.AsSpan().SequenceEqual(Magic);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read", path);
        }
    }
}
