using MomentTools.Errors;

namespace MomentTools.Operations.Serving;

/// <summary>Failures of block snapshots and block exports.</summary>
internal static class ServingErrors
{
    public static readonly ErrorId ServiceRecordInvalid = new("ServiceRecordInvalid", ErrorKind.CorruptData);
    public static readonly ErrorId LeaseInvalid = new("LeaseInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId BlockSnapshotNotFound = new("BlockSnapshotNotFound", ErrorKind.NotFound);
    public static readonly ErrorId BlockSnapshotExists = new("BlockSnapshotExists", ErrorKind.AlreadyExists);

    /// <summary>A record of a block snapshot or a block export that cannot be used.</summary>
    public static MomentException RecordInvalid(string path, MomentException failure) => new(
        ServiceRecordInvalid, $"The record '{path}' of a block snapshot or a block export cannot be used: {failure.Message}", path,
        "Nothing that it stands for is shown or torn down while it is like this; other records are not affected. Put it back from a copy. Without one, stop the machine with Stop-VMDomain, remove its scratch file, then the record.",
        failure);

    public static MomentException RecordInvalid(string path, string why) => new(
        ServiceRecordInvalid, $"The record '{path}' of a block snapshot or a block export cannot be used: {why}.", path,
        "Nothing that it stands for is shown or torn down while it is like this; other records are not affected. Where it is a copy, remove it; else put it back from one.");

    public static MomentException Lease(TimeSpan lease) => new(
        LeaseInvalid, $"{lease} cannot be the time of a lease: it must be longer than nothing, and end before the year 10000.", null,
        "Give the time from now on, like -Lease 2h for two hours.");

    /// <param name="vm">The machine.</param>
    /// <param name="name">The name that nothing has.</param>
    /// <param name="names">The names of its block snapshots.</param>
    public static MomentException NotFound(string vm, string name, IReadOnlyCollection<string> names)
    {
        string[] near = [.. NearNames.Find(name, names)];
        return new MomentException(
            BlockSnapshotNotFound, $"'{vm}' has no block snapshot '{name}'. Names are matched exactly, upper and lower case included.", name,
            near.Length > 0 ? $"Did you mean {string.Join(" or ", near)}?" : names.Count == 0 ? "The machine has no block snapshots now." : "Get-VMBlockSnapshot lists those of the machine.");
    }

    public static MomentException Exists(string vm, string name) => new(
        BlockSnapshotExists, $"Cannot make block snapshot '{name}': '{vm}' has one of that name already.", name,
        "Choose another name, or remove the old one first with Remove-VMBlockSnapshot.");
}
