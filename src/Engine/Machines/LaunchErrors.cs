using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Machines;

/// <summary>Why a document cannot be made into a command line.</summary>
internal static class LaunchErrors
{
    public static readonly ErrorId DomainElementUnsupported = new("DomainElementUnsupported", ErrorKind.Unsupported);

    /// <summary>An element, or a value of it, that MomentTools cannot build and that the guest would miss.</summary>
    /// <param name="what">What exactly, as the rest of "… is not supported": "the network disk 'vdb'".</param>
    public static MomentException Unsupported(DomainDocument domain, XObject where, string what) =>
        new(
            DomainElementUnsupported,
            $"Cannot start domain '{domain.Name}': in {XmlErrors.XmlOf(domain.Source)}, {XmlErrors.Place(where)}: {what} is not supported, and the guest would miss it if it were left out.",
            domain.Name,
            "Remove the element from the domain's XML, give it as <qemu:commandline>, or start the machine with what made the XML and attach it by its monitor.");
}
