#Requires -Version 7.6
<#
.SYNOPSIS
Builds, tests and shows MomentTools. The work is done by MSBuild (build/MomentTools.proj).
.EXAMPLE
./build.ps1 -Task Test
#>
param(
    [ValidateSet('Build', 'Test', 'Prove', 'Tour', 'Bench', 'Docs', 'Package', 'Clean')][string] $Task = 'Build',
    # Tour: boot a small Linux that does the writing.
    [switch] $Guest,
    # Prove: what to prove; how many minutes fuzzing and soak take each (60 and 30).
    [ValidatePattern('^(crash|fuzz|ctrlc|soak)(,(crash|fuzz|ctrlc|soak))*$', ErrorMessage = "'{0}' is none of crash, fuzz, ctrlc and soak, nor a list of them with commas.")][string[]] $Of,
    [ValidateRange(1, 10000)][int] $Minutes,
    # Test, Prove and Bench: write docs/test-run.md, docs/proof.md, docs/benchmarks.md.
    [switch] $Record
)
$ErrorActionPreference = 'Stop'
$pwsh = [Environment]::ProcessPath
$out = Join-Path $PSScriptRoot out
dotnet msbuild (Join-Path $PSScriptRoot build/MomentTools.proj) -nologo -v:m "-t:$Task" "-p:Pwsh=$pwsh" "-p:Record=$Record".ToLowerInvariant() "-p:Of=$($Of -join ',' -replace ',', '%2c')" "-p:Minutes=$($Minutes ? $Minutes : '')"
$exit = $LASTEXITCODE
if ($Task -eq 'Test' -and (Test-Path $out/test/summary.txt)) { Get-Content $out/test/summary.txt }
if ($exit) { exit $exit }
switch ($Task) {
    Tour { & $pwsh -NoProfile -File $PSScriptRoot/samples/Tour.ps1 -Guest:$Guest }
    Bench { dotnet $out/bench/MomentTools.Bench.dll @($Record ? "--record", "$PSScriptRoot/docs/benchmarks.md" : @()) }
}
exit $LASTEXITCODE
