BeforeDiscovery { $there = [bool](Get-Module Microsoft.PowerShell.PSResourceGet -ListAvailable) }

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    $package = Join-Path (Get-RepositoryRoot) build/Package.ps1
    $module = Split-Path (Get-ManifestPath)

    # What the script says to a module, and its exit code.
    function Invoke-Package([string] $Module) {
        $said = & ([Environment]::ProcessPath) -NoProfile -NonInteractive -File $package -Module $Module -Destination "$TestDrive/out" 2>&1
        [pscustomobject]@{ Exit = $LASTEXITCODE; Words = $said -join "`n" }
    }

    function Copy-Module([string] $Name) {
        Copy-Item $module "$TestDrive/$Name/MomentTools" -Recurse
        "$TestDrive/$Name/MomentTools"
    }
}

Describe 'The package' {
    BeforeAll { New-Item -ItemType Directory "$TestDrive/extra", "$TestDrive/less" | Out-Null }

    It 'is not made of a module with a file that its manifest does not list' {
        $copy = Copy-Module extra
        Set-Content "$copy/notes.txt" 'x'
        $run = Invoke-Package $copy
        $run.Exit | Should -Be 1
        $run.Words | Should -Match "'notes.txt' is there and not in its FileList"
        "$TestDrive/out" | Should -Not -Exist
    }

    It 'is not made of a module that lacks a file' {
        $copy = Copy-Module less
        Remove-Item "$copy/LICENSE"
        $run = Invoke-Package $copy
        $run.Exit | Should -Be 1
        $run.Words | Should -Match 'LICENSE'
    }

    It 'says in plain words that it needs PSResourceGet' -Skip:$there {
        $run = Invoke-Package $module
        $run.Exit | Should -Be 1
        $run.Words | Should -Match 'Microsoft.PowerShell.PSResourceGet is not there'
        $run.Words | Should -Not -Match 'Exception|line \d'
    }

    It 'is published, installed from a repository into an empty module path, imported and used, and leaves nothing behind (needs PSResourceGet)' -Skip:(-not $there) {
        $run = Invoke-Package $module
        $run.Words | Should -Match "$((Import-PowerShellDataFile (Get-ManifestPath)).CmdletsToExport.Count) commands, installed from a repository"
        $run.Exit | Should -Be 0
        $made = Get-ChildItem "$TestDrive/out" -Filter *.nupkg
        $made.Name | Should -Be "MomentTools.$((Test-ModuleManifest (Get-ManifestPath)).Version).nupkg"
        $files = [IO.Compression.ZipFile]::OpenRead($made.FullName)
        try { (Import-PowerShellDataFile (Get-ManifestPath)).FileList | Where-Object { $_ -cnotin $files.Entries.FullName } | Should -BeNullOrEmpty } finally { $files.Dispose() }
        Get-ChildItem ([IO.Path]::GetTempPath()) -Filter mt-package-* | Should -BeNullOrEmpty
    }
}
