using MomentTools.Errors;

namespace MomentTools.CrashRunner;

/// <summary>The operations that the crash harness interrupts, by name.</summary>
internal static class CrashedOperations
{
    public static Task RunAsync(MomentEngine engine, string vm, string operation, string argument)
    {
        var report = new SilentReport();
        return operation switch
        {
            "checkpoint" => engine.CreateCheckpointAsync(vm, new CreateCheckpointRequest { Name = argument }, report, CancellationToken.None),
            "remove" => engine.RemoveMomentsAsync(vm, new RemoveMomentRequest { Name = argument }, report, CancellationToken.None),
            "backup" => engine.BackupAsync(vm, new BackupRequest { Repository = argument }, report, CancellationToken.None),
            "rename" => engine.RenameDomainAsync(vm, argument, report, CancellationToken.None),
            "describe" => engine.SetMomentAsync(vm, new SetMomentRequest { Name = argument, Description = "said" }, report, CancellationToken.None),
            "remove-bitmap" => engine.RemoveBitmapAsync(vm, "vda", argument, report, CancellationToken.None),
            "unregister" => engine.UnregisterDomainAsync(vm, new UnregisterDomainRequest { RemoveMetadata = true }, report, CancellationToken.None),
            _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
        };
    }

    private sealed class SilentReport : IOperationReport
    {
        public void Warning(string text)
        {
        }

        public void Verbose(string text)
        {
        }

        public void Progress(OperationProgress progress)
        {
        }

        public void Failure(MomentException failure) => Console.Error.WriteLine(failure.Message);
    }
}
