using System.Xml.Linq;

namespace MomentTools.Xml;

/// <summary>What libvirt shows only with VIR_DOMAIN_XML_SECURE: passwords of graphics, and cookies of network disks.</summary>
internal static class DomainSecrets
{
    public static void Remove(XElement domain)
    {
        if (domain.Element("devices") is not { } devices)
            return;
        // An empty password means "no login at all" and is no secret: libvirt keeps it for the eye.
        devices.Elements("graphics").Attributes("passwd").Where(password => password.Value.Length > 0).Remove();
        devices.Elements("disk").Descendants("cookies").Where(cookies => cookies.Parent!.Name == "source").Remove();
    }
}
