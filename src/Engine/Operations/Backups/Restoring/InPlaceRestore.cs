using System.Text.Json.Nodes;
using MomentTools.Blocks;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations.Layers;
using MomentTools.Operations.Serving;
using MomentTools.Qcow2;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// Restore-VMBackup -InPlace: of a stopped machine's disks only the blocks that differ from the backup are written. Steps: compare, beside
/// checking the backup's files; intent; the differing blocks into redo files; from then on it is decided, and a crash is finished from these;
/// the redo files onto the active layers, through the storage daemon, so that bitmaps record it; redo files removed.
/// </summary>
internal sealed class InPlaceRestore(EngineContext context)
{
    public const string Operation = "restore-in-place";

    private const Qcow2IncompatibleFeatures Readable = Qcow2IncompatibleFeatures.Dirty | Qcow2IncompatibleFeatures.ExtendedL2;

    /// <summary>What would be written, by disk; nothing is changed.</summary>
    public async Task<IReadOnlyList<VMRestoredDisk>> PlanAsync(string vm, BackupSelection selection, IOperationReport report, CancellationToken cancellation)
    {
        DomainPlace place = context.Catalogue.Place(vm);
        DomainDocument domain = context.Catalogue.Load(place);
        await RefuseAsync(place, domain, selection, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(place, domain, selection.Disks, BlockAccess.Read, cancellation);
        RequireFit(domain, session, selection);
        await RefuseSharedAsync(domain, new MomentStore(place.StateDirectory).Load(report.Failure), session, cancellation);
        IReadOnlyList<DiskDifference> differences = await DifferencesAsync(domain, session, selection, report, cancellation);
        return [.. differences.Select(difference => Result(vm, selection, session.Disks[difference.Disk], difference))];
    }

    /// <summary>Restores the disks: all of them, or none.</summary>
    public async Task<IReadOnlyList<VMRestoredDisk>> RunAsync(string vm, BackupSelection selection, IOperationReport report, CancellationToken cancellation)
    {
        using ChangeScope scope = await ChangeScope.OpenAsync(context, vm, "Restore-VMBackup -InPlace", report, cancellation);
        await RefuseAsync(scope.Place, scope.Domain, selection, cancellation);
        await using BlockSession session = await BlockSession.OpenAsync(scope.Place, scope.Domain, selection.Disks, BlockAccess.Change, cancellation, InPlaceWriting.Options);
        RequireFit(scope.Domain, session, selection);
        await RefuseSharedAsync(scope.Domain, scope.State, session, cancellation);
        IReadOnlyList<DiskDifference> differences = await DifferencesAsync(scope.Domain, session, selection, report, cancellation);
        VMRestoredDisk[] results = [.. differences.Select(difference => Result(vm, selection, session.Disks[difference.Disk], difference))];
        DiskDifference[] written = [.. differences.Where(difference => difference.Blocks.Count > 0)];
        if (written.Length > 0)
            await WriteAsync(scope, session, selection, written, report, cancellation);
        else
            await session.CloseAsync(cancellation);
        return results;
    }

    /// <summary>Finishes an interrupted restore where it was decided, else removes what it had made.</summary>
    /// <returns>Whether it was finished.</returns>
    public static async Task<bool> ResolveAsync(DomainPlace place, DomainDocument domain, JournalEntry entry, IOperationReport report, CancellationToken cancellation)
    {
        RedoFile[] redos = [.. entry.Intent["redo"]!.AsArray().Select(redo => RedoFile.FromJson(redo!.AsObject()))];
        bool decided = (bool?)entry.Intent["decided"] == true;
        if (decided && (bool?)entry.Intent["written"] != true)
        {
            await using BlockSession session = await BlockSession.OpenAsync(place, domain, [.. redos.Select(redo => redo.Disk)], BlockAccess.Change, cancellation, InPlaceWriting.Options);
            // Somebody started it past us: its guest must not have its disk exchanged beneath it.
            if (session.IsMachine)
                throw InPlaceErrors.Unfinished(place.Name, new MomentException(MachineErrors.VMRunning, "The machine was started meanwhile.", place.Name, $"Stop it first: Stop-VMDomain {place.Name}."));
            foreach (RedoFile other in redos.Where(redo => !redo.IsOf(session.Disks[redo.Disk])))
                report.Warning($"Disk '{other.Disk}' of '{place.Name}' has another image in '{other.DiskPath}' than the one that the interrupted restore was writing to: nothing is written to it. Run Restore-VMBackup -InPlace again if it is to hold the backup.");
            await new InPlaceWriting(place.Name, session, [.. redos.Where(redo => redo.IsOf(session.Disks[redo.Disk]))]).ApplyAsync(report, cancellation);
        }

        foreach (RedoFile redo in redos)
            redo.Remove();
        Journal.Remove(entry.Path);
        return decided;
    }

    private static async Task WriteAsync(
        ChangeScope scope, BlockSession session, BackupSelection selection, IReadOnlyList<DiskDifference> differences, IOperationReport report, CancellationToken cancellation)
    {
        RedoFile[] redos = [.. differences.Select(difference => RedoFile.For(session.Disks[difference.Disk], scope.Place, scope.Domain.Uuid!.Value, scope.Id, scope.State.Disk(difference.Disk).ActiveTip?.Marker))];
        using Journal journal = scope.Begin(Operation, new JsonObject { ["backup"] = selection.Backup.Id, ["redo"] = new JsonArray([.. redos.Select(redo => redo.ToJson())]) }, scope.State);
        var writing = new InPlaceWriting(scope.Place.Name, session, redos);
        try
        {
            await writing.StoreAsync(selection, differences, journal, report, cancellation);
            cancellation.ThrowIfCancellationRequested();
            journal.Extend(new JsonObject { ["decided"] = true });
        }
        catch
        {
            await session.DisposeAsync();
            foreach (RedoFile redo in redos)
                redo.Remove();
            journal.End();
            throw;
        }

        try
        {
            // Decided: to stop in the middle would leave a mixture.
            journal.Pass("write");
            await writing.ApplyAsync(report, CancellationToken.None);
            // From here on the redo files are not needed: where they are gone that is no loss.
            journal.Extend(new JsonObject { ["written"] = true });
        }
        catch (MomentException failure)
        {
            throw InPlaceErrors.Unfinished(scope.Place.Name, failure);
        }

        foreach (RedoFile redo in redos)
            redo.Remove();
        journal.End();
    }

    private static async Task RefuseAsync(DomainPlace place, DomainDocument domain, BackupSelection selection, CancellationToken cancellation)
    {
        if (domain.Uuid != selection.Backup.Uuid)
            throw InPlaceErrors.MachineUnknown(selection.Backup, place.Name);
        foreach (string name in selection.Disks)
        {
            DomainDisk disk = domain.FindDisk(name) ?? throw InPlaceErrors.DiskMissing(place.Name, selection.Backup, name);
            if (disk.ReadOnly)
                throw InPlaceErrors.ReadOnly(place.Name, name);
        }

        MachineProbe machine = await MachineProbe.RunAsync(place, domain, cancellation);
        if (machine.Trouble is { } trouble)
            throw trouble;
        if (machine.State != VMState.Stopped)
            throw InPlaceErrors.Running(place.Name, selection.Backup, machine.Process);
        ServedDisks.Of(place).Refuse(selection.Disks, $"restore the disks of '{place.Name}' in place");
    }

    private static void RequireFit(DomainDocument domain, BlockSession session, BackupSelection selection)
    {
        // Started past us since it was looked at.
        if (session.IsMachine)
            throw InPlaceErrors.Running(domain.Name, selection.Backup, null);
        foreach (BackupManifestDisk disk in selection.Chains.Select(chain => chain.Top.Disk))
            if (session.Disks[disk.Name].VirtualSize != disk.VirtualSize)
                throw InPlaceErrors.SizeDiffers(domain.Name, disk.Name, session.Disks[disk.Name].VirtualSize, disk.VirtualSize);
    }

    // Whatever stands on the active layer, known to us or not, would show another content.
    private async Task RefuseSharedAsync(DomainDocument domain, DomainMoments state, BlockSession session, CancellationToken cancellation)
    {
        ImageGraph graph = await new Dependencies(context.Catalogue).ScanAsync(state, cancellation);
        foreach (SessionDisk disk in session.Disks.Values)
            if (graph.On(disk.Path).FirstOrDefault() is { } above)
                throw InPlaceErrors.ImageShared(domain.Name, disk.Name, disk.Path, above.Path);
    }

    private static async Task<IReadOnlyList<DiskDifference>> DifferencesAsync(
        DomainDocument domain, BlockSession session, BackupSelection selection, IOperationReport report, CancellationToken cancellation)
    {
        var progress = new ByteProgress(report, $"Comparing {selection.Backup.Vm}", selection.Chains.Sum(chain => chain.Top.Disk.VirtualSize));
        return await new CheckedFiles(selection, report).WhileAsync<IReadOnlyList<DiskDifference>>(async token =>
        {
            List<DiskDifference> differences = [];
            await using SessionExports exports = session.OpenExports(token);
            foreach (BackupChain chain in selection.Chains)
            {
                string name = chain.Top.Disk.Name;
                await using Qcow2Chain backup = await chain.OpenAsync(token);
                await using Qcow2Chain? files = await OpenFilesAsync(domain, session.Disks[name], token);
                IBlockReader disk = files ?? (IBlockReader)await exports.ConnectAsync(session.Disks[name].NodeName, [], [Nbd.NbdContext.BaseAllocation], token);
                ExtentMap blocks = await new BlockComparison(backup, disk, RedoFile.Grain).RunAsync(new Steps(progress.Step($"{name}: comparing with {selection.Backup.Id}")), token);
                report.Verbose($"Disk '{name}' differs from the backup {selection.Backup.Id} in {blocks.TotalLength} bytes.");
                differences.Add(new DiskDifference(name, blocks));
            }

            return differences;
        }, cancellation);
    }

    // A disk out of its files, without a copy through QEMU: the machine is stopped, the storage daemon holds their locks, and writes nothing
    // before it is told to. Null for what QEMU has to read: a raw disk, and what is compressed, encrypted or stored apart in another way.
    private static async Task<Qcow2Chain?> OpenFilesAsync(DomainDocument domain, SessionDisk disk, CancellationToken cancellation)
    {
        IReadOnlyList<ImageLayer> layers = await DiskChain.ResolveAsync(domain.Name, domain.FindDisk(disk.Name)!, readOnly: true, cancellation);
        if (disk.Format != "qcow2" || layers[0].Path != disk.Path)
            return null;
        foreach (ImageLayer layer in layers.Where(layer => layer.Format == "qcow2"))
            if (await DiskChain.HeaderAsync(layer.Path, cancellation) is { } header && (header.EncryptionMethod != 0 || (header.IncompatibleFeatures & ~Readable) != Qcow2IncompatibleFeatures.None))
                return null;
        return await Qcow2Chain.OpenAsync([.. layers.Select(layer => layer.Path)], cancellation);
    }

    private static VMRestoredDisk Result(string vm, BackupSelection selection, SessionDisk disk, DiskDifference difference) => new()
    {
        VM = vm,
        BackupId = selection.Backup.Id,
        Disk = disk.Name,
        Path = disk.Path,
        Format = disk.Format,
        Size = disk.VirtualSize,
        WrittenBytes = difference.Blocks.TotalLength,
    };
}
