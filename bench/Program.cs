using MomentTools.Bench;
using MomentTools.Bench.Benches;
using MomentTools.Moments;

// bench [--record FILE] [WORD...]: all benches, or those whose subject has one of the words in it ("memory": peak memory).
if (args is [PeakMemory.Option, var operation, var directory])
    return await PeakMemory.RunAsync(operation, directory);

int record = Array.IndexOf(args, "--record");
string? file = record >= 0 && record + 1 < args.Length ? Path.GetFullPath(args[record + 1]) : null;
string[] words = [.. args.Where((_, index) => record < 0 || index < record || index > record + 1)];

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

IBench[] benches =
[
    new QmpRoundTrip(),
    new ChangedExtents(100_000, 13L << 30, running: false, sum: false),
    new ChangedExtents(100_000, 13L << 30, running: false, sum: true),
    new ChangedExtents(100_000, 13L << 30, running: true, sum: false),
    new ChangedExtents(100_000, 13L << 30, running: true, sum: true),
    new BitmapToExtents(overNbd: false),
    new BitmapToExtents(overNbd: true),
    new SparseMapping(),
    new ExportBesideNbdcopy(toFile: false),
    new ExportBesideNbdcopy(toFile: true),
    new CheckpointBesideTransaction(1),
    new CheckpointBesideTransaction(8),
    new CheckpointBesideTransaction(32),
    new CheckpointBesideVirsh(1, keptOpen: false),
    new CheckpointBesideVirsh(3, keptOpen: false),
    new CheckpointBesideVirsh(8, keptOpen: false),
    new CheckpointBesideVirsh(32, keptOpen: false),
    new CheckpointBesideVirsh(1, keptOpen: true),
    new CheckpointBesideVirsh(3, keptOpen: true),
    new WritesUnderCheckpoints(100, 1, allRecord: false),
    new WritesUnderCheckpoints(100, 100, allRecord: true),
    new WritesUnderCheckpoints(1000, 1000, allRecord: true),
    new RemoveManyBesideVirsh(),
    new PushBackup(hashed: false),
    new PushBackup(hashed: true),
    new IncrementalBackup(1, hashed: false),
    new IncrementalBackup(1, hashed: true),
    new IncrementalBackup(16, hashed: false),
    new StoppedBackup(nbdcopy: true, hashed: false),
    new StoppedBackup(nbdcopy: true, hashed: true),
    new StoppedBackup(nbdcopy: false, hashed: false),
    new StoppedBackup(nbdcopy: false, hashed: true),
    new PullBackup(convert: false, hashed: false),
    new PullBackup(convert: false, hashed: true),
    new PullBackup(convert: true, hashed: false),
    new PullBackup(convert: true, hashed: true),
    new MergeBesideRebase(full: false),
    new MergeBesideRebase(full: true),
    new VerifyBesideSha256(openssl: false),
    new VerifyBesideSha256(openssl: true),
    new RestoreInPlace(),
    new RestoreBesideConvert("qcow2"),
    new RestoreBesideConvert("raw"),
    new SnapshotBesideVirsh(1, keptOpen: false),
    new SnapshotBesideVirsh(3, keptOpen: false),
    new SnapshotBesideVirsh(3, keptOpen: true),
    new MemorySnapshotPause(),
    new BlockSnapshotPause(1),
    new BlockSnapshotPause(8),
    new WriteLatency(50, bare: false),
    new WriteLatency(95, bare: false),
    new WriteLatency(99, bare: false),
    new WriteLatency(50, bare: true),
    new WriteLatency(95, bare: true),
    new WriteLatency(99, bare: true),
    new InternalRestoreBesideVirsh(),
    new RestoreBesideVirsh(),
    new ChainOfLayers("snapshot"),
    new ChainOfLayers("list"),
    new ChainOfLayers("restore"),
    new ChainOfLayers("remove"),
    new ModuleImport(),
    new ListBesideVirsh(MomentKind.Snapshot, 5_000, 7_000),
    new ListBesideVirsh(MomentKind.Checkpoint, 3_000, 3_000),
    new MomentScale("load"),
    new MomentScale("filters"),
    new MomentScale("order"),
    new MomentScale("drawing"),
    new CompletionScale(since: false),
    new CompletionScale(since: true),
];
try
{
    return await new Runner(file, some: words.Length > 0).RunAsync(
        [.. benches.Where(bench => words.Length == 0 || words.Any(word => bench.Subject.Contains(word, StringComparison.OrdinalIgnoreCase)))],
        memory: words.Length == 0 || words.Contains("memory", StringComparer.OrdinalIgnoreCase),
        stop.Token);
}
catch (OperationCanceledException)
{
    return 130;
}
