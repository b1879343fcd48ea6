#Requires -Version 7.6
# Makes the package for the PowerShell Gallery, and tries it: published to a repository that is a directory, installed from there into an
# empty module path, imported and used. Nothing of this user's repositories and modules is touched.
param(
    # The directory of the built module.
    [Parameter(Mandatory)][string] $Module,
    # Where the package goes.
    [Parameter(Mandatory)][string] $Destination
)
$ErrorActionPreference = 'Stop'
$PSStyle.OutputRendering = 'PlainText'
$pwsh = [Environment]::ProcessPath
$Module = (Resolve-Path $Module).ProviderPath

function Stop-Package([string] $Words) {
    [Console]::Error.WriteLine("The package was not made. $Words")
    exit 1
}

function Get-Difference([string[]] $Listed, [string[]] $There) {
    $There.Where{ $_ -cnotin $Listed } | ForEach-Object { "'$_' is there and not in its FileList" }
    $Listed.Where{ $_ -cnotin $There } | ForEach-Object { "'$_' is in its FileList and not there" }
}

# Each step in a session of its own, whose user's data and modules lie in the scratch directory.
function Invoke-Step([string] $Step, [string] $Script) {
    $said = & $pwsh -NoProfile -NonInteractive -Command "`$ErrorActionPreference = 'Stop'; `$ProgressPreference = 'SilentlyContinue'; `$PSStyle.OutputRendering = 'PlainText'; $Script" 2>&1
    if ($LASTEXITCODE) { Stop-Package "It could not be ${Step}:`n$($said -join "`n")" }
    $said
}

function Get-Quoted([string] $Text) { "'$([Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($Text))'" }

$manifest = Test-ModuleManifest (Join-Path $Module MomentTools.psd1) -WarningVariable warnings -WarningAction SilentlyContinue
if ($warnings) { Stop-Package "Its manifest is not clean: $warnings" }
$listed = (Import-PowerShellDataFile $manifest.Path).FileList
$there = (Get-ChildItem $Module -File -Recurse).ForEach{ [IO.Path]::GetRelativePath($Module, $_.FullName) }
$differences = @(Get-Difference $listed $there)
if ($differences) { Stop-Package "Its manifest does not list what is in it: $($differences -join '; ')." }
if (-not (Get-Module Microsoft.PowerShell.PSResourceGet -ListAvailable)) {
    Stop-Package ('The PowerShell module Microsoft.PowerShell.PSResourceGet is not there; it comes with PowerShell as it is released. ' +
        "What is in $Module can be copied to a directory of PSModulePath as it is.")
}

$scratch = (New-Item -ItemType Directory (Join-Path ([IO.Path]::GetTempPath()) "mt-package-$PID")).FullName
$before = $env:HOME, $env:XDG_DATA_HOME, $env:MOMENTTOOLS_HOME
try {
    # PowerShell looks for a user's modules in the one, PSResourceGet installs them below the other.
    $env:HOME = $scratch
    $env:XDG_DATA_HOME = "$scratch/.local/share"
    $env:MOMENTTOOLS_HOME = "$scratch/home"
    $repository = (New-Item -ItemType Directory $scratch/repository).FullName
    New-Item -ItemType Directory $env:XDG_DATA_HOME | Out-Null
    Invoke-Step published "Register-PSResourceRepository -Name Scratch -Uri $(Get-Quoted $repository) -Trusted; Publish-PSResource -Path $(Get-Quoted $Module) -Repository Scratch" | Out-Null
    $package = Get-ChildItem $repository -Filter *.nupkg
    if ($package.Count -ne 1) { Stop-Package "Publish-PSResource left $($package.Count) packages in its repository." }

    Invoke-Step installed 'Install-PSResource -Name MomentTools -Repository Scratch -Scope CurrentUser -Quiet' | Out-Null
    $used = Invoke-Step used ('Import-Module MomentTools; $module = Get-Module MomentTools; $module.Path; $module.ExportedCmdlets.Count; (Get-Help about_MomentTools).Length -gt 100; ' +
        '(Get-Help Get-VMMoment).Synopsis; Get-VMDomain; try { Get-VMDomain nosuch } catch { $_.FullyQualifiedErrorId }')
    $installed = Split-Path $used[0]
    if (-not $installed.StartsWith("$env:XDG_DATA_HOME/", [StringComparison]::Ordinal)) { Stop-Package "What was imported is not what was installed, but $installed." }
    if ([int]$used[1] -ne $manifest.ExportedCmdlets.Count -or $used[2] -ne 'True' -or $used[3] -like '*Get-VMMoment*' -or $used[-1] -notlike 'VMNotFound,*') {
        Stop-Package "What was installed does not work: $($used -join '; ')"
    }
    # What PSResourceGet itself keeps beside an installed module.
    $left = (Get-ChildItem $installed -File -Recurse -Force).ForEach{ [IO.Path]::GetRelativePath($installed, $_.FullName) }.Where{ $_ -ne 'PSGetModuleInfo.xml' }
    $differences = @(Get-Difference $listed $left)
    if ($differences) { Stop-Package "What was installed is not what was packed: $($differences -join '; ')." }

    New-Item -ItemType Directory $Destination -Force | Out-Null
    $made = Copy-Item $package.FullName $Destination -PassThru
    "The package is $($made.FullName): $($used[1]) commands, installed from a repository into an empty module path, imported and used."
}
finally {
    $env:HOME, $env:XDG_DATA_HOME, $env:MOMENTTOOLS_HOME = $before
    Remove-Item $scratch -Recurse -Force
}
