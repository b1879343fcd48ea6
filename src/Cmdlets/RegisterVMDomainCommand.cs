using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>Makes a machine known to MomentTools.</summary>
[Cmdlet(VerbsLifecycle.Register, "VMDomain", DefaultParameterSetName = PathSet, SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Low)]
[OutputType(typeof(VMDomain))]
public sealed class RegisterVMDomainCommand : MomentCmdlet
{
    private const string PathSet = "Path";
    private const string XmlSet = "Xml";
    private const string MonitorSet = "Monitor";

    // libvirt's own limit for a document is smaller; the engine checks the rest.
    private const long LargestDocument = 4 << 20;

    /// <summary>Files with libvirt-style domain documents.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet, ValueFromPipelineByPropertyName = true)]
    [Alias("LiteralPath", "FilePath", "XmlFile", "FullName", "PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>A libvirt-style domain document as text.</summary>
    [Parameter(Mandatory = true, ParameterSetName = XmlSet)]
    [ValidateNotNullOrEmpty]
    public string Xml { get; set; } = "";

    /// <summary>The name of a machine that somebody else starts.</summary>
    [Parameter(Mandatory = true, ParameterSetName = MonitorSet)]
    [Alias("VM", "VMName", "Domain", "DomainName")]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = "";

    /// <summary>The QMP monitor of a machine that somebody else starts.</summary>
    [Parameter(Mandatory = true, ParameterSetName = MonitorSet)]
    [ValidateNotNullOrEmpty]
    public string Monitor { get; set; } = "";

    /// <summary>Take the files that the machine's images name for its own, wherever they lie.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = XmlSet)]
    public SwitchParameter AcceptBacking { get; set; }

    /// <summary>Replace the definition of the domain that has this name and UUID already; its moments stay.</summary>
    [Parameter]
    public SwitchParameter Update { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case XmlSet:
                Register("the XML given as -Xml", () => new RegisterDomainRequest { Xml = Xml, XmlSource = "the XML given as -Xml" });
                break;
            case MonitorSet:
                Register(Name, () => new RegisterDomainRequest { Name = Name, Monitor = MonitorAddress() });
                break;
            default:
                foreach (string path in Path)
                    Register(path, () => Document(FilePath(path)));
                break;
        }
    }

    private void Register(string what, Func<RegisterDomainRequest> request) => Attempt(what, () =>
    {
        RegisterDomainRequest checkedRequest = request() with { Update = Update, AcceptBacking = AcceptBacking };
        if (ShouldProcess(what, Update ? "Make the definition of the domain" : "Register as a domain"))
            WriteObject(Run((report, cancellation) => Engine.RegisterDomainAsync(checkedRequest, report, cancellation)));
    });

    // A bare path is relative to PowerShell's location; an address with a scheme says all itself.
    private string MonitorAddress()
    {
        if (Monitor.StartsWith("tcp:", StringComparison.OrdinalIgnoreCase))
            return Monitor;
        return Monitor.StartsWith("unix:", StringComparison.OrdinalIgnoreCase) ? "unix:" + FilePath(Monitor["unix:".Length..]) : FilePath(Monitor);
    }

    private static RegisterDomainRequest Document(string path)
    {
        if (Directory.Exists(path))
            throw CmdletErrors.IsDirectory(path);
        try
        {
            if (new FileInfo(path).Length > LargestDocument)
                throw CmdletErrors.DocumentTooLarge(path, LargestDocument);
            return new RegisterDomainRequest { Xml = File.ReadAllText(path), XmlSource = path };
        }
        catch (Exception reason) when (reason is FileNotFoundException or DirectoryNotFoundException)
        {
            throw CmdletErrors.Missing(path, reason);
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            throw CmdletErrors.Unreadable(path, reason);
        }
    }
}
