using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>
/// Collects the arguments while the parts of a document are translated, and keeps the three lists: what is built,
/// what is ignored (and told), and what is refused because nobody named it.
/// </summary>
internal sealed class QemuArguments(DomainDocument domain, QemuRuntime runtime)
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<string> _arguments = [];
    private readonly SortedSet<string> _ignored = new(StringComparer.Ordinal);

    public DomainDocument Domain => domain;

    public QemuRuntime Runtime => runtime;

    public XmlCheck Check { get; } = new(domain.Source);

    public XElement Devices { get; } = domain.Root.Element("devices") ?? new XElement("devices");

    public XElement Os { get; } = domain.Root.Element("os") ?? new XElement("os");

    public string MachineType => Os.Element("type")?.Attribute("machine")?.Value ?? "";

    public string Architecture => Os.Element("type")?.Attribute("arch")?.Value ?? "x86_64";

    public bool IsX86 => Architecture is "x86_64" or "i686";

    public bool IsQ35 => MachineType.Contains("q35", StringComparison.Ordinal);

    public bool IsKvm => domain.Type == "kvm";

    /// <summary>Passwords that must not stand on a command line; whoever starts the machine sets them by QMP, by protocol.</summary>
    public Dictionary<string, string> Passwords { get; } = new(StringComparer.Ordinal);

    public string? AgentPath { get; set; }

    public IReadOnlyList<string> Arguments => _arguments;

    public IReadOnlyCollection<string> Ignored => _ignored;

    public void Add(params IEnumerable<string> arguments) => _arguments.AddRange(arguments);

    /// <summary>An option whose value is a JSON object.</summary>
    public void Add(string option, JsonObject value) => Add(option, value.ToJsonString(Plain));

    /// <summary>A comma in a value of QEMU's option syntax is written twice.</summary>
    public static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    /// <summary>Sorts the children of an element: built ones are left to the caller, these are ignored, all others refused.</summary>
    public void Sort(XElement parent, IReadOnlyList<string> built, IReadOnlyList<string> ignored)
    {
        foreach (XElement child in parent.Elements())
        {
            string name = child.Name.ToString();
            if (ignored.Contains(name, StringComparer.Ordinal))
                Ignore(child);
            else if (!built.Contains(name, StringComparer.Ordinal))
                throw Unsupported(child, $"the element {XmlErrors.Tag(child)}");
        }
    }

    /// <summary>Refuses attributes that nobody named: each could mean something to the guest.</summary>
    public void SortAttributes(XElement element, params IReadOnlyList<string> known)
    {
        foreach (XAttribute attribute in element.Attributes().Where(attribute => !attribute.IsNamespaceDeclaration))
            if (!known.Contains(attribute.Name.ToString(), StringComparer.Ordinal))
                throw Unsupported(attribute, $"the attribute {XmlErrors.Quote(attribute.Name.ToString())} of {XmlErrors.Tag(element)}");
    }

    public void Ignore(XElement element)
    {
        XElement? parent = element.Parent;
        _ignored.Add(parent is null || parent == domain.Root || parent == Devices ? element.Name.LocalName : $"{parent.Name.LocalName}/{element.Name.LocalName}");
    }

    public void Ignore(XAttribute attribute) => _ignored.Add($"{attribute.Parent!.Name.LocalName}/@{attribute.Name.LocalName}");

    public MomentException Unsupported(XObject where, string what) => LaunchErrors.Unsupported(domain, where, what);

    /// <summary>A whole number in an attribute, or null where it is not there.</summary>
    public long? Number(XElement? element, string attribute, long least, long most) =>
        element?.Attribute(attribute) is { } given ? Check.Number(given, given.Value, least, most) : null;

    /// <summary>Whether an attribute or switch says <c>on</c> or <c>yes</c>; null where it is not there.</summary>
    public bool? Switch(XElement? element, string attribute) => element is null ? null : Check.Choice(element, attribute, "on", "off", "yes", "no") switch
    {
        null => null,
        "on" or "yes" => true,
        _ => false,
    };
}
