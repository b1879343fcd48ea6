namespace MomentTools.Bench.Benches;

/// <summary>What Import-Module adds to the start of a PowerShell.</summary>
internal sealed class ModuleImport : IBench
{
    private string _manifest = "";

    public string Subject => "PowerShell with the module imported";

    public string OurWay => "pwsh -NoProfile -Command 'Import-Module MomentTools.psd1'";

    public string TheirWay => "pwsh -NoProfile -Command '$null' (a bare start)";

    public Task<string?> PrepareAsync(string scratch, CancellationToken cancellation)
    {
        if (Tool.Missing("pwsh") is { } missing)
            return Task.FromResult<string?>(missing);
        string modules = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "MomentTools"));
        string? manifest = Directory.Exists(modules)
            ? Directory.EnumerateFiles(modules, "MomentTools.psd1", SearchOption.AllDirectories).Max(StringComparer.Ordinal)
            : null;
        _manifest = manifest ?? "";
        return Task.FromResult(manifest is null ? "the module is not built: ./build.sh build" : null);
    }

    public Task OursAsync(CancellationToken cancellation) => StartAsync($"Import-Module '{_manifest}' -ErrorAction Stop", cancellation);

    public Task TheirsAsync(CancellationToken cancellation) => StartAsync("$null", cancellation);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static Task<string> StartAsync(string command, CancellationToken cancellation) =>
        Tool.RunAsync("pwsh", ["-NoProfile", "-NonInteractive", "-Command", command], cancellation);
}
