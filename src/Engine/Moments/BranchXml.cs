using System.Globalization;
using System.Xml.Linq;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>A branch without its tips as an element of our own namespace.</summary>
internal static class BranchXml
{
    private static readonly XName Description = TrackingXml.Name("description");

    /// <summary>Puts what is known of a branch into an element, its name first.</summary>
    public static XElement Write(XElement element, Branch branch)
    {
        element.Add(
            new XAttribute("name", branch.Name),
            branch.Current is null ? null : new XAttribute("current", branch.Current),
            branch.Start is null ? null : new XAttribute("start", branch.Start),
            branch.Created is { } created ? new XAttribute("created", Time(created)) : null,
            branch.Memory is null ? null : new XAttribute("memory", branch.Memory),
            branch.Running ? new XAttribute("running", "yes") : null,
            branch.Description is null ? null : new XElement(Description, branch.Description));
        return element;
    }

    public static Branch Read(XElement element, string name, XmlCheck check) => new(name)
    {
        Current = Key(element, "current", check),
        Start = Key(element, "start", check),
        Created = element.Attribute("created") is null ? null : Time(element, "created", check),
        Memory = element.Attribute("memory")?.Value,
        Running = check.Choice(element, "running", "yes", "no") == "yes",
        Description = check.Single(element, Description)?.Value,
    };

    public static string Time(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    public static DateTimeOffset Time(XElement element, string attribute, XmlCheck check) =>
        DateTimeOffset.TryParse(check.Required(element, attribute), CultureInfo.InvariantCulture, out DateTimeOffset time)
            ? time : throw check.Broken(element.Attribute(attribute)!, $"'{attribute}' must be a time");

    /// <summary>A moment that an attribute names with its kind; null where it is not there.</summary>
    public static MomentKey? Key(XElement element, string attribute, XmlCheck check) => element.Attribute(attribute) is null ? null : RequiredKey(element, attribute, check);

    public static MomentKey RequiredKey(XElement element, string attribute, XmlCheck check) => MomentKey.TryParse(check.Required(element, attribute), out MomentKey? key) ? key
        : throw check.Broken(element.Attribute(attribute)!, $"{XmlErrors.Quote(element.Attribute(attribute)!.Value)} is not a moment's name with its kind in front");
}
