BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Repair-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeEach {
        New-Machine $place | Out-Null
        'a', 'b' | ForEach-Object { New-VMCheckpoint web1 $_ | Out-Null }
        qemu-img bitmap --remove "$place/web1.qcow2" b
        qemu-img bitmap --add "$place/web1.qcow2" theirs
    }

    AfterEach {
        Unregister-VMDomain web1 -RemoveMetadata -Confirm:$false
        Remove-Item "$place/web1.qcow2"
    }

    It 'repairs what is found, and leaves what is somebody else''s' {
        $done = Repair-VMMoment web1 -Confirm:$false
        $done | Should -BeOfType MomentTools.VMMomentRepair
        $done.Where{ -not $_.Left }.Finding.Id | Should -Be BitmapMissing
        $done.Where{ $_.Left }.Finding.Id | Should -Be BitmapForeign
        (Get-VMBitmap web1).Name | Should -Contain theirs
        { Get-VMChangedBlock web1 -Since b -ErrorAction Stop } | Should -Throw -ErrorId 'ChangesUnknown*'
        New-VMCheckpoint web1 c | Out-Null
        Get-VMChangedBlock web1 -Since c | Should -BeNullOrEmpty
    }

    It 'removes foreign bitmaps when asked to' {
        Repair-VMMoment web1 -RemoveForeign -Confirm:$false | Out-Null
        (Get-VMBitmap web1).Name | Should -Not -Contain theirs
        Repair-VMMoment web1 -Confirm:$false | Should -BeNullOrEmpty
    }

    It 'shows each repair as a line with -WhatIf, and changes nothing' {
        $before = (Get-FileHash "$place/web1.qcow2").Hash
        $log = "$place/whatif.txt"
        pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; Repair-VMMoment web1 -RemoveForeign -WhatIf" > $log
        (Get-Content $log | Where-Object { $_ -match '^What if' }).Count | Should -Be 2
        (Get-FileHash "$place/web1.qcow2").Hash | Should -Be $before
    }

    It 'takes findings from the pipeline, those and no others' {
        $finding = (Repair-VMMoment web1 -Confirm:$false -WhatIf).Finding
        $finding | Should -HaveCount 1
        $finding | Repair-VMMoment -RemoveForeign -Confirm:$false | Out-Null
        (Get-VMBitmap web1).Name | Should -Not -Contain theirs
        (Repair-VMMoment web1 -Confirm:$false).Finding.Id | Should -Be BitmapMissing
    }

    It 'names a machine that does not exist' {
        { Repair-VMMoment nosuch -Confirm:$false -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound*'
    }
}
