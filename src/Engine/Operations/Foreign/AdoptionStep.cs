using System.Text.Json.Nodes;
using MomentTools.Qmp;

namespace MomentTools.Operations.Foreign;

/// <summary>What adopting means for one disk: our own recording turns as at a checkpoint, and the adopted bitmaps close behind it. Pure.</summary>
/// <param name="Own">The turn of our own recording.</param>
/// <param name="Adopted">The bitmaps that close.</param>
internal sealed record AdoptionStep(CheckpointStep Own, IReadOnlyList<AdoptionStep.Adoptee> Adopted)
{
    public string Disk => Own.Disk;

    /// <summary>Opens first and closes last; the private copies are of our granularity, so that QEMU rounds others out.</summary>
    /// <param name="own">The actions of <see cref="Own"/>, with the bits of its mark.</param>
    public IEnumerable<TransactionAction> Actions(IEnumerable<TransactionAction> own)
    {
        foreach (TransactionAction action in own)
            yield return action;
        foreach (Adoptee adoptee in Adopted)
        {
            BitmapRef[] bits = [new(Own.Node, adoptee.Bitmap)];
            yield return TransactionAction.BitmapDisable(Own.Node, adoptee.Bitmap);
            yield return TransactionAction.BitmapAdd(Own.Node, adoptee.Copy, granularity: TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(Own.Node, adoptee.Copy, bits);
            if (adoptee.NewName is not { } name)
                continue;
            yield return TransactionAction.BitmapAdd(Own.Node, name, persistent: true, TrackingProof.Granularity, disabled: true);
            yield return TransactionAction.BitmapMerge(Own.Node, name, bits);
            yield return TransactionAction.BitmapRemove(Own.Node, adoptee.Bitmap);
        }
    }

    /// <summary>What gives the state before, from any state between: the bitmaps record again, with what was written meanwhile.</summary>
    /// <param name="node">The node of the active layer now.</param>
    /// <param name="seen">What is there now.</param>
    public IEnumerable<TransactionAction> UndoActions(string node, ObservedLayer seen)
    {
        bool opened = Own.IsLeftIn(seen) && !seen.Bitmaps[Own.Opened].Inconsistent;
        foreach (Adoptee adoptee in Adopted)
        {
            if (opened && adoptee.NewName is { } name && !seen.Bitmaps.ContainsKey(adoptee.Bitmap) && seen.Bitmaps.GetValueOrDefault(name) is { Inconsistent: false })
            {
                yield return TransactionAction.BitmapAdd(node, adoptee.Bitmap, adoptee.Persistent, adoptee.Granularity);
                yield return TransactionAction.BitmapMerge(node, adoptee.Bitmap, [new BitmapRef(node, name), new BitmapRef(node, Own.Opened)]);
                yield return TransactionAction.BitmapRemove(node, name);
            }
            else if (opened && seen.Bitmaps.GetValueOrDefault(adoptee.Bitmap) is { Inconsistent: false })
            {
                yield return TransactionAction.BitmapEnable(node, adoptee.Bitmap);
                yield return TransactionAction.BitmapMerge(node, adoptee.Bitmap, [new BitmapRef(node, Own.Opened)]);
            }

            if (seen.Bitmaps.ContainsKey(adoptee.Copy))
                yield return TransactionAction.BitmapRemove(node, adoptee.Copy);
        }

        foreach (TransactionAction action in Own.UndoActions(node, seen))
            yield return action;
    }

    public JsonObject ToJson() => new()
    {
        ["own"] = Own.ToJson(),
        ["adopted"] = new JsonArray([.. Adopted.Select(adoptee => (JsonNode)new JsonObject
        {
            ["bitmap"] = adoptee.Bitmap, ["newName"] = adoptee.NewName, ["copy"] = adoptee.Copy, ["granularity"] = adoptee.Granularity, ["persistent"] = adoptee.Persistent,
        })]),
    };

    public static AdoptionStep FromJson(JsonObject json) => new(
        CheckpointStep.FromJson(json["own"]!.AsObject()),
        [.. json["adopted"]!.AsArray().Select(one => new Adoptee((string)one!["bitmap"]!, (string?)one["newName"], (string)one["copy"]!, (long)one["granularity"]!, (bool)one["persistent"]!, ""))]);

    /// <summary>One adopted bitmap.</summary>
    /// <param name="Bitmap">Its name until now.</param>
    /// <param name="NewName">The name it gets, or null: it keeps its own.</param>
    /// <param name="Copy">A private copy, to be read over NBD.</param>
    /// <param name="Granularity">Bytes per bit until now.</param>
    /// <param name="Persistent">Whether it is stored in the image.</param>
    /// <param name="SidecarId">Where its content is saved.</param>
    internal sealed record Adoptee(string Bitmap, string? NewName, string Copy, long Granularity, bool Persistent, string SidecarId);
}
