using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Refuses leases that nobody can mean: PowerShell reads a bare number as ten-millionths of a second.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateLeaseAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is TimeSpan lease && lease < TimeSpan.FromSeconds(1))
            throw new ValidationMetadataException($"{lease} is no time to live. Write '0:30' for half an hour, '8:00' for eight hours, or '1.0:0' for a day.");
    }
}
