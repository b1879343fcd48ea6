# What hands used to Hyper-V, PowerCLI and virsh type.

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Habits' -Skip:(-not (Get-Command qemu-storage-daemon, qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        New-Disk ./web1.qcow2
        Get-DomainXml web1 "$place/web1.qcow2" | Set-Content ./web1.xml
    }

    It 'files are piped in by what Get-ChildItem gives' {
        (Get-ChildItem ./web1.xml | Register-VMDomain).Name | Should -Be web1
        Get-Item ./web1.qcow2 | Get-VMBitmap | Should -BeNullOrEmpty
        Register-VMDomain -LiteralPath ./web1.xml -Update | Should -HaveCount 1
    }

    It 'Hyper-V: -VMName, -SnapshotName, -CheckpointName, -Notes, -IncludeAllChildSnapshots' {
        New-VMSnapshot -VMName web1 -SnapshotName one -Notes 'first' | Out-Null
        New-VMSnapshot web1 -CheckpointName two | Out-Null
        New-VMSnapshot web1 three | Out-Null
        (Get-VMSnapshot -VMName web1 -Name one).Description | Should -Be first
        Restore-VMSnapshot -VMSnapshot (Get-VMSnapshot web1 three) -Discard -Confirm:$false
        Restore-VMSnapshot -VMCheckpoint (Get-VMSnapshot web1 three) -Discard -Confirm:$false
        Remove-VMSnapshot -VMName web1 -SnapshotName two -IncludeAllChildSnapshots -Confirm:$false
        (Get-VMSnapshot web1).Name | Should -Be one
    }

    It 'PowerCLI: -Snapshot, -RemoveChildren, -Memory' {
        New-VMSnapshot web1 two | Out-Null
        Remove-VMSnapshot -Snapshot (Get-VMSnapshot web1 one) -RemoveChildren -Confirm:$false
        Get-VMSnapshot web1 | Should -BeNullOrEmpty
        { New-VMSnapshot web1 x -IncludeMemory -WhatIf } | Should -Not -Throw
    }

    It 'the power switch: -StartPaused, -TurnOff' {
        (Start-VMDomain web1 -StartPaused).State | Should -Be Paused
        (Stop-VMDomain -VMName web1 -TurnOff).State | Should -Be Stopped
    }

    It 'virsh: -Domain, -DescendantsOnly, -Leaf, -Root' {
        'a', 'b', 'c' | ForEach-Object { New-VMCheckpoint -Domain web1 $_ | Out-Null }
        (Get-VMCheckpoint web1 -Leaf).Name | Should -Be c
        (Get-VMCheckpoint web1 -Root).Name | Should -Be a
        (Get-VMCheckpoint web1 -ChildOf a -Recurse).Name | Should -Be b, c
        (Get-VMMoment web1 -Type Checkpoint -Inner).Name | Should -Be a, b
        Remove-VMCheckpoint web1 a -DescendantsOnly -Confirm:$false
        (Get-VMCheckpoint web1).Name | Should -Be a
    }

    It 'objects of others that name a machine: a property VMName or Domain' {
        ([pscustomobject]@{ VMName = 'web1' } | Get-VMDomain).Name | Should -Be web1
        ([pscustomobject]@{ Domain = 'web1' } | Get-VMCheckpoint).Name | Should -Be a
    }

    It 'change tracking: -ChangeId, -Checkpoint' {
        Get-VMChangedBlock web1 -ChangeId a -Measure | Should -HaveCount 1
        Get-VMChangedBlock web1 -Checkpoint a -DiskName vda -Measure | Should -HaveCount 1
    }
}
