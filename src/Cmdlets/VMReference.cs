using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>What -VM accepts: a domain's name, a name with wildcards, or an object that says which domain it belongs to.</summary>
public sealed class VMReference
{
    private readonly bool _exact;
    private readonly string[] _types = [];

    /// <summary>A domain by its name, or domains by a name with wildcards.</summary>
    public VMReference(string name)
    {
        // PowerShell shows the words: those of an ArgumentException would end in the name of a parameter that nobody gave.
        Name = string.IsNullOrWhiteSpace(name) ? throw new FormatException("The name of a domain is empty.") : name;
    }

    /// <summary>The domain of an object: a <see cref="VMDomain"/>, or anything with a property VM or VMName.</summary>
    public VMReference(object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        PSObject wrapped = PSObject.AsPSObject(value);
        if (wrapped.BaseObject is string or ValueType)
        {
            Name = wrapped.BaseObject.ToString()!;
            return;
        }

        Name = wrapped.Properties["VM"]?.Value?.ToString() ?? wrapped.Properties["VMName"]?.Value?.ToString()
            ?? throw new FormatException("The object names no domain: it has neither a property VM nor VMName.");
        _exact = true;
        _types = [.. wrapped.TypeNames];
    }

    /// <summary>The name, or the pattern.</summary>
    public string Name { get; }

    /// <summary>The name or pattern as text that matches it: a name taken from an object has no wildcards in it.</summary>
    internal string Pattern => _exact ? WildcardPattern.Escape(Name) : Name;

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>
    /// Whether it is the domain of such an object, also of a copy from another process. PowerShell takes an object for its domain where the
    /// other parameters leave nothing else, and more is meant then than was given.
    /// </summary>
    internal bool IsOf<T>() => _types.Any(name => name.EndsWith(typeof(T).FullName!, StringComparison.Ordinal));

    /// <summary>The domains that are meant. A plain name that means none is the engine's VMNotFound.</summary>
    internal IReadOnlyList<string> Resolve(MomentEngine engine) => _exact ? [Name] : engine.FindDomains(Name);
}
