using System.Management.Automation;
using MomentTools.Cmdlets;
using MomentTools.Tests.House;

namespace MomentTools.Tests.Hosting;

public sealed class HostingTests
{
    [SkippableFact]
    public void TheModuleIsTheOneUnderTest()
    {
        PowerShellAssemblies.Require();
        using var module = new HostedModule();
        var command = (CmdletInfo)module.Run("Get-Command Get-VMMoment").Single().BaseObject;
        Assert.Same(typeof(GetVMMomentCommand), command.ImplementingType);
        Assert.Equal(
            CmdletDeclaration.All.Select(cmdlet => cmdlet.Name).Order(StringComparer.Ordinal),
            module.Run("Get-Command -Module MomentTools | ForEach-Object Name").Select(name => (string)name.BaseObject).Order(StringComparer.Ordinal));
        Assert.Equal(PowerShellAssemblies.Home, module.Run("$PSHOME").Single().BaseObject);
    }
}
