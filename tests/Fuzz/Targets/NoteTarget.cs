using System.Text;
using System.Text.Json.Nodes;
using MomentTools.Machines;
using MomentTools.Machines.Serving;
using MomentTools.Moments;
using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Operations.Serving;
using MomentTools.Operations.Undo;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>
/// Small files that commands leave each other: who uses a machine, what a restore had begun, what a group decided, records of block snapshots
/// and block exports; and the names of files as QEMU writes them. A note of a restore, which may be anybody's, has no other file removed.
/// </summary>
internal sealed class NoteTarget : IFuzzTarget
{
    private const string Mark = ".mt-x";

    private readonly ScratchDirectory _scratch = new();
    private readonly string[] _sound;

    public NoteTarget()
    {
        DateTimeOffset now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);
        new UseNote("i", 1, 2, now, "clean", "mt-t", "main", true, true, ["main"], ["snapshot:clean"]) { MemoryFile = "/m" }.Write(_scratch.Path);
        Directory.CreateDirectory(_scratch["restored"]);
        File.WriteAllText(_scratch["restored/mine"], "mine");
        string note = _scratch[$"restored/{Mark}{RestoreNote.Extension}"];
        new RestoreNote(new StagingOwner(1, 2, "another", Environment.MachineName), null, [new RestoreNote.Entry("vda.qcow2", Mark + "vda", 1, 2, 3, 4), new RestoreNote.Entry("vdb.qcow2", Mark + "vdb")]).Write(note);
        new GroupDecision("g", new Dictionary<string, FileChanges>(StringComparer.Ordinal)
        {
            ["j"] = new(new Dictionary<string, string?>(StringComparer.Ordinal) { ["checkpoints/a.xml"] = "<a/>", ["old.xml"] = null }),
        }).Write(_scratch.Path);
        var process = new ServingProcess(4711, 99, "/run/r/qmp");
        var snapshot = new BlockSnapshotRecord("1", "tonight", now, new ServiceOwner(VMServiceOwner.Session, 5, 6, now, null), "monday", process,
            [new BlockSnapshotRecordDisk("vda", 0, "d0", "/machine/peripheral/vda", BlockSnapshotRecordDisk.CopyBeforeWrite, 1 << 20, "/s/vda", 5, 7, 4096, "p1", "mt-bs-1", null, null)]);
        var export = new BlockExportRecord("2", now, ServiceOwner.Export("1"), "tcp://[::1]:10809", Private: false, Writable: false, "x509", null, null, process, process,
            [new BlockExportRecordDisk("vda", 0, "vda-tonight", "mt-bs-1-0-a", "tonight", "monday", "qemu:dirty-bitmap:mt-e", 1 << 20)]);
        _sound =
        [
            File.ReadAllText(UseNote.PathIn(_scratch.Path)), File.ReadAllText(note), File.ReadAllText(_scratch["groups/g.json"]), BlockSnapshotRecordXml.Write(snapshot), BlockExportRecordXml.Write(export),
            """{"driver": "qcow2", "file": {"driver": "file", "filename": "/images/a.qcow2"}}""",
        ];
    }

    public string Name => "notes";

    public int Inputs => 5000;

    public long MostBytes => 2 << 20;

    public FuzzInput Make(Random random)
    {
        int kind = random.Next(_sound.Length);
        string sound = _sound[kind];
        return new FuzzInput([(byte)kind, .. Encoding.UTF8.GetBytes(sound[0] == '<' ? XmlDamage.Of(sound, random) : JsonDamage.Of(sound, random))]);
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        string text = Encoding.UTF8.GetString(input.Whole.AsSpan(1));
        return Task.FromResult(input.Whole[0] switch
        {
            0 => Use(text),
            1 => Restore(text),
            2 => Decision(text),
            3 => Same(text, again => BlockSnapshotRecordXml.Write(BlockSnapshotRecordXml.Parse(again, "it"))),
            4 => Same(text, again => BlockExportRecordXml.Write(BlockExportRecordXml.Parse(again, "it"))),
            _ => NodeFile.Of("json:" + text).Length > 0 || text.Length == 0,
        });
    }

    public void Dispose() => _scratch.Dispose();

    private static bool Same(string text, Func<string, string> write)
    {
        string once = write(text), twice = write(once);
        FuzzFailure.When(once != twice, $"written\n{once}\nand read again\n{twice}");
        return true;
    }

    private bool Use(string text)
    {
        File.WriteAllText(UseNote.PathIn(_scratch.Path), text);
        if (UseNote.Find(_scratch.Path) is not { } note)
            return false;
        FuzzFailure.When(((string?[])[note.Id, note.Snapshot, note.Temporary, note.Home, .. note.Branches, .. note.Moments]).Contains(null), "a name in the note is null");
        return true;
    }

    private bool Restore(string text)
    {
        string note = _scratch[$"restored/{Mark}{RestoreNote.Extension}"];
        File.WriteAllText(note, text);
        RestoreNote.Sweep(_scratch["restored"], _ => true, new FuzzReport());
        FuzzFailure.When(!File.Exists(_scratch["restored/mine"]) || !File.Exists(UseNote.PathIn(_scratch.Path)), "a file that is not the restore's was removed");
        return !File.Exists(note);
    }

    private bool Decision(string text)
    {
        File.WriteAllText(_scratch["groups/g.json"], text);
        try
        {
            _ = GroupDecision.Find(_scratch.Path, "g", "j");
        }
        // What it says of one journal is told as that journal's damage where it is recovered.
        catch (Exception failure) when (failure is FormatException or InvalidOperationException or ArgumentException)
        {
            return false;
        }

        GroupDecision.Sweep(_scratch.Path, () => [_scratch.Path]);
        return JsonNode.Parse(text) is JsonObject;
    }
}
