#Requires -Version 7.6
# Runs the Pester suite against the built module and writes the counts where the build reads them.
param(
    [Parameter(Mandatory)][string] $Tests,
    [Parameter(Mandatory)][string] $Module,
    [Parameter(Mandatory)][string] $Result
)
$ErrorActionPreference = 'Stop'

function Write-Count([int] $Passed, [int] $Failed, [int] $Skipped, [string] $Note) {
    $xml = [xml]'<pester/>'
    $xml.DocumentElement.SetAttribute('passed', $Passed)
    $xml.DocumentElement.SetAttribute('failed', $Failed)
    $xml.DocumentElement.SetAttribute('skipped', $Skipped)
    $xml.DocumentElement.SetAttribute('note', $Note)
    $xml.Save($Result)
}

function Find-Pester { Get-Module Pester -ListAvailable | Where-Object Version -ge 5.5 | Sort-Object Version -Descending | Select-Object -First 1 }

$files = @(Get-ChildItem $Tests -Filter *.Tests.ps1 -Recurse)
$pester = Find-Pester
$reason = 'no way to install it here'
if (-not $pester -and (Get-Command Install-PSResource -ErrorAction Ignore)) {
    try { Install-PSResource Pester -Version '[5.5,6)' -Scope CurrentUser -TrustRepository -Quiet -WarningAction Ignore }
    catch { $reason = $_.Exception.Message }
    $pester = Find-Pester
}
if (-not $pester) {
    $blocks = @($files | Select-String -Pattern '^\s*It\s').Count
    Write-Count 0 0 $blocks "skipped: Pester 5 is neither installed nor to be had ($reason), so the $blocks test blocks of the Pester suite did not run"
    exit 0
}
if (-not $files) {
    Write-Count 0 0 0 'there are no Pester tests'
    exit 0
}

Import-Module $pester.Path
# Tests say Import-Module MomentTools, as users do, and get the one just built.
$env:PSModulePath = (Split-Path (Split-Path (Split-Path $Module))) + [IO.Path]::PathSeparator + $env:PSModulePath
$env:MOMENTTOOLS_MODULE = $Module
$configuration = New-PesterConfiguration
$configuration.Run.Path = $Tests
$configuration.Run.PassThru = $true
$configuration.Output.Verbosity = 'Normal'
$configuration.Output.RenderMode = 'Plaintext'
$run = Invoke-Pester -Configuration $configuration
$failed = $run.FailedCount + $run.FailedBlocksCount + $run.FailedContainersCount
# Once more at the end, where a long log is read first.
foreach ($test in $run.Failed) { "Failed: $($test.ExpandedPath): $($test.ErrorRecord[0])" }
Write-Count $run.PassedCount $failed ($run.SkippedCount + $run.NotRunCount + $run.InconclusiveCount) ''
exit [int]($failed -gt 0)
