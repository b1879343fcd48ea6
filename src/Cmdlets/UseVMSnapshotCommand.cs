using System.Management.Automation;
using MomentTools.Cmdlets.Pipeline;
using MomentTools.Errors;

namespace MomentTools.Cmdlets;

/// <summary>Runs a script block on a snapshot, and comes back to where the machine was, however the block ends.</summary>
[Cmdlet(VerbsOther.Use, "VMSnapshot", DefaultParameterSetName = InputObjectSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(object))]
public sealed class UseVMSnapshotCommand : SnapshotCmdlet
{
    /// <summary>Snapshot objects.</summary>
    [Parameter(Mandatory = true, ParameterSetName = InputObjectSet, ValueFromPipeline = true)]
    [Alias("VMMoment", "VMSnapshot", "VMCheckpoint", "Snapshot", "Checkpoint")]
    [ValidateNotNullOrEmpty]
    public VMSnapshot[] InputObject { get; set; } = [];

    /// <summary>What is done on the snapshot; the domain is <c>$_</c> in it, and its first argument.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = NameSet)]
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = InputObjectSet)]
    [ValidateNotNull]
    public ScriptBlock ScriptBlock { get; set; } = null!;

    /// <summary>Further arguments of the block, after the domain.</summary>
    [Parameter]
    [Alias("Args")]
    [AllowNull]
    [AllowEmptyCollection]
    public object?[]? ArgumentList { get; set; }

    /// <summary>Do not keep a running machine's memory: it comes back as after a power cut.</summary>
    [Parameter]
    public SwitchParameter DiskOnly { get; set; }

    /// <summary>The owner of an attached machine knows that its disks are others meanwhile.</summary>
    [Parameter]
    public SwitchParameter AcceptOwner { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (VMSnapshot snapshot in InputObject)
            Use(snapshot.VM, snapshot.Name);
        foreach (VMReference reference in VM)
        {
            IReadOnlyList<string> domains = [];
            Attempt(reference.Name, () => domains = reference.Resolve(Engine));
            foreach (string vm in domains)
                Use(vm, Name);
        }
    }

    private void Use(string vm, string snapshot)
    {
        if (!ShouldProcess($"{vm}: snapshot '{snapshot}'", "Go there on a temporary branch, run the script block, and come back"))
            return;
        var request = new UseSnapshotRequest { Id = Guid.NewGuid(), Name = snapshot, DiskOnly = DiskOnly, AcceptOwner = AcceptOwner };
        VMDomain? domain = null;
        try
        {
            Attempt(vm, () => domain = Run((report, cancellation) => Engine.BeginSnapshotUseAsync(vm, request, report, cancellation)));
            if (domain is not null)
                Invoke(domain);
        }
        finally
        {
            // Also where the way there was stopped by a message that the pipeline did not take: nobody knows how far it had come.
            Return(vm, request.Id);
        }
    }

    // Dot-sourced, as ForEach-Object runs its blocks: variables are the caller's, output and errors go on as they come.
    private void Invoke(VMDomain domain)
    {
        object? outer = SessionState.PSVariable.GetValue("_");
        try
        {
            SessionState.PSVariable.Set("_", domain);
            var call = ScriptBlock.Create("param($block, $arguments) . $block @arguments");
            using SteppablePipeline block = call.GetSteppablePipeline(CommandOrigin.Internal, [ScriptBlock, (object?[])[domain, .. ArgumentList ?? []]]);
            // The overload that takes the cmdlet would expect input only where the cmdlet itself has some.
            block.Begin(expectInput: true, (EngineIntrinsics)SessionState.PSVariable.GetValue("ExecutionContext"));
            block.Process(domain);
            block.End();
        }
        finally
        {
            SessionState.PSVariable.Set("_", outer);
        }
    }

    private void Return(string vm, Guid id)
    {
        try
        {
            Finish((report, cancellation) => Engine.EndSnapshotUseAsync(vm, id, report, cancellation));
        }
        catch (MomentException failure)
        {
            Tell(() => WriteError(failure.ToErrorRecord(vm)));
        }
    }
}
