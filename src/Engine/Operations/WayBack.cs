using MomentTools.Errors;

namespace MomentTools.Operations;

/// <summary>
/// The way back of an operation that failed. Where that fails too, the journal stays, and the next changing command undoes; the failure
/// that began it all is the one to be told.
/// </summary>
internal static class WayBack
{
    /// <param name="vm">The domain.</param>
    /// <param name="report">Told where it fails.</param>
    /// <param name="undo">All of it, the end of the journal too; not cancelled with the operation.</param>
    public static async Task TryAsync(string vm, IOperationReport report, Func<Task> undo)
    {
        try
        {
            await undo();
        }
        catch (MomentException failure)
        {
            report.Warning($"The operation could not be undone yet: {failure.Message} The next command that changes '{vm}' undoes it.");
        }
    }
}
