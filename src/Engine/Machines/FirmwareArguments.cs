using System.Xml.Linq;

namespace MomentTools.Machines;

/// <summary>What the guest boots with: firmware in flash or ROM, a kernel, and the boot menu.</summary>
internal static class FirmwareArguments
{
    private const int LongestTimeout = 65535;

    public static void Add(QemuArguments arguments)
    {
        XElement os = arguments.Os;
        arguments.Sort(os, ["type", "loader", "nvram", "kernel", "initrd", "cmdline", "dtb", "boot", "bootmenu", "firmware", "smbios"], ["bios"]);
        if (os.Element("type") is { } type && type.Value.Trim() != "hvm")
            throw arguments.Unsupported(type, "any kind of guest but 'hvm'");
        if (os.Element("smbios") is { } smbios && smbios.Attribute("mode")?.Value != "emulate")
            throw arguments.Unsupported(smbios, "SMBIOS information of the host's or one's own");
        XElement? loader = os.Element("loader");
        bool hasFile = loader is not null && arguments.Check.Text(loader).Trim().Length > 0;
        if (os.Attribute("firmware")?.Value == "efi" && !hasFile)
            throw arguments.Unsupported(os, "firmware='efi' without the file in <loader>");
        if (hasFile && !IsFlash(loader!))
            arguments.Add("-bios", loader!.Value.Trim());
        foreach ((string name, string path, string format, bool readOnly) in Flash(arguments))
            arguments.Add("-blockdev", BlockdevOptions.ForChain([new ImageLayer("mt-" + name, path, format, readOnly, IsBlockDevice: false)]));
        if (arguments.Switch(loader, "secure") == true)
            arguments.Add("-global", "driver=cfi.pflash01,property=secure,value=on");
        foreach ((string element, string option) in ((string, string)[])[("kernel", "-kernel"), ("initrd", "-initrd"), ("cmdline", "-append"), ("dtb", "-dtb")])
            if (os.Element(element) is { } given)
                arguments.Add(option, arguments.Check.Text(given));
        arguments.Add("-boot", "strict=on" + Menu(arguments, os.Element("bootmenu")));
    }

    /// <summary>The flash devices: <c>pflash0</c> with the code, <c>pflash1</c> with the variables.</summary>
    public static IEnumerable<(string Name, string Path, string Format, bool ReadOnly)> Flash(QemuArguments arguments)
    {
        if (arguments.Os.Element("loader") is not { } loader || !IsFlash(loader) || arguments.Check.Text(loader).Trim() is not { Length: > 0 } code)
            yield break;
        yield return ("pflash0", code, Format(arguments, loader), arguments.Switch(loader, "readonly") ?? true);
        if (arguments.Os.Element("nvram") is not { } nvram)
            yield break;
        string path = nvram.Element("source")?.Attribute("file")?.Value ?? nvram.Value.Trim();
        yield return ("pflash1", path.Length > 0 ? path : throw arguments.Unsupported(nvram, "<nvram> without a file"), Format(arguments, nvram), false);
    }

    private static bool IsFlash(XElement loader) => loader.Attribute("type")?.Value == "pflash";

    private static string Format(QemuArguments arguments, XElement element) => arguments.Check.Choice(element, "format", "raw", "qcow2") ?? "raw";

    private static string Menu(QemuArguments arguments, XElement? menu)
    {
        if (arguments.Switch(menu, "enable") is not { } enable)
            return "";
        long? timeout = arguments.Number(menu, "timeout", 0, LongestTimeout);
        return $",menu={(enable ? "on" : "off")}{(timeout is null ? "" : $",splash-time={timeout}")}";
    }
}
