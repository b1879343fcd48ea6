using MomentTools.Machines.Serving;

namespace MomentTools.Operations.Serving;

/// <summary>All that is needed to find the exports that were started together, and to take them down, whoever made them and whatever became of that one.</summary>
/// <param name="Id">The operation that started them: part of the names of all that they have in QEMU.</param>
/// <param name="Created">When they were started.</param>
/// <param name="Owner">With whose end they end.</param>
/// <param name="Address">Where they are served, as <see cref="Nbd.NbdAddress"/> writes it.</param>
/// <param name="Private">Whether the source itself serves them there, on its private socket.</param>
/// <param name="Writable">Whether clients may write.</param>
/// <param name="Tls">"x509", "psk", or null.</param>
/// <param name="BackupId">The backup that is served, or null.</param>
/// <param name="Repository">The absolute path of its repository, or null.</param>
/// <param name="Source">The storage daemon that holds the disks; null: the machine's QEMU does.</param>
/// <param name="Relay">The storage daemon that passes them on at <paramref name="Address"/>; null where they are private.</param>
/// <param name="Disks">The exports.</param>
internal sealed record BlockExportRecord(
    string Id, DateTimeOffset Created, ServiceOwner Owner, string Address, bool Private, bool Writable, string? Tls, string? BackupId, string? Repository,
    ServingProcess? Source, ServingProcess? Relay, IReadOnlyList<BlockExportRecordDisk> Disks);
