using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Serving;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations;

/// <summary>
/// Remove-VMBitmap: a bitmap that belongs to no moment, from the active layer of a disk. One action that happens or not: there is nothing
/// to undo.
/// </summary>
internal sealed class BitmapRemoval(EngineContext context)
{
    public const string Operation = "bitmap-remove";

    public async Task RunAsync(string vm, string disk, string name, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Remove-VMBitmap", report, cancellation);
        if (scope.Domain.FindDisk(disk) is not { } definition)
            throw DiskNaming.Unknown(disk, scope.Domain);
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, [disk], BlockAccess.Change, cancellation);
        SessionDisk active = session.Disks[disk];
        ObservedLayer seen = SessionView.BitmapsAtOpening(session)[disk];
        if (!seen.Bitmaps.TryGetValue(name, out ObservedBitmap? bitmap))
            throw await NotThereAsync(vm, definition, name, cancellation);
        if (new BitmapOwner(scope.State.Disk(disk)).Of(active.Path, name) is { } owner)
            throw Owned(vm, disk, name, owner);
        if (name.StartsWith(BlockSnapshotNodes.Prefix, StringComparison.Ordinal) && ServedDisks.Of(scope.Place).OfId(name[BlockSnapshotNodes.Prefix.Length..]) is { } user)
            throw new MomentException(OperationErrors.BitmapOwned, $"Cannot remove bitmap '{name}' of disk '{disk}' of '{vm}': it belongs to {user.Words}.", name, $"It goes with that: {user.Command}.");
        if (bitmap.Busy)
            throw new MomentException(OperationErrors.BitmapBusy, $"Cannot remove bitmap '{name}' of disk '{disk}' of '{vm}': a job or an export in QEMU uses it.", name, "Wait until that has ended, or stop it with the program that began it.");
        using Journal journal = scope.Begin(Operation, new JsonObject { ["disk"] = disk, ["name"] = name }, scope.State);
        journal.Pass("transaction");
        await session.Qmp.TransactionAsync([TransactionAction.BitmapRemove(active.NodeName, name)], CancellationToken.None);
        journal.Pass("close");
        await session.CloseAsync(CancellationToken.None);
        journal.End();
    }

    private static MomentException Owned(string vm, string disk, string name, string owner) => new(
        OperationErrors.BitmapOwned,
        owner == BitmapOwner.Nameless
            ? $"Cannot remove bitmap '{name}' of disk '{disk}' of '{vm}': it records what changed for moments that are there, or marks the state of the disk."
            : $"Cannot remove bitmap '{name}' of disk '{disk}' of '{vm}': it belongs to the moment '{owner}'.",
        name,
        owner == BitmapOwner.Nameless
            ? "It goes with the last moment of the disk: Get-VMMoment shows them, Remove-VMMoment removes them."
            : $"Remove the moment, which keeps what its neighbours need: Remove-VMMoment '{vm}' '{owner}'.");

    private static async Task<MomentException> NotThereAsync(string vm, DomainDisk disk, string name, CancellationToken cancellation)
    {
        foreach (ImageLayer layer in (await DiskChain.ResolveAsync(vm, disk, readOnly: true, cancellation)).Skip(1).Where(layer => layer.Format == "qcow2"))
            if ((await ObservedLayer.ReadAsync(layer.Path, cancellation)).Bitmaps.ContainsKey(name))
                return new MomentException(
                    OperationErrors.BitmapFrozen, $"Cannot remove bitmap '{name}' of disk '{disk.Target}' of '{vm}': it lies in '{layer.Path}', below the active layer, and what others may stand on is never edited.", name,
                    "It records nothing there and takes little space. It goes when the layer does.");
        return new MomentException(OperationErrors.BitmapNotFound, $"The images of disk '{disk.Target}' of '{vm}' have no bitmap '{name}'.", name, "Get-VMBitmap shows those that are there.");
    }
}
