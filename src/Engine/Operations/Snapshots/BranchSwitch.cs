namespace MomentTools.Operations.Snapshots;

internal static class BranchSwitch
{
    public const string Operation = "branch-switch";
}
