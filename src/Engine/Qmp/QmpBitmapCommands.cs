using System.Text.Json.Nodes;

namespace MomentTools.Qmp;

/// <summary>Dirty bitmaps and transactions. A bitmap added as persistent reaches the image when the node is closed, not before.</summary>
internal static class QmpBitmapCommands
{
    /// <summary>Does all actions at one instant, or none of them (<c>transaction</c>).</summary>
    public static Task TransactionAsync(this QmpClient qmp, IEnumerable<TransactionAction> actions, CancellationToken cancellation) =>
        qmp.ExecuteAsync("transaction", TransactionArguments(actions), cancellation);

    /// <summary>What a <c>transaction</c> is sent with.</summary>
    public static JsonObject TransactionArguments(IEnumerable<TransactionAction> actions) => new() { ["actions"] = new JsonArray([.. actions.Select(action => action.ToJson())]) };

    /// <summary>Makes a bitmap, which records at once unless disabled (<c>block-dirty-bitmap-add</c>).</summary>
    /// <param name="granularity">Bytes for one bit, a power of two from 512; null for QEMU's choice.</param>
    public static Task BitmapAddAsync(
        this QmpClient qmp, string node, string name, bool persistent, long? granularity, bool disabled, CancellationToken cancellation) =>
        qmp.ExecuteAsync("block-dirty-bitmap-add", AddArguments(node, name, persistent, granularity, disabled), cancellation);

    /// <summary>Removes a bitmap, from the image too (<c>block-dirty-bitmap-remove</c>).</summary>
    public static Task BitmapRemoveAsync(this QmpClient qmp, string node, string name, CancellationToken cancellation) =>
        qmp.ExecuteAsync("block-dirty-bitmap-remove", Arguments(node, name), cancellation);

    /// <summary>Lets a bitmap record no more (<c>block-dirty-bitmap-disable</c>).</summary>
    public static Task BitmapDisableAsync(this QmpClient qmp, string node, string name, CancellationToken cancellation) =>
        qmp.ExecuteAsync("block-dirty-bitmap-disable", Arguments(node, name), cancellation);

    internal static JsonObject Arguments(string node, string name) => new() { ["node"] = node, ["name"] = name };

    internal static JsonObject AddArguments(string node, string name, bool persistent, long? granularity, bool disabled)
    {
        JsonObject data = Arguments(node, name);
        if (granularity is not null)
            data["granularity"] = granularity;
        if (persistent)
            data["persistent"] = true;
        if (disabled)
            data["disabled"] = true;
        return data;
    }

    internal static JsonObject MergeArguments(string node, string target, IEnumerable<BitmapRef> sources) => new()
    {
        ["node"] = node,
        ["target"] = target,
        ["bitmaps"] = References(sources),
    };

    internal static JsonArray References(IEnumerable<BitmapRef> bitmaps) => new([.. bitmaps.Select(bitmap => Arguments(bitmap.Node, bitmap.Name))]);
}
