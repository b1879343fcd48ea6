BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Invoke-VMQmpCommand' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll { New-Machine $place -Started | Out-Null }

    It 'gives an answer as an object' {
        $status = Invoke-VMQmpCommand web1 query-status
        $status | Should -BeOfType ([pscustomobject])
        $status.running | Should -BeFalse
    }

    It 'gives a list item by item' {
        $nodes = Invoke-VMQmpCommand web1 query-named-block-nodes @{ flat = $true }
        $nodes.Count | Should -BeGreaterThan 1
        ($nodes | Where-Object { $_.file -eq "$place/web1.qcow2" -and $_.drv -eq 'qcow2' }).image.'virtual-size' | Should -Be 64MB
    }

    It 'gives a text as a text' {
        Invoke-VMQmpCommand web1 human-monitor-command @{ 'command-line' = 'info name' } | Should -Match web1
    }

    It 'gives nothing where the answer is empty' {
        Get-VMDomain | Invoke-VMQmpCommand -Command stop | Should -BeNullOrEmpty
    }

    It 'sends nothing with -WhatIf' {
        Invoke-VMQmpCommand web1 cont -WhatIf
        (Get-VMDomain web1).State | Should -Be Paused
    }

    It 'keeps QEMU''s words and class' {
        $failure = { Invoke-VMQmpCommand web1 no-such-command -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'QmpCommandFailed,*'
        $failure.CategoryInfo.Category | Should -Be InvalidResult
        $failure.Exception.PeerErrorClass | Should -Be CommandNotFound
    }

    It 'refuses arguments that JSON has no form for' {
        { Invoke-VMQmpCommand web1 query-status @{ when = Get-Date } -ErrorAction Stop } | Should -Throw -ErrorId 'QmpArgumentsNotJson,*'
    }

    It 'says that a stopped machine cannot be asked' {
        New-Machine $place idle | Out-Null
        { Invoke-VMQmpCommand idle query-status -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotRunning,*'
    }
}
