using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>
/// The <c>&lt;source&gt;</c> of a snapshot's new layer: what may stand in it, by the type of the disk. What stands
/// deeper (labels, hosts, secrets) is formatdomain's: it is kept as it is and never used here.
/// </summary>
internal static class SnapshotSource
{
    private static readonly string[] NetworkAttributes = ["protocol", "name", "tls", "tlsHostname", "query", "index"];

    private static readonly string[] NetworkElements =
        ["snapshot", "config", "auth", "initiator", "cookies", "ssl", "readahead", "timeout", "reconnect", "identity", "slices", "encryption"];

    private static readonly string[] Protocols =
        ["nbd", "gluster", "rbd", "iscsi", "http", "https", "ftp", "ftps", "tftp", "sheepdog", "vxhs", "nfs"];

    public static void Check(XElement source, string type, XmlCheck check)
    {
        if (type == "network")
        {
            check.Attributes(source, NetworkAttributes);
            check.Content(source, NetworkElements, ["host"]);
            check.Required(source, "protocol");
            check.Choice(source, "protocol", Protocols);
        }
        else
        {
            string path = DomainDisk.PathAttribute(type);
            check.Attributes(source, path, "index");
            check.Content(source, ["slices", "encryption"], ["seclabel"]);
            if (source.Attribute(path) is { } given)
                check.AbsolutePath(given);
            else if (type == "block")
                check.Required(source, path);
        }

        if (source.Attribute("index") is { } index)
            check.Number(index, index.Value, 1, long.MaxValue);
    }
}
