using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>The namespaces beside libvirt's nameless one.</summary>
internal static class XmlNames
{
    /// <summary>Ours, for what libvirt has no word for.</summary>
    public static readonly XNamespace Moments = "https://momenttools.dev/xml/1";

    /// <summary>The one element of ours in a moment's document.</summary>
    public static readonly XName Moment = Moments + "moment";

    /// <summary>The one element of ours in the record of a block snapshot.</summary>
    public static readonly XName BlockSnapshot = Moments + "blocksnapshot";

    /// <summary>The one element of ours in the record of a block export.</summary>
    public static readonly XName BlockExport = Moments + "blockexport";

    /// <summary>libvirt's for <c>&lt;qemu:commandline&gt;</c>.</summary>
    public static readonly XNamespace Qemu = "http://libvirt.org/schemas/domain/qemu/1.0";
}
