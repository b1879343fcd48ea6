using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Operations.Snapshots;
using MomentTools.Qcow2;
using MomentTools.Qmp;
using MomentTools.Xml;

namespace MomentTools.Operations.Backups.Restoring;

/// <summary>
/// The files of a machine that runs on a backup: for each disk an empty overlay on the repository's file, and the copy of the firmware's
/// variables. Never onto a file that is there.
/// </summary>
internal sealed class InstantFiles
{
    private readonly BackupSelection _selection;
    private readonly string _directory;
    private readonly Dictionary<string, string> _overlays = new(StringComparer.Ordinal);

    /// <summary>Chooses the names and refuses what is there already. Nothing is made yet.</summary>
    /// <param name="directory">Where the files are to lie.</param>
    /// <param name="name">The new machine's name.</param>
    public InstantFiles(BackupSelection selection, string directory, string name)
    {
        _selection = selection;
        _directory = Path.GetFullPath(directory);
        if (selection.Chains.FirstOrDefault(chain => chain.Links.Count >= ChainOpener.MaximumDepth) is { } deep)
            throw InstantErrors.Incomplete(
                selection.Backup.Vm, $"the disk '{deep.Top.Disk.Name}' consists of {deep.Links.Count} files on each other, and a machine's disk of at most {ChainOpener.MaximumDepth}",
                "Fold some of its backups (Merge-VMBackup), or restore it without -Instant.");
        foreach (BackupChain chain in selection.Chains)
            _overlays.Add(chain.Top.Disk.Name, Free($"{name}.{chain.Top.Disk.Name}.{OverlayFile.Format}"));
        Firmware = selection.Backup.Firmware is null ? null : Free($"{name}.{BackupManifestFirmware.FileName}");
    }

    /// <summary>The copy of the firmware's variables, or null where the backup has none.</summary>
    public string? Firmware { get; }

    public string Directory => _directory;

    /// <summary>The image of each disk.</summary>
    public IReadOnlyDictionary<string, (string Path, string Format)> Disks =>
        _overlays.ToDictionary(overlay => overlay.Key, overlay => (overlay.Value, OverlayFile.Format), StringComparer.Ordinal);

    public string PathOf(string disk) => _overlays[disk];

    /// <summary>All that is going to be made, as the journal names it: files, and directories that are missing, the lowest first.</summary>
    /// <param name="domain">The new machine, whose QEMU makes files too.</param>
    public JsonObject Intent(DomainDocument domain)
    {
        List<MadeFile> files = [.. _selection.Chains.Select(chain => new MadeFile(PathOf(chain.Top.Disk.Name), chain.Top.Path))];
        if (Firmware is not null)
            files.Add(new MadeFile(Firmware, null));
        foreach (XElement port in domain.Root.Elements("devices").Elements().Where(device => device.Attribute("type")?.Value == "file" && device.Name.LocalName is "serial" or "parallel" or "console" or "channel"))
            if (port.Element("source")?.Attribute("path")?.Value is { } output && Path.GetDirectoryName(output) == _directory && !Path.Exists(output))
                files.Add(new MadeFile(output, null));
        List<string> missing = [];
        for (string? at = _directory; at is not null && !Path.Exists(at); at = Path.GetDirectoryName(at))
            missing.Add(at);
        return new JsonObject
        {
            ["files"] = new JsonArray([.. files.Select(file => (JsonNode)file.ToJson())]),
            ["directories"] = new JsonArray([.. missing.Select(path => (JsonNode)path)]),
        };
    }

    /// <summary>Whether the repository's files are, in all but the bytes, what their manifests say: QEMU opens whatever their headers name.</summary>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        foreach (BackupChain.Link link in _selection.Chains.SelectMany(chain => chain.Links))
        {
            await BackupImage.CheckAsync(link.Path, link.Disk.VirtualSize, link.BackingName, cancellation);
            if (FileStamp.Of(link.Path) is not { } stamp || stamp.Length != link.Disk.FileSize)
                throw BackupErrors.Corrupt(link.Path, $"it has {FileStamp.Of(link.Path)?.Length} bytes where its manifest says {link.Disk.FileSize}");
        }
    }

    /// <summary>Makes them, flushed.</summary>
    /// <param name="runtimeDirectory">Where the storage daemon's socket may lie.</param>
    public async Task MakeAsync(string runtimeDirectory, CancellationToken cancellation)
    {
        MadeDirectories.Make(_directory);
        await using (StorageDaemon daemon = await StorageDaemon.StartAsync(runtimeDirectory, cancellation))
        {
            var jobs = new QmpJobs(daemon.Qmp);
            foreach ((BackupChain chain, int index) in _selection.Chains.Select((chain, index) => (chain, index)))
            {
                string path = PathOf(chain.Top.Disk.Name);
                await using (FileStream made = OwnedFile.Create(path))
                {
                    // Empty until the storage daemon formats it.
                }

                await OverlayFile.FormatAsync(jobs, $"mt-instant{index}", path, chain.Top.Path, OverlayFile.Format, chain.Top.Disk.VirtualSize, cancellation);
                DurableFile.FlushFile(path);
            }

            await daemon.CloseAsync(cancellation);
        }

        if (Firmware is not null)
            await BackupDocuments.StoreFirmwareAsync(_selection.Backup, await BackupDocuments.FirmwareAsync(_selection.Backup, cancellation), Firmware, Firmware, cancellation);
        DurableFile.FlushDirectory(_directory);
    }

    /// <summary>
    /// Refuses a backup that was removed while the machine was started: QEMU has its files open, and would never find them again. One that is
    /// removed later is seen to be used.
    /// </summary>
    public void RequireBackup()
    {
        if (!_selection.Chains.All(chain => File.Exists(chain.Top.Path)))
            throw new MomentException(
                BackupErrors.BackupNotFound, $"The backup '{_selection.Backup.Id}' of '{_selection.Backup.Vm}' was removed while a machine was started on it.", _selection.Backup.Id,
                "Choose another one: Get-VMBackup lists them.");
    }

    private string Free(string name)
    {
        string path = Path.Combine(_directory, name);
        return !Path.Exists(path) && new FileInfo(path).LinkTarget is null ? path : throw new MomentException(
            FileErrors.FileExists, $"Cannot restore to '{path}': there is a file already, and none is ever overwritten.", path, "Choose another destination, or move the file away.");
    }
}
