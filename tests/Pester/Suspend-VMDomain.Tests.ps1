BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Suspend-VMDomain' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place -Started | Out-Null
        New-Machine $place idle | Out-Null
        Resume-VMDomain web1 | Out-Null
    }

    It 'touches nothing with -WhatIf' {
        Suspend-VMDomain web1 -WhatIf | Should -BeNullOrEmpty
        (Get-VMDomain web1).State | Should -Be Running
    }

    It 'lets the guest stand still and gives the machine' {
        $machine = Suspend-VMDomain web1
        $machine | Should -BeOfType ([MomentTools.VMDomain])
        $machine.State | Should -Be Paused
        (Get-View (Get-VMDomain web1)) -join ' ' | Should -Match 'Paused'
    }

    It 'leaves one that stands still as it is, and says so where asked' {
        $said = Suspend-VMDomain web1 -Verbose 4>&1
        $said[-1].State | Should -Be Paused
        $said -join ' ' | Should -Match 'stands still already'
    }

    It 'is left standing still by checkpoints, snapshots, backups, block snapshots, exports and repairs' {
        New-VMCheckpoint web1 monday | Out-Null
        (Get-VMDomain web1).State | Should -Be Paused
        New-VMSnapshot web1 outside -DiskOnly | Out-Null
        (Get-VMDomain web1).State | Should -Be Paused
        Backup-VMDomain web1 -Repository "$place/backup" | Out-Null
        (Get-VMDomain web1).State | Should -Be Paused
        New-VMBlockSnapshot web1 tonight | Start-VMBlockExport -Address "unix:$place/run/nbd.sock" | Stop-VMBlockExport -Confirm:$false
        Remove-VMBlockSnapshot web1 tonight -Confirm:$false
        (Get-VMDomain web1).State | Should -Be Paused
        Repair-VMMoment web1 -Confirm:$false
        Remove-VMCheckpoint web1 monday -Confirm:$false
        (Get-VMDomain web1).State | Should -Be Paused
    }

    It 'takes machines from the pipeline, and says which of them do not run' {
        Get-VMDomain | Suspend-VMDomain -ErrorAction SilentlyContinue -ErrorVariable failed | ForEach-Object Name | Should -Be web1
        $failed.FullyQualifiedErrorId | Should -Be 'VMNotRunning,MomentTools.Cmdlets.SuspendVMDomainCommand'
        $failed.TargetObject | Should -Be idle
    }
}
