using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Soak;

/// <summary>Checkpoints, what changed since them, and exports: all held against copies of the same instants.</summary>
internal sealed partial class SoakStory
{
    private async Task CheckpointAsync()
    {
        if (_instants.Names.Count >= MostMoments)
            return;
        string name = $"c{_names++}";
        Tell($"checkpoint {name}");
        if (await InstantAsync(() => _machine.Engine.CreateCheckpointAsync(GuestMachine.Name, new CreateCheckpointRequest { Name = name }, _machine.Report, CancellationToken.None)) is { } copy)
            _instants.Keep(name, copy);
        Counts.Did("checkpoints");
    }

    private async Task RemoveCheckpointAsync()
    {
        string[] names = [.. (await _machine.Engine.GetMomentsAsync(GuestMachine.Name, new MomentQuery(), _machine.Report, CancellationToken.None))
            .Where(moment => moment.Name.StartsWith('c')).Select(moment => moment.Name).Order(StringComparer.Ordinal)];
        if (names.Length == 0)
            return;
        string name = Any(names);
        Tell($"remove checkpoint {name}");
        await _machine.Engine.RemoveMomentsAsync(GuestMachine.Name, new RemoveMomentRequest { Name = name }, _machine.Report, CancellationToken.None);
        Counts.Did("checkpoints removed");
    }

    // Between two moments, and up to now, which is held meanwhile.
    private async Task AskAsync()
    {
        string[] names = [.. _instants.Names.Order(StringComparer.Ordinal)];
        if (names.Length == 0)
            return;
        string from = Any(names), to = Any(names);
        if (Chance(2) && from != to)
        {
            Check(from, to, await AnswerAsync(from, to, () => _machine.Engine.GetChangedBlocksAsync(GuestMachine.Name, from, to, [], _machine.Report, CancellationToken.None)), _instants.Of(to)!);
            return;
        }

        IReadOnlyList<VMChangedBlock>? told = null;
        string now = await _instants.AtAsync(async () => told = await AnswerAsync(from, null, () => _machine.Engine.GetChangedBlocksAsync(GuestMachine.Name, from, [], _machine.Report, CancellationToken.None)));
        Check(from, "now", told, now);
        File.Delete(now);
    }

    // Unknown is an answer only where a power cut took a part of the way.
    private async Task<IReadOnlyList<VMChangedBlock>?> AnswerAsync(string from, string? to, Func<Task<IReadOnlyList<VMChangedBlock>>> ask)
    {
        try
        {
            return await ask();
        }
        catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown && !_history.IsKnown(from, to))
        {
            Counts.Unknown++;
            return null;
        }
    }

    private void Check(string from, string to, IReadOnlyList<VMChangedBlock>? told, string until)
    {
        Tell($"what changed from {from} to {to}: {(told is null ? "unknown" : $"{told.Sum(block => block.Length)} bytes")}");
        if (told is null)
            return;
        Counts.Answers++;
        Require($"from {from} to {to}", from, until, told.Select(block => (block.Offset, block.Length)));
    }

    private void Require(string where, string from, string until, IEnumerable<(long Offset, long Length)> told)
    {
        (long Offset, long Length)[] runs = [.. told.OrderBy(run => run.Offset)];
        int at = 0;
        foreach (long differs in SoakInstants.Differences(_instants.Of(from)!, until))
        {
            while (at < runs.Length && runs[at].Offset + runs[at].Length <= differs)
                at++;
            Assert.True(at < runs.Length && runs[at].Offset <= differs, $"TOO SMALL {where}: byte {differs} differs, and is not told");
        }
    }

    private async Task ExportAsync()
    {
        string[] names = [.. _instants.Names.Order(StringComparer.Ordinal)];
        string? since = names.Length > 0 && Chance(2) ? Any(names) : null;
        VMBlockExport? export = null;
        string? copy = null;
        if (!await TryAsync($"export{(since is null ? "" : $" since {since}")}", async () => copy = await _instants.AtAsync(async () => export = Assert.Single(await _machine.Engine.StartBlockExportAsync(
            GuestMachine.Name, new StartBlockExportRequest { Since = since }, _machine.Report, CancellationToken.None))), mayBeUnknown: since is not null && !_history.IsKnown(since, null)))
            return;
        // The guest writes on under it.
        string read = _machine["export.raw"];
        Tool.Run("nbdcopy", export!.Uri.ToString(), read);
        SoakInstants.AssertSame(read, "raw", copy!, "the export");
        Counts.Compared++;
        File.Delete(read);
        if (since is not null)
        {
            using var map = JsonDocument.Parse(Tool.Run("nbdinfo", "--json", $"--map={export.Context}", export.Uri.ToString()));
            Require($"export since {since}", since, copy!, [.. map.RootElement.EnumerateArray().Where(run => run.GetProperty("type").GetInt64() != 0).Select(run => (run.GetProperty("offset").GetInt64(), run.GetProperty("length").GetInt64()))]);
            Counts.Answers++;
        }

        File.Delete(copy!);
        await _machine.Engine.StopBlockExportAsync(GuestMachine.Name, new StopBlockExportRequest(), _machine.Report, CancellationToken.None);
        Counts.Did("exports");
    }
}
