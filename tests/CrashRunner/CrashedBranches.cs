namespace MomentTools.CrashRunner;

/// <summary>Operations on branches; the argument is the branch.</summary>
internal static class CrashedBranches
{
    public const string Prefix = "branch-";

    public static Task RunAsync(MomentEngine engine, string vm, string operation, string branch, IOperationReport report) => operation switch
    {
        "branch-create" => engine.CreateBranchAsync(vm, new CreateBranchRequest { Name = branch, From = "clean" }, report, CancellationToken.None),
        "branch-rename" => engine.RenameBranchAsync(vm, branch, "two", report, CancellationToken.None),
        "branch-remove" => engine.RemoveBranchAsync(vm, new RemoveBranchRequest { Name = branch, Discard = true, UndoFor = TimeSpan.Zero }, report, CancellationToken.None),
        "branch-keep" => engine.SwitchBranchAsync(vm, new SwitchBranchRequest { Name = branch, KeepMemory = true }, report, CancellationToken.None),
        "branch-switch" => engine.SwitchBranchAsync(vm, new SwitchBranchRequest { Name = branch }, report, CancellationToken.None),
        _ => throw new ArgumentException($"There is no operation '{operation}'.", nameof(operation)),
    };
}
