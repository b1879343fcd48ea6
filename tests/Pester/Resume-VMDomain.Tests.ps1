BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Resume-VMDomain' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll { New-Machine $place -Started | Out-Null }

    It 'touches nothing with -WhatIf' {
        Resume-VMDomain web1 -WhatIf | Should -BeNullOrEmpty
        (Get-VMDomain web1).State | Should -Be Paused
    }

    It 'lets a guest that was started paused go on, and gives the machine' {
        $machine = Resume-VMDomain web1
        $machine | Should -BeOfType ([MomentTools.VMDomain])
        $machine.State | Should -Be Running
    }

    It 'leaves one that runs as it is' { (Resume-VMDomain web1).State | Should -Be Running }

    It 'lets one that was suspended go on, by wildcard' {
        Suspend-VMDomain web1 | Out-Null
        (Resume-VMDomain web*).State | Should -Be Running
    }

    It 'says of a machine that is stopped that it is' {
        Stop-VMDomain web1 -Force | Out-Null
        { Resume-VMDomain web1 -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotRunning,*'
    }
}
