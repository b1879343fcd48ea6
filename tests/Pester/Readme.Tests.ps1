# The sessions in README.md are what prints.
BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Readme.psm1 -Force
    $text = Get-Content (Join-Path (Get-RepositoryRoot) README.md) -Raw
    $sessions = @(Get-Session $text | ForEach-Object { @{ First = ($_.Text -split '\n')[0] -replace '^PS> '; Text = $_.Text; Index = $_.Index } })
}

Describe 'The sessions in README.md' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-system-x86_64, qemu-io, nbdinfo -ErrorAction Ignore)) {
    BeforeAll {
        Import-Module $PSScriptRoot/Support.psm1 -Force
        Import-ModuleUnderTest
        Import-Module $PSScriptRoot/Readme.psm1 -Force
        $now = Invoke-Session (Get-Session (Get-Content (Join-Path (Get-RepositoryRoot) README.md) -Raw))
    }

    It 'print what stands there: <First>' -ForEach $sessions {
        $printed = ($now | Where-Object Index -EQ $Index).Now
        (Format-Print "$printed`n") -split '\n' | Should -Be ((Format-Print $Text) -split '\n')
    }
}
