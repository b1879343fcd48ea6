using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Refuses leases that nobody can mean: PowerShell reads a bare number as ten-millionths of a second.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateLeaseAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is TimeSpan lease && (lease < TimeSpan.FromSeconds(1) || lease > ValueText.LongestDuration))
            throw new ValidationMetadataException($"{lease} is no time to live. Write 30m, 8h or 1d for half an hour, eight hours or a day.");
    }
}
