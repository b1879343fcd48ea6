#Requires -Version 7.6
# Turns the markdown in docs/help into the MAML file that Get-Help reads; the result is committed.
param([Parameter(Mandatory)][string] $Help)
$ErrorActionPreference = 'Stop'
Import-Module Microsoft.PowerShell.PlatyPS -MinimumVersion 1.0
$scratch = Join-Path ([IO.Path]::GetTempPath()) "mt-help-$PID"
try {
    $pages = Get-ChildItem $Help -Filter *-*.md -Recurse | Measure-PlatyPSMarkdown | Where-Object Filetype -Match CommandHelp
    $made = $pages | Import-MarkdownCommandHelp -Path { $_.FilePath } | Export-MamlCommandHelp -OutputFolder $scratch -Force
    $made | ForEach-Object { Move-Item $_.FullName (Join-Path $Help en-US $_.Name) -Force; Join-Path $Help en-US $_.Name }
}
finally { Remove-Item $scratch -Recurse -Force -ErrorAction Ignore }
