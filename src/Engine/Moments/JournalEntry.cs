using System.Text.Json.Nodes;

namespace MomentTools.Moments;

/// <summary>An operation that did not end, as its journal tells.</summary>
/// <param name="Path">The journal's file.</param>
/// <param name="Id">The operation's id, which is part of the name of all it made in QEMU.</param>
/// <param name="Operation">What kind of operation it was.</param>
/// <param name="ProcessId">The process that ran it.</param>
/// <param name="Started">When it began.</param>
/// <param name="Intent">What it was about to do: all that is needed to undo it.</param>
/// <param name="Commit">The changes that were decided; once they are here, the operation is finished, never undone.</param>
internal sealed record JournalEntry(
    string Path, string Id, string Operation, int ProcessId, DateTimeOffset Started, JsonObject Intent, FileChanges? Commit)
{
    /// <summary>The operation as decided: for one that is told by the machine to have happened, and whose intent has the whole change of the metadata.</summary>
    public JournalEntry AsIntended() => this with { Commit = FileChanges.FromJson(Intent["commit"]!.AsObject()) };
}
