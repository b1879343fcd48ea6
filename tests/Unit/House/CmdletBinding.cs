namespace MomentTools.Tests.House;

/// <summary>How a parameter binds in one set, or in all where the set is null.</summary>
internal sealed record CmdletBinding(string? Set, bool Mandatory, int? Position, bool FromPipeline, bool FromProperty)
{
    public override string ToString()
    {
        string text = Set is null ? "all sets" : "set " + Set;
        if (Mandatory)
            text += ", mandatory";
        if (Position is { } position)
            text += $", position {position}";
        if (FromPipeline)
            text += ", pipeline";
        return FromProperty ? text + ", property" : text;
    }
}
