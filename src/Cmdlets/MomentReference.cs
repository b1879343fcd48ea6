using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>What -Since and -From accept: a moment's name, or a moment object.</summary>
public sealed class MomentReference
{
    private readonly string? _vm;

    /// <summary>A moment by its name.</summary>
    public MomentReference(string name)
    {
        Name = string.IsNullOrWhiteSpace(name) ? throw new FormatException("The name of a moment is empty.") : name;
    }

    /// <summary>The moment that an object is: a <see cref="VMMoment"/>, or anything with properties Name and VM.</summary>
    public MomentReference(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        PSObject wrapped = PSObject.AsPSObject(value);
        if (wrapped.BaseObject is string or ValueType)
        {
            Name = wrapped.BaseObject.ToString()!;
            return;
        }

        Name = wrapped.Properties["Name"]?.Value?.ToString()
            ?? throw new FormatException("The object is no moment: it has no property Name.");
        _vm = wrapped.Properties["VM"]?.Value?.ToString();
    }

    /// <summary>The moment's name.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The name, after a check that the object came from this domain.</summary>
    internal string NameIn(string vm) =>
        _vm is null || string.Equals(_vm, vm, StringComparison.Ordinal) ? Name : throw CmdletErrors.OtherDomain(Name, _vm, vm);
}
