using System.Globalization;
using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>A parameter that is an instant: says what is legal where it cannot be read. Without a zone it is local time.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class PointInTimeAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object? value = GivenValue.Plain(inputData);
        return value switch
        {
            null or DateTimeOffset => value!,
            DateTime time => new DateTimeOffset(time),
            _ => DateTimeOffset.TryParse($"{value}", CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset read)
                ? read
                : throw new ArgumentTransformationMetadataException($"'{value}' is no point in time. Write for instance '2026-11-21 14:30', or give (Get-Date).AddHours(-2)."),
        };
    }
}
