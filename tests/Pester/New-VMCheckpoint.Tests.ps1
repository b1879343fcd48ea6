BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'New-VMCheckpoint of a <_> machine' -ForEach stopped, running -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        $vm = "m-$_"
        New-Machine $place $vm -Started:($_ -eq 'running') | Out-Null
    }

    It 'gives the checkpoint, with its disks' {
        $checkpoint = New-VMCheckpoint $vm monday -Description 'before the update'
        $checkpoint | Should -BeOfType ([MomentTools.VMCheckpoint])
        $checkpoint.VM | Should -Be $vm
        $checkpoint.Name | Should -BeExactly monday
        $checkpoint.Kind | Should -Be Checkpoint
        $checkpoint.Parent | Should -BeNullOrEmpty
        $checkpoint.Current | Should -BeTrue
        $checkpoint.Description | Should -Be 'before the update'
        $checkpoint.Created | Should -BeGreaterThan ([datetimeoffset]::Now.AddMinutes(-1))
        $checkpoint.Disks.Name | Should -Be vda
        $checkpoint.Disks.Bitmap | Should -Be monday
        $checkpoint.Disks.State | Should -Be Recording
        (Get-VMBitmap $vm).Name | Should -Contain monday
    }

    It 'makes the next one its child' {
        (New-VMCheckpoint $vm tuesday).Parent | Should -Be monday
        (Get-VMCheckpoint $vm monday).Current | Should -BeFalse
    }

    It 'makes a name where none is given' {
        (New-VMCheckpoint $vm).Name | Should -Not -BeNullOrEmpty
    }

    It 'refuses a name that is taken' {
        { New-VMCheckpoint $vm monday -ErrorAction Stop } | Should -Throw -ErrorId 'MomentExists,*'
    }

    It 'refuses a name that is not safe' {
        { New-VMCheckpoint $vm '../x' -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNameInvalid,*'
    }

    It 'touches nothing with -WhatIf' {
        $before = (Get-VMCheckpoint $vm).Name
        New-VMCheckpoint $vm friday -WhatIf | Should -BeNullOrEmpty
        (Get-VMCheckpoint $vm).Name | Should -Be $before
    }

    It 'refuses a disk that the machine has not' {
        $failure = { New-VMCheckpoint $vm friday -Disk vdz -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'DiskNotInDomain,*'
        $failure.ErrorDetails.RecommendedAction | Should -Match vda
    }
}

Describe 'New-VMCheckpoint of a machine with a raw disk' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/a.qcow2"
        New-Disk "$place/b.raw" -Format raw
        Register-VMDomain -Xml (Get-DomainXml mixed "$place/a.qcow2", "$place/b.raw") | Out-Null
    }

    It 'is refused as a whole' {
        { New-VMCheckpoint mixed monday -ErrorAction Stop } | Should -Throw -ErrorId 'CheckpointDiskUnsupported,*'
        Get-VMCheckpoint mixed | Should -BeNullOrEmpty
    }

    It 'leaves the raw disk out with -TrackableOnly' {
        $checkpoint = New-VMCheckpoint mixed monday -TrackableOnly
        ($checkpoint.Disks | Where-Object State -ne NotCovered).Name | Should -Be vda
    }
}
