using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Refuses times to undo in that nobody can mean: PowerShell reads a bare number as ten-millionths of a second.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateUndoTimeAttribute : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is TimeSpan time && time != TimeSpan.Zero && (time < TimeSpan.FromSeconds(1) || time > ValueText.LongestDuration))
            throw new ValidationMetadataException($"{time} is no time to undo something in. Write 30m for half an hour, 1d for a day, or 0 for not at all.");
    }
}
