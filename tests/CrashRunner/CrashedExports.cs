namespace MomentTools.CrashRunner;

/// <summary>Block exports; the argument is the address, or nothing for the private socket.</summary>
internal static class CrashedExports
{
    public const string Prefix = "export-";

    public static Task RunAsync(MomentEngine engine, string vm, string operation, string address, IOperationReport report)
    {
        var request = new StartBlockExportRequest { Disks = ["vda"], Address = address.Length == 0 ? null : address };
        return operation switch
        {
            "export-own" => engine.StartBlockExportAsync(vm, request, report, CancellationToken.None),
            "export-snapshot" => engine.StartBlockExportAsync(vm, request with { Snapshot = "now", Since = "base" }, report, CancellationToken.None),
            "export-stopped" => engine.StartBlockExportAsync(vm, request with { Since = "base" }, report, CancellationToken.None),
            "export-writable" => engine.StartBlockExportAsync(vm, request with { Writable = true }, report, CancellationToken.None),
            "export-stop" => engine.StopBlockExportAsync(vm, new StopBlockExportRequest(), report, CancellationToken.None),
            _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
        };
    }
}
