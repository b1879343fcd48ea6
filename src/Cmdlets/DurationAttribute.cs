using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>A parameter that is a length of time: takes 30m, 8h and 2d beside PowerShell's own ways, and says so where it cannot be read.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DurationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = GivenValue.Plain(inputData);
        // PowerShell takes '8' for eight days, and 8 for eight ten-millionths of a second.
        return value switch
        {
            null or TimeSpan => value!,
            0 => TimeSpan.Zero,
            _ => ValueText.Duration($"{value}") ?? throw new ArgumentTransformationMetadataException($"'{value}' is no length of time. Write for instance 90s, 30m, 8h or 2d, or '8:00' for eight hours."),
        };
    }
}
