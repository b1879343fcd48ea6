using System.Management.Automation;

namespace MomentTools.Cmdlets;

/// <summary>
/// At import, warns about aliases that hide a cmdlet of this module: PowerShell takes an alias before a cmdlet, and Hyper-V's
/// module has aliases like Get-VMCheckpoint.
/// </summary>
public sealed class ImportWarning : IModuleAssemblyInitializer
{
    /// <inheritdoc/>
    public void OnImport()
    {
        // A module's initializer is given no session: a script block finds the one that imports.
        if (ScriptBlock.Create("$ExecutionContext").InvokeReturnAsIs() is not PSObject { BaseObject: EngineIntrinsics session })
            return;
        foreach (string name in CmdletNames())
        {
            // Not asked of command discovery: a module on PSModulePath would be loaded for the name, from within its own import.
            string path = "Alias:" + name;
            if (!session.InvokeProvider.Item.Exists(path) || session.InvokeProvider.Item.Get(path) is not [{ BaseObject: AliasInfo alias }, ..])
                continue;
            string text = $"The alias {name} -> {alias.Definition} hides the cmdlet of the same name of MomentTools. "
                + $"Write MomentTools\\{name}, or import the module with a prefix: Import-Module MomentTools -Prefix QM.";
            ScriptBlock.Create("param($Text) Write-Warning $Text").Invoke(text);
        }
    }

    private static IEnumerable<string> CmdletNames() =>
        typeof(ImportWarning).Assembly.GetExportedTypes()
            .Select(type => Attribute.GetCustomAttribute(type, typeof(CmdletAttribute)) as CmdletAttribute)
            .OfType<CmdletAttribute>()
            .Select(cmdlet => $"{cmdlet.VerbName}-{cmdlet.NounName}")
            .Order(StringComparer.Ordinal);
}
