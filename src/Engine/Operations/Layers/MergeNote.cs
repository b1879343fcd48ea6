using System.Text.Json.Nodes;
using MomentTools.Moments;

namespace MomentTools.Operations.Layers;

/// <summary>The note beside a merge that says that the lower layer has everything: from then on the merge is finished, never undone.</summary>
internal static class MergeNote
{
    public const string Operation = "layer-merged";

    public static Journal Write(ChangeScope scope, string merge) => scope.BeginBeside(Operation, new JsonObject { ["merge"] = merge });

    /// <summary>The note of a merge that did not end, or null.</summary>
    public static JournalEntry? Find(string domainDirectory, string merge) =>
        Journal.Pending(domainDirectory).FirstOrDefault(entry => entry.Operation == Operation && (string?)entry.Intent["merge"] == merge);

    /// <summary>Takes away the notes of merges that have ended.</summary>
    public static void Sweep(string domainDirectory)
    {
        foreach (JournalEntry entry in Journal.Pending(domainDirectory).Where(entry => entry.Operation == Operation && !Journal.IsPending(domainDirectory, (string)entry.Intent["merge"]!)))
            Journal.Remove(entry.Path);
    }
}
