BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Stop-VMDomain' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll { New-Machine $place -Started | Out-Null }

    It 'touches nothing with -WhatIf' {
        Stop-VMDomain web1 -Force -WhatIf
        (Get-VMDomain web1).State | Should -Be Paused
    }

    It 'says that a guest that stands still cannot shut down' {
        { Stop-VMDomain web1 -TimeoutSec 1 -ErrorAction Stop } | Should -Throw -ErrorId 'VMPaused,*'
    }

    It 'gives up when the guest does not listen, and lets it run' {
        Resume-VMDomain web1 | Should -HaveCount 1
        # There is no guest that could shut down.
        { Stop-VMDomain web1 -TimeoutSec 1 -ErrorAction Stop } | Should -Throw -ErrorId 'VMStopTimeout,*'
        (Get-VMDomain web1).State | Should -Be Running
    }

    It 'ends QEMU with -Force' {
        $process = (Get-VMDomain web1).ProcessId
        (Stop-VMDomain web1 -Force).State | Should -Be Stopped
        # Ended, but perhaps not yet collected by its parent.
        Get-Content "/proc/$process/stat" -ErrorAction Ignore | Where-Object { $_ -notmatch '\) [ZX] ' } | Should -BeNullOrEmpty
    }
}
