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

    It 'makes the bitmap only with -NoMetadata' {
        (New-VMCheckpoint $vm theirs -NoMetadata).Disks.State | Should -Be Foreign
        (Get-VMCheckpoint $vm).Name | Should -Not -Contain theirs
        (Get-VMBitmap $vm | Where-Object Name -EQ theirs).State | Should -Be Foreign
        { New-VMCheckpoint $vm theirs -NoMetadata -ErrorAction Stop } | Should -Throw -ErrorId 'BitmapExists,*'
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

Describe 'New-VMCheckpoint -Group' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place g1 | Out-Null
        New-Machine $place g2 -Started | Out-Null
        New-Machine $place g3 | Out-Null
    }

    It 'takes one on each machine of the pipeline, and says how far apart they lie' {
        $said = $made = $null
        $made = 'g3', 'g1' | New-VMCheckpoint -Name x -Group -Verbose 4>&1 | Tee-Object -Variable said | Where-Object { $_ -is [MomentTools.VMCheckpoint] }
        $made.VM | Should -Be g3, g1
        $made.Name | Should -Be x, x
        $made[0].Group | Should -Not -BeNullOrEmpty
        $made[1].Group | Should -BeExactly $made[0].Group
        (Get-VMCheckpoint g1 x).Group | Should -BeExactly $made[0].Group
        (($said | Where-Object { $_ -is [System.Management.Automation.VerboseRecord] }).Message -join ' ') | Should -Match 'Group .*: 2 checkpoints, taken within .* ms'
    }

    It 'takes none where one fails' {
        $failure = { 'g2', 'g1' | New-VMCheckpoint -Name x -Group -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'MomentExists,*'
        $failure.Exception.Message | Should -Match 'g1'
        Get-VMCheckpoint g2 | Should -BeNullOrEmpty
    }

    It 'takes none where one does not exist' {
        { 'g2', 'nobody' | New-VMCheckpoint -Name y -Group -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
        Get-VMCheckpoint g2 | Should -BeNullOrEmpty
    }

    It 'refuses a machine that is named twice' {
        { New-VMCheckpoint g2, g? -Name y -Group -ErrorAction Stop } | Should -Throw -ErrorId 'GroupInvalid,*'
        Get-VMCheckpoint g2 | Should -BeNullOrEmpty
    }

    It 'asks once for all, and touches nothing with -WhatIf' {
        'g1', 'g2' | New-VMCheckpoint -Name y -Group -WhatIf | Should -BeNullOrEmpty
        Get-VMCheckpoint g2 | Should -BeNullOrEmpty
    }

    It 'takes machines by pattern' {
        (New-VMCheckpoint g? -Name z -Group).VM | Should -Be g1, g2, g3
    }
}

Describe 'New-VMCheckpoint -Quiesce' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    It 'counts a machine that stands still as quiet, and says so' {
        New-Machine $place q1 | Out-Null
        (New-VMCheckpoint q1 x -Quiesce -Verbose 4>&1 | Out-String) | Should -Match 'is stopped: its disks are quiet'
        Start-VMDomain q1 -Paused | Out-Null
        (New-VMCheckpoint q1 y -Quiesce -Verbose 4>&1 | Out-String) | Should -Match 'is paused'
    }

    It 'refuses a machine that runs and has no agent' {
        New-Machine $place q2 | Out-Null
        Start-VMDomain q2 | Out-Null
        $failure = { New-VMCheckpoint q2 x -Quiesce -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'GuestAgentMissing,*'
        $failure.ErrorDetails.RecommendedAction | Should -Match 'org.qemu.guest_agent.0'
        { Backup-VMDomain q2 "$place/repository" -Quiesce -ErrorAction Stop } | Should -Throw -ErrorId 'GuestAgentMissing,*'
        Get-VMCheckpoint q2 | Should -BeNullOrEmpty
    }
}
