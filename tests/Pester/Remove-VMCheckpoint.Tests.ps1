BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMCheckpoint' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        New-Machine $place | Out-Null
        'a', 'b', 'c' | ForEach-Object { New-VMCheckpoint web1 $_ | Out-Null }
    }

    AfterEach { Unregister-VMDomain web1 -RemoveMetadata -Confirm:$false }

    It 'removes one, and its children go to its parent' {
        Remove-VMCheckpoint web1 b -Confirm:$false | Should -BeNullOrEmpty
        $left = Get-VMCheckpoint web1
        $left.Name | Should -Be a, c
        $left[1].Parent | Should -Be a
    }

    It 'keeps what was recorded between the neighbours' {
        Write-Disk "$place/web1.qcow2" 'write -P 1 1M 64k'
        New-VMCheckpoint web1 d | Out-Null
        $before = Get-VMChangedBlock web1 -Since b
        Remove-VMCheckpoint web1 c -Confirm:$false
        $after = Get-VMChangedBlock web1 -Since b
        $after | Should -Not -BeNullOrEmpty
        ($after | Out-String) | Should -Be ($before | Out-String)
    }

    It 'lists what would go with -WhatIf, and touches nothing' {
        $log = "$place/whatif.txt"
        pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; Remove-VMCheckpoint web1 b -IncludeDescendant -WhatIf" > $log
        Get-Content $log -Raw | Should -Match "checkpoint 'c'"
        Get-Content $log -Raw | Should -Match "checkpoint 'b'"
        Get-Content $log -Raw | Should -Not -Match "checkpoint 'a'"
        (Get-VMCheckpoint web1).Name | Should -Be a, b, c
    }

    It 'gives what it removed with -PassThru' {
        (Remove-VMCheckpoint web1 b -IncludeDescendant -PassThru -Confirm:$false).Name | Sort-Object | Should -Be b, c
        (Get-VMCheckpoint web1).Name | Should -Be a
    }

    It 'removes only what is below with -DescendantOnly' {
        Remove-VMCheckpoint web1 a -DescendantOnly -Confirm:$false
        (Get-VMCheckpoint web1).Name | Should -Be a
    }

    It 'leaves the bitmaps with -MetadataOnly' {
        Remove-VMCheckpoint web1 a -MetadataOnly -Confirm:$false
        (Get-VMCheckpoint web1).Name | Should -Be b, c
        (Get-VMBitmap web1).Name | Should -Contain a
    }

    It 'takes objects from the pipeline, also those that went with an earlier one' {
        Get-VMCheckpoint web1 | Remove-VMCheckpoint -IncludeDescendant -Confirm:$false -ErrorAction Stop
        Get-VMCheckpoint web1 | Should -BeNullOrEmpty
    }

    It 'takes wildcards' {
        Remove-VMCheckpoint web1 [bc] -Confirm:$false
        (Get-VMCheckpoint web1).Name | Should -Be a
    }

    It 'takes domains from the pipeline' {
        Get-VMDomain | Remove-VMCheckpoint -Name b -Confirm:$false
        (Get-VMCheckpoint web1).Name | Should -Be a, c
    }

    It 'says that a name means nothing' {
        { Remove-VMCheckpoint web1 nosuch -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
        (Get-VMCheckpoint web1).Name | Should -Be a, b, c
    }
}
