BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Remove-VMSnapshot' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        $name = "m$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $name | Out-Null
        New-VMSnapshot $name one | Out-Null
        New-VMSnapshot $name two | Out-Null
        $files = { (Get-ChildItem $place -Filter "$name*.qcow2").Name.Count }
    }

    It 'removes a snapshot, keeps its files for a while, and returns nothing' {
        Remove-VMSnapshot $name one -Confirm:$false | Should -BeNullOrEmpty
        (Get-VMSnapshot $name).Name | Should -Be two
        & $files | Should -Be 3
        (Get-VMSnapshot $name -Kept).Operation | Should -Be Remove-VMSnapshot
    }

    It 'brings it back' {
        Remove-VMSnapshot $name one -Confirm:$false
        Undo-VMSnapshot $name -Confirm:$false
        (Get-VMSnapshot $name).Name | Should -Be one, two
    }

    It 'merges its layers at once where nothing is to be brought back' {
        Remove-VMSnapshot $name one -UndoFor 0 -Confirm:$false
        & $files | Should -Be 2
        Remove-VMSnapshot $name two -UndoFor 0 -Confirm:$false
        & $files | Should -Be 1
        "$place/$name.qcow2" | Should -Exist
        (Get-VMDomain $name).Disks[0].Path | Should -Be "$place/$name.qcow2"
    }

    It 'lets go of what is kept' {
        Remove-VMSnapshot $name * -Confirm:$false
        & $files | Should -Be 3
        $gone = Remove-VMSnapshot $name -Kept -PassThru -Confirm:$false
        $gone | Should -BeOfType ([MomentTools.VMLayerChange])
        & $files | Should -Be 1
        Get-VMSnapshot $name -Kept | Should -BeNullOrEmpty
    }

    It 'gives what it removed with -PassThru, from the pipeline too' {
        $removed = Get-VMSnapshot $name two | Remove-VMSnapshot -PassThru -Confirm:$false
        $removed | Should -BeOfType ([MomentTools.VMSnapshot])
        $removed.Name | Should -Be two
    }

    It 'takes all below, checkpoints as well' {
        New-VMCheckpoint $name inside | Out-Null
        Remove-VMSnapshot $name one -IncludeDescendant -UndoFor 0 -Confirm:$false
        Get-VMMoment $name | Should -BeNullOrEmpty
        & $files | Should -Be 1
    }

    It 'forgets alone with -MetadataOnly' {
        Remove-VMSnapshot $name one -MetadataOnly -Confirm:$false
        (Get-VMSnapshot $name).Name | Should -Be two
        & $files | Should -Be 3
    }

    It 'touches nothing with -WhatIf' {
        Remove-VMSnapshot $name one -WhatIf
        (Get-VMSnapshot $name).Name | Should -Be one, two
        & $files | Should -Be 3
    }

    It 'refuses a checkpoint, and what is not there' {
        New-VMCheckpoint $name check | Out-Null
        { Remove-VMSnapshot $name check -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'MomentKindMismatch,*'
        { Remove-VMSnapshot $name three -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
    }

    It 'is what Remove-VMMoment does to a snapshot' {
        Remove-VMMoment $name one -Confirm:$false
        (Get-VMSnapshot $name -Kept).Operation | Should -Be Remove-VMMoment
    }

    It 'can be undone of each snapshot that went with one command, also with Remove-VMMoment' {
        Get-VMMoment $name | Remove-VMMoment -Confirm:$false
        Get-VMSnapshot $name | Should -BeNullOrEmpty
        1..2 | ForEach-Object { Undo-VMSnapshot $name -Confirm:$false }
        (Get-VMSnapshot $name).Name | Should -Be one, two
    }

    It 'says with -WhatIf what Undo can bring back, and what is at once' {
        $module = (Get-Module MomentTools).Path
        $said = pwsh -NoProfile -Command "Import-Module $module; Remove-VMSnapshot $name one -WhatIf; Remove-VMSnapshot $name one -UndoFor 0 -WhatIf"
        $said[0] | Should -BeLike '*"Remove, Undo-VMSnapshot can bring it back for an hour (merge *'
        $said[1] | Should -BeLike '*"Remove, at once and for good (merge *'
    }
}
