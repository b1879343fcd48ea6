BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Start-VMDomain' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll { New-Machine $place | Out-Null }

    It 'touches nothing with -WhatIf' {
        Start-VMDomain web1 -WhatIf | Should -BeNullOrEmpty
        (Get-VMDomain web1).State | Should -Be Stopped
    }

    It 'starts QEMU with the guest paused' {
        $machine = Get-VMDomain web1 | Start-VMDomain -Paused
        $machine.State | Should -Be Paused
        Get-Process -Id $machine.ProcessId | Should -Not -BeNullOrEmpty
    }

    It 'says that a machine runs already' {
        $failure = { Start-VMDomain web1 -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'VMAlreadyRunning,*'
        $failure.CategoryInfo.Category | Should -Be InvalidOperation
    }

    It 'gives QEMU''s own words where it refuses' {
        Register-VMDomain -Xml (Get-DomainXml broken "$place/nosuch.qcow2") | Out-Null
        { Start-VMDomain broken -ErrorAction Stop } | Should -Throw -ExpectedMessage '*nosuch.qcow2*'
    }
}
