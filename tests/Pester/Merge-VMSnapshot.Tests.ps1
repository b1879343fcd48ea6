BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Merge-VMSnapshot' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        New-VMSnapshot $name one | Out-Null
        New-VMSnapshot $name two | Out-Null
    }

    It 'folds everything above into the snapshot, which ends' {
        Merge-VMSnapshot $name one -Confirm:$false | Should -BeNullOrEmpty
        Get-VMSnapshot $name | Should -BeNullOrEmpty
        (Get-ChildItem $place -Filter "$name*.qcow2").Name | Should -Be "$name.qcow2"
        (Get-VMDomain $name).Disks[0].Path | Should -Be "$place/$name.qcow2"
    }

    It 'leaves what is below' {
        $ended = Merge-VMSnapshot $name two -PassThru -Confirm:$false
        $ended.Name | Should -Be two
        (Get-VMSnapshot $name).Name | Should -Be one
    }

    It 'refuses where another branch stands, names it, and copies with -Force' {
        New-VMBranch $name other -From two | Out-Null
        { Merge-VMSnapshot $name one -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'MergeWouldEndBranches,*' -ExpectedMessage "*'other'*"
        (Get-VMSnapshot $name).Name | Should -Be one, two
        Merge-VMSnapshot $name one -Force -Confirm:$false
        (Get-VMBranch $name).Name | Should -Be main, other
        Switch-VMBranch $name other
        (Get-VMDomain $name).Disks[0].Path | Should -Exist
    }

    It 'touches nothing with -WhatIf, and takes objects' {
        Get-VMSnapshot $name one | Merge-VMSnapshot -WhatIf
        (Get-VMSnapshot $name).Name | Should -Be one, two
    }

    It 'refuses what is no external snapshot' {
        New-VMCheckpoint $name check | Out-Null
        { Merge-VMSnapshot $name check -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotNotExternal,*'
    }
}
