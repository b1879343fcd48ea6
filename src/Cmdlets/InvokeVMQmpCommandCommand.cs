using System.Collections;
using System.Management.Automation;
using System.Text.Json;
using MomentTools.Cmdlets.Json;

namespace MomentTools.Cmdlets;

/// <summary>Sends a QMP command to running machines and gives QEMU's answer.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "VMQmpCommand", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(PSObject))]
public sealed class InvokeVMQmpCommandCommand : DomainCmdlet
{
    /// <summary>The command, as QAPI names it.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    public string Command { get; set; } = "";

    /// <summary>Its arguments.</summary>
    [Parameter(Position = 2)]
    public IDictionary? Arguments { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Attempt(Command, () =>
    {
        string? arguments = Arguments is null ? null : JsonWriting.Text(Arguments);
        ForEachDomain(VM, vm =>
        {
            if (!ShouldProcess(vm, arguments is null ? Command : $"{Command} {arguments}"))
                return;
            JsonElement answer = Run((_, cancellation) => Engine.InvokeQmpAsync(vm, Command, arguments, cancellation));
            // {} is QMP's way to say "done".
            if (!(answer.ValueKind == JsonValueKind.Object && !answer.EnumerateObject().Any()))
                WriteObject(JsonReading.Value(answer), enumerateCollection: true);
        });
    });
}
